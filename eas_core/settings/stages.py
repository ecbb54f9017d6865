"""The stages of a run and the methods that it compares: what each depends on, who makes it, which version it is.

A result is identified by the settings that made it and by the code that did. The settings of a stage are listed here;
for the code stands a number, the stage's *version*. **Raise it by hand whenever the stage's results change by more than
rounding**: another draw, another formula, a mended fault, another default of a setting (see
:meth:`eas_core.runs.run.Run.key`, which leaves defaults out). ``tests/test_stages.py`` compares a tiny run with stored
numbers and fails when that was forgotten. The versions of a stage and of all it depends on are part of its key and of its
records.

A method of search is an entry in :data:`METHODS` with its own stages in :data:`STAGES`; its networks are tested, its jobs
planned and its results drawn from that. Nothing here imports PyTorch: whoever asks where a record is need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One step of a run, made once and kept.

    It comes ``after`` another stage (None: it is the first) and reads ``settings`` besides that one's: a section, or a
    single one, "section.key". ``make`` is the function that makes it, "module:function", called with the run and
    ``arguments``. ``result`` names what its result must hold (:data:`eas_core.evidence.checks.RESULTS`), ``version`` the
    code that it comes from. ``together`` says that all processes of a launch make it; such stages come first.
    """

    name: str
    after: str | None
    settings: tuple[str, ...]
    make: str
    arguments: tuple[str, ...] = ()
    result: str = ""
    version: int = 1
    together: bool = False


@dataclass(frozen=True)
class Method:
    """A method of search that the book compares, in the order of the paper's tables.

    ``stages`` come after the supernet; the last one's record has the rows of what was found. ``job`` is the job that
    makes them and then tests what ``picks`` names (:data:`PICKS`). ``supernets`` says in which ones it searches: "own", the profile's, "plain" for that and
    the one without task dropout, or "every" one; methods of "plain" are those that know no task dropout, and Table I has
    them from there. ``color`` and ``marker`` are its look in all figures, ``label`` its name in Figure IV ("": it is not
    in it); ``table_1`` says whether Table I has a row of it, ``extension`` that it is ours and in no figure of the paper.
    """

    name: str
    job: str
    stages: tuple[str, ...]
    supernets: str
    color: str
    marker: str
    label: str = ""
    table_1: bool = True
    extension: bool = False
    picks: tuple[str, ...] = ("chosen", "first")
    generator: str = ""

    @property
    def tested(self) -> str:
        """The stage that scores its networks on the test split."""
        return self.stage_of("chosen")

    def stage_of(self, pick: str) -> str:
        """The stage that scores one of its :data:`PICKS`."""
        return f"{'tested' if pick == 'chosen' else pick}-{self.name}"


#: What of a method's search is tested, and what it is.
PICKS = {
    "chosen": "of a scenario's candidates the best on the images that rank them",
    "first": "the candidate drawn or found first: no choice by images",
    "probable": "the most probable architecture of a generator that keeps the budget: no choice, no draw",
    "shuffled": "the first candidate of another task: a control, for what knows its task must lose by it",
}
_DRAWN = ("chosen", "first", "probable", "shuffled")


#: Every method by its name, in the order of the paper's tables; the colours are Okabe and Ito's.
#:
#: :meta hide-value:
METHODS = {
    method.name: method
    for method in (
        Method("OFA-V", "OFA", ("pairs", "predictor", "evolved", "reranked"), "plain", "#E69F00", "^"),
        Method("OFA-T", "OFA", ("pairs", "predictor", "evolved", "reranked"), "plain", "#009E73", "s", "OFA-T"),
        Method(
            "amortised",
            "amortised",
            ("pairs", "predictor", "amortised", "amortised_specialized"),
            "own",
            "#56B4E9",
            "P",
            table_1=False,
            extension=True,
            picks=_DRAWN,
            generator="amortised",
        ),
        Method(
            "multi-path",
            "multi-path",
            ("multi_path", "multi_path_specialized"),
            "own",
            "#CC79A7",
            "D",
            "multi-path generator",
            table_1=False,
            generator="multi_path",
        ),
        Method(
            "EAS",
            "EAS",
            ("generator", "specialized"),
            "every",
            "#0072B2",
            "o",
            "EAS, single-path",
            picks=_DRAWN,
            generator="generator",
        ),
    )
}

