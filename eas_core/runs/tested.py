"""Every method's networks on the test split, which nothing but this and :mod:`eas_core.runs.results` reads."""

from __future__ import annotations

import time
from functools import partial

from eas_core.base.errors import EASError
from eas_core.network.subnetwork import Network
from eas_core.runs.pipeline import make
from eas_core.runs.run import Run
from eas_core.runs.specialized import network_of
from eas_core.runs.store import Made, bar, once
from eas_core.runs.trained import supernet
from eas_core.search.evaluate import pack, score
from eas_core.settings.stages import METHODS, PICKS
from eas_core.space.architecture import Architecture


def searched(run: Run, method: str, pick: str = "chosen") -> list[dict]:
    """The rows (task, budget, multiply-adds, architecture) of a method of :data:`METHODS`.

    ``pick`` is one of :data:`eas_core.settings.stages.PICKS`.
    """
    record = make(run, METHODS[method].stages[-1])
    rows = [row for row in record["result"]["rows"] if row.get("method", method) == method]
    if pick == "shuffled":
        of = {(row["task"], row["budget"]): row["first"] for row in rows}
        following = dict(zip(run.tasks.names, (*run.tasks.names[1:], run.tasks.names[0]), strict=True))
        rows = [{**row, **of[following[row["task"]], row["budget"]]} for row in rows]
    elif pick != "chosen":
        rows = [{**row, **row[pick]} for row in rows]
    return [{key: value for key, value in row.items() if key not in ("method", *PICKS)} for row in rows]


def tested(run: Run, method: str, pick: str = "chosen") -> dict:
    """The record of a method's networks on the test split: the rows of its search, with accuracy and "correct".

    "correct" says of each test image of the row's task whether the network was right
    (:func:`eas_core.search.evaluate.unpack`), so that any two methods can be compared on the same images afterwards.
    At the middle budget "by_task" of a first candidate is its accuracy on every task's images: a row of the cross table.
    """
    if method not in METHODS:
        raise EASError(f"method: {method!r} is not one of {', '.join(METHODS)}")
    if pick not in METHODS[method].picks:
        raise EASError(f"pick: {pick!r} is not one of {', '.join(METHODS[method].picks)}")
    stage = METHODS[method].stage_of(pick)
    cross = pick == "first" and method != "OFA-V"  # which has the same network for all tasks
    return once(run, stage, lambda _: _test(run, searched(run, method, pick), stage, cross))


def tested_as(run: Run, other: Run) -> dict:
    """EAS's architectures of the run ``other``, tested with this run's supernet: what the supernet alone changes."""
    return once(run, "tested-same", lambda _: _test(run, searched(other, "EAS"), "tested-same"), other)


def _test(run: Run, rows: list[dict], name: str, cross: bool = False) -> Made:
    started = time.monotonic()
    weights, _ = supernet(run)
    train, test = run.splits("train", "test")
    tasks, done = run.tasks, []
    middle = run.profile.specialize.middle
    build = partial(network_of, run, weights, train=train)
    networks: dict[Architecture, Network] = {}
    for row in bar(run, rows, name):
        architecture = Architecture.from_dict(row["architecture"])
        if architecture not in networks:
            networks = {architecture: build(architecture)}  # OFA-V has one for all tasks, in consecutive rows
        task, every = tasks.index(row["task"]), cross and row["budget"] == middle
        index = None if every else test.of_task(tasks, task)
        scores = score(networks[architecture], test, tasks, index, run.profile.evaluation.batch_size)
        right = pack(scores.correct[scores.task == task])
        done.append({**row, **scores.summary(task), "correct": right})
        if every:
            done[-1]["by_task"] = [scores.accuracy(t) for t in range(len(tasks))]
    return {"rows": done, "test_digest": test.digest}, time.monotonic() - started
