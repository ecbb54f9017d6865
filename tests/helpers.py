"""What several test modules share: small search spaces, random architectures, networks whose every number matters."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import torch
from hypothesis import strategies as st
from PIL import Image

from eas_core.data import Split, rng
from eas_core.space import BLOCKS, DEPTHS, EXPANSIONS, KERNELS, UNITS, Architecture, SearchSpace
from eas_core.supernet import Supernet, initialise
from eas_core.tasks import TaskSet

# Small, but with every kind of block: with and without stride, residual, squeeze-excite and h-swish; odd maps too.
SMALL = SearchSpace(
    num_classes=6,
    resolution=13,
    stem_width=8,
    stem_stride=1,
    first_width=8,
    widths=(8, 8, 16, 16, 24),
    strides=(2, 1, 2, 1, 1),
    hswish=(False, True, False, True, True),
    squeeze_excite=(False, True, False, True, True),
    final_width=16,
    head_width=16,
)
TASKS = TaskSet.from_groups({"letters": ("a", "b", "c"), "digits": ("1", "2"), "signs": ("+",)})


def architectures() -> st.SearchStrategy[Architecture]:
    """Every architecture of the space can come out; shrinks towards the smallest one."""
    return st.builds(
        Architecture,
        depth=st.tuples(*[st.sampled_from(DEPTHS)] * UNITS),
        expand=st.tuples(*[st.sampled_from(EXPANSIONS)] * BLOCKS),
        kernel=st.tuples(*[st.sampled_from(KERNELS)] * BLOCKS),
    )


def random_supernet(space: SearchSpace = SMALL, seed: int = 0) -> Supernet:
    """A supernet whose every weight and running statistic is random, so that none can be left out unnoticed.

    The numbers are float32, the network computes in float64: views that are equal agree to about 12 digits.
    """
    network, draw = Supernet(space), rng(seed, "test")
    initialise(network, draw)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=draw))
            for tensor in (module.bias.data, module.running_mean):
                tensor.copy_(0.3 * torch.randn(tensor.shape, generator=draw))
        elif getattr(module, "bias", None) is not None:
            module.bias.data.copy_(0.5 * torch.randn(module.bias.shape, generator=draw))
    return network.double()


def random_images(space: SearchSpace = SMALL, count: int = 4, seed: int = 0) -> torch.Tensor:
    shape = (count, 3, space.resolution, space.resolution)
    return torch.randn(shape, generator=rng(seed, "images"), dtype=torch.float64)


def random_split(name: str = "train", per_class: int = 8, space: SearchSpace = SMALL) -> Split:
    labels = torch.arange(space.num_classes).repeat_interleave(per_class)
    shape = (len(labels), 3, space.resolution, space.resolution)
    images = torch.randint(256, shape, generator=rng(0, "split", name), dtype=torch.uint8)
    return Split(name, images, labels, name)


def drawing(name: str, size=(24, 18), mode="RGB", form="JPEG") -> bytes:
    """A JPEG that its name determines."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    coarse = np.random.default_rng(seed).integers(0, 255, (3, 4, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(buffer, form)
    return buffer.getvalue()


def bits(state: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """A state dict as bytes, to be compared bit by bit."""
    return {name: tensor.contiguous().numpy().tobytes() for name, tensor in state.items()}


def one_line(error: BaseException) -> str:
    """The message of an error, which must be a single line that says something."""
    message = str(error)
    assert message.strip() and "\n" not in message, f"not one line: {message!r}"
    return message
