"""The accuracy predictor of OFA-V and OFA-T (section 6.2): from an architecture to its accuracy on every task.

Once-for-all's predictor, three hidden layers of 400 units, with one output per task: OFA-T searches with the output of its
task, OFA-V with the mean of all. It learns from architecture-accuracy pairs, that is, from sub-networks that were
evaluated on the validation split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eas_core.base.errors import DataError, EASError, SpaceError
from eas_core.base.progress import track
from eas_core.settings import schema
from eas_core.space.search_space import PAIRS, Architecture, SearchSpace, one_hot, one_hot_of_index
from eas_core.training.loop import cosine, make_optimizer, set_lr

ROWS = 512  # evaluated at a time when searching: the activations of more do not fit into a core's cache

# Norm of a gradient at most. Ours: with targets of unit variance the paper's learning rate of 0.1 is close to where
# training diverges, and without a limit some runs end in networks that predict one value for everything.
CLIP = 1.0


class AccuracyPredictor(nn.Module):
    """One-hot code (..., 135) to the predicted accuracy of each task (..., T), as fractions.

    As in once-for-all the last layer has no bias: ``mean`` and ``std`` (T,), the targets' statistics, take its place.
    """

    def __init__(self, space: SearchSpace, tasks: int, hidden: int = 400, layers: int = 3):
        super().__init__()
        self.space = space
        widths = [3 * PAIRS] + [hidden] * layers
        self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in zip(widths[:-1], widths[1:], strict=True))
        self.head = nn.Linear(hidden, tasks, bias=False)
        self.mean = nn.Buffer(torch.zeros(tasks))
        self.std = nn.Buffer(torch.ones(tasks))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights and biases anew, U(-1, 1) / sqrt(fan-in): PyTorch's default, once-for-all's choice."""
        for layer in (*self.hidden, self.head):
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)

    def normalised(self, codes: Tensor) -> Tensor:
        """Predictions (..., T) in units of each task's standard deviation, 0 at its mean: what training fits."""
        for layer in self.hidden:
            codes = F.relu_(layer(codes))
        predicted: Tensor = self.head(codes)
        return predicted

    def forward(self, codes: Tensor) -> Tensor:
        """One-hot codes (..., 135) to predicted accuracies (..., T), fractions."""
        return self.mean + self.std * self.normalised(codes)


@torch.no_grad()
def predict(predictor: AccuracyPredictor, space: SearchSpace, architectures: list[Architecture]) -> Tensor:
    """Predicted accuracy of n architectures of a space, (n, T). Raises :class:`SpaceError` for another space."""
    for field in fields(SearchSpace):
        made, asked = getattr(predictor.space, field.name), getattr(space, field.name)
        if made != asked:
            raise SpaceError(f"space.{field.name}: {asked} here, but the accuracy predictor was made for {made}")
    predicted: Tensor = predictor(one_hot(architectures).to(predictor.mean.device))
    return predicted.cpu()


