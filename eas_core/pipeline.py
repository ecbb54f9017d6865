"""The stages of a run, each made once and reused: data, teacher, supernet, generator, specialised networks, results.

A stage's folder, ``runs/<profile>/<seed>/<stage>-<key>``, is named by a hash of every setting it depends on. It holds
the weights (safetensors) and a record, written last: where the record is, the stage is complete. Each function returns
what is there, or makes it first, together with all it depends on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from eas_core import data, profiles, records
from eas_core.calibrate import calibrate
from eas_core.cost import madds, params, sample_near
from eas_core.data import Split, rng
from eas_core.errors import EASError
from eas_core.evaluate import Scores, paired_difference, score
from eas_core.generator import ArchitectureGenerator
from eas_core.network import Network
from eas_core.space import LARGEST, SMALLEST, Architecture
from eas_core.specialize import propose, specialize
from eas_core.supernet import Supernet, initialise
from eas_core.tasks import TaskSet
from eas_core.train_generator import train_generator
from eas_core.train_supernet import train_supernet, train_teacher

STAGES = ("teacher", "supernet", "generator", "specialized", "results")
SECTIONS = {  # the settings each stage adds to those of the stage before
    "data": ("data", "space"),
    "teacher": ("teacher",),
    "supernet": ("supernet",),
    "generator": ("generator", "calibration"),
    "specialized": ("specialize",),
    "results": ("evaluation",),
}


@dataclass(frozen=True)
class Run:
    """One profile with one seed, and where its artefacts lie. ``deadline`` is a ``time.monotonic()`` value."""

    profile: profiles.Profile
    seed: int = 0
    root: Path = Path("runs")
    device: str = "cpu"
    deadline: float | None = None
    progress: bool = True

    @property
    def tasks(self) -> TaskSet:
        return data.task_set(self.profile.data)

    def settings(self, stage: str) -> dict:
        """Every setting that the stage's artefact depends on."""
        upto = list(SECTIONS)[: list(SECTIONS).index(stage) + 1]
        settings = {"seed": self.seed, **self.profile.dump(*(s for name in upto for s in SECTIONS[name]))}
        del settings["data"]["path"]  # where photographs lie changes no result
        return settings

    def key(self, stage: str) -> str:
        return records.key(self.settings(stage))

    def folder(self, stage: str) -> Path:
        return Path(self.root) / self.profile.name / str(self.seed) / f"{stage}-{self.key(stage)}"

    def loop(self, stage: str) -> dict:
        return {
            "folder": self.folder(stage),
            "deadline": self.deadline,
            "progress": self.progress,
            "settings_key": self.key(stage),
        }

    def splits(self, *names: str) -> list[Split]:
        """Splits by name, prepared at first use and moved to the run's device."""
        profile = self.profile
        if profile.space.num_classes != self.tasks.num_classes:
            message = f"{profile.space.num_classes}, but {profile.data.source} has {self.tasks.num_classes} classes"
            raise EASError(f"space.num_classes: {message}")
        cache = Path(self.root) / "data"
        return [s.to(self.device) for s in data.load(profile.data, profile.space.resolution, cache, names)]


def make_run(
    profile: str = "demo",
    seed: int = 0,
    root: str | Path = "runs",
    overrides: list[str] | tuple[str, ...] = (),
    device: str = "auto",
    max_minutes: float | None = None,
    progress: bool = True,
) -> Run:
    """A run from plain values, as notebooks and the command line give them."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise EASError(f"device: {device!r} cannot be used here ({str(error).splitlines()[0]:.80})") from None
    deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes
    return Run(profiles.load(profile, overrides), int(seed), Path(root), device, deadline, progress)


# ---------------------------------------------------------------- training stages


def _trained(run: Run, stage: str, module: torch.nn.Module, train) -> dict:
    """Load ``module``'s weights and record if the stage is complete, else ``train(module)`` and save both."""
    folder = run.folder(stage)
    if (folder / "record.json").exists():
        records.load_into(module, folder / "weights.safetensors")
        return records.read_record(folder / "record.json", stage)
    curve, seconds = train(module)
    records.save_tensors(
        folder / "weights.safetensors", module.state_dict(), {"stage": stage, "profile": run.profile.name}
    )
    record = records.write_record(
        folder / "record.json", stage, run.settings(stage), {"curve": curve}, seconds, run.device
    )
    (folder / "checkpoint.pt").unlink(missing_ok=True)
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


