"""The default profile's own settings, on fewer images and with a few steps: a path that no smaller profile reaches is taken."""

from __future__ import annotations

import pytest

from eas_core.runs import jobs
from eas_core.runs.run import make_run

SHORTER = [
    "data.train_per_class=24",
    "data.valid_per_class=50",
    "data.test_per_class=36",
    "teacher.epochs=0.1",
    "supernet.stages=[{name: width, depths: [2, 3, 4], expansions: [3, 4, 6], kernels: [3, 5, 7], epochs: 0.1, lr: 0.002}]",
    "generator.steps=3",
    "multi_path.steps=2",
    "amortised.steps=5",
    "specialize.budgets=[3.0]",
    "specialize.candidates=2",
    "specialize.images_per_class=20",
    "pairs.count=12",
    "predictor.epochs=5",
    "evolution={generations: 5}",
    "evaluation.random_architectures=2",
    "evaluation.spread_architectures=3",
    "ablation={q: []}",
]


@pytest.mark.early
@pytest.mark.timeout(900)  # a minute and a half of one free core
def test_every_job_of_the_default_profile_runs(tmp_path):
    """Training, both searches and the final evaluation, on more than 2,000 test images."""
    run = make_run("demo", root=tmp_path, overrides=SHORTER, device="cpu", progress=False)
    found = jobs.collect(run)
    records = found["variants"][found["main"]]["records"]
    assert records["results"]["result"]["largest"]["n"] > 2000
    assert {"evolved", "tested-EAS", "tested-OFA-V", "tested-OFA-T", "tested-multi-path"} <= set(records)
