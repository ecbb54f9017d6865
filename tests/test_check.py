"""What ``book/check.py`` finds in a built book, on small made-up pages: each fault is found, and nothing where there is none."""

from __future__ import annotations

import base64
import io
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from book import check
from eas_core.evidence import claims, verdicts
from eas_core.runs import jobs
from eas_core.settings import profiles
from eas_core.show import claim_texts, paper_figures


def png(picture=((0.0, 1.0),)) -> str:
    buffer = io.BytesIO()
    plt.imsave(buffer, np.array(picture), format="png")
    return base64.b64encode(buffer.getvalue()).decode()


FIGURE = new_output("execute_result", {"image/png": png(), "text/plain": "<Figure>"})
TABLE = new_output("execute_result", {"text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1"})
TEXT = new_output("execute_result", {"text/plain": "1"})
BLANK = new_output("execute_result", {"image/png": png([[1.0, 1.0]])})
BROKEN = new_output("execute_result", {"image/png": base64.b64encode(b"no image").decode()})
ERROR = new_output("error", ename="TraceError", evalue="no", traceback=[])


# ---------------------------------------------------------------- what code promises


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("result_figures.accuracy_cost(record, chance)", ["figure"]),
        ("run = f()\nbaseline_figures.predictor_scatter(run)", ["figure"]),
        ("paper_figures.readings(evidence)", []),  # Figure | None
        ("space = run.space\nspace.resolution", ["output"]),
        ("claim_figures.forest(judged)", ["figure"]),
        ("result_tables.results_table(record, tasks)", ["table"]),
        ("table = paper_tables.obtained_table(evidence, tasks)\ntable.drop(columns=['n'])", ["table"]),
        ("pd.DataFrame(rows).set_index('a').round(2)", ["table"]),
        ("display(result_tables.picked_table(record))\ndisplay(Markdown('a'))", ["table", "output"]),
        ("result_figures.spread(record) if record else None", []),
        ("x = result_figures.spread(record)", []),
        ("result_tables.picked_table(record);", []),
        ("x", ["output"]),
        ("loss.backward()", []),
        ("display(x() if y else None)", ["output"]),
        ("def f():\n    return 1", []),
    ],
)
def test_code_says_what_its_cell_shows(source, kinds):
    assert check.promised(source) == kinds


def test_the_books_notebooks_promise_figures_and_tables():
    kinds = {"figure": 0, "table": 0}
    for path in sorted((check.ROOT / "notebooks").glob("*.ipynb")):
        for cell in check.nbformat.read(path, as_version=4).cells:
            for kind in check.promised(cell.source) if cell.cell_type == "code" else []:
                kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds["figure"] > 30 and kinds["table"] > 30


# ---------------------------------------------------------------- executed notebooks


def executed(source: str, *outputs, count: int | None = 1):
    """A notebook of one cell, and its executed copy."""
    cell = new_code_cell(source, id="one")
    copy = new_code_cell(source, id="one", outputs=list(outputs), execution_count=count)
    text = new_markdown_cell("text", id="text")
    return new_notebook(cells=[text, cell]), new_notebook(cells=[text, copy])


SPREAD, ROWS = "result_figures.spread(record)", "result_tables.picked_table(record)"


@pytest.mark.parametrize(
    ("source", "outputs"), [(SPREAD, [FIGURE]), (ROWS, [TABLE]), ("x", [TEXT]), ("x = 1", []), ("# nothing", [])]
)
def test_a_notebook_that_shows_what_it_should_has_no_fault(source, outputs):
    assert list(check.notebook_faults(*executed(source, *outputs))) == []


@pytest.mark.parametrize(
    ("source", "outputs", "count", "fault"),
    [
        (SPREAD, [], 1, "0 of 1 figures"),
        (SPREAD, [TEXT], 1, "0 of 1 figures"),
        (SPREAD, [BLANK], 1, "0 of 1 figures"),
        (SPREAD, [BROKEN], 1, "0 of 1 figures"),
        (ROWS, [TEXT], 1, "0 of 1 tables"),
        ("x", [], 1, "0 of 1 outputs"),
        ("x", [ERROR], 1, "raised TraceError"),
        ("x = 1", [], None, "did not run"),
    ],
)
def test_what_a_cell_lacks_is_said_with_the_cell(source, outputs, count, fault):
    first, *_ = check.notebook_faults(*executed(source, *outputs, count=count))
    assert first.startswith("cell 2 (") and source in first and fault in first


def test_a_cell_that_the_executed_copy_lacks_is_said():
    source, copy = executed("x = 1")
    copy.cells.pop()
    assert list(check.notebook_faults(source, copy)) == ["cell 2 (x = 1) is missing"]


# ---------------------------------------------------------------- pages


def html(body: str) -> str:
    return f"<html><body><article>{body}</article></body></html>"


def soup(body: str):
    return check.bs4.BeautifulSoup(html(body), "html.parser")


def table(*cells: str) -> str:
    head = "".join("<th>column</th>" for _ in cells)
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<div class="cell_output"><table><thead><tr>{head}</tr></thead><tbody><tr>{row}</tr></tbody></table></div>'


@pytest.mark.parametrize("body", [table("1.5", "", "-"), table("finance", "nano", "inferior"), "<p>nan in prose</p>"])
def test_filled_tables_have_no_fault(body):
    assert list(check.value_faults(soup(body))) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        *[(table("1", value), value) for value in ("nan", "NaN", "None", "inf", "-inf", "NaT", "1.0 (nan to nan)")],
        (table("1", "&lt;NA&gt;"), "<NA>"),
        (table("", ""), "an empty table"),
        ('<table class="dataframe"><thead><tr><th>a</th></tr></thead><tbody></tbody></table>', "an empty table"),
        ('<div class="cell_output"><p>Difference: <strong>+nan</strong> points</p></div>', "+nan"),
    ],
)
def test_a_missing_value_is_a_fault(body, fault):
    (found,) = check.value_faults(soup(body))
    assert fault in found