_TRAIN, _FIND, _OFA = "eas_core.runs.trained:", "eas_core.runs.specialized:", "eas_core.runs.ofa:"
_LISTED = (
    Stage("data", None, ("data", "space"), ""),
    Stage("teacher", "data", ("teacher",), _TRAIN + "teacher", result="curve", together=True),
    Stage("supernet", "teacher", ("supernet",), _TRAIN + "supernet", result="curve", together=True),
    # EAS
    Stage(
        "generator",
        "supernet",
        ("generator", "specialize.images_per_class"),
        _TRAIN + "generator",
        result="curve",
        together=True,
    ),
    Stage(
        "specialized",
        "generator",
        ("calibration", "specialize"),
        _FIND + "specialized",
        result="rows",
        version=3,  # rows name the first candidate and the most probable architecture too
    ),
    Stage(
        "results",
        "tested-EAS",
        ("evaluation.random_architectures", "evaluation.spread_architectures", "evaluation.cost_window"),
        "eas_core.runs.results:results",
        result="results",
    ),
    # the multi-path encoding: the generator's settings, but for those that it has itself and for tau
    Stage(
        "multi_path",
        "supernet",
        (
            "multi_path",
            "generator.optimizer",
            "generator.budget",
            "generator.anchors",
            "generator.embedding",
            "generator.hidden",
            "generator.lam",
            "generator.cost_scenarios",
            "generator.task_images",
            "generator.context_images",
            "generator.aim",
            "generator.schedule",
            "generator.averaging",
            "generator.loss",
            "specialize.images_per_class",
        ),
        _TRAIN + "multi_path",
        result="curve",
        together=True,
    ),
    Stage(
        "multi_path_specialized",
        "multi_path",
        ("calibration", "specialize"),
        _FIND + "multi_path_specialized",
        result="rows",
        version=3,  # as specialized
    ),
    # OFA-V and OFA-T
    Stage(
        "pairs",
        "supernet",
        (
            "calibration",
            "pairs.count",
            "pairs.costs",
            "pairs.images_per_class",
            "generator.budget",
            "evaluation.cost_window",
            "specialize.images_per_class",
        ),
        _OFA + "pairs",
    ),
    Stage("predictor", "pairs", ("predictor", "pairs.hold_out"), _OFA + "predictor"),
    Stage(
        "evolved",
        "predictor",
        ("evolution", "specialize.budgets", "specialize.tolerance", "specialize.candidates"),
        _OFA + "evolved",
        result="evolved",
        version=2,  # rows hold runners-up
    ),
    Stage("reranked", "evolved", ("calibration", "specialize.images_per_class"), _OFA + "reranked", result="evolved"),
    # amortised search
    Stage(
        "amortised",
        "predictor",
        (
            "amortised",
            "generator.anchors",
            "generator.embedding",
            "generator.hidden",
            "generator.tau",
            "generator.aim",
            "generator.averaging",
        ),
        "eas_core.runs.amortised:amortised",
        result="curve",
    ),
    Stage(
        "amortised_specialized",
        "amortised",
        ("calibration", "specialize"),
        "eas_core.runs.amortised:amortised_specialized",
        result="rows",
    ),
)

#: Settings that change no result, so that no key holds them, and why.
NO_RESULT = {
    "name": "it is part of the path, before the key",
    "data.path": "where photographs lie; which they are says data.digest",
    "data.listing": "as data.path",
    "supernet.stages.name": "a label for figures",
    "evaluation.batch_size": "each image is scored by itself: memory and rounding",
}


def _with_tests(listed: tuple[Stage, ...]) -> dict[str, Stage]:
    """All stages by name: behind the one that finds a method's networks comes the one that tests them."""
    stages = {}
    for stage in listed:
        stages[stage.name] = stage
        for method in METHODS.values():
            for pick in method.picks if method.stages[-1] == stage.name else ():
                name, make, arguments = method.stage_of(pick), "eas_core.runs.tested:tested", (method.name, pick)
                stages[name] = Stage(name, stage.name, (), make, arguments, result="tested")
    return stages


#: Every stage by its name, each behind the one that it comes after.
#:
#: :meta hide-value:
STAGES = _with_tests(_LISTED)
#: The stages that score networks on the test split; the last one, the networks of EAS in another supernet.
TESTED = (*(method.stage_of(pick) for method in METHODS.values() for pick in method.picks), "tested-same")


def lineage(stage: str) -> list[str]:
    """A stage with all that it depends on, first things first: ``["data", "teacher", ..., stage]``."""
    before = STAGES[stage].after
    return [*(lineage(before) if before else []), stage]


def settings_of(stage: str) -> list[str]:
    """The sections and single settings that a stage's results depend on, those of its whole lineage."""
    return [name for entry in lineage(stage) for name in STAGES[entry].settings]


def versions(stage: str) -> dict[str, int]:
    """The version of a stage and of all it depends on, by name; nothing for what is no stage.

    ``tested-same`` (:func:`eas_core.runs.tested.tested_as`) is made as ``tested-EAS`` is.
    """
    stage = "tested-EAS" if stage == "tested-same" else stage
    return {name: STAGES[name].version for name in lineage(stage)} if stage in STAGES else {}
