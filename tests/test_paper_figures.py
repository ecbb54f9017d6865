"""Figures I to V and the differences between methods: what they draw, that nothing is cut, that no texts overlap."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Text
from test_paper_tables import BUDGETS, MIXED, TASKS, evidence, other_images, records_in

from eas_core.base.errors import DataError
from eas_core.data.tasks import TaskSet
from eas_core.evidence import compare
from eas_core.show import baseline_figures, paper_drawings, paper_figures, style

LONG = TaskSet.from_groups(
    {name: (f"{name} a", f"{name} b") for name in ("stripe_frequency", "nested_outlines", "cat")}
)


def scenario_rows(tasks: TaskSet = TASKS) -> list[dict]:
    rows = evidence(1)[0]["variants"]["q=0.6"]["records"]["tested-EAS"]["result"]["rows"]
    names = dict(zip(TASKS.names, tasks.names, strict=True))
    return [{**row, "task": names[row["task"]]} for row in rows]


def predictor_record() -> dict:
    return evidence(1)[0]["variants"]["q=0.6"]["records"]["predictor"]


def on_imagenet(seeds: int = 2) -> list[dict]:
    made = evidence(seeds)
    for record in [record for entry in made for record in records_in(entry)]:
        record["settings"]["data"]["source"] = "imagenet-10"
    return made


CASES = {
    "scenarios": lambda: paper_drawings.scenarios(scenario_rows(), TASKS),
    "scenarios_long_names": lambda: paper_drawings.scenarios(scenario_rows(LONG), LONG),
    "overview": paper_drawings.overview,
    "overview_few_anchors": lambda: paper_drawings.overview(0.1, 4),
    "dropout_ablation": lambda: paper_figures.dropout_ablation(evidence(3)),
    "dropout_ablation_imagenet": lambda: paper_figures.dropout_ablation(on_imagenet()),
    "search_comparison": lambda: paper_figures.search_comparison(evidence(3)),
    "search_comparison_imagenet": lambda: paper_figures.search_comparison(on_imagenet()),
    "drop_rates": lambda: paper_figures.drop_rates(evidence(3)),
    "drop_rates_imagenet": lambda: paper_figures.drop_rates(on_imagenet()),
    "readings": lambda: paper_figures.readings(evidence(3)),
    "readings_one_seed": lambda: paper_figures.readings(evidence(1)),
    "method_differences": lambda: paper_figures.method_differences(evidence(3)),
    "plain_baselines": lambda: paper_figures.method_differences(evidence(3), plain_baselines=True),
    "predictor_scatter": lambda: baseline_figures.predictor_scatter(predictor_record()),
}


@pytest.fixture(scope="module")
def drawn() -> dict:
    made = {name: draw() for name, draw in CASES.items()}
    for figure in made.values():
        FigureCanvasAgg(figure).draw()
    return made


def texts(figure) -> list[Text]:
    """All texts that are drawn; labels of ticks outside the axis' range exist, but are not."""
    hidden = set()
    for axis in figure.axes:
        for side in (axis.xaxis, axis.yaxis):
            low, high = sorted(side.get_view_interval())
            outside = [tick for tick in side.get_major_ticks() if not low <= tick.get_loc() <= high or not axis.axison]
            hidden |= {label for tick in outside for label in (tick.label1, tick.label2)}
    found = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [text for text in found if text not in hidden]


def series(axis) -> dict[str, ErrorbarContainer]:
    """The series of an axis by their label."""
    return {bars.get_label(): bars for bars in axis.containers if isinstance(bars, ErrorbarContainer)}


def heights(bars: ErrorbarContainer) -> list[float]:
    return list(bars.lines[0].get_ydata())


# ---------------------------------------------------------------- all figures


@pytest.mark.parametrize("name", CASES)
def test_no_text_and_no_artist_leaves_the_figure(name, drawn):
    figure = drawn[name]
    assert figure.get_size_inches()[0] == style.WIDTH
    renderer, edge = figure.canvas.get_renderer(), figure.bbox
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= edge.x1 + 1 and box.y1 <= edge.y1 + 1
        assert inside, f"{text.get_text()!r} is cut"
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02, box


@pytest.mark.parametrize("name", CASES)
def test_no_two_texts_overlap(name, drawn):
    figure = drawn[name]
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(figure)]
    for i, (first, box) in enumerate(boxes):
        for second, other in boxes[i + 1 :]:
            assert not box.overlaps(other), f"{first!r} lies over {second!r}"


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(("scenarios", "overview"))])
def test_axes_have_labels_and_the_title_has_n(name, drawn):
    figure = drawn[name]
    for axis in figure.axes:
        if axis.axison:
            assert axis.get_xlabel() or figure.get_supxlabel()
            assert axis.get_ylabel() or figure.get_supylabel()
    shown = [text.get_text() for text in texts(figure)]
    assert any("n = " in text for text in shown)
    if "predictor" not in name:
        seeds = "2 seeds" if "imagenet" in name else "one seed" if "one_seed" in name else "3 seeds"
        assert any("n = 120 test images" in text and seeds in text and "95 % interval" in text for text in shown)


