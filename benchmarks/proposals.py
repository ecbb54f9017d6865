"""From scenarios to proposals: the generator's pass with sampling and budgets kept, against the code before it.

By itself: ``python -m benchmarks.proposals`` prints the table.
"""

from __future__ import annotations

import statistics

import torch
from torch import Tensor

from benchmarks.timing import median_ms, ratios, table, timed
from eas_core.base.random import rng
from eas_core.network.generator import sample_gates
from eas_core.runs import trained
from eas_core.runs.run import make_run
from eas_core.search.specialize import Proposal, propose
from eas_core.space.cost_tables import cost_of_gates, cost_tables, madds_millions
from eas_core.space.search_space import DEPTHS, EXPANSIONS, GATES, KERNELS, Architecture, nest
from eas_core.training.train_generator import cost_loss, draw_scenarios

MANY = 10_000


def former_architectures(gates: Tensor) -> list[Architecture]:
    rows = nest(gates).round().long().sum(-1).tolist()
    choices = [KERNELS] * 20 + [EXPANSIONS] * 20 + [DEPTHS] * 5
    named = [[c[i] for c, i in zip(choices, row, strict=True)] for row in rows]
    return [Architecture(row[40:], row[20:40], row[:20]) for row in named]


def former_nearest(z: Tensor, space, budget: float) -> Architecture:
    """All numbers of gates switched off, then all gates switched on, at once, for one scenario."""
    gates = nest((z > 0).float()).flatten()
    fewer = gates * (z.argsort().argsort() >= torch.arange(GATES + 1)[:, None])
    gates = fewer[(madds_millions(space, fewer) <= budget).int().argmax()]
    while True:
        raised = gates.repeat(GATES, 1).fill_diagonal_(1.0)
        costs = madds_millions(space, raised)
        fits = (costs > madds_millions(space, gates)) & (costs <= budget)
        if not fits.any():
            return former_architectures(gates[None])[0]
        gates = raised[z.masked_fill(~fits, -torch.inf).argmax()]


@torch.no_grad()
def former_propose(generator, space, scenarios, settings, seed) -> list[Proposal]:
    """The code before: all samples of all scenarios from one source of noise, derived ones one by one."""
    limit = torch.tensor([b for _, b in scenarios], dtype=torch.float64)[:, None]
    z = generator(torch.tensor([t for t, _ in scenarios]), limit[:, 0].float())
    gates = sample_gates(z[:, None].expand(-1, settings.samples, -1), 1.0, rng(seed, "specialize"))
    cost = cost_of_gates(cost_tables(space)[0], gates) / 1e6
    fits = (cost <= limit) & (cost >= (1 - settings.tolerance) * limit)
    proposals = []
    for i, (t, b) in enumerate(scenarios):
        kept = fits[i].nonzero().flatten()[: 4 * settings.candidates]
        found = tuple(dict.fromkeys(former_architectures(gates[i, kept])))[: settings.candidates]
        proposals.append(Proposal(t, b, found or (former_nearest(z[i], space, b),), not found))
    return proposals


def measure(rounds: int = 10) -> dict:
    """Milliseconds for the profile's 50 scenarios and seconds for 10,000, and the ratio to the former code's.

    The generator of the demo profile: untrained, so that many architectures have to be derived, and trained on the cost
    alone for a moment, so that samples fit about as often as after real training.
    """
    run = make_run("demo", device="cpu", progress=False)
    space, settings, (low, high) = run.profile.search_space(), run.profile.specialize, run.profile.generator.budget
    network, tasks = trained.new_generator(run), len(run.tasks)
    optimizer, draw = torch.optim.Adam(network.parameters(), 0.01), rng(0, "bench", "generator")
    scenarios = [(t, budget) for budget in settings.budgets for t in range(tasks)]
    levels = torch.linspace(low, high, MANY // tasks, dtype=torch.float64).tolist()
    many = [(t, budget) for budget in levels for t in range(tasks)]
    task, budget = torch.tensor([t for t, _ in scenarios]), torch.tensor([b for _, b in scenarios])
    found = {"scenarios": len(scenarios), "many": len(many), "samples": settings.samples}
    for name, steps in (("untrained", 0), ("trained", 400)):
        for _ in range(steps):
            t, b = draw_scenarios(64, tasks, (low, high), draw)
            optimizer.zero_grad()
            cost_loss(madds_millions(space, sample_gates(network(t, b), 1.0, draw)), 0.975 * b).backward()
            optimizer.step()
        now, before = [], []
        for _ in range(rounds + 1):  # the first warms up
            now.append(timed(lambda: propose(network, space, scenarios, settings, 0)))
            before.append(timed(lambda: former_propose(network, space, scenarios, settings, 0)))
        proposals = propose(network, space, many, settings, 0)
        with torch.no_grad():
            forward = median_ms(lambda: network(task, budget), 20)
        found[name] = {
            "forward_ms": forward,
            "with_sampling_ms": 1e3 * statistics.median(now[1:]),
            "former_ms": 1e3 * statistics.median(before[1:]),
            "ratio": ratios(before[1:], now[1:]),
            "derived": sum(p.derived for p in propose(network, space, scenarios, settings, 0)),
            "many_seconds": statistics.median(
                timed(lambda: propose(network, space, many, settings, 0)) for _ in range(3)
            ),
            "many_derived": sum(p.derived for p in proposals),
        }
    return found


def markdown(found: dict) -> str:
    """The table of :func:`measure`."""
    rows = [
        [
            name,
            f"{one['forward_ms']:.2f} ms",
            f"{one['with_sampling_ms']:.1f} ms",
            f"{one['former_ms']:.1f} ms",
            "**{median:.1f}** ({low:.1f}-{high:.1f})".format(**one["ratio"]),
            str(one["derived"]),
            f"{one['many_seconds']:.2f} s",
            f"{one['many_derived']:,}",
        ]
        for name, one in ((name, found[name]) for name in ("untrained", "trained"))
    ]
    head = ["generator", "forward pass", "with samples and budgets kept", "the code before", "ratio", "derived"]
    return table([*head, f"{found['many']:,} scenarios", "derived"], rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(markdown(measure()))
