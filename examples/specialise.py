"""Train what is not trained yet, then get a network for one task under one budget, as files.

python examples/specialise.py --profile smoke --task polygons --budget 3
"""

import argparse

import torch

from eas_core import export_network, load_network, make_run, params, score, specialize_one

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--profile", default="smoke", help="smoke trains in seconds, and its numbers mean nothing")
parser.add_argument("--task", default="polygons", help="name or number of a task")
parser.add_argument(
    "--budget", type=float, default=3.0, help="the most that a network may cost, in million multiply-adds"
)
parser.add_argument("--runs", default="runs", help="where trained weights and records are kept")
parser.add_argument("--out", default="my_network", help="the folder for the network")
options = parser.parse_args()

run = make_run(options.profile, root=options.runs)
chosen = specialize_one(run, options.task, options.budget)  # trains teacher, supernet and generator if need be
(size,) = params(chosen.network.space, [chosen.architecture])
print(f"{options.task}, at most {options.budget:g} M: {chosen.madds:.2f} M multiply-adds, {size:,} parameters")

(test,) = run.splits("test")
index = test.of_task(run.tasks, chosen.task)  # the images of the task
summary = score(chosen.network, test, run.tasks, index).summary()
low, high = summary["interval"]
print(f"test accuracy {summary['accuracy']:.1%}, between {low:.1%} and {high:.1%}, {summary['n']} images")

for path in export_network(chosen, run, options.out):
    print(path)
images = test.images[index][:4].cpu() / 255  # RGB, 0 to 1
with torch.no_grad():
    logits = load_network(options.out)(images)  # one column a class of the task
print("predicted:", *(run.tasks.class_names[run.tasks.classes[chosen.task][i]] for i in logits.argmax(1)))
