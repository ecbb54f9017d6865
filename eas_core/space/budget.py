"""Budgets: which ones a space allows, and what is said of one out of range. All in millions of multiply-adds."""

from __future__ import annotations

from collections.abc import Iterable

from eas_core.base.errors import SpaceError
from eas_core.space.architecture import LARGEST, SMALLEST, SearchSpace
from eas_core.space.count import MILLION, madds


def budget_range(space: SearchSpace) -> tuple[float, float]:
    """Multiply-adds in millions of the smallest and the largest architecture of a space.

    >>> low, high = budget_range(SearchSpace(num_classes=1000))
    >>> round(low), round(high)
    (121, 566)
    """
    low, high = madds(space, [SMALLEST, LARGEST])
    return low / MILLION, high / MILLION


def check_budget(budget: float, low: float, high: float) -> None:
    """Refuse a budget that is not in a generator's range. Raises :class:`SpaceError`, for NaN too."""
    if not low <= budget <= high:
        raise SpaceError(f"budget: {budget:g} M is outside [{low:g}, {high:g}] M multiply-adds, the generator's range")


def check_kept(budgets: Iterable[float], space: SearchSpace) -> None:
    """Refuse budgets that no architecture of a space keeps. Raises :class:`SpaceError` for the first, for NaN too."""
    low, high = budget_range(space)
    for budget in budgets:
        if not budget >= low:
            raise SpaceError(
                f"budget: {budget:g} M is below the smallest architecture's {low:g} M (range {low:g}-{high:g} M)"
            )