def test_no_figure_stays_open_and_the_style_does_not_leak():
    before = dict(plt.rcParams)
    paper_drawings.overview()
    paper_figures.search_comparison(evidence(1))
    with pytest.raises(DataError):
        paper_figures.method_differences(other_images())
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_every_method_has_its_own_colour_and_marker():
    looks = style.METHOD_STYLE.values()
    assert len({look["color"] for look in looks}) == len({look["marker"] for look in looks}) == len(looks)
    okabe_ito = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}
    assert {look["color"] for look in looks} <= okabe_ito


@pytest.mark.parametrize(("make", "message"), MIXED.items())
@pytest.mark.parametrize(
    "name", ["dropout_ablation", "search_comparison", "drop_rates", "readings", "method_differences"]
)
def test_what_cannot_be_compared_fails_in_one_line(name, make, message):
    with pytest.raises(DataError, match=message) as caught:
        getattr(paper_figures, name)(make())
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- Figures I and II


def test_scenarios_show_three_tasks_and_three_budgets_with_their_costs():
    many = TaskSet.from_groups({f"task_{t}": (f"{t} a", f"{t} b") for t in range(10)})
    template = scenario_rows()[0]
    rows = [
        {**template, "task": name, "budget": budget, "madds": 0.9 * budget}
        for name in many.names
        for budget in (1.0, 2.0, 3.0, 4.0, 5.0)
    ]
    shown = [text.get_text() for text in texts(paper_drawings.scenarios(rows, many))]
    assert [text for text in shown if text.startswith("task ")] == ["task 0", "task 5", "task 9"]
    assert [text for text in shown if text.startswith("at most")] == [f"at most {b} M" for b in (1, 3, 5)]
    assert [shown.count(f"{cost} M") for cost in ("0.9", "2.7", "4.5")] == [3, 3, 3]


def test_scenarios_of_one_task_and_one_budget_are_drawn_too():
    shown = [text.get_text() for text in texts(paper_drawings.scenarios(scenario_rows()[:1], TASKS))]
    assert "dogs" in shown and "birds" not in shown


def test_scenarios_without_architectures_fail_in_one_line():
    for rows in ([], scenario_rows()[1:], [{"task": "dogs", "budget": 1.0}]):
        with pytest.raises(DataError, match="^rows: every drawn task"):
            paper_drawings.scenarios(rows, TASKS)


def test_overview_names_every_step(drawn):
    shown = " ".join(text.get_text() for text in texts(drawn["overview"]))
    for word in ("always kept", "dropped", "q = 0.6", "softmax", "K = 10", "task t", "budget B", "LSTM", "unit 5"):
        assert word in shown
    for equation in "ABCDFHIJ":
        assert f"({equation})" in shown


# ---------------------------------------------------------------- Figures III to V


def test_dropout_ablation_draws_what_compare_says():
    made = evidence(3)
    drawn = series(paper_figures.dropout_ablation(made).axes[0])
    assert list(drawn) == ["with task dropout, q = 0.6", "without, q = 0", "target task only, q = 1"]
    for label, variant in zip(drawn, ("q=0.6", "q=0", "q=1"), strict=True):
        records = [entry["variants"][variant]["records"]["tested-EAS"] for entry in made]
        estimates = [compare.accuracy(records, budget) for budget in BUDGETS]
        assert heights(drawn[label]) == pytest.approx([estimate.mean for estimate in estimates])
        segments = drawn[label].lines[2][0].get_segments()
        assert [edge for bar in segments for edge in bar[:, 1]] == pytest.approx(
            [edge for estimate in estimates for edge in (estimate.low, estimate.high)]
        )


def test_missing_variants_are_left_out_and_nothing_to_compare_is_none():
    assert len(series(paper_figures.dropout_ablation(evidence(2, without=("q=1",))).axes[0])) == 2
    only = evidence(2, without=("q=0", "q=1", "q=0.6 zero", "results", *(f"tested-{m}" for m in ("OFA-T", "OFA-V"))))
    assert paper_figures.dropout_ablation(only) is None
    assert paper_figures.drop_rates(only) is None
    assert paper_figures.readings(only) is None
    assert list(series(paper_figures.method_differences(only).axes[0])) == ["EAS minus multi-path"]
    assert paper_figures.method_differences(only, plain_baselines=True) is None
    assert list(series(paper_figures.search_comparison(only).axes[0])) == ["EAS, single-path", "multi-path generator"]
    for entry in only:
        del entry["variants"]["q=0.6"]["records"]["tested-multi-path"]
    assert paper_figures.method_differences(only) is None
    assert paper_figures.search_comparison(only) is None


def test_a_profile_without_task_dropout_is_not_compared_with_itself():
    made = evidence(2)
    for entry in made:
        entry["main"] = "q=0"
    assert list(series(paper_figures.dropout_ablation(made).axes[0])) == [
        "with task dropout, q = 0",
        "target task only, q = 1",
    ]


