"""The stages of a run, each made once and reused: from the teacher to what is tested (see :mod:`eas_core.runs.run`).

A stage's folder holds weights or tables (safetensors) and a record, written last: where the record is, the stage is
complete. Each function returns what is there, or makes it first, together with all it depends on. Who makes a stage
holds its folder meanwhile, and a second process that wants to is refused; reading what is complete needs no lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from eas_core.base import checkpoints, files, records
from eas_core.base.errors import EASError
from eas_core.base.memory import PeakMemory
from eas_core.base.progress import track
from eas_core.base.random import rng
from eas_core.data.splits import Split
from eas_core.data.tasks import TaskSet
from eas_core.evidence import checks
from eas_core.network.calibrate import calibrate
from eas_core.network.generator import GATE_HEADS, ArchitectureGenerator
from eas_core.network.multi_path import PATH_HEADS
from eas_core.network.subnetwork import Network
from eas_core.network.supernet import Supernet, initialise
from eas_core.runs.run import Run, folder, make_run, same_settings
from eas_core.search.evaluate import Scores, pack, paired_difference, score, unpack
from eas_core.search.evolution import evolve
from eas_core.search.predictor import AccuracyPredictor, fit, rank_correlation, search_objective
from eas_core.search.specialize import Proposal, Specialized, propose, specialize
from eas_core.settings.stages import METHODS
from eas_core.space.cost import madds, params, sample_near
from eas_core.space.search_space import LARGEST, SMALLEST, Architecture, from_gates, one_hot, sample, to_gates
from eas_core.training.loop import CHECKPOINT_SECONDS, Stopped, stop_requests
from eas_core.training.train_generator import train_generator
from eas_core.training.train_supernet import train_supernet, train_teacher

__all__ = ["METHODS", "Run", "make_run"]


# ---------------------------------------------------------------- training stages


def _once(folder: Path, stage: str, make: Callable[[], dict]) -> dict:
    """The record of a stage: the one in its folder if the stage is complete, else what ``make()`` writes there."""
    path = folder / "record.json"
    if not path.exists():
        with files.only_writer(folder):
            if not path.exists():  # else another process completed it just now
                return make()
    return finished(path, stage)


def finished(path: Path, stage: str) -> dict:
    """The record of a complete stage; one that is missing or damaged raises :class:`DataError`."""
    record = records.read_record(path, stage)
    checks.check_result(record, stage, f"record: {path}")
    return record


def _trained(run: Run, stage: str, module: torch.nn.Module, train) -> dict:
    """Load ``module``'s weights and record if the stage is complete, else ``train(module)`` and save both."""
    folder, devices = run.folder(stage), run.devices
    path = folder / "record.json"

    def make() -> dict:
        with PeakMemory(run.device) as memory:
            curve, seconds = train(module)
        if not devices.first:
            return {}
        result = {"curve": curve, "peak_memory_bytes": memory.bytes}
        metadata = {"stage": stage, "profile": run.profile.name}
        records.save_tensors(folder / "weights.safetensors", module.state_dict(), metadata)
        settings, launch = run.settings(stage), devices.described()
        record = records.write_record(path, stage, settings, result, seconds, run.device, launch)
        checkpoints.remove_checkpoints(folder / "checkpoint.pt")
        return record

    if devices.count == 1:
        record = _once(folder, stage, make)
    else:
        if not devices.as_first(path.exists()):
            make()  # all of them; the first one locks the folder and writes
            devices.wait()
        record = finished(path, stage)
    records.load_into(module, folder / "weights.safetensors")
    return record


def _new_supernet(run: Run) -> Supernet:
    network = Supernet(run.profile.search_space())
    initialise(network, rng(run.seed, "initialise"))
    return network.to(run.device, memory_format=torch.channels_last)


def teacher(run: Run) -> tuple[Supernet, dict]:
    """The largest sub-network trained alone (as a supernet of which only that is trained), and its record."""
    network = _new_supernet(run)

    def train(network):
        (split,) = run.splits("train")
        return train_teacher(network, split, run.profile, run.seed, tasks=run.tasks, **run.loop("teacher"))

    return network, _trained(run, "teacher", network, train)


