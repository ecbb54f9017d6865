"""The generator's architectures for all tasks and budgets, or for one scenario, as calibrated networks."""

from __future__ import annotations

import time
from collections.abc import Callable
from pkgutil import resolve_name

import torch

from eas_core.base.errors import EASError
from eas_core.base.memory import PeakMemory
from eas_core.data.splits import Split
from eas_core.network.calibrate import calibrated
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.multi_path import makes_paths
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet
from eas_core.runs.run import Run
from eas_core.runs.store import Made, bar, finished, once
from eas_core.runs.trained import generator, multi_path, supernet
from eas_core.search.gate_statistics import gate_statistics
from eas_core.search.specialize import Proposal, Ranked, Specialized, most_probable, propose, ranked, specialize
from eas_core.settings.stages import METHODS, STAGES
from eas_core.space.architecture import Architecture
from eas_core.space.cost_tables import madds

#: The methods with a generator, which answers any scenario in one pass, and the stage that trains it.
GENERATORS = {name: method.generator for name, method in METHODS.items() if method.generator}


def network_of(run: Run, weights: Supernet, architecture: Architecture, train: Split) -> Network:
    """Extracted and calibrated: the network of one architecture, ready to use."""
    settings = run.profile.calibration
    return calibrated(weights, architecture, train, settings.images, settings.batch_size, run.seed)


def rank(
    run: Run, candidates: tuple[Architecture, ...], task: int | None, weights: Supernet, train: Split, valid: Split
) -> tuple[Ranked, Ranked]:
    """The first and the best of some candidates by :func:`eas_core.search.specialize.ranked`, with the run's settings."""
    profile = run.profile
    return ranked(
        candidates,
        task,
        weights,
        train,
        valid,
        run.tasks,
        profile.calibration,
        profile.evaluation.batch_size,
        run.seed,
    )


def best_of(run: Run, proposal: Proposal, weights: Supernet, train: Split, valid: Split) -> Specialized:
    """The best candidate of a proposal by :func:`eas_core.search.specialize.specialize`, with the run's settings."""
    profile = run.profile
    return specialize(
        proposal, weights, train, valid, run.tasks, profile.calibration, profile.evaluation.batch_size, run.seed
    )


def specialized(run: Run) -> dict:
    """The record of all tasks x budgets: architectures, costs, validation accuracy, and the time the search took."""
    return once(run, "specialized", lambda _: specialize_all(run, generator))


def multi_path_specialized(run: Run) -> dict:
    """As :func:`specialized`, with the generator of path weights."""
    return once(run, "multi_path_specialized", lambda _: specialize_all(run, multi_path))


def specialize_all(run: Run, trained: Callable[[Run], tuple[ArchitectureGenerator, dict]]) -> Made:
    """What :func:`specialized` records, of any generator."""
    weights, _ = supernet(run)
    network, _ = trained(run)
    started = time.monotonic()
    (train,), (_, valid) = run.splits("train"), run.validation()
    settings, tasks, space = run.profile.specialize, run.tasks, run.profile.search_space()
    scenarios = [(t, budget) for budget in settings.budgets for t in range(len(tasks))]
    proposals = propose(network, space, scenarios, settings, run.seed)
    likely, rows = most_probable(network, space, scenarios), []
    for proposal, probable in zip(bar(run, proposals, "specialise"), likely, strict=True):
        chosen = best_of(run, proposal, weights, train, valid)
        rows.append(
            {
                "task": tasks.names[chosen.task],
                "budget": chosen.budget,
                **row_of(chosen),
                "candidates": chosen.candidates,
                "derived": chosen.derived,
                "first": row_of(chosen.first),
                "probable": {
                    "madds": madds(space, [probable])[0] / 1e6,
                    "architecture": probable.to_dict(),
                },
            }
        )
    result: dict = {"rows": rows, "search_seconds": search_seconds(run, network, scenarios)}
    if not makes_paths(network):
        result["gates"] = gate_statistics(network, space, len(tasks), settings, run.seed)
    return result, time.monotonic() - started


def row_of(network: Specialized | Ranked) -> dict:
    """Cost, architecture, and what the images that rank candidates said: part of a record's row."""
    return {
        "madds": network.madds,
        "architecture": network.architecture.to_dict(),
        "valid_accuracy": network.valid_accuracy,
        "valid_loss": network.valid_loss,
    }


def search_seconds(
    run: Run, network: ArchitectureGenerator, scenarios: list[tuple[int, float]], repeats: int = 5
) -> dict:
    """Median seconds of the generator's forward pass, and of the pass with sampling and enforcing the budgets."""
    space, settings = run.profile.search_space(), run.profile.specialize
    task = torch.tensor([t for t, _ in scenarios], device=run.device)
    budget = torch.tensor([b for _, b in scenarios], device=run.device)

    def median(work: Callable[[], object]) -> float:
        times = []
        for _ in range(repeats + 1):  # the first one warms up
            tick = time.perf_counter()
            work()
            times.append(time.perf_counter() - tick)
        return sorted(times[1:])[repeats // 2]

    with torch.no_grad(), PeakMemory(run.device) as memory:
        forward = median(lambda: network(task, budget).cpu())
        with_sampling = median(lambda: propose(network, space, scenarios, settings, run.seed))
    times = {"forward": forward, "with_sampling": with_sampling}
    return {"scenarios": len(scenarios), **times, "peak_memory_bytes": memory.bytes}


def specialize_one(run: Run, task: str | int, budget: float, method: str = "EAS") -> Specialized:
    """One scenario: the specialised network of a task under a budget.

    ``task`` is a name or a number, ``budget`` in millions of multiply-adds, ``method`` one of :data:`GENERATORS`. An
    unknown task or method, or a budget outside the generator's range, raises :class:`EASError`.

    >>> from eas_core import make_run
    >>> run = make_run("smoke", progress=False)
    >>> chosen = specialize_one(run, "polygons", 3.0)  # trains what is not trained yet
    >>> chosen.madds <= 3.0, chosen.architecture.depth[0] in (2, 3, 4)
    (True, True)
    """
    scenario = run.scenario(task, budget)
    if method not in GENERATORS:
        raise EASError(f"method: {method!r} is not one of {', '.join(GENERATORS)}")
    network, _ = resolve_name(STAGES[GENERATORS[method]].make)(run)
    (proposal,) = propose(network, run.profile.search_space(), [scenario], run.profile.specialize, run.seed)
    weights, _ = supernet(run)
    (train,), (_, valid) = run.splits("train"), run.validation()
    return best_of(run, proposal, weights, train, valid)


def validation_accuracy(run: Run) -> dict[str, float]:
    """Of each of :data:`GENERATORS` whose search this run has recorded, the mean accuracy (a fraction) of what it chose,
    on the images that rank candidates."""
    found = {}
    for method in GENERATORS:
        stage = METHODS[method].stages[-1]
        path = run.folder(stage) / "record.json"
        if path.exists():
            rows = finished(path, stage)["result"]["rows"]
            found[method] = sum(row["valid_accuracy"] for row in rows) / len(rows)
    return found


def best_method(run: Run) -> tuple[str, dict[str, float]]:
    """The method of :func:`validation_accuracy` with the highest one, and all of them; EAS where there is none, or a tie."""
    found = validation_accuracy(run)
    return max(found, key=lambda name: (found[name], name == "EAS"), default="EAS"), found
