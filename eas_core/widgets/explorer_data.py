"""What the explorer shows: the facts and weights it carries, and the architecture of a scenario as Python computes it.

``method.js`` holds the same method; a browser test compares the two.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from eas_core.base.errors import EASError
from eas_core.data.tasks import TaskSet
from eas_core.network.generator import ArchitectureGenerator, hard_gates, relaxed_gates
from eas_core.runs import pipeline, trained
from eas_core.runs.run import Run
from eas_core.search.specialize import nearest_feasible
from eas_core.settings.schema import Profile
from eas_core.space.cost_tables import MILLION, cost_tables, madds_millions
from eas_core.space.search_space import GATES, Architecture, SearchSpace, from_gates


def facts(run: Run) -> dict:
    """Everything but weights that the page needs, JSON-able: tasks, budget range, cost tables, measured accuracies.

    Accuracies come from records that exist; nothing is trained or tested for them. Costs are in multiply-adds
    (``madds``, ``params``) and in millions (``range``, ``levels``, ``curves``).
    """
    curves, images = _curves(run)
    scenarios = scenario_facts(run.profile, run.tasks, trained.new_generator(run))
    return {"profile": run.profile.name, "seed": run.seed, **scenarios, "curves": curves, "images": images}


def scenario_facts(profile: Profile, tasks: TaskSet, generator: ArchitectureGenerator) -> dict:
    """What ``method.js`` needs to answer scenarios, JSON-able: tasks, budgets in millions, names of weights, cost tables."""
    tables = [{"fixed": t.fixed, "blocks": t.blocks.flatten(1).tolist()} for t in cost_tables(profile.search_space())]
    return {
        "tasks": [
            {"name": name, "classes": [tasks.class_names[c] for c in group]}
            for name, group in zip(tasks.names, tasks.classes, strict=True)
        ],
        "range": list(profile.generator.budget),
        "levels": list(profile.specialize.budgets),
        "samples": profile.specialize.samples,
        "tolerance": profile.specialize.tolerance,
        "layout": [[name, list(tensor.shape)] for name, tensor in generator.state_dict().items()],
        "madds": tables[0],
        "params": tables[1],
    }


def weight_bytes(generator: ArchitectureGenerator) -> bytes:
    """All weights, float32 little-endian, one after another in the order of ``facts(run)["layout"]``."""
    return b"".join(t.detach().cpu().numpy().astype("<f4").tobytes() for t in generator.state_dict().values())


def _record(run: Run, stage: str) -> dict | None:
    exists = (run.folder(stage) / "record.json").exists()
    return pipeline.make(run, stage)["result"] if exists else None


def _curves(run: Run) -> tuple[list[dict], int]:
    """For each task {method: [[cost in millions, accuracy, low, high], ...]}, and the test images behind a point."""
    curves: list[dict] = [{} for _ in run.tasks.names]
    images = 0
    for method in ("EAS", "OFA-T"):
        for row in (_record(run, f"tested-{method}") or {"rows": []})["rows"]:
            points = curves[run.tasks.index(row["task"])].setdefault(method, [])
            points.append([row["madds"], row["accuracy"], *row["interval"]])
            images = row["n"]
    for level in (_record(run, "results") or {"comparisons": []})["comparisons"]:
        for cost, accuracies in zip(level["random_madds"], level["random_by_task"], strict=True):
            for curve, accuracy in zip(curves, accuracies, strict=True):
                curve.setdefault("random", []).append([cost / MILLION, accuracy])
    for curve in curves:
        for points in curve.values():
            points.sort()
    return curves, images


def uniform(seed: int, count: int) -> np.ndarray:
    """``count`` uniform numbers in (0, 1), the same as ``uniform`` in dom.js gives at positions 0, 1, ... (mulberry32)."""
    with np.errstate(over="ignore"):
        start = np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF)
        a = start + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        t = (a ^ (a >> 15)) * (a | 1)
        t = (t + (t ^ (t >> 7)) * (t | 61)) ^ t
    numbers: np.ndarray = ((t ^ (t >> 14)).astype(np.float64) + 0.5) / 2**32
    return numbers


@torch.no_grad()
def logits(generator: ArchitectureGenerator, task: int, budget: float) -> Tensor:
    """The generator's logits z (90,) for one task number and budget in millions, on the CPU."""
    device = generator.task_embedding.device
    z: Tensor = generator(torch.tensor([task], device=device), torch.tensor([budget], device=device))[0].cpu()
    return z


def architecture_of(
    z: Tensor, space: SearchSpace, budget: float, draw: int, samples: int, tolerance: float
) -> tuple[Architecture, bool]:
    """What the explorer shows for logits z (90,) and a budget in millions, and whether it had to be derived.

    ``draw`` 0 is the most probable architecture within the budget. Draw n takes noise number n, makes ``samples``
    architectures of it (Eq. (I) and (J)) and gives the first that costs between (1 - tolerance) B and B; if there is
    none, the nearest feasible architecture is derived.
    """
    if draw < 0:
        raise EASError(f"draw: {draw} is not 0 (the most probable architecture) or the number of a sample")
    if draw:
        noise = torch.from_numpy(uniform(draw, samples * GATES)).view(samples, GATES)
        gates = hard_gates(relaxed_gates(z.double(), noise, 1.0))
        cost = madds_millions(space, gates)
        fits = ((cost <= budget) & (cost >= (1 - tolerance) * budget)).nonzero().flatten()
        if len(fits):
            return from_gates(gates[fits[:1]])[0], False
    return nearest_feasible(z, space, budget), draw > 0
