"""Read the records of a published run, print what they say, and draw accuracy against cost.

python examples/read_release.py releases/tiny-imagenet-10-cpu --out accuracy_cost.png
"""

import argparse

from eas_core import read_release
from eas_core.evidence.queries import chance
from eas_core.runs import releases
from eas_core.show import result_figures, result_tables

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("release", nargs="?", default="releases/tiny-imagenet-10-cpu", help="a folder of releases/")
parser.add_argument("--out", default="accuracy_cost.png", help="the file for the figure")
options = parser.parse_args()

records = read_release(options.release)  # {stage: record}
for stage, record in records.items():
    made = record["provenance"]
    print(f"{stage}: {record['seconds']:.0f} s, {made['device']}, torch {made['versions']['torch']}")

results = records["results"]  # settings, result, seconds, provenance
tasks = releases.tasks(results)
print(result_tables.results_table(results, tasks).to_string())

figure = result_figures.accuracy_cost(results, chance(tasks))
figure.savefig(options.out)
print(options.out)