def test_search_comparison_shows_all_searches_in_their_colours(drawn):
    shown = series(drawn["search_comparison"].axes[0])
    assert list(shown) == ["EAS, single-path", "multi-path generator", "OFA-T", "random (mean)"]
    colours = [bars.lines[0].get_color() for bars in shown.values()]
    assert colours == [style.METHOD_STYLE[m]["color"] for m in ("EAS", "multi-path", "OFA-T", "random")]
    assert heights(shown["random (mean)"]) == pytest.approx([55.0] * 3)
    assert list(shown["random (mean)"].lines[0].get_xdata()) == pytest.approx([0.9, 1.8, 2.7])


@pytest.mark.parametrize("name", ["dropout_ablation", "search_comparison"])
def test_the_papers_values_are_drawn_on_its_data_only(name, drawn):
    assert "EAS, paper" not in series(drawn[name].axes[0])
    paper = series(drawn[f"{name}_imagenet"].axes[0])["EAS, paper"]
    assert heights(paper) == [88.9, 89.4, 89.7, 89.9]


def test_drop_rates_have_a_panel_a_budget_of_equal_span(drawn):
    panels = [axis for axis in drawn["drop_rates"].axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in panels] == [f"budget {budget:g} M" for budget in BUDGETS]
    spans = [np.ptp(axis.get_ylim()) for axis in panels]
    assert spans == pytest.approx([spans[0]] * 3)
    for axis in panels:
        (bars,) = series(axis).values()
        assert list(bars.lines[0].get_xdata()) == [0.0, 0.6, 1.0]
        low, high = axis.get_ylim()
        assert all(low < edge < high for bar in bars.lines[2][0].get_segments() for edge in bar[:, 1])
    labels = [text.get_text() for text in drawn["drop_rates"].legends[0].get_texts()]
    assert "best in the paper: q = 0.6 (ImageNet-10)" in labels
    labels = [text.get_text() for text in drawn["drop_rates_imagenet"].legends[0].get_texts()]
    assert "EAS, paper" in labels


# ---------------------------------------------------------------- differences, predictor


def test_differences_are_paired_ones_of_compare():
    made = evidence(3)
    drawn = series(paper_figures.method_differences(made).axes[0])
    assert list(drawn) == ["EAS minus OFA-T", "EAS minus OFA-V", "EAS minus multi-path", "OFA-T minus OFA-V"]

    def records(method: str, variant: str = "q=0.6") -> list[dict]:
        return [entry["variants"][variant]["records"][f"tested-{method}"] for entry in made]

    for label, bars in drawn.items():
        ours, others = (records(method) for method in label.split(" minus "))
        assert heights(bars) == pytest.approx([compare.difference(ours, others, [b]).mean for b in BUDGETS])
    plain = series(paper_figures.method_differences(made, plain_baselines=True).axes[0])
    expected = [compare.difference(records("EAS"), records("OFA-T", "q=0"), [b]).mean for b in BUDGETS]
    assert heights(plain["EAS minus OFA-T"]) == pytest.approx(expected)


def test_readings_compare_the_same_architectures():
    made = evidence(3)
    (label, bars), *none = series(paper_figures.readings(made).axes[0]).items()
    assert label == "supernet trained with “zero” minus “exclude”" and not none
    zero = [entry["variants"]["q=0.6 zero"]["records"]["tested-same"] for entry in made]
    exclude = [entry["variants"]["q=0.6"]["records"]["tested-EAS"] for entry in made]
    assert heights(bars) == pytest.approx([compare.difference(zero, exclude, [b]).mean for b in BUDGETS])


def test_predictor_scatter_has_the_rank_correlation_in_its_title():
    axis = baseline_figures.predictor_scatter(predictor_record()).axes[0]
    assert "Spearman's ρ = 0.50" in axis.get_title(loc="left") and "n = 3" in axis.get_title(loc="left")
    points = next(line for line in axis.lines if line.get_linestyle() == "None")
    assert points.get_xdata() == pytest.approx([50, 80, 75]) and points.get_ydata() == pytest.approx([55, 65, 80])


def test_predictor_that_predicts_one_value_has_no_rank_correlation():
    record = predictor_record()
    record["result"]["held_out_pairs"]["predicted"] = [[0.5, 0.5]] * 3
    assert "no rank correlation" in baseline_figures.predictor_scatter(record).axes[0].get_title(loc="left")


def test_budgets_without_random_architectures_are_left_out():
    rows = [
        {"budget": 1.0, "random_accuracy": [], "random_madds": [], "madds": 0.9},
        {"budget": 2.0, "random_accuracy": [0.5, 0.7], "random_madds": [1_800_000, 1_900_000], "madds": 1.9},
    ]
    ((cost, accuracy),) = paper_figures._random_levels([{"result": {"comparisons": rows}}])
    assert 1.8 <= cost <= 1.9 and accuracy == pytest.approx(60)
