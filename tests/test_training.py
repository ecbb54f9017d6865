"""Interrupting changes nothing: a run that is stopped, killed or continued ends with the bits of an undisturbed one."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from helpers import SMALL, TASKS, bits, one_line, random_split, random_supernet

from eas_core.base import checkpoints, records
from eas_core.base.errors import CheckpointError, EASError
from eas_core.base.random import rng
from eas_core.data.splits import normalise
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.supernet import Supernet, initialise
from eas_core.settings import profiles, schema
from eas_core.space.search_space import LARGEST
from eas_core.training import loop, train_generator, train_supernet
from eas_core.training.loop import Stopped, cosine, make_optimizer

ROOT = Path(__file__).parents[1]
PROFILE = profiles.load(
    "smoke",
    [
        f"space={json.dumps(asdict(SMALL))}",
        "teacher={epochs: 2, batch_size: 8, optimizer: {kind: sgd, lr: 0.05}, warmup: 0.1}",
        "supernet.batch_size=8",
        "supernet.subnets_per_step=2",
        "generator.budget=[0.6, 2.6]",
        "generator.steps=6",
        "generator.task_images=4",
        "generator.context_images=4",
        "specialize.budgets=[1.0]",
    ],
)  # 12 teacher steps, 2 + 2 + 3 supernet steps, 6 generator steps
STAGES = ("teacher", "supernet", "cached teacher", "generator")


def train_stage(stage: str, folder: Path, seed: int = 0, profile=PROFILE, **loop):
    """Train one stage from its start or its checkpoint; returns (weights as bytes, training curve)."""
    loop = {"progress": False, "settings_key": "k", **loop}
    if stage == "cached teacher":  # the supernet's stage, with the teacher's logits computed once
        profile = profile.model_copy(update={"supernet": profile.supernet.model_copy(update={"cached_teacher": True})})
    supernet = Supernet(SMALL)
    initialise(supernet, rng(seed, "initialise"))
    if stage == "generator":
        network = ArchitectureGenerator(len(TASKS), (0.6, 2.6), 4, 8, 16)
        network.initialise(rng(seed, "g"))
        curve, _ = train_generator.train_generator(
            network, supernet, random_split("valid"), TASKS, profile, seed, folder, **loop
        )
        return bits(network.state_dict()), curve
    if stage == "teacher":
        curve, _ = train_supernet.train_teacher(supernet, random_split(), profile, seed, folder, tasks=TASKS, **loop)
    else:
        teacher = Supernet(SMALL)
        initialise(teacher, rng(seed, "teacher"))
        curve, _ = train_supernet.train_supernet(
            supernet, teacher, random_split(), profile, seed, folder, tasks=TASKS, **loop
        )
    return bits(supernet.state_dict()), curve


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    return {stage: train_stage(stage, tmp_path_factory.mktemp(stage)) for stage in STAGES}


@pytest.mark.parametrize("stage", STAGES)
def test_a_deadline_after_every_step_changes_nothing(stage, tmp_path, undisturbed):
    stops = 0
    while True:
        try:
            found = train_stage(stage, tmp_path, deadline=0.0)
            break
        except Stopped as error:
            assert "run again to continue" in one_line(error)
            stops += 1
    assert stops >= 5
    assert found == undisturbed[stage]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_in_the_middle_of_a_step_changes_nothing(stage, number, tmp_path, monkeypatch, undisturbed):
    signal_at = {0, 3, 4}
    real, calls = torch.Tensor.backward, []

    def backward(tensor, *args, **kwargs):
        if len(calls) in signal_at:
            signal.raise_signal(number)
        calls.append(None)
        return real(tensor, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "backward", backward)
    before = signal.getsignal(number)
    for _ in signal_at:
        if (tmp_path / "checkpoint.pt").exists():
            assert checkpoints.load_checkpoint(tmp_path / "checkpoint.pt")["step"] >= 1
        try:
            train_stage(stage, tmp_path)
        except Stopped:
            pass
    assert signal.getsignal(number) == before  # the handlers that were there are back
    assert train_stage(stage, tmp_path) == undisturbed[stage]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("step", [1, 4])
def test_being_killed_between_checkpoints_changes_nothing(stage, step, tmp_path, monkeypatch, undisturbed):
    class Killed(BaseException):
        pass

    def dying(real):
        def call(*args):
            calls.append(None)
            if len(calls) == step + 1:
                raise Killed
            return real(*args)

        return call

    calls: list = []
    module, name = (train_generator, "sample_gates") if stage == "generator" else (train_supernet, "batch")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
        patch.setattr(module, name, dying(getattr(module, name)))
        with pytest.raises(Killed):
            train_stage(stage, tmp_path)
    assert checkpoints.load_checkpoint(tmp_path / "checkpoint.pt")["step"] == step
    assert train_stage(stage, tmp_path) == undisturbed[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_a_seed_gives_the_same_bits_and_another_one_others(stage, tmp_path, undisturbed):
    assert train_stage(stage, tmp_path / "again") == undisturbed[stage]
    assert train_stage(stage, tmp_path / "other", seed=1)[0] != undisturbed[stage][0]


@pytest.mark.parametrize("stage", STAGES)
def test_global_random_numbers_have_no_influence(stage, tmp_path, undisturbed):
    torch.manual_seed(12345)
    torch.rand(7)
    assert train_stage(stage, tmp_path) == undisturbed[stage]


def test_a_full_disk_while_saving_leaves_the_last_checkpoint(tmp_path, monkeypatch, undisturbed):
    with pytest.raises(Stopped):
        train_stage("teacher", tmp_path, deadline=0.0)
    kept = (tmp_path / "checkpoint.pt").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EASError) as error:
            train_stage("teacher", tmp_path, deadline=0.0)
        assert "the disk is full" in one_line(error.value)
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept
    assert train_stage("teacher", tmp_path) == undisturbed["teacher"]


@pytest.mark.parametrize("keep", [0, 100, -10])
def test_a_checkpoint_cut_short_is_one_line_and_stays_where_it_is(keep, tmp_path):
    with pytest.raises(Stopped):
        train_stage("teacher", tmp_path, deadline=0.0)
    path = tmp_path / "checkpoint.pt"
    cut = path.read_bytes()[:keep]
    path.write_bytes(cut)
    with pytest.raises(CheckpointError) as error:
        train_stage("teacher", tmp_path)
    assert str(path) in one_line(error.value) and path.read_bytes() == cut


def test_a_checkpoint_of_other_settings_is_one_line(tmp_path):
    with pytest.raises(Stopped):
        train_stage("teacher", tmp_path, deadline=0.0)
    with pytest.raises(CheckpointError) as error:
        train_stage("teacher", tmp_path, settings_key="other")
    assert "another run or search space" in one_line(error.value)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_teacher_trains_the_largest_network_without_dropout(smoothing, tmp_path):
    """One step of plain SGD on the whole softmax, done by hand: the true class has 1 - s, and all share s."""
    changes = {"epochs": 0.01, "warmup": 0.0, "batch_size": 8, "label_smoothing": smoothing}
    profile = PROFILE.model_copy(update={"teacher": PROFILE.teacher.model_copy(update=changes)})
    trained, _ = train_stage("teacher", tmp_path, profile=profile)
    network = Supernet(SMALL)
    initialise(network, rng(0, "initialise"))
    images, labels, _ = train_supernet.batch(random_split(), 0, 8, profile.data, 0, "teacher")
    logits = network.train()(images, LARGEST)
    target = (1 - smoothing) * torch.nn.functional.one_hot(labels, SMALL.num_classes) + smoothing / SMALL.num_classes
    by_hand = -(target * logits.log_softmax(1)).sum(1).mean()
    loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-6)
    loss.backward()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    optimizer.step()
    assert bits(network.state_dict()) == trained


def test_distillation_is_the_cross_entropy_against_the_teachers_probabilities():
    teacher = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/4, 3/4
    logits = torch.zeros(1, 2)
    assert train_supernet.distillation_loss(logits, teacher).item() == pytest.approx(math.log(2))
    soft = torch.randn(4, 5, generator=rng(0)).requires_grad_()
    train_supernet.distillation_loss(soft, soft.detach()).backward()
    torch.testing.assert_close(soft.grad, torch.zeros(4, 5), atol=1e-6, rtol=0)  # least where both agree


def test_a_cached_teacher_says_what_the_teacher_says_of_images_that_do_not_move(tmp_path):
    still = PROFILE.model_copy(update={"data": PROFILE.data.model_copy(update={"shift": 0})})
    curves = [train_stage(stage, tmp_path / stage, profile=still)[1] for stage in ("supernet", "cached teacher")]
    losses = [[point["loss"] for point in curve] for curve in curves]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    moving = train_stage("cached teacher", tmp_path / "moving")[1]
    assert losses[0] != pytest.approx([point["loss"] for point in moving], rel=1e-3)


def test_without_distillation_no_teacher_is_asked(tmp_path):
    alone = PROFILE.model_copy(update={"supernet": PROFILE.supernet.model_copy(update={"distillation": 0.0})})
    weights = []
    for name, network in (("a teacher", random_supernet(seed=5).float()), ("none", None)):
        supernet = Supernet(SMALL)
        initialise(supernet, rng(0, "initialise"))
        loop = {"tasks": TASKS, "progress": False}
        train_supernet.train_supernet(supernet, network, random_split(), alone, 0, tmp_path / name, **loop)
        weights.append(bits(supernet.state_dict()))
    assert weights[0] == weights[1]


@pytest.mark.parametrize("batch_size", [5, 48, 512])
def test_a_cached_teacher_is_asked_in_chunks_that_change_nothing(batch_size):
    teacher, split = Supernet(SMALL), random_split()
    initialise(teacher, rng(0, "teacher"))
    whole = teacher.eval()(normalise(split.images), LARGEST)
    assert whole.std() > 0.01
    torch.testing.assert_close(train_supernet.teacher_logits(teacher, split, batch_size), whole, rtol=1e-4, atol=1e-6)


def test_a_batch_larger_than_the_split_is_the_whole_split():
    split = random_split(per_class=2)
    _, labels, index = train_supernet.batch(split, 3, 100, PROFILE.data, 0, "t")
    assert sorted(index.tolist()) == list(range(12)) and torch.equal(labels, split.labels[index])
    assert train_supernet.steps_of(3, split, 100) == 3


def test_width_that_is_elastic_from_the_start_sorts_once_and_width_that_never_is_does_not():
    whole, narrow = PROFILE.supernet.stages[0], PROFILE.supernet.stages[-1]
    for stages, sorts in (((narrow, narrow), [0]), ((whole, whole), []), ((whole, narrow, narrow), [1])):
        becomes = [number for number in range(len(stages)) if train_supernet._width_becomes_elastic(stages, number)]
        assert becomes == sorts


def test_supernet_stages_sample_what_they_may_and_channels_are_sorted_once(tmp_path, monkeypatch):
    seen, sorted_at = [], []
    real = train_supernet.sample
    monkeypatch.setattr(train_supernet, "sample", lambda *args: seen.append(real(*args)) or seen[-1])
    monkeypatch.setattr(Supernet, "sort_channels", lambda self: sorted_at.append(len(seen)))
    train_stage("supernet", tmp_path)
    kernel, depth, width = seen[:4], seen[4:8], seen[8:]  # two sub-networks a step; 2, 2 and 3 steps
    assert len(width) == 6 and sorted_at == [8]
    assert all(set(a.expand) == {6} and a.depth == (4,) * 5 for a in kernel)
    assert all(a.expand[0] == 6 for a in depth) and {d for a in depth for d in a.depth} == {2, 3, 4}
    assert {a.expand[0] for a in width} > {3} or {a.expand[1] for a in width} > {3}


@pytest.mark.parametrize("kind", ["sgd", "adamw", "adam"])
def test_blocks_that_are_first_used_in_a_later_step_can_be_trained(kind, tmp_path):
    """Shallow sub-networks first: the others' weights have no gradient, hence no moments, until they are drawn."""
    optimizer = PROFILE.supernet.optimizer.model_copy(update={"kind": kind, "lr": 1e-3})
    supernet = PROFILE.supernet.model_copy(update={"optimizer": optimizer, "subnets_per_step": 1})
    for seed in range(3):
        _, curve = train_stage(
            "supernet", tmp_path / str(seed), seed, PROFILE.model_copy(update={"supernet": supernet})
        )
        assert all(math.isfinite(point["loss"]) for point in curve)


