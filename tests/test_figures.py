"""Every figure: drawn from small hand-made records, with labels on its axes and nothing outside the canvas."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from test_tables import TASKS, results  # noqa: F401, F811  (a fixture)

from eas_core.data.task_dropout import task_dropout_mask
from eas_core.evidence.paper import paper_table
from eas_core.search.gate_gradient import Flip
from eas_core.show import (
    architecture_figures,
    architecture_tables,
    data_figures,
    generator_figures,
    gradient_figures,
    result_figures,
    style,
    training_figures,
)
from eas_core.space.search_space import LARGEST, SMALLEST, SearchSpace, sample

SPACE = SearchSpace(num_classes=6, resolution=32, widths=(8, 16, 24, 32, 40), final_width=64, head_width=64)


def record(kind: str, **curve) -> dict:
    points = [{"step": s, **{name: value / s for name, value in curve.items()}} for s in (1, 2, 3, 4)]
    stages = [{"name": name, "epochs": epochs} for name, epochs in (("kernel", 0.2), ("depth", 2), ("width", 2))]
    return {"kind": kind, "settings": {"supernet": {"stages": stages}}, "result": {"curve": points}}


def many(results: dict) -> dict:  # noqa: F811
    """Ten tasks with long names instead of three, to see whether labels still fit."""
    rows = results["result"]["rows"]
    results["result"]["rows"] = [{**r, "task": f"{r['task']} number {i}"} for r in rows for i in range(4)]
    for comparison in results["result"]["comparisons"]:
        comparison["random_by_task"] = [[0.5] * 12, [0.6] * 12]
    return results


DRAW = torch.Generator().manual_seed(0)
LABELS = torch.arange(6)
IMAGES = torch.randint(256, (12, 3, 16, 16), dtype=torch.uint8, generator=DRAW)
MASK = task_dropout_mask(LABELS, TASKS, 0.6, DRAW)
POINTS = [
    {"images": images, "accuracy": 0.2 + images / 1000, "interval": [0.15, 0.75], "n": 90, "name": name}
    for name in ("smallest", "largest")
    for images in (0, 64, 256)
]
LOSS_AND_ACCURACY = {"loss": 4.0, "task accuracy": 0.9}
FLIPS = [Flip(gate, gate % 4 == 0, 0.02 * np.sin(gate), 0.03 * np.cos(gate), 0.0) for gate in range(0, 90, 2)]
ALONG = torch.stack([torch.linspace(0, 1, 5), torch.linspace(0, 1, 5) ** 2, 2 * torch.linspace(0, 1, 5)], dim=1)
COSTS = np.linspace(1.5, 2.5, 64)
PLAIN = [{"images": images, "accuracy": 0.2 + images / 1000} for images in (0, 64)]


def without(results: dict, *names: str) -> dict:  # noqa: F811
    """The record with comparisons that lack some of their parts, or have no random architectures."""
    for comparison in results["result"]["comparisons"]:
        for name in names:
            del comparison[name]
        if "difference" in names:
            comparison |= {"random_accuracy": [], "random_madds": [], "random_by_task": []}
    return results


CASES = {
    "dropout_masks": lambda r: training_figures.dropout_masks(MASK, TASKS, LABELS, "q = 0.6"),
    "dropout_masks_without_labels": lambda r: training_figures.dropout_masks(MASK, TASKS, None, "q = 0.6"),
    "calibration_curve_plain": lambda r: training_figures.calibration_curve(PLAIN),
    "accuracy_by_task_alone": lambda r: result_figures.accuracy_by_task(without(r, "difference", "interval")),
    "paired_differences_not_picked": lambda r: result_figures.paired_differences(without(r, "picked")),
    "teacher": lambda r: training_figures.training_curve(record("teacher", **LOSS_AND_ACCURACY), "Teacher", 0.5),
    "supernet": lambda r: training_figures.training_curve(record("supernet", **LOSS_AND_ACCURACY), "Supernet"),
    "generator": lambda r: training_figures.training_curve(
        record("generator", **{"validation loss": 1.0, "cost error": 0.3})
    ),
    "calibration_curve": lambda r: training_figures.calibration_curve(POINTS, 1 / 6),
    "architecture": lambda r: architecture_figures.architecture(sample(DRAW), "one"),
    "architectures": lambda r: architecture_figures.architectures([("small", SMALLEST), ("large", LARGEST.to_dict())]),
    "cost_landscape": lambda r: architecture_figures.cost_landscape(SPACE, (1.5, 2.0), count=50),
    "gates": lambda r: generator_figures.gates(torch.linspace(0, 1, 90), "gates"),
    "gumbel": lambda r: generator_figures.gumbel(),
    "anchor_interpolation": lambda r: generator_figures.anchor_interpolation(*_interpolation()),
    "sampled_costs": lambda r: generator_figures.sampled_costs(COSTS, 2.0, 0.05, "64 samples"),
    "one_sampled_cost": lambda r: generator_figures.sampled_costs(COSTS[:1], 2.0, 0.05),
    "budget_use": generator_figures.budget_use,
    "gate_flips": lambda r: gradient_figures.gate_flips(FLIPS),
    "loss_along_gates": lambda r: gradient_figures.loss_along_gates([(FLIPS[0].name, ALONG), (FLIPS[-1].name, ALONG)]),
    "accuracy_cost": lambda r: result_figures.accuracy_cost(r, 0.5, paper_table()),
    "accuracy_by_task": lambda r: result_figures.accuracy_by_task(r, 0.5),
    "accuracy_by_many_tasks": lambda r: result_figures.accuracy_by_task(many(r), 0.5),
    "paired_differences": result_figures.paired_differences,
    "spread": result_figures.spread,
    "cosine_similarity": lambda r: architecture_figures.cosine_similarity(
        architecture_tables.architecture_similarity(r)
    ),
}


def _interpolation():
    anchors = torch.randn(10, 8, generator=DRAW)
    return torch.linspace(1, 5, 10), anchors, torch.linspace(1, 5, 10), anchors


def assert_inside(figure) -> None:
    """No text or artist reaches over the canvas."""
    FigureCanvasAgg(figure).draw()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.02 and box.y0 >= -0.02 and box.x1 <= width + 0.02 and box.y1 <= height + 0.02, box


def texts(axis, renderer) -> list:
    found = [*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label]
    return [text.get_window_extent(renderer) for text in found if text.get_text().strip() and text.get_visible()]


@pytest.mark.parametrize("name", CASES)
def test_figure_has_labels_and_stays_on_its_canvas(name, results):  # noqa: F811
    figure = CASES[name](results)
    assert isinstance(figure, matplotlib.figure.Figure)
    assert figure.get_size_inches()[0] == style.WIDTH
    assert_inside(figure)
    drawn = [axis for axis in figure.axes if axis.axison]
    shared = {"x": figure.get_supxlabel(), "y": figure.get_supylabel()}
    bottom = max(axis.get_subplotspec().rowspan.stop for axis in drawn if axis.get_subplotspec())
    for axis in drawn:
        if axis.get_subplotspec() is None:
            continue  # a colour bar
        assert axis.get_ylabel() or shared["y"], "no label on the y axis"
        labels = [axis.get_xlabel(), *(child.get_xlabel() for child in axis.child_axes)]
        below = axis.get_subplotspec().rowspan.stop == bottom
        assert any(labels) or shared["x"] or not below, "no label on the x axis"


@pytest.mark.parametrize("name", CASES)
def test_texts_of_a_panel_do_not_overlap(name, results):  # noqa: F811
    figure = CASES[name](results)
    FigureCanvasAgg(figure).draw()
    for axis in figure.axes:
        boxes = texts(axis, figure.canvas.get_renderer())
        for i, first in enumerate(boxes):
            for second in boxes[i + 1 :]:
                assert not first.overlaps(second)


@pytest.mark.parametrize("per_class", [1, 2, 3])
def test_contact_sheet_shows_every_class_and_its_name(per_class):
    figure = data_figures.contact_sheet(IMAGES, torch.arange(12) % 6, TASKS, per_class)
    assert_inside(figure)
    (axis,) = figure.axes
    assert len(axis.images) == 6 * min(per_class, 2)
    assert {text.get_text() for text in axis.texts} == {"dogs", "birds", "big cats", *TASKS.class_names}


@pytest.mark.parametrize("columns, bold", [(1, 3), (2, 3)])
def test_a_task_of_more_classes_than_columns_takes_several_rows_under_one_name(columns, bold):
    (axis,) = data_figures.contact_sheet(IMAGES, torch.arange(12) % 6, TASKS, 1, columns).axes
    assert sum(text.get_weight() == "bold" for text in axis.texts) == bold == len(TASKS)
    assert len({round(image.get_extent()[2], 3) for image in axis.images}) == 6 // columns


def test_nothing_to_compare_is_an_empty_panel(results):  # noqa: F811
    (axis,) = result_figures.paired_differences(without(results, "difference", "interval", "picked")).axes
    assert not axis.get_title() and not axis.containers


@pytest.mark.parametrize("count", [1, 2])
def test_panels_without_a_scenario_are_empty(count):
    figure = generator_figures.gate_grid([("one", torch.linspace(0, 1, 90))] * count)
    assert [axis.axison for axis in figure.axes[:2]] == [True, count == 2]


def test_predictions_are_coloured_by_whether_they_are_right():
    figure = data_figures.predictions(IMAGES[:2], ["pug", "hen"], ["pug", "cock"], [0.9, 0.4])
    said = {axis.texts[0].get_text(): axis.texts[0].get_color() for axis in figure.axes}
    assert said == {"pug\n90%": style.EAS, "cock\n40%": style.RANDOM}


def test_no_figure_stays_open_and_style_does_not_leak(results):  # noqa: F811
    before = dict(plt.rcParams)
    result_figures.accuracy_cost(results)
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_skipped_blocks_are_outlines_and_the_rest_is_coloured_by_ratio():
    figure = architecture_figures.architecture(SMALLEST)
    bars = figure.axes[0].patches
    filled = [bar for bar in bars if bar.get_fill()]
    assert (len(bars), len(filled)) == (20, 10)
    assert {matplotlib.colors.to_hex(bar.get_facecolor()).upper() for bar in filled} == {style.SHADES[3]}
    assert {bar.get_height() for bar in filled} == {3}


def test_relaxed_gate_is_above_one_half_with_probability_p():
    figure = generator_figures.gumbel((2.0, 1.0), p=0.7)
    for line in figure.axes[0].lines[:2]:
        h, density = line.get_data()
        upper = h > 0.5
        assert np.trapezoid(density[upper], h[upper]) == pytest.approx(0.7, abs=0.02)


def test_shares_of_the_cost_landscape_add_up_to_the_whole_network():
    from eas_core.space.cost_tables import budget_range

    figure = architecture_figures.cost_landscape(SPACE, count=20)
    bars = figure.axes[0].containers
    totals = sorted(sum(bar.get_width() for bar in group) for group in bars)
    assert totals == pytest.approx(sorted(budget_range(SPACE)))
