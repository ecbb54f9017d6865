"""Accuracy and loss per task, with 95 % intervals.

Task accuracy lets only the classes of the image's own task compete (the task is known at test time). One pass over a
split gives all tasks at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from eas_core.base.errors import DataError
from eas_core.data.splits import Split, normalise
from eas_core.data.task_dropout import own_task_logits
from eas_core.data.tasks import TaskSet
from eas_core.network.subnetwork import Network, folded

Z95 = 1.959964


@dataclass(frozen=True, eq=False)
class Scores:
    """One network on the images ``index`` of a split: whether each was right (bool), its cross-entropy, its task."""

    correct: Tensor
    loss: Tensor
    task: Tensor

    def accuracy(self, task: int | None = None) -> float:
        """Share of images that were right, a fraction: of one task (its number), or of all."""
        return self.correct[self._of(task)].float().mean().item()

    def cross_entropy(self, task: int | None = None) -> float:
        """Mean cross-entropy in nats, of one task (its number) or of all."""
        return self.loss[self._of(task)].mean().item()

    def _of(self, task: int | None) -> Tensor | slice:
        return slice(None) if task is None else self.task == task

    def summary(self, task: int | None = None) -> dict:
        """``{"accuracy", "interval", "cross_entropy", "n"}``, fractions; the interval is Wilson's at 95 %."""
        correct = self.correct[self._of(task)]
        n, hits = len(correct), int(correct.sum())
        return {
            "accuracy": hits / n,
            "interval": list(wilson(hits, n)),
            "cross_entropy": self.cross_entropy(task),
            "n": n,
        }


@torch.no_grad()
def score(
    network: torch.nn.Module, split: Split, tasks: TaskSet, index: Tensor | None = None, batch_size: int = 256
) -> Scores:
    """Run a calibrated network over a split, or over the images ``index`` (k,) of it; puts it in eval mode.

    Only the classes of an image's own task compete (:func:`eas_core.data.task_dropout.own_task_logits`).

    >>> from eas_core import make_run, specialize_one
    >>> run = make_run("smoke", progress=False)
    >>> chosen, (test,) = specialize_one(run, "polygons", 3.0), run.splits("test")
    >>> scores = score(chosen.network, test, run.tasks, test.of_task(run.tasks, chosen.task))
    >>> sorted(scores.summary()), len(scores.correct)
    (['accuracy', 'cross_entropy', 'interval', 'n'], 48)
    """
    network.eval()
    if isinstance(network, Network):
        network = folded(network)
    index = torch.arange(len(split)) if index is None else index.cpu()
    correct, loss, task = [], [], []  # on the device: only the last line waits for it
    for part in index.split(batch_size):
        images, labels = split.take(part)
        logits = own_task_logits(network(normalise(images)), labels, tasks)
        correct.append(logits.argmax(1) == labels)
        loss.append(F.cross_entropy(logits, labels, reduction="none"))
        task.append(tasks.task_of(labels))
    return Scores(*(torch.cat(parts).cpu() for parts in (correct, loss, task)))


def pack(correct: Tensor) -> str:
    """Right or wrong of n images (bool) as hexadecimal text, one bit an image, for records."""
    return np.packbits(correct.cpu().numpy()).tobytes().hex()


def unpack(text: str, n: int) -> np.ndarray:
    """The n booleans that :func:`pack` wrote; text of another length or kind raises :class:`DataError`."""
    try:
        packed = np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
    except (ValueError, TypeError):
        raise DataError(f"record: correct is not hexadecimal text ({text!r:.40})") from None
    if len(packed) != -(-n // 8):
        raise DataError(f"record: correct holds {len(packed)} bytes, {-(-n // 8)} needed for n = {n}")
    return np.unpackbits(packed, count=n).astype(bool)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Wilson's (1927) 95 % interval of ``hits`` out of ``n``, fractions (low, high).

    Sensible near 0 and 1, unlike the normal approximation.
    """
    p, z2 = hits / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_difference(ours: Tensor, others: Tensor) -> dict:
    """Mean of ``ours - others`` with its 95 % interval; both hold one row of right/wrong an architecture.

    ``ours`` is (n,) or (a, n), ``others`` (b, n), over the same n test images. Two things vary: which images were
    drawn (paired, so common difficulty cancels) and which architectures; their variances add.
    """
    ours, others = torch.atleast_2d(ours).double(), torch.atleast_2d(others).double()
    per_image = ours.mean(0) - others.mean(0)
    variance = per_image.var() / per_image.numel()
    for group in (ours, others):
        if len(group) > 1:
            variance = variance + group.mean(1).var() / len(group)
    mean, half = per_image.mean().item(), Z95 * variance.sqrt().item()
    return {"difference": mean, "interval": [mean - half, mean + half], "n": per_image.numel(), "others": len(others)}
