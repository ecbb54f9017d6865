"""Several processes, one a device, that train one network: started by ``accelerate launch`` or ``torchrun``.

All random numbers of a step are named by the step (:func:`eas_core.base.random.rng`), so every process draws the same
sub-networks, masks and augmentation for the *whole* batch, and keeps its share of the images. Gradients, BatchNorm
statistics and the numbers of the training curve are those of the whole batch: the curve is that of one process with the
same batch, to rounding. Not so with micro-batches: BatchNorm then sees one micro-batch (of all processes) at a time.

Why gradients are averaged by one reduction before the update, and not by ``DistributedDataParallel``: a step has several
forward and backward passes, each through another part of the weights. DDP would need ``no_sync`` around all passes but
the last and a search for unused parameters in each, and it hides the network's other methods (``forward_paths``,
``sort_channels``). What that gives up is communication during the backward pass.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from eas_core.base.errors import DevicesError, EASError

if TYPE_CHECKING:
    import torch
    from accelerate import PartialState
    from torch import Tensor

PRECISIONS = ("no", "bf16")
Value = TypeVar("Value")
PATIENCE = timedelta(hours=1)  # for the first process, while it prepares data alone


@dataclass(frozen=True)
class Devices:
    """The processes of this launch, seen from one of them. Every method is a no-op for one process, as by default.

    ``mixed_precision``: "bf16" runs forward passes of the networks by autocast; gates, cost and losses stay float32.
    ``micro_batches``: into how many parts a process splits its share of a batch, one forward and backward pass each.
    ``deterministic``: a GPU gives the same bits each time, more slowly (:func:`settle`).
    Methods that communicate must be called by all processes alike.
    """

    state: PartialState | None = None  # accelerate's
    mixed_precision: str = "no"
    micro_batches: int = 1
    deterministic: bool = False

    @property
    def count(self) -> int:
        return self.state.num_processes if self.state else 1

    @property
    def first(self) -> bool:
        """Whether this is the process that shows progress and writes files."""
        return self.state is None or self.state.is_main_process

    def described(self) -> dict[str, Any]:
        """What a record's provenance says about a launch; empty for one process without options."""
        if self.count == 1 and not self.variant:
            return {}
        options = {"mixed_precision": self.mixed_precision, "micro_batches": self.micro_batches}
        return {"processes": self.count, **options}

    @property
    def variant(self) -> str:
        """The options that change more than rounding, which a checkpoint must share with a training that continues it."""
        options = [self.mixed_precision] * (self.mixed_precision != "no")
        return " ".join(options + [f"{self.micro_batches} micro-batches"] * (self.micro_batches > 1))

    # ---------------------------------------------------------------- batches

    def share(self, whole: Tensor, dim: int = 0) -> Tensor:
        """This process's part of something drawn for the whole batch: equal, consecutive slices."""
        if self.state is None:
            return whole
        process: int = self.state.process_index
        return whole.chunk(self.count, dim)[process]

    def micro(self, n: int) -> list[slice]:
        """The micro-batches of this process's ``n`` images."""
        size = n // self.micro_batches
        return [slice(i * size, (i + 1) * size) for i in range(self.micro_batches)]

    def check(self, sizes: dict[str, int]) -> None:
        """Refuse batches, ``{setting: images}``, that cannot be split into equal parts."""
        parts = self.count * self.micro_batches
        for name, images in sizes.items():
            if images % parts:
                how = f"{self.count} processes x {self.micro_batches} micro-batches"
                raise DevicesError(
                    f"{name}: {images} images cannot be split equally among {how}; take a multiple of {parts}"
                )

    # ---------------------------------------------------------------- one step

    def forward(self, network: Callable[[Tensor, Any], Tensor], images: Tensor, which: Any) -> Tensor:
        """``network(images, which)``, in mixed precision if that is on; the logits are float32 in any case."""
        if self.mixed_precision == "no":
            return network(images, which)
        import torch

        with torch.autocast(images.device.type, torch.bfloat16):
            return network(images, which).float()

    def average_gradients(self, network: torch.nn.Module) -> None:
        """Replace gradients by their mean over processes, all in one reduction; skipped blocks have none anywhere."""
        if self.count == 1:
            return
        import torch
        from accelerate.utils import reduce

        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = reduce(torch.cat([g.flatten() for g in gradients]), "mean")
        for gradient, mean in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view(gradient.shape))

    def mean(self, numbers: dict[str, float | Tensor]) -> dict[str, float | Tensor]:
        """The mean over processes of what each of them computed on its share; tensors () stay on the device."""
        if self.state is None:
            return numbers
        import torch
        from accelerate.utils import reduce

        values = [torch.as_tensor(v, dtype=torch.float64, device=self.state.device) for v in numbers.values()]
        return dict(zip(numbers, reduce(torch.stack(values), "mean").unbind(), strict=True))

    # ---------------------------------------------------------------- agreements

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in any process."""
        return bool(self.mean({"flag": float(flag)})["flag"] > 0)

    def as_first(self, value: Value) -> Value:
        """The first process's ``value`` (a plain Python value), in all of them."""
        if self.count == 1:
            return value
        from accelerate.utils import broadcast_object_list

        values: list[Value] = broadcast_object_list([value])
        return values[0]

    def copy_from_first(self, modules: Mapping[str, torch.nn.Module], step: int) -> None:
        """Give all processes the first one's weights and buffers; they must be at the same ``step`` of the training."""
        if self.count == 1:
            return
        import torch

        if self.any(step != self.as_first(step)):
            raise DevicesError("checkpoint: not all processes see the same one; several machines need a shared --runs")
        for module in modules.values():
            for tensor in module.state_dict().values():
                whole = tensor.contiguous()  # channels-last weights are not
                torch.distributed.broadcast(whole, 0)
                tensor.copy_(whole)

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.state is not None:
            self.state.wait_for_everyone()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process runs the block, then the others do: for what it leaves on disk."""
        if self.state is None:
            yield
        else:
            with self.state.main_process_first():
                yield


ALONE = Devices()


@cache
def on_device(table: Tensor, device: torch.device) -> Tensor:
    """A constant table on a device, copied once and kept: a copy at each use would make the host wait for a GPU."""
    return table.to(device)


def settle(device: str | torch.device, deterministic: bool = False) -> None:
    """How a GPU computes from here on; does nothing for a CPU, which is deterministic as it is.

    Matrix products take TF32 where they are float32, as convolutions do by PyTorch's default, and cuDNN tries which
    algorithm is the fastest for a shape. ``deterministic`` trades speed for the same bits each time: no trying, and only
    operators that add in a fixed order; PyTorch raises RuntimeError for one that cannot.
    """
    import torch

    if torch.device(device).type != "cuda":
        return
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS wants for it, before its first call
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic)


def gpu_settings() -> dict[str, Any]:
    """What a record's provenance says of how a GPU computed: versions of its libraries, and the choices of :func:`settle`."""
    import torch

    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "tf32": torch.get_float32_matmul_precision() != "highest",
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def leave() -> None:
    """End the common work of all processes at once, if there is any; the first one may go on alone."""
    torch = sys.modules.get("torch")  # without which there is none
    if torch and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def join(
    device: str = "auto", mixed_precision: str | None = None, micro_batches: int = 1, deterministic: bool = False
) -> tuple[Devices, str]:
    """The processes of this launch, and this one's device; call once, early.

    Without ``torchrun`` or ``accelerate launch``, or with one process, it is this process alone and ``device`` as given.
    ``mixed_precision`` is that of ``accelerate launch --mixed_precision`` if not given. A GPU each, by NCCL, or the CPU,
    by gloo. Raises :class:`EASError` for what cannot be.
    """
    if device == "auto" and os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true":
        device = "cpu"
    processes, state = int(os.environ.get("WORLD_SIZE", 1)), None
    if processes > 1:
        state, device = _start(processes, device)
    if mixed_precision is None:
        mixed_precision = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
    if mixed_precision not in PRECISIONS:
        raise DevicesError(f"mixed precision: {mixed_precision!r} is not one of {', '.join(PRECISIONS)}")
    if micro_batches < 1:
        raise DevicesError(f"micro-batches: {micro_batches} is not at least 1")
    return Devices(state, mixed_precision, micro_batches, deterministic), device