def test_a_stage_without_a_learning_rate_takes_the_optimisers(tmp_path):
    def weights(**changes):
        stages = tuple(stage.model_copy(update={"lr": changes.get("own")}) for stage in PROFILE.supernet.stages)
        optimizer = PROFILE.supernet.optimizer.model_copy(update={"lr": changes["optimizers"]})
        supernet = PROFILE.supernet.model_copy(update={"stages": stages, "optimizer": optimizer})
        folder = tmp_path / str(sorted(changes.items()))
        return train_stage("supernet", folder, profile=PROFILE.model_copy(update={"supernet": supernet}))[0]

    given = weights(own=0.02, optimizers=0.3)
    assert weights(optimizers=0.02) == given != weights(optimizers=0.03)


@pytest.mark.parametrize("q", [0.0, 1.0])
def test_task_dropout_reaches_the_loss(q, tmp_path, undisturbed):
    dropout = PROFILE.supernet.task_dropout.model_copy(update={"q": q})
    profile = PROFILE.model_copy(update={"supernet": PROFILE.supernet.model_copy(update={"task_dropout": dropout})})
    assert train_stage("supernet", tmp_path, profile=profile)[0] != undisturbed["supernet"][0]


def test_the_curve_is_the_mean_of_the_steps_since_its_last_point(tmp_path):
    weight = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(weight.parameters(), lr=0.1)
    curve, _ = loop.train(
        "t", tmp_path, 600, {"w": weight}, optimizer, lambda i: {"loss": float(i)}, images_per_step=1, progress=False
    )
    assert len(curve) == 200 and curve[0] == {"step": 3, "loss": 1.0} and curve[-1] == {"step": 600, "loss": 598.0}