def supernet(run: Run) -> tuple[Supernet, dict]:
    """The trained supernet and its record."""
    network = _new_supernet(run)

    def train(network):
        guide, _ = teacher(run)
        network.load_state_dict(guide.state_dict())
        (split,) = run.splits("train")
        return train_supernet(network, guide, split, run.profile, run.seed, tasks=run.tasks, **run.loop("supernet"))

    return network, _trained(run, "supernet", network, train)


def new_generator(run: Run, heads: dict[str, int] = GATE_HEADS) -> ArchitectureGenerator:
    """An untrained architecture generator with the run's settings and seed."""
    settings = run.profile.generator
    network = ArchitectureGenerator(
        len(run.tasks), settings.budget, settings.anchors, settings.embedding, settings.hidden, heads
    )
    network.initialise(rng(run.seed, "generator", "initialise"))
    return network.to(run.device)


def generator(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The trained architecture generator and its record."""
    return _generator(run, "generator", GATE_HEADS)


def multi_path(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The trained generator of path weights, which the paper's ablation compares with, and its record."""
    return _generator(run, "multi_path", PATH_HEADS)


def _generator(run: Run, stage: str, heads: dict[str, int]) -> tuple[ArchitectureGenerator, dict]:
    network = new_generator(run, heads)

    def train(network):
        weights, _ = supernet(run)
        (split,) = run.splits("valid")
        return train_generator(network, weights, split, run.tasks, run.profile, run.seed, **run.loop(stage))

    return network, _trained(run, stage, network, train)


# ---------------------------------------------------------------- specialised networks


def network_of(run: Run, weights: Supernet, architecture: Architecture, train: Split) -> Network:
    """Extracted and calibrated: the network of one architecture, ready to use."""
    settings = run.profile.calibration
    return calibrate(weights.extract(architecture), train, settings.images, settings.batch_size, run.seed)


def best_of(run: Run, proposal: Proposal, weights: Supernet, train: Split, valid: Split) -> Specialized:
    """The best candidate of a proposal by :func:`eas_core.search.specialize.specialize`, with the run's settings."""
    profile = run.profile
    return specialize(
        proposal, weights, train, valid, run.tasks, profile.calibration, profile.evaluation.batch_size, run.seed
    )


def specialized(run: Run) -> dict:
    """The record of all tasks x budgets: architectures, costs, validation accuracy, and the time the search took."""
    return _specialized(run, "specialized", generator)


def multi_path_specialized(run: Run) -> dict:
    """As :func:`specialized`, with the generator of path weights."""
    return _specialized(run, "multi_path_specialized", multi_path)


def _specialized(run: Run, stage: str, trained) -> dict:
    folder = run.folder(stage)
    return _once(folder, stage, lambda: _specialize_all(run, stage, trained, folder / "record.json"))


def _specialize_all(run: Run, stage: str, trained, path: Path) -> dict:
    weights, _ = supernet(run)
    network, _ = trained(run)
    started = time.monotonic()
    train, valid = run.splits("train", "valid")
    settings, tasks, space = run.profile.specialize, run.tasks, run.profile.search_space()
    scenarios = [(t, budget) for budget in settings.budgets for t in range(len(tasks))]
    proposals = propose(network, space, scenarios, settings, run.seed)
    rows = []
    for proposal in _bar(run, proposals, "specialise"):
        chosen = best_of(run, proposal, weights, train, valid)
        rows.append(
            {
                "task": tasks.names[chosen.task],
                "budget": chosen.budget,
                "madds": chosen.madds,
                "architecture": chosen.architecture.to_dict(),
                "valid_accuracy": chosen.valid_accuracy,
                "candidates": chosen.candidates,
                "derived": chosen.derived,
            }
        )
    result = {"rows": rows, "search_seconds": search_seconds(run, network, scenarios)}
    seconds = time.monotonic() - started
    return records.write_record(path, stage, run.settings(stage), result, seconds, run.device)


def search_seconds(
    run: Run, network: ArchitectureGenerator, scenarios: list[tuple[int, float]], repeats: int = 5
) -> dict:
    """Median seconds of the generator's forward pass, and of the pass with sampling and enforcing the budgets."""
    space, settings = run.profile.search_space(), run.profile.specialize
    task = torch.tensor([t for t, _ in scenarios], device=run.device)
    budget = torch.tensor([b for _, b in scenarios], device=run.device)

    def median(work) -> float:
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


def specialize_one(run: Run, task: str | int, budget: float) -> Specialized:
    """One scenario: the specialised network of a task under a budget.

    ``task`` is a name or a number, ``budget`` in millions of multiply-adds. An unknown task, or a budget outside the
    generator's range, raises :class:`EASError`.
    """
    scenario = run.scenario(task, budget)
    network, _ = generator(run)
    (proposal,) = propose(network, run.profile.search_space(), [scenario], run.profile.specialize, run.seed)
    weights, _ = supernet(run)
    train, valid = run.splits("train", "valid")
    return best_of(run, proposal, weights, train, valid)


# ---------------------------------------------------------------- OFA-V and OFA-T (section 6.2)


def pairs(run: Run) -> tuple[dict[str, Tensor], dict]:
    """Architecture-accuracy pairs: gates (n, 90), accuracy and cross-entropy by task (n, T), and their record.

    Each architecture is extracted, calibrated and run once over the validation images, which gives all tasks at once.
    What was measured is saved twice a minute; an interrupted run continues.
    """
    folder = run.folder("pairs")
    record = _once(folder, "pairs", lambda: _measure_pairs(run, folder))
    tensors, _ = records.load_tensors(folder / "pairs.safetensors", ("gates", "accuracy", "cross_entropy"))
    return tensors, record


def _measure_pairs(run: Run, folder: Path) -> dict:
    settings = run.profile.pairs
    weights, _ = supernet(run)
    train, valid = run.splits("train", "valid")
    tasks = run.tasks
    index = _first_of_each_class(valid, settings.images_per_class)
    architectures = _pair_architectures(run)
    path = folder / "checkpoint.pt"
    fresh = {"key": run.key("pairs"), "accuracy": [], "cross_entropy": [], "seconds": 0.0}
    state = checkpoints.last_checkpoint(path, run.key("pairs")) or fresh
    spent, accuracy, cross_entropy = state["seconds"], state["accuracy"], state["cross_entropy"]
    started = saved = time.monotonic()
    with PeakMemory(run.device) as memory, stop_requests() as stop:
        for architecture in _bar(run, architectures[len(accuracy) :], "pairs"):
            network = network_of(run, weights, architecture, train)
            scores = score(network, valid, tasks, index, run.profile.evaluation.batch_size)
            accuracy.append([scores.accuracy(t) for t in range(len(tasks))])
            cross_entropy.append([scores.cross_entropy(t) for t in range(len(tasks))])
            late = run.deadline is not None and time.monotonic() > run.deadline
            if stop.requested or late or time.monotonic() - saved > CHECKPOINT_SECONDS:
                saved = time.monotonic()
                checkpoints.save_checkpoint(path, {**state, "seconds": spent + saved - started})
                if stop.requested or late:
                    done = len(accuracy)
                    raise Stopped(f"pairs: stopped after {done} of {settings.count}, saved; run again to continue")
    tensors = {"accuracy": torch.tensor(accuracy), "cross_entropy": torch.tensor(cross_entropy)}
    tensors["gates"] = to_gates(architectures).to(torch.uint8)
    records.save_tensors(folder / "pairs.safetensors", tensors, {"stage": "pairs"})
    cost = madds(run.profile.search_space(), architectures)
    result = {
        "pairs": len(architectures),
        "images": len(index),
        "madds": [min(cost) / 1e6, max(cost) / 1e6],
        "mean_accuracy": tensors["accuracy"].mean().item(),
        "peak_memory_bytes": memory.bytes,
    }
    seconds = spent + time.monotonic() - started
    record = records.write_record(folder / "record.json", "pairs", run.settings("pairs"), result, seconds, run.device)
    checkpoints.remove_checkpoints(path)
    return record


def _first_of_each_class(split: Split, count: int | None) -> Tensor:
    """Indices of the first ``count`` images of every class (all if None); a split is sorted by class."""
    if count is None:
        return torch.arange(len(split))
    labels = split.labels.cpu()
    return torch.cat([(labels == c).nonzero().flatten()[:count] for c in labels.unique()])


def _pair_architectures(run: Run) -> list[Architecture]:
    settings, space, draw = run.profile.pairs, run.profile.search_space(), rng(run.seed, "pairs")
    if settings.costs == "uniform":
        found: dict[Architecture, None] = {}
        while len(found) < settings.count:
            found[sample(draw)] = None
        return list(found)
    low, high = run.profile.generator.budget
    costs = (low + (high - low) * torch.rand(settings.count, generator=draw)).tolist()
    window = run.profile.evaluation.cost_window
    return [sample_near(space, cost, window, 1, draw)[0] for cost in costs]


def predictor(run: Run) -> tuple[AccuracyPredictor, dict]:
    """The accuracy predictor trained on the pairs, and its record with the rank correlation on held-out pairs."""
    folder, settings = run.folder("predictor"), run.profile.predictor
    network = AccuracyPredictor(run.profile.search_space(), len(run.tasks), settings.hidden, settings.layers)
    record = _once(folder, "predictor", lambda: _fit_predictor(run, network, folder))
    records.load_into(network, folder / "weights.safetensors")
    return network, record


def _fit_predictor(run: Run, network: AccuracyPredictor, folder: Path) -> dict:
    settings = run.profile.predictor
    measured, _ = pairs(run)
    started = time.monotonic()
    codes, accuracy = one_hot(from_gates(measured["gates"].float())), measured["accuracy"]
    order = torch.randperm(len(codes), generator=rng(run.seed, "predictor", "hold out"))
    held_out, kept = order.tensor_split([max(2, round(run.profile.pairs.hold_out * len(codes)))])
    with PeakMemory() as memory:
        draw = rng(run.seed, "predictor")
        curve = fit(network, codes[kept], accuracy[kept], settings, draw, progress=run.progress)
    with torch.no_grad():
        predicted = network(codes[held_out])
    result = {
        "curve": curve,
        "held_out": rank_correlation(predicted, accuracy[held_out]),
        "held_out_pairs": {"predicted": predicted.tolist(), "measured": accuracy[held_out].tolist()},
        "trained_on": len(kept),
        "peak_memory_bytes": memory.bytes,
    }
    records.save_tensors(folder / "weights.safetensors", network.state_dict(), {"stage": "predictor"})
    seconds = time.monotonic() - started
    path = folder / "record.json"
    return records.write_record(path, "predictor", run.settings("predictor"), result, seconds, "cpu")


def evolved(run: Run) -> dict:
    """The record of the evolutionary searches: rows of OFA-T (one search a task and budget) and of OFA-V (one a budget)."""
    folder = run.folder("evolved")
    return _once(folder, "evolved", lambda: _evolve_all(run, folder / "record.json"))


def _evolve_all(run: Run, path: Path) -> dict:
    network, _ = predictor(run)
    profile, tasks, space = run.profile, run.tasks, run.profile.search_space()
    tolerance, budgets = profile.specialize.tolerance, profile.specialize.budgets
    scenarios = [(t, budget) for budget in budgets for t in range(len(tasks))]
    started = time.monotonic()
    rows, seconds = [], {}
    for method, goals, wanted in (  # goals: the task whose predicted accuracy counts; None: the mean over tasks
        ("OFA-T", [t for t, _ in scenarios], [budget for _, budget in scenarios]),
        ("OFA-V", [None] * len(budgets), list(budgets)),
    ):
        tick = time.perf_counter()
        with PeakMemory() as memory:  # the predictor is on the CPU
            objective = search_objective(network, goals)
            found, _ = evolve(objective, space, wanted, profile.evolution, rng(run.seed, method), tolerance)
        seconds[method] = time.perf_counter() - tick
        if method == "OFA-V":  # one architecture a budget, used for all tasks
            found = [best for best in found for _ in tasks.names]
        else:
            peak = memory.bytes
        for (t, budget), best in zip(scenarios, found, strict=True):
            rows.append(
                {
                    "method": method,
                    "task": tasks.names[t],
                    "budget": budget,
                    "madds": best.madds,
                    "architecture": best.architecture.to_dict(),
                    "predicted_accuracy": best.predicted,
                }
            )
    result = {
        "rows": rows,
        "search_seconds": seconds,
        "scenarios": len(scenarios),
        "peak_memory_bytes": peak,
    }
    return records.write_record(path, "evolved", run.settings("evolved"), result, time.monotonic() - started, "cpu")


# ---------------------------------------------------------------- final evaluation, the only user of the test split


def make(run: Run, stage: str, base: Run | None = None) -> dict:
    """The record of any stage of ``eas_core.settings.stages.STAGES``, made first if it is not there.

    ``tested-same`` tests the architectures of ``base`` (:func:`tested_as`).
    """
    if stage == "tested-same":
        return tested_as(run, base)
    if stage.startswith("tested-"):
        return tested(run, stage.removeprefix("tested-"))
    made = globals()[stage](run)
    return made[1] if isinstance(made, tuple) else made


def searched(run: Run, method: str) -> list[dict]:
    """The rows (task, budget, multiply-adds, architecture) that a method's search chose: EAS, multi-path, OFA-V, OFA-T."""
    if method == "EAS":
        return specialized(run)["result"]["rows"]
    if method == "multi-path":
        return multi_path_specialized(run)["result"]["rows"]
    rows = [row for row in evolved(run)["result"]["rows"] if row["method"] == method]
    return [{key: value for key, value in row.items() if key != "method"} for row in rows]


def tested(run: Run, method: str) -> dict:
    """The record of a method's networks on the test split: the rows of its search, with accuracy and "correct".

    "correct" says of each test image of the row's task whether the network was right (:func:`eas_core.search.evaluate.unpack`),
    so that any two methods can be compared on the same images afterwards.
    """
    if method not in METHODS:
        raise EASError(f"method: {method!r} is not one of {', '.join(METHODS)}")
    stage = f"tested-{method}"
    folder = run.folder(stage)
    return _once(folder, stage, lambda: _test(run, searched(run, method), folder, stage, run.settings(stage)))


def tested_as(run: Run, other: Run) -> dict:
    """EAS's architectures of the run ``other``, tested with this run's supernet: what the supernet alone changes."""
    path, settings = folder(run, "tested-same", other), same_settings(run, other)
    return _once(path, "tested-same", lambda: _test(run, searched(other, "EAS"), path, "tested-same", settings))


def _test(run: Run, rows: list[dict], folder: Path, kind: str, settings: dict) -> dict:
    started = time.monotonic()
    weights, _ = supernet(run)
    train, test = run.splits("train", "test")
    tasks, done = run.tasks, []
    build = partial(network_of, run, weights, train=train)
    networks: dict[Architecture, Network] = {}
    for row in _bar(run, rows, kind):
        architecture = Architecture.from_dict(row["architecture"])
        if architecture not in networks:
            networks = {architecture: build(architecture)}  # OFA-V has one for all tasks, in consecutive rows
        index = test.of_task(tasks, tasks.index(row["task"]))
        scores = score(networks[architecture], test, tasks, index, run.profile.evaluation.batch_size)
        done.append({**row, **scores.summary(), "correct": pack(scores.correct)})
    result = {"rows": done, "test_digest": test.digest}
    seconds = time.monotonic() - started
    return records.write_record(folder / "record.json", kind, settings, result, seconds, run.device)


def results(run: Run) -> dict:
    """The record of the final evaluation on the test split.

    Per budget and task: EAS's accuracy with its interval. Per budget: random architectures of equal cost on the same
    images and the paired difference, also after letting the validation split choose among them. Besides: the largest
    and the smallest network, and how much random architectures of about equal cost differ among each other.
    """
    folder = run.folder("results")
    return _once(folder, "results", lambda: _evaluate_all(run, folder / "record.json"))


def _evaluate_all(run: Run, path: Path) -> dict:
    rows = tested(run, "EAS")["result"]["rows"]
    started = time.monotonic()
    weights, _ = supernet(run)
    train, valid, test = run.splits("train", "valid", "test")
    tasks, space, settings = run.tasks, run.profile.search_space(), run.profile.evaluation
    build = partial(network_of, run, weights, train=train)
    evaluate = partial(score, split=test, tasks=tasks, batch_size=settings.batch_size)

    budgets = run.profile.specialize.budgets
    middle = budgets[len(budgets) // 2]  # where more random architectures show how much equal cost leaves open
    comparisons = []
    for budget in _bar(run, budgets, "evaluate"):
        level = [row for row in rows if row["budget"] == budget]
        ours = torch.zeros(len(test), dtype=torch.bool)
        for row in level:
            index = test.of_task(tasks, tasks.index(row["task"])).cpu()
            ours[index] = torch.from_numpy(unpack(row["correct"], row["n"]))
        cost = sum(row["madds"] for row in level) / len(level)
        count = settings.random_architectures
        extra = max(0, settings.spread_architectures - count) if budget == middle else 0
        rivals = random_architectures(run, cost, count + extra)
        scored, validated = [], []
        for number, architecture in enumerate(_bar(run, rivals, f"random at {cost:.2f} M")):
            network = build(architecture)
            scored.append(evaluate(network))
            if number < run.profile.specialize.candidates:
                validated.append(score(network, valid, tasks, batch_size=settings.batch_size))
        if budget == middle:
            spread = _spread(scored, madds(space, rivals), tasks)
        comparison = _comparison(budget, cost, ours, scored[:count], madds(space, rivals[:count]), tasks)
        if validated:
            comparison["picked"] = _picked(ours, scored, validated, tasks)
        comparisons.append(comparison)
    extremes = {
        name: _extreme(evaluate(build(architecture)), space, architecture, tasks)
        for name, architecture in (("smallest", SMALLEST), ("largest", LARGEST))
    }
    result = {"rows": rows, "comparisons": comparisons, **extremes, "spread": spread}
    result["test_digest"] = test.digest
    seconds = time.monotonic() - started
    return records.write_record(path, "results", run.settings("results"), result, seconds, run.device)


def _extreme(scores: Scores, space, architecture: Architecture, tasks: TaskSet) -> dict:
    return {
        **scores.summary(),
        "madds": madds(space, [architecture])[0] / 1e6,
        "params": params(space, [architecture])[0],
        "by_task": {name: scores.summary(t) for t, name in enumerate(tasks.names)},
    }


def random_architectures(run: Run, cost: float, count: int) -> list[Architecture]:
    """Random architectures that cost ``cost`` million multiply-adds, within the evaluation's cost window."""
    if not count:
        return []
    draw = rng(run.seed, "random architectures", f"{cost:.4f}")
    return sample_near(run.profile.search_space(), cost, run.profile.evaluation.cost_window, count, draw)


def _comparison(
    budget: float, cost: float, ours: Tensor, scored: list[Scores], costs: list[int], tasks: TaskSet
) -> dict:
    """EAS's networks (``ours``: right or wrong on every test image) against random architectures of equal cost."""
    difference = paired_difference(ours, torch.stack([s.correct for s in scored])) if scored else {}
    return {
        "budget": budget,
        "madds": cost,
        "accuracy": ours.float().mean().item(),
        "random_madds": costs,
        "random_accuracy": [s.accuracy() for s in scored],
        "random_by_task": [[s.accuracy(t) for t in range(len(tasks))] for s in scored],
        **difference,
    }


def _picked(ours: Tensor, scored: list[Scores], validated: list[Scores], tasks: TaskSet) -> dict:
    """The control for EAS's last step: random architectures, but each task gets the one the validation split prefers.

    As many are tried as EAS has candidates. What EAS gains over this is due to the generator, the rest to choosing.
    """
    right = torch.zeros_like(ours)
    for t in range(len(tasks)):
        best = max(range(len(validated)), key=lambda i: (validated[i].accuracy(t), -validated[i].cross_entropy(t)))
        own = scored[best].task == t
        right[own] = scored[best].correct[own]
    return {**paired_difference(ours, right), "tried": len(validated), "accuracy": right.float().mean().item()}


def _spread(scored: list[Scores], costs: list[int], tasks: TaskSet) -> dict:
    """How much architectures of equal cost differ: standard deviation of test accuracy against its sampling error.

    The sampling error is that of one accuracy, sqrt(p (1-p) / n).
    """
    if len(scored) < 2:
        return {}
    accuracy = torch.tensor([s.accuracy() for s in scored], dtype=torch.float64)
    by_task = torch.tensor([[s.accuracy(t) for t in range(len(tasks))] for s in scored], dtype=torch.float64)
    n, p = len(scored[0].correct), accuracy.mean().item()
    return {
        "madds": sum(costs) / len(costs) / 1e6,
        "accuracy": accuracy.tolist(),
        "deviation": accuracy.std().item(),
        "sampling_error": (p * (1 - p) / n) ** 0.5,
        "n": n,
        "by_task_deviation": by_task.std(0).tolist(),
    }


def _bar(run: Run, items, name: str):
    return track(items, name, enabled=run.progress)