def new_generator(run: Run) -> ArchitectureGenerator:
    """An untrained architecture generator with the run's settings and seed."""
    settings = run.profile.generator
    network = ArchitectureGenerator(
        len(run.tasks), settings.budget, settings.anchors, settings.embedding, settings.hidden
    )
    network.initialise(rng(run.seed, "generator", "initialise"))
    return network.to(run.device)


def generator(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The trained architecture generator and its record."""
    network = new_generator(run)

    def train(network):
        weights, _ = supernet(run)
        (split,) = run.splits("valid")
        return train_generator(network, weights, split, run.tasks, run.profile, run.seed, **run.loop("generator"))

    return network, _trained(run, "generator", network, train)


# ---------------------------------------------------------------- specialised networks


def network_of(run: Run, weights: Supernet, architecture: Architecture, train: Split) -> Network:
    """Extracted and calibrated: the network of one architecture, ready to use."""
    settings = run.profile.calibration
    return calibrate(weights.extract(architecture), train, settings.images, settings.batch_size, run.seed)


def specialized(run: Run) -> dict:
    """The record of all tasks x budgets: architectures, costs, validation accuracy, and the time the search took."""
    path = run.folder("specialized") / "record.json"
    if path.exists():
        return records.read_record(path, "specialized")
    started = time.monotonic()
    weights, _ = supernet(run)
    network, _ = generator(run)
    train, valid = run.splits("train", "valid")
    settings, tasks, space = run.profile.specialize, run.tasks, run.profile.search_space()
    scenarios = [(t, budget) for budget in settings.budgets for t in range(len(tasks))]
    proposals = propose(network, space, scenarios, settings, run.seed)
    rows = []
    for proposal in _bar(run, proposals, "specialise"):
        chosen = specialize(proposal, weights, train, valid, tasks, run.profile.calibration, run.seed)
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
    return records.write_record(path, "specialized", run.settings("specialized"), result, seconds, run.device)


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

    with torch.no_grad():
        forward = median(lambda: network(task, budget).cpu())
    return {
        "scenarios": len(scenarios),
        "forward": forward,
        "with_sampling": median(lambda: propose(network, space, scenarios, settings, run.seed)),
    }


def specialize_one(run: Run, task: str | int, budget: float):
    """One scenario: the specialised network (:class:`eas_core.specialize.Specialized`) of a task under a budget."""
    settings = run.profile.specialize
    index = run.tasks.index(task)
    low, high = run.profile.generator.budget
    if not low <= budget <= high:
        raise EASError(f"budget: {budget:g} M is outside [{low:g}, {high:g}] M multiply-adds, the generator's range")
    network, _ = generator(run)
    (proposal,) = propose(network, run.profile.search_space(), [(index, float(budget))], settings, run.seed)
    weights, _ = supernet(run)
    train, valid = run.splits("train", "valid")
    return specialize(proposal, weights, train, valid, run.tasks, run.profile.calibration, run.seed)


# ---------------------------------------------------------------- final evaluation, the only user of the test split


def results(run: Run) -> dict:
    """The record of the final evaluation on the test split.

    Per budget and task: EAS's accuracy with its interval. Per budget: random architectures of equal cost on the same
    images and the paired difference, also after letting the validation split choose among them. Besides: the largest
    and the smallest network, and how much random architectures of about equal cost differ among each other.
    """
    path = run.folder("results") / "record.json"
    if path.exists():
        return records.read_record(path, "results")
    chosen = specialized(run)["result"]["rows"]
    started = time.monotonic()
    weights, _ = supernet(run)
    train, valid, test = run.splits("train", "valid", "test")
    tasks, space, settings = run.tasks, run.profile.search_space(), run.profile.evaluation
    build = partial(network_of, run, weights, train=train)
    evaluate = partial(score, split=test, tasks=tasks, batch_size=settings.batch_size)

    budgets = run.profile.specialize.budgets
    middle = budgets[len(budgets) // 2]  # where more random architectures show how much equal cost leaves open
    rows, comparisons = [], []
    for budget in _bar(run, budgets, "evaluate"):
        level = [row for row in chosen if row["budget"] == budget]
        ours = torch.zeros(len(test), dtype=torch.bool)
        for row in level:
            task = tasks.index(row["task"])
            index = test.of_task(tasks, task)
            scores = evaluate(build(Architecture.from_dict(row["architecture"])), index=index)
            ours[index.cpu()] = scores.correct
            rows.append({**row, **scores.summary()})
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
    return tqdm(items, desc=name, disable=not run.progress, mininterval=1.0)
