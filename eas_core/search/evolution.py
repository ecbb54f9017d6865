"""Evolutionary search with an accuracy predictor, for many scenarios at once (OFA-V and OFA-T, section 6.2).

Once-for-all's search: the best quarter of a population become parents, half of the children are mutated parents, half
are crossed ones, and what breaks the budget is drawn again. It stagnates long before its evaluations are used up. So
when a population has stopped improving, what is left goes into a local search around its best members, and then into a
new population; the best of all is kept. Every step works on all scenarios that take it, as one batch for the predictor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from eas_core.base.errors import SpaceError
from eas_core.settings import schema
from eas_core.space.budget import budget_range, check_kept
from eas_core.space.cost_tables import MILLION, cost_of_index, cost_tables, draw_around
from eas_core.space.search_space import BLOCKS, PAIRS, Architecture, SearchSpace, active_blocks, from_index

PATIENCE = 5  # generations without a better member, after which local search takes over
DEPTH = 20  # members in a row whose neighbours are no better, after which a new population starts
TOGETHER = 30  # changes of two choices that are tried around a member
ATTEMPTS = 20  # to draw a child that keeps the budget; then it is its parent

# All 90 changes of one choice: its place in an index and the shift (modulo 3); and the pairs of changes at two places.
PLACE = torch.arange(PAIRS).repeat_interleave(2)
SHIFT = torch.tensor([1, 2]).repeat(PAIRS)
ONE, OTHER = (part[PLACE[pair[0]] != PLACE[pair[1]]] for pair in [torch.triu_indices(90, 90, 1)] for part in pair)

Objective = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """An architecture of a scenario, its predicted accuracy (a fraction) and its cost in millions."""

    architecture: Architecture
    predicted: float
    madds: float
    #: The next best ones of the same search, best first.
    runners_up: tuple[Found, ...] = ()


@torch.no_grad()
def evolve(
    objective: Objective,
    space: SearchSpace,
    budgets: list[float],
    settings: schema.Evolution,
    generator: torch.Generator,
    tolerance: float | None = None,
    keep: int = 1,
) -> tuple[list[Found], list[list[float]]]:
    """Search for s scenarios; scenario i may cost ``budgets[i]`` million multiply-adds.

    ``objective(index (k, 45), scenario (k,)) -> (k,)`` is maximised (:func:`eas_core.search.predictor.search_objective`), with
    at most population x (generations + 1) evaluations a scenario, as many as once-for-all takes. Nothing above a budget
    is returned, nor, with a ``tolerance``, below (1 - tolerance) of it. Also returns the best value at the start and
    after each step, a list a scenario. All searches draw from one ``generator``: what is found belongs to the whole list
    of scenarios, and one of them searched alone may end elsewhere. Of each search the ``keep`` best different networks are
    returned, the best with the others as its runners-up. Raises :class:`SpaceError` for a budget that no
    architecture keeps.
    """
    search = _Search(objective, space, budgets, settings, generator, tolerance, keep)
    history = [search.best_value[:, 0].clone()]
    while search.step():
        history.append(search.best_value[:, 0].clone())
    found = []
    for index, values in zip(search.best, search.best_value, strict=True):
        there = values.isfinite()
        cost = (cost_of_index(search.table, index[there]) / MILLION).tolist()
        rows = zip(from_index(index[there]), values[there].tolist(), cost, strict=True)
        first, *others = (Found(*row) for row in rows)
        found.append(replace(first, runners_up=tuple(others)))
    return found, torch.stack(history, 1).tolist()


class _Search:
    """The state of all scenarios: populations (s, q, 45), best member first, their values (s, q), what is used up."""

    def __init__(
        self,
        objective: Objective,
        space: SearchSpace,
        budgets: list[float],
        settings: schema.Evolution,
        generator: torch.Generator,
        tolerance: float | None,
        keep: int,
    ) -> None:
        check_kept(budgets, space)
        self.objective, self.space, self.generator = objective, space, generator
        self.table, self.mutation = cost_tables(space)[0], settings.mutation
        self.size, self.parents = settings.population, max(2, round(settings.parents * settings.population))
        self.limit = settings.population * (settings.generations + 1)
        self.highest = torch.tensor(budgets, dtype=torch.float64) * MILLION
        self.lowest = self.highest * (0.0 if tolerance is None else 1 - tolerance)
        count = len(budgets)
        self.used = torch.zeros(count, dtype=torch.long)
        self.population = torch.zeros(count, self.parents, PAIRS, dtype=torch.long)
        self.values = torch.full((count, self.parents), -torch.inf)
        self.expanded = torch.zeros(count, self.parents, dtype=torch.bool)
        self.stale = torch.zeros(count, dtype=torch.long)  # steps since the population's best improved
        self.local = torch.zeros(count, dtype=torch.bool)  # whether the scenario is in its local search
        self.best = torch.zeros(count, keep, PAIRS, dtype=torch.long)  # of all populations
        self.best_value = torch.full((count, keep), -torch.inf)
        self.marks = torch.randint(-(2**62), 2**62, (PAIRS,), generator=generator)  # to tell architectures apart
        self.start(torch.arange(count))

    def step(self) -> bool:
        """One generation, or one step of local search, of every scenario with evaluations left; False if none has."""
        room = self.limit - self.used
        local = self.local & (room >= 2 * PAIRS + TOGETHER)
        over = local & ((self.stale >= DEPTH) | (self.expanded | self.values.isinf()).all(1)) & (room >= 2 * self.size)
        self.start(over.nonzero().flatten())
        turns = ~self.local & (self.stale >= PATIENCE) & (room >= 2 * PAIRS + TOGETHER)
        self.stale[turns] = 0
        self.local = local & ~over | turns  # where no room is left for local search, generations go on
        evolving = (~self.local & (self.limit - self.used >= self.size)).nonzero().flatten()
        looking = self.local.nonzero().flatten()
        if len(evolving):
            self.next_generation(evolving)
        if len(looking):
            self.expand(looking)
        return bool(len(evolving) or len(looking))

    def keeps(self, index: Tensor, scenario: Tensor) -> Tensor:
        cost = cost_of_index(self.table, index)
        return (cost <= self.highest[scenario]) & (cost >= self.lowest[scenario])

    def start(self, scenarios: Tensor) -> None:
        """A new population: drawn uniformly as once-for-all does, around the budget where that hardly ever fits."""
        for i in scenarios.tolist():
            first = torch.randint(3, (1024, PAIRS), generator=self.generator)
            first = first[self.keeps(first, torch.full((1024,), i))]
            low, high = budget_range(self.space)
            low = max(low, self.lowest[i].item() / MILLION)
            target = (low + min(high, self.highest[i].item() / MILLION)) / 2
            for _ in range(100):
                if len(first) >= self.size:
                    break
                more = draw_around(self.space, target, 1024, self.generator)
                first = torch.cat([first, more[self.keeps(more, torch.full((1024,), i))]])
            if not len(first):
                budget, share = self.highest[i].item() / MILLION, self.lowest[i].item() / self.highest[i].item()
                raise SpaceError(f"budget: no architecture found that costs {share:.0%} to 100 % of {budget:g} M")
            first = first[: self.size]
            self.values[i], self.expanded[i], self.stale[i], self.local[i] = -torch.inf, False, 0, False
            self.merge(torch.tensor([i]), first[None], self.evaluate(first, torch.full((len(first),), i))[None])

    def evaluate(self, index: Tensor, scenario: Tensor) -> Tensor:
        self.used += torch.bincount(scenario, minlength=len(self.used))
        return self.objective(index, scenario)

    def merge(self, scenarios: Tensor, index: Tensor, values: Tensor) -> None:
        """Let candidates (m, k, 45) of m scenarios compete with their populations; the same network enters once."""
        everyone = torch.cat([self.population[scenarios], index], 1)
        values = torch.cat([self.values[scenarios], values], 1)
        expanded = torch.cat([self.expanded[scenarios], torch.zeros(index.shape[:2], dtype=torch.bool)], 1)
        values = values.masked_fill(self.again(everyone, values), -torch.inf)
        before = self.values[scenarios, 0]
        self.values[scenarios], kept = values.topk(self.parents, 1)
        self.population[scenarios] = everyone.gather(1, kept[..., None].expand(-1, -1, PAIRS))
        self.expanded[scenarios] = expanded.gather(1, kept)
        top = self.values[scenarios, 0]
        self.stale[scenarios] = torch.where(top > before, 0, self.stale[scenarios] + 1)
        keep = self.best.shape[1]
        better = scenarios[(self.values[scenarios, :keep] > self.best_value[scenarios, -1:]).any(1)]
        known = torch.cat([self.best[better], self.population[better, :keep]], 1)
        values = torch.cat([self.best_value[better], self.values[better, :keep]], 1)
        values = values.masked_fill(self.again(known, values), -torch.inf)
        self.best_value[better], kept = values.topk(keep, 1)
        self.best[better] = known.gather(1, kept[..., None].expand(-1, -1, PAIRS))

    def again(self, index: Tensor, values: Tensor) -> Tensor:
        """Which of k networks (m, k, 45) are there already, further to the front; bool (m, k).

        Places whose value is -inf are empty, whatever their index says.
        """
        empty = torch.iinfo(torch.long).min  # the name of no network
        order = self.name(index).masked_fill(values.isinf(), empty).sort(dim=1, stable=True)
        again = torch.zeros(index.shape[:2], dtype=torch.bool)
        again[:, 1:] = order.values[:, 1:] == order.values[:, :-1]
        return torch.zeros_like(again).scatter_(1, order.indices, again)

    def name(self, index: Tensor) -> Tensor:
        """A number for each network (..., 45) -> (...): choices of blocks that do not exist make no difference."""
        kernel, width, depth = (index * self.marks).split([BLOCKS, BLOCKS, PAIRS - 2 * BLOCKS], -1)
        number: Tensor = ((kernel + width) * active_blocks(index)).sum(-1) + depth.sum(-1)
        return number

    def next_generation(self, scenarios: Tensor) -> None:
        """Children of random parents: half of them mutated, half of them crossed."""
        count, half = len(scenarios), self.size // 2
        living = self.values[scenarios].isfinite().sum(1)
        groups = []
        for size, make in ((half, self.mutated), (self.size - half, self.crossed)):
            group = scenarios.repeat_interleave(size)
            alive = living.repeat_interleave(size)
            groups.append(self.offspring(group, alive, make).unflatten(0, (count, size)))
        children = torch.cat(groups, 1)
        values = self.evaluate(children.flatten(0, 1), scenarios.repeat_interleave(self.size))
        self.merge(scenarios, children, values.unflatten(0, (count, self.size)))

    def offspring(self, scenario: Tensor, living: Tensor, make: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """A child for each entry of ``scenario`` (k,): drawn until it keeps the budget, or else a copy of a parent."""
        one, other = (
            self.population[scenario, (torch.rand(len(scenario), generator=self.generator) * living).long()]
            for _ in range(2)
        )
        children = make(one, other)
        broken = (~self.keeps(children, scenario)).nonzero().flatten()
        for _ in range(ATTEMPTS):
            if not len(broken):
                break
            children[broken] = make(one[broken], other[broken])
            broken = broken[~self.keeps(children[broken], scenario[broken])]
        children[broken] = one[broken]
        return children

    def mutated(self, one: Tensor, _other: Tensor) -> Tensor:
        """Each block's kernel and ratio together, and each depth, drawn anew with the probability of mutation."""
        fresh = torch.randint(3, one.shape, generator=self.generator)
        hit = torch.rand(len(one), PAIRS - BLOCKS, generator=self.generator) < self.mutation
        return torch.where(torch.cat([hit[:, :BLOCKS], hit], 1), fresh, one)

    def crossed(self, one: Tensor, other: Tensor) -> Tensor:
        """Every choice from one parent or the other."""
        return torch.where(torch.rand(one.shape, generator=self.generator) < 0.5, one, other)

    def expand(self, scenarios: Tensor) -> None:
        """Look at the neighbours of the best member not looked at yet: all single changes, the likeliest double ones.

        A change that breaks the budget may be made up for by another, and is evaluated too, to know what it brings.
        """
        rows = torch.arange(len(scenarios))
        member = self.values[scenarios].masked_fill(self.expanded[scenarios], -torch.inf).argmax(1)
        self.expanded[scenarios, member] = True
        base, value = self.population[scenarios, member], self.values[scenarios, member]
        single = base[:, None].repeat(1, 2 * PAIRS, 1)  # (m, 90, 45)
        single[:, torch.arange(2 * PAIRS), PLACE] = (single[:, torch.arange(2 * PAIRS), PLACE] + SHIFT) % 3
        scenario = scenarios.repeat_interleave(2 * PAIRS)
        values = self.evaluate(single.flatten(0, 1), scenario).view(len(rows), -1)
        gain = values - value[:, None]
        cost, own = cost_of_index(self.table, single), cost_of_index(self.table, base)[:, None]
        together = cost[:, ONE] + cost[:, OTHER] - own  # near enough to choose by; checked below
        fits = (together <= self.highest[scenarios, None]) & (together >= self.lowest[scenarios, None])
        likely = (gain[:, ONE] + gain[:, OTHER]).masked_fill(~fits, -torch.inf).topk(TOGETHER, 1).indices
        double = base[:, None].repeat(1, TOGETHER, 1)
        for change in (ONE[likely], OTHER[likely]):
            place = PLACE[change][..., None]
            double.scatter_(2, place, (double.gather(2, place) + SHIFT[change][..., None]) % 3)
        again = scenarios.repeat_interleave(TOGETHER)
        values = torch.cat([values, self.evaluate(double.flatten(0, 1), again).view(len(rows), -1)], 1)
        neighbours = torch.cat([single, double], 1)
        scenario = scenarios.repeat_interleave(neighbours.shape[1])
        keeps = self.keeps(neighbours.flatten(0, 1), scenario).view(values.shape)
        self.merge(scenarios, neighbours, values.masked_fill(~keeps, -torch.inf))
