"""A baseline of your own beside EAS, random search: the best of a few random architectures that just keep the budget.

    python examples/add_baseline.py smoke
CONTRIBUTING.md has the recipe that makes it a part of the book.
"""

import sys

from eas_core import make_run
from eas_core.base.random import rng
from eas_core.runs import pipeline, specialized, store, trained
from eas_core.search.specialize import Proposal
from eas_core.settings.stages import METHODS, STAGES, Method, Stage
from eas_core.space.cost_tables import sample_near


def random_search(run):
    def search(folder):
        (weights, _), (train, valid), rows = trained.supernet(run), run.splits("train", "valid"), []
        for budget in run.profile.specialize.budgets:
            for task, name in enumerate(run.tasks.names):
                draw = rng(run.seed, "random search", task, str(budget))
                found = sample_near(run.profile.search_space(), 0.98 * budget, 0.02, 2, draw)  # two of them
                best = specialized.best_of(run, Proposal(task, budget, tuple(found), False), weights, train, valid)
                plain = best.architecture.to_dict()
                rows.append({"task": name, "budget": budget, "madds": best.madds, "architecture": plain})
        return {"rows": rows}, 0.0  # and seconds, if they are to be compared

    return store.once(run, "random", search)  # found, if it was made before


METHODS["random"] = Method("random", "random", ("random",), "own", "#56B4E9", "v")
STAGES["random"] = Stage("random", "supernet", ("calibration", "specialize.budgets"), f"{__name__}:random_search")
STAGES["tested-random"] = Stage("tested-random", "random", (), "eas_core.runs.tested:tested", ("random",))

run = make_run(*sys.argv[1:])  # profile, seed, folder of runs
for method in ("EAS", "random"):
    rows = pipeline.make(run, METHODS[method].tested)["result"]["rows"]
    print(f"{method}: {sum(row['accuracy'] for row in rows) / len(rows):.1%}, mean of {len(rows)} tasks and budgets")