def needs_gpus(processes: int, device: str, gpus: int) -> bool:
    """Whether ``processes`` of one machine with so many ``gpus`` take one each; :class:`EASError` if they are too few."""
    wanted = device == "cuda" or (device == "auto" and gpus > 0)
    if wanted and processes > gpus:
        raise EASError(f"device: {processes} processes on this machine, but {gpus} GPUs; each needs one")
    return wanted


def _start(processes: int, device: str) -> tuple[PartialState, str]:
    """Meet the other processes; errors are not DevicesError, since only some of the processes may have them."""
    if device not in ("auto", "cpu", "cuda"):
        raise EASError(f"device: {device!r} given to {processes} processes; auto, cpu and cuda are possible")
    try:
        from accelerate import PartialState
    except ImportError:
        install = "pip install -c constraints.txt -e .[distributed]"
        raise EASError(f"{processes} processes were started, which needs accelerate: {install}") from None
    import torch

    local = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    cpu = not needs_gpus(local, device, torch.cuda.device_count())
    state = PartialState(cpu=cpu, timeout=PATIENCE)
    return state, "cpu" if cpu else str(state.device)


def cores() -> list[int]:
    """The numbers of the cores that this process may use, in order; empty where the system cannot say (not Linux)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def check_threads(threads: int) -> None:
    """Refuse, as :class:`EASError`, a number of threads that this machine has no cores for."""
    most = len(cores()) or os.cpu_count() or 1
    if not 1 <= threads <= most:
        raise EASError(f"--threads: {threads} must be 1 to {most}, the cores of this machine")