def test_interruptions_between_two_points_of_the_curve_leave_no_gap_in_it(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "POINTS", 2)  # a point every 6 of 12 steps
    whole = train_stage("teacher", tmp_path / "whole")
    while True:
        try:
            assert train_stage("teacher", tmp_path / "stopped", deadline=0.0) == whole
            break
        except Stopped:
            pass
    assert [point["step"] for point in whole[1]] == [6, 12]


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine():
    rates = [cosine(step, 100, 2.0, 0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([2 * (i + 1) / 11 for i in range(10)])
    assert rates[10] == 2.0 and rates[55] == pytest.approx(1.0) and 0 < rates[-1] < 0.01
    assert cosine(0, 10, 1.0, 0.0) == 1.0 and cosine(0, 1, 1.0, 1.0) > 0


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_the_optimiser_is_the_one_asked_for(kind):
    (weight,) = torch.nn.Linear(1, 1, bias=False).parameters()
    for momentum in (0.0, 0.9):
        settings = schema.Optimizer(kind=kind, lr=0.1, momentum=momentum)
        optimizer = make_optimizer(torch.nn.ParameterList([weight]), settings)
        assert type(optimizer).__name__.lower() == kind
        if kind == "sgd":  # without momentum there is none of Nesterov's
            assert {group["nesterov"] for group in optimizer.param_groups} == {momentum > 0}
        else:
            assert {group["fused"] for group in optimizer.param_groups} == {True}


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
def test_biases_and_batch_norm_are_not_decayed(kind):
    network = Supernet(SMALL)
    settings = schema.Optimizer(kind=kind, lr=0.1, weight_decay=0.5)
    decayed, rest = make_optimizer(network, settings).param_groups
    assert decayed["weight_decay"] == 0.5 and rest["weight_decay"] == 0
    assert all(p.ndim > 1 for p in decayed["params"]) and all(p.ndim == 1 for p in rest["params"])
    assert len(decayed["params"]) + len(rest["params"]) == len(list(network.parameters()))


# ---------------------------------------------------------------- the machine


def test_a_training_in_another_thread_leaves_the_signals_alone(tmp_path, undisturbed):
    before, found = signal.getsignal(signal.SIGTERM), []
    thread = threading.Thread(target=lambda: found.append(train_stage("teacher", tmp_path)))
    thread.start()
    thread.join()
    assert found == [undisturbed["teacher"]] and signal.getsignal(signal.SIGTERM) == before


def test_a_second_ctrl_c_interrupts_unless_a_launcher_passes_on_what_was_sent(tmp_path):
    for patient, stops in ((False, True), (True, False)):
        with loop.stop_requests(patient) as stop:
            signal.raise_signal(signal.SIGINT)
            assert stop.requested
            with pytest.raises(KeyboardInterrupt) if stops else nullcontext():
                signal.raise_signal(signal.SIGINT)


# ---------------------------------------------------------------- another process


def command(root: Path) -> list[str]:
    settings = ["teacher.epochs=1", "data.train_per_class=10", "data.valid_per_class=1", "data.test_per_class=1"]
    overrides = [word for setting in settings for word in ("--set", setting)]
    head = [sys.executable, "-u", "-m", "eas_core.cli", "run", "--profile", "smoke", "--until", "teacher"]
    return [*head, "--device", "cpu", "--runs", str(root), *overrides]


def test_sigterm_saves_and_exits_and_the_same_command_continues(tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    options = {"cwd": tmp_path, "env": environment}
    process = subprocess.Popen(command(tmp_path / "a"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **options)
    said = b""
    while b"teacher" not in said and (part := process.stderr.read1()):  # until the progress bar shows, before step 1
        said += part
    process.send_signal(signal.SIGTERM)
    said = (said + process.communicate(timeout=60)[1]).decode()
    assert process.returncode == 2, said
    last = said.strip().splitlines()[-1]
    assert last.startswith("eas: teacher: stopped after step") and "Traceback" not in said
    (checkpoint,) = (tmp_path / "a").rglob("checkpoint.pt")

    weights = []
    for root in ("a", "b"):  # the stopped run continues; b was never stopped
        subprocess.run([*command(tmp_path / root), "--quiet"], check=True, capture_output=True, **options)
        (path,) = (tmp_path / root).rglob("weights.safetensors")
        weights.append(bits(records.load_tensors(path)[0]))
    assert weights[0] == weights[1]
    assert not checkpoint.exists()