def fit(
    predictor: AccuracyPredictor,
    codes: Tensor,
    accuracy: Tensor,
    settings: schema.Predictor,
    generator: torch.Generator,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train from fresh weights on one-hot codes (n, 135) and accuracies (n, T); returns the loss of every epoch.

    The paper's recipe (section 6.2): mean squared error, SGD with momentum, the learning rate falling to 0 as a cosine.
    Targets are normalised a task, since tasks differ in how much they vary. Raises :class:`DataError` for pairs of the
    wrong shape, or accuracies that are not fractions; :class:`EASError` if training diverges.
    """
    tasks = len(predictor.mean)
    if codes.ndim != 2 or codes.shape[1] != 3 * PAIRS or accuracy.shape != (len(codes), tasks) or not len(codes):
        shapes = f"{tuple(codes.shape)}, {tuple(accuracy.shape)}"
        raise DataError(f"pairs: codes and accuracies have shapes {shapes}; (n, {3 * PAIRS}), (n, {tasks}) needed")
    outside = ~((accuracy >= 0) & (accuracy <= 1))  # so that NaN is outside too
    if outside.any():
        raise DataError(f"pairs: accuracy {accuracy[outside][0].item():g} is not a fraction in [0, 1]")
    predictor.initialise(generator)
    accuracy = accuracy.to(predictor.mean.dtype)
    spread = accuracy.std(0, correction=0)
    predictor.mean.copy_(accuracy.mean(0))
    predictor.std.copy_(spread.where(spread > 1e-6, torch.ones_like(spread)))  # a task on which all are equal
    targets = (accuracy - predictor.mean) / predictor.std

    optimizer = make_optimizer(predictor, settings.optimizer)
    per_epoch = math.ceil(len(codes) / settings.batch_size)
    curve = []
    for epoch in track(range(settings.epochs), "predictor", unit="epoch", enabled=progress):
        order = torch.randperm(len(codes), generator=generator).to(codes.device)
        total = 0.0
        for i, batch in enumerate(order.split(settings.batch_size)):
            step = epoch * per_epoch + i
            set_lr(optimizer, cosine(step, settings.epochs * per_epoch, settings.optimizer.lr, 0.0))
            loss = F.mse_loss(predictor.normalised(codes[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(predictor.parameters(), CLIP)
            optimizer.step()
            total += loss.item() * len(batch)
        if not math.isfinite(total):
            rate = settings.optimizer.lr
            raise EASError(f"predictor.optimizer.lr: {rate:g} is too large, training diverged in epoch {epoch + 1}")
        curve.append({"step": epoch + 1, "loss": total / len(codes)})
    return curve


def search_objective(
    predictor: AccuracyPredictor, tasks: Sequence[int | None], rows: int = ROWS
) -> Callable[[Tensor, Tensor], Tensor]:
    """What :func:`eas_core.search.evolution.evolve` maximises: the accuracy predicted for scenario i on task ``tasks[i]``.

    ``None`` stands for the mean of all tasks: OFA-V is ``[None]``, OFA-T has a task number per scenario. ``rows``
    architectures are evaluated at a time.
    """
    count, device = len(predictor.mean), predictor.mean.device
    weights = torch.stack(
        [torch.full((count,), 1 / count) if t is None else torch.eye(count)[t] for t in tasks]
    )  # (s, T)

    @torch.no_grad()
    def objective(index: Tensor, scenario: Tensor) -> Tensor:
        parts = [predictor(one_hot_of_index(part.to(device))).cpu() for part in index.split(rows)]
        return (torch.cat(parts) * weights[scenario]).sum(1)

    return objective


def rank_correlation(predicted: Tensor, measured: Tensor) -> dict:
    """How well predicted (n, T) orders measured (n, T): Spearman's rho and Kendall's tau, JSON-able.

    ``mean`` is of the task mean, ``tasks`` of each task; ``None`` where one side has no order (all its values equal).
    """
    if predicted.shape != measured.shape or predicted.ndim != 2 or len(predicted) < 2:
        shapes = f"{tuple(predicted.shape)}, {tuple(measured.shape)}"
        raise DataError(f"pairs: predicted and measured have shapes {shapes}; both must be (n, T), n at least 2")

    from scipy import stats  # takes a second to import

    def both(one: Tensor, other: Tensor) -> dict[str, float | None]:
        if len(one.unique()) == 1 or len(other.unique()) == 1:
            return {"spearman": None, "kendall": None}
        pair = one.double().numpy(), other.double().numpy()
        return {
            "spearman": float(stats.spearmanr(*pair).statistic),
            "kendall": float(stats.kendalltau(*pair).statistic),
        }

    columns = zip(predicted.unbind(1), measured.unbind(1), strict=True)
    return {
        "n": len(predicted),
        "mean": both(predicted.double().mean(1), measured.double().mean(1)),
        "tasks": [both(p, m) for p, m in columns],
    }