def test_what_a_notebook_shows_must_reach_its_page():
    _, copy = executed("x", FIGURE, TABLE)
    figure = '<div class="cell_output"><img src="a.png"></div>'
    assert list(check.shown_faults(soup(figure + table("1")), copy)) == []
    assert list(check.shown_faults(soup(figure), copy)) == ["0 of 1 tables of its notebook"]
    stand_in = '<div class="cell_output"><div class="eas-fallback"><img src="b.png"></div></div>'  # of a widget
    assert list(check.shown_faults(soup(table("1") + stand_in), copy)) == ["0 of 1 figures of its notebook"]
    copy.cells[1].metadata["tags"] = ["remove-output"]
    assert list(check.shown_faults(soup(""), copy)) == []


SITE = {
    "index.html": '<h1 id="top">Cover</h1><a href="part/a.html#one">a</a><a href="#top">up</a>',
    "part/a.html": '<p id="one">a</p><img src="../a%20b.png"><img src="data:,"><a href="../index.html#top">cover</a>'
    '<a href="https://elsewhere.org/x#y">out</a><a href="#">nothing</a>',
    "search.html": "",
    "_static/font.html": "",
    "a b.png": "pixels",
}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"part/a.html": None}, "index.html: part/a.html is not there ('a')"),
        ({"part/a.html": '<p id="two">a</p>'}, "index.html: part/a.html has no #one ('a')"),
        ({"a b.png": None}, "part/a.html: the image ../a%20b.png is not there"),
        ({"a b.png": ""}, "part/a.html: the image ../a%20b.png is not there"),
        ({"lost.html": ""}, "lost.html: no link leads to it"),
    ],
)
def test_links_anchors_and_images_lead_somewhere(tmp_path, changes, fault):
    for name, text in (SITE | changes).items():
        if text is not None:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(html(text) if name.endswith(".html") and text else text)
    assert list(check.link_faults(check.Site(tmp_path))) == ([fault] if fault else [])


# ---------------------------------------------------------------- claims and the explorer


def claim(key: str, verdict: str) -> verdicts.Claim:
    return verdicts.Claim(key, key, "", "", "", "", measure=lambda evidence: None, verdict=verdict)


CLAIMS = [claim(key, verdict) for key, verdict in zip("abcd", verdicts.VERDICTS, strict=True)]


def claims_page(judged) -> str:
    return claim_texts.claims_table(judged).to_html()


def test_a_page_with_this_runs_verdicts_has_no_fault():
    published = [claim("a", verdicts.FAILS)]  # a second table, of other records
    assert list(check.claims_faults(soup(claims_page(CLAIMS) + claims_page(published)), CLAIMS)) == []


def test_a_claim_without_this_runs_verdict_is_a_fault():
    (fault,) = check.claims_faults(soup(claims_page(CLAIMS[1:])), CLAIMS)
    assert fault == "claim a: no verdict, the records 'holds'"
    other = [claim("a", verdicts.OPEN), *CLAIMS[1:]]
    (fault,) = check.claims_faults(soup(claims_page(other)), CLAIMS)
    assert fault == "claim a: the page says 'inconclusive', the records 'holds'"
    assert len(list(check.claims_faults(soup(""), CLAIMS))) == len(CLAIMS)


def test_the_default_profile_measures_every_claim_and_draws_every_figure(smoke_evidence):
    """Its jobs make what all claims and the figures of chapters 10 and 11 need, so that its book lacks none of them."""
    demo = profiles.load("demo")
    own = demo.supernet.task_dropout
    made = {jobs.variant_name(job.q, job.reading, own.reading) for job in jobs.jobs(demo)}
    variants = {name: entry for name, entry in smoke_evidence["variants"].items() if name in made}
    assert set(variants) == made
    found = [smoke_evidence | {"variants": variants}]
    assert [one.key for one in claims.judge(found) if one.verdict == verdicts.NOT_MEASURED] == []
    for figure in ("dropout_ablation", "search_comparison", "drop_rates", "method_differences"):
        assert getattr(paper_figures, figure)(found) is not None, figure


FACTS, WEIGHTS = {"tasks": ["a"], "layout": [["w", (2,)]]}, b"12345678"


def explorer_page(facts=FACTS, weights=WEIGHTS, script="export default {}") -> str:
    buffers = [{"path": ["weights"], "data": base64.b64encode(weights).decode()}]
    models = {"other": {"state": {}}, "one": {"state": {"facts": facts, "_esm": script}, "buffers": buffers}}
    return html(f'<script type="{check.STATE}">{json.dumps({"state": models})}</script>')


def test_the_explorer_carries_this_runs_generator():
    page = explorer_page()
    assert check.explorer_state(page)["weights"] == WEIGHTS
    assert list(check.explorer_faults(page, FACTS, WEIGHTS)) == []


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        (html(""), "no explorer"),
        (explorer_page(script=""), "no script"),
        (explorer_page(weights=b""), "weights"),
        (explorer_page(weights=b"87654321"), "weights"),
        (explorer_page(facts=FACTS | {"tasks": ["b"]}), "tasks"),
    ],
)
def test_an_explorer_without_this_runs_generator_is_a_fault(page, fault):
    (found,) = check.explorer_faults(page, FACTS, WEIGHTS)
    assert fault in found
