"""Calibration sets the BatchNorm statistics of an extracted copy, and nothing else anywhere."""

import pytest
import torch
from helpers import bits, one_line, random_split, random_supernet
from torch import nn

from eas_core.base.errors import SpaceError
from eas_core.base.random import rng
from eas_core.data.splits import Split, normalise
from eas_core.network import calibrate as calibration
from eas_core.network.calibrate import calibrate, calibrated
from eas_core.space.search_space import sample

ARCHITECTURE = sample(rng(0, "calibrate"))
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_only_statistics_change_and_the_supernet_stays_as_it_was():
    supernet = random_supernet().float()
    before = bits(supernet.state_dict())
    network = supernet.extract(ARCHITECTURE)
    old = bits(network.state_dict())
    assert calibrate(network, random_split(), 48, 16, seed=0) is network
    new = bits(network.state_dict())
    changed = {name for name in old if old[name] != new[name]}
    assert changed == {name for name in old if name.endswith(STATISTICS)}
    assert bits(supernet.state_dict()) == before
    assert not network.training


def test_statistics_are_the_mean_over_the_batches():
    split, network = random_split(), random_supernet().float().extract(ARCHITECTURE)
    calibrate(network, split, len(split), 16, seed=0)
    order = torch.randperm(len(split), generator=rng(0, "calibration"))
    with torch.no_grad():
        maps = [network.stem.conv(normalise(split.images[index])) for index in order.split(16)]
    torch.testing.assert_close(network.stem.norm.running_mean, torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0))
    torch.testing.assert_close(network.stem.norm.running_var, torch.stack([m.var((0, 2, 3)) for m in maps]).mean(0))


@pytest.mark.parametrize("batch_size", [4, 7, 9, 20])
def test_every_image_has_the_same_weight_also_in_a_short_last_batch(batch_size):
    """The mean over images does not depend on how they fall into batches: exactly so for the first layer's means."""
    split, network = random_split(), random_supernet().float().extract(ARCHITECTURE)
    calibrate(network, split, 25, batch_size, seed=0)
    order = torch.randperm(len(split), generator=rng(0, "calibration"))[:25]
    with torch.no_grad():
        maps = network.stem.conv(normalise(split.images[order]))
        parts = [(len(part), part.var((0, 2, 3))) for part in maps.split(batch_size)]
    torch.testing.assert_close(network.stem.norm.running_mean, maps.mean((0, 2, 3)))
    torch.testing.assert_close(network.stem.norm.running_var, sum(n * var for n, var in parts) / 25)


def test_one_batch_gives_the_outputs_of_batch_statistics():
    split, network = random_split(), random_supernet().float().extract(ARCHITECTURE)
    images = normalise(split.images)
    with torch.no_grad():
        expected = network.train()(images)
        calibrate(network, split, len(split), len(split), seed=0)
        # the running variance is the unbiased one, n / (n - 1) of the batch's: close, not equal
        torch.testing.assert_close(network(images), expected, rtol=0.05, atol=0.05 * expected.abs().max().item())


def test_the_old_statistics_have_no_influence():
    one, two = random_supernet(), random_supernet()
    for module in two.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.add_(5)
    networks = [calibrate(s.float().extract(ARCHITECTURE), random_split(), 32, 16, seed=0) for s in (one, two)]
    assert bits(networks[0].state_dict()) == bits(networks[1].state_dict())


def test_a_seed_fixes_the_images_and_another_takes_others():
    def statistics(seed):
        return bits(calibrate(random_supernet().float().extract(ARCHITECTURE), random_split(), 8, 8, seed).state_dict())

    assert statistics(0) == statistics(0) != statistics(1)


def test_labels_have_no_influence():
    split = random_split()
    shuffled = Split(split.name, split.images, split.labels.flip(0), split.digest)
    supernet = random_supernet().float()
    one, two = (calibrate(supernet.extract(ARCHITECTURE), s, 16, 8, 0) for s in (split, shuffled))
    assert bits(one.state_dict()) == bits(two.state_dict())


def test_momentum_is_left_as_it_was():
    network = calibrate(random_supernet().float().extract(ARCHITECTURE), random_split(), 16, 8, seed=0)
    assert {m.momentum for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_the_test_split_is_refused():
    network = random_supernet().float().extract(ARCHITECTURE)
    before = bits(network.state_dict())
    with pytest.raises(SpaceError) as error:
        calibrate(network, random_split("test"), 16, 8, seed=0)
    assert "test" in one_line(error.value) and bits(network.state_dict()) == before


def test_the_supernet_itself_is_refused():
    with pytest.raises(SpaceError, match="extract"):
        calibrate(random_supernet().float(), random_split(), 16, 8, seed=0)


def test_statistics_found_before_are_those_of_a_calibration_and_belong_to_all_they_were_made_from(monkeypatch):
    split, supernet = random_split(), random_supernet().float()
    calls = []
    monkeypatch.setattr(calibration, "calibrate", lambda *given: (calls.append(given), calibrate(*given))[1])

    def found(**changes):
        given = {"supernet": supernet, "architecture": ARCHITECTURE, "split": split, "images": 24, "batch_size": 8}
        return calibrated(**{**given, "seed": 0, **changes})

    wanted = bits(calibrate(supernet.extract(ARCHITECTURE), split, 24, 8, 0).state_dict())
    first = found()
    again = found()
    assert len(calls) == 1 and bits(first.state_dict()) == wanted == bits(again.state_dict())
    assert first is not again and not again.training
    first.stem.norm.running_mean.add_(1)  # what a reader does to a network stays with it
    assert bits(found().state_dict()) == wanted and len(calls) == 1

    other = random_supernet().float()
    with torch.no_grad():
        other.blocks[3].expand.weight[0, 0] += 1
    moved = Split(split.name, split.images, split.labels, "other images")
    another = sample(rng(1, "calibrate"))
    for change in (
        {"supernet": other},
        {"architecture": another},
        {"split": moved},
        {"images": 16},
        {"batch_size": 12},
        {"seed": 1},
    ):
        before = len(calls)
        found(**change)
        assert len(calls) == before + 1, change
    channels_last = random_supernet().float().to(memory_format=torch.channels_last)
    assert bits(found(supernet=channels_last).state_dict()) == wanted


def test_only_so_many_statistics_are_kept():
    assert calibration._statistics.cache_info().maxsize == calibration.KEPT
