"""A table of this device's latencies, and the network of a task that keeps a number of milliseconds."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np

from eas_core.base import files, records
from eas_core.base.errors import EASError, SpaceError
from eas_core.base.parsing import parse_json
from eas_core.base.progress import reporter
from eas_core.network import latency
from eas_core.runs.run import Run
from eas_core.runs.specialized import GENERATORS, best_of
from eas_core.runs.trained import supernet
from eas_core.search.specialize import Proposal, Specialized, propose
from eas_core.settings.stages import STAGES
from eas_core.space import latency_table
from eas_core.space.architecture import SMALLEST, Architecture, SearchSpace
from eas_core.space.cost_tables import madds
from eas_core.space.latency_table import LatencyTable

ROUNDS = 7
TRIES = 3  # rounds, at most this many times as many as wanted, until enough are quiet
BUDGETS = 24  # of multiply-adds, for which candidates are proposed
GROUPS = 4  # of candidates, measured one group after another until some keep the limit


def measure(
    space: SearchSpace,
    path: Path,
    runtime: str = "onnxruntime",
    threads: int = 1,
    rounds: int = ROUNDS,
    progress: bool = False,
    seconds: float = latency.SECONDS,
) -> LatencyTable:
    """Measure this device and write its table to ``path``; interrupted, it goes on with the rounds that were complete.

    Raises :class:`EASError` for a runtime that is not there, or impossible numbers of threads or rounds.
    """
    if rounds < 1:
        raise EASError(f"--rounds: {rounds} must be 1 or more")
    with latency.pinned(threads) as is_pinned:
        about = latency.about_device(runtime, threads, is_pinned)
        networks = {f"network {i}": one for i, one in enumerate(latency.spread_networks(space, latency.NETWORKS, 0))}
        works = latency.part_works(space, runtime, threads)
        for name, architecture in networks.items():
            works[name] = latency.network_work(space, architecture, runtime, threads)
        reference = f"network {latency.NETWORKS // 2}"
        draw = np.random.default_rng(0)
        partial = path.with_name(f".{path.name}.rounds")
        done = _resumed(partial, records.key([about, asdict(space), seconds]))
        with reporter("latency", rounds, len(done), unit="round", enabled=progress) as show:
            while not _enough(done, rounds):
                order = draw.permutation(sorted(works)).tolist()
                done.append(latency.one_round(works, reference, order, seconds))
                files.append_line(partial, done[-1])
                show(min(len(done), rounds))
    kept, disturbed = latency.quietest(done, rounds)
    found = latency.typical(kept)
    fixed, blocks = latency.table_of(found)
    whole = {architecture: found[name] for name, architecture in networks.items()}
    still = {"rounds": len(done), "disturbed_rounds": disturbed, "noise": noise(kept, list(networks))}
    table = latency_table.fitted(space, fixed, blocks, whole, {**about, **still})
    table.write(path)
    partial.unlink(missing_ok=True)
    return table


def _resumed(partial: Path, key: str) -> list[dict]:
    """The rounds of an interrupted measurement that was of the same; else none, and a new file of them is begun."""
    try:
        first, *lines = [parse_json(line) for line in partial.read_text().splitlines()]
        if first == {"key": key}:
            return [line for line in lines if isinstance(line, dict)]
    except (OSError, ValueError):
        pass
    files.write_atomic(partial, (json.dumps({"key": key}) + "\n").encode())
    return []


def _enough(done: list[dict], rounds: int) -> bool:
    """Whether there are enough quiet rounds, or it has been tried often enough."""
    if len(done) < rounds:
        return False
    return len(done) - latency.quietest(done, rounds)[1] >= rounds or len(done) >= TRIES * rounds


def noise(rounds: list[dict], names: list[str]) -> float | None:
    """How far a repeated measurement is from the first, as a share: the median difference, over networks, between what half
    of the rounds say and what the other half says. None with fewer than two rounds."""
    if len(rounds) < 2:
        return None
    one, other = latency.typical(rounds[::2]), latency.typical(rounds[1::2])
    return float(np.median([abs(one[name] / other[name] - 1) for name in names]))


# ---------------------------------------------------------------- a network within milliseconds


def specialize_within(
    run: Run, task: str | int, limit: float, table: LatencyTable, method: str = "EAS"
) -> tuple[Specialized, dict[str, Any]]:
    """The best network of a task that takes at most ``limit`` milliseconds, and what is known of its latency.

    The generator proposes candidates over its whole range of multiply-adds; the table picks those nearest below the limit.
    On the table's own device each is measured, and refused if it is over. Raises :class:`EASError` if none keeps it.
    """
    index, space = run.tasks.index(task), run.profile.search_space()
    check_limit(limit, table)
    network, _ = resolve_name(STAGES[GENERATORS[method]].make)(run)
    settings, (low, high) = run.profile.specialize, run.profile.generator.budget
    scenarios = [(index, float(budget)) for budget in np.linspace(low, high, BUDGETS)]
    proposed = propose(network, space, scenarios, settings, run.seed)
    candidates = list(dict.fromkeys(one for proposal in proposed for one in proposal.candidates))
    expected = dict(zip(candidates, table.milliseconds(candidates), strict=True))
    fitting = sorted((one for one in candidates if expected[one] <= limit), key=lambda one: -expected[one])
    here = table.about["device"] == latency.device_name()
    refused = 0
    for start in range(0, min(len(fitting), GROUPS * settings.candidates), settings.candidates):
        group = fitting[start : start + settings.candidates]
        times = measured(space, group, table) if here else dict.fromkeys(group)
        kept = tuple(one for one in group if (taken := times[one]) is None or taken <= limit)
        refused += len(group) - len(kept)
        if not kept:
            continue
        weights, _ = supernet(run)
        (train,), (_, valid) = run.splits("train"), run.validation()
        budget = max(madds(space, list(kept))) / 1e6
        chosen = best_of(run, Proposal(index, budget, kept, False), weights, train, valid)
        own = chosen.architecture
        about = {"limit_ms": limit, "predicted_ms": expected[own], "measured_ms": times[own], "refused": refused}
        return chosen, {**about, **{name: table.about[name] for name in ("device", "runtime", "threads")}}
    if refused:
        raise EASError(
            f"--latency: {limit:g} ms is kept by the table alone: {refused} candidates took longer when measured"
        )
    raise EASError(
        f"--latency: {limit:g} ms is below every proposed candidate, the fastest takes {min(expected.values()):.3g} ms"
    )


def check_limit(limit: float, table: LatencyTable) -> None:
    """Refuse a limit that even the smallest architecture exceeds. Raises :class:`SpaceError`, for NaN too."""
    (fastest,) = table.milliseconds([SMALLEST])
    if not fastest <= limit < math.inf:
        raise SpaceError(f"--latency: {limit:g} ms is not above {fastest:.3g} ms, what the smallest architecture takes")


def measured(space: SearchSpace, architectures: list[Architecture], table: LatencyTable) -> dict[Architecture, float]:
    """Milliseconds of architectures on this device in the table's runtime, measured in turns."""
    runtime, threads = table.about["runtime"], table.about["threads"]
    with latency.pinned(threads):
        works = {str(i): latency.network_work(space, one, runtime, threads) for i, one in enumerate(architectures)}
        rounds = [latency.one_round(works, "0", list(works)) for _ in range(ROUNDS)]
    found = latency.typical(rounds)
    return {one: found[str(i)] for i, one in enumerate(architectures)}
