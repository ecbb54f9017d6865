"""REPRODUCING.md, made from records: ``python -m book.reproducing`` writes it, a test compares it.

What each table, figure and claim of the paper is expected to be comes from the releases in ``releases/``; no number in the page
is typed by hand.
"""

from __future__ import annotations

from pathlib import Path

from data_prep.catalogue import SOURCES
from eas_core.data import sources
from eas_core.data.tasks import TaskSet
from eas_core.runs import partly
from eas_core.runs.jobs import variant_name
from eas_core.runs.run import Run
from eas_core.settings import profiles, schema
from eas_core.show import reproduced
from eas_core.show.items import ITEMS, Item

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "REPRODUCING.md"
TEXT = """# Reproducing the paper

Made by `python -m book.reproducing` from the records in `releases/`; not written by hand.

`eas reproduce` lists every table, figure and claim of the paper, `eas reproduce table-1` trains and tests what one of them needs
and nothing else, and prints the paper's numbers, those expected and those obtained; exit status 2 says that they are not as expected.
What is there already is reused. `--seeds 0,1,2` takes several seeds, `--out FOLDER` writes figure and numbers, `--profile` takes another
profile: `smoke` goes through everything in minutes, with numbers that mean nothing. All of it at once: `make book`.

*Expected* is the mean over the seeds of a release; its *tolerance* is what one further seed may be off: half of a 95 % prediction
interval of that number alone. Few seeds make it wide; where seeds do not differ, or time is measured, there is none. An item is as
expected unless more than half of its numbers are off.
The default profile has other images than the paper, so the paper's accuracies are no target there; differences may be compared.

## Every table, figure and claim

{overview}

Minutes are the sum over all stages behind it, from nothing, in the release's own records ({machine}). Stages that several lines need
are made once. Figure II is a drawing without numbers, in the chapter *Quickstart*.

{differing}

## The numbers

{numbers}

## The machine learning reproducibility checklist

After the checklist of J. Pineau and others, *Improving Reproducibility in Machine Learning Research* (version 2.0).

{checklist}
"""


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def tasks_for(item: Item, profile: schema.Profile) -> TaskSet | None:
    """The profile's tasks, or None if the item is about another number of them."""
    tasks = sources.task_set(profile.data)
    return tasks if item.tasks in (None, len(tasks)) else None


def command(item: Item, profile: schema.Profile) -> str:
    other = tasks_for(item, profile) is None
    return f"eas reproduce {item.key}" + (" --profile imagenet-12" if other else "")


def today(needs: tuple[partly.Need, ...], profile: schema.Profile) -> list[dict]:
    """What a run of the profile would have today, as evidence with settings alone."""
    found: dict[str, dict] = {}
    own = profile.supernet.task_dropout
    for need in needs:
        for q, reading in partly.variants(profile, need):
            settings = Run(profile, 0).variant(q, reading).settings(need.stage)
            variant = found.setdefault(variant_name(q, reading, own.reading), {"records": {}})
            variant["records"][need.stage] = {"settings": settings}
    return [{"variants": found}]


def overview_and_numbers(profile: schema.Profile) -> dict[str, str]:
    """The table of all items, the numbers of each, the machines that the times are from, releases with other settings."""
    rows, parts, machines, other = [], [], {}, {}
    for item in ITEMS.values():
        tasks = tasks_for(item, profile)
        like = today(item.needs, profile)
        name, entries, published = reproduced.expected(item, profile.name, tasks, like) if tasks else ("", [], {})
        if name:
            other.setdefault(name, set()).update(reproduced.other_settings(like, entries))
            minutes = sum(partly.seconds(entry, item.needs, profile) for entry in entries) / len(entries) / 60
            where = f"`releases/{name}`, seeds {', '.join(map(str, published))}"
            took = f"{minutes:.0f}"
            for entry in entries:
                for variant in entry["variants"].values():
                    for record in variant["records"].values():
                        made = record["provenance"]
                        machines[f"{made['device']}, threads: {made['threads']}"] = None
        else:
            where, took = ("the paper's list of classes", "0") if not item.needs else ("no record yet", "")
        stages = ", ".join(dict.fromkeys(f"`{need.stage}`" for need in item.needs))
        link = f"[{item.what}](notebooks/{item.chapter}.ipynb)"
        rows.append([link, f"`{command(item, profile)}`", took, stages, where])
        if name or not item.needs:
            parts.append(numbers_of(item, list(published.values()), entries, tasks))
    header = ["what", "command", "minutes", "stages that it reads", "expected numbers from"]
    said = [
        f"`releases/{name}` was made before the profile `{profile.name}` had all its settings of today, and of those that both have these differ: "
        + ", ".join(f"`{key}`" for key in sorted(keys))
        + ". What is expected is expected of those settings."
        for name, keys in other.items()
        if keys
    ]
    return {
        "overview": table(header, rows),
        "numbers": "\n\n".join(parts),
        "machine": "; ".join(sorted(machines)),
        "differing": "\n".join(said),
    }


def numbers_of(item: Item, published: list[dict], entries: list[dict], tasks: TaskSet) -> str:
    """The numbers of one item: the paper's, those expected, their tolerance."""
    found = reproduced.compare_numbers(item, [], published or [item.numbers([], tasks)], item.paper(entries[:1], tasks))
    unit = f" ({item.unit})" if item.unit else ""
    rows = [
        [str(name), row["paper"], row[f"release{unit}"], row["tolerance"] or ("time" if item.timed else "")]
        for name, row in found.iterrows()
    ]
    return f"### {item.what}\n\n" + table(["number", "paper", f"expected{unit}", "tolerance"], rows)


def checklist(profile: schema.Profile) -> str:
    """The questions of the checklist, each with the place that answers it; sizes are those of the default profile."""
    data, tasks = profile.data, sources.task_set(profile.data)
    sizes = ", ".join(f"{getattr(data, f'{split}_per_class')} {word}" for split, word in (("train", "training"), ("valid", "validation"), ("test", "test")))  # fmt: skip
    downloads = ", ".join(f"`{name}`" for name, source in SOURCES.items() if source.check)
    groups = {
        "Models and algorithms": {
            "Mathematical setting, algorithm, model": "book/paper_map.md: each equation and Algorithm 1 with the function that "
            "computes it, and the chapter that explains it",
            "Assumptions, and where the kit departs from the paper": "book/departures.md",
            "Complexity (time, space, sample size)": "`eas reproduce table-3`; `benchmarks/results`, with the growth with tasks, "
            "classes and scenarios in `benchmarks/results/scaling.json`",
        },
        "Theoretical claims": {"Proofs": "the paper makes none; the gates' gradient is measured in the chapter *The gate's gradient*"},
        "Datasets": {
            "Statistics": f"default `{data.source}`: {len(tasks)} tasks, {tasks.num_classes} classes, per class {sizes} images",
            "Splits": "the chapter *Tasks and splits*; disjoint, with a digest of the images in every record; the test split is read by the final "
            "evaluation alone",
            "What was excluded, how it was prepared": "nothing is excluded; `eas prepare` writes a report on every photograph",
            "Download": f"the default is drawn by the kit; {downloads}: book/photographs.md",
            "New data: how they were made": "`data_prep/shapes10`, from a seed",
        },
        "Shared code": {
            "Dependencies": "`pyproject.toml`, exact versions in `constraints.txt`, `Dockerfile`",
            "Training code, evaluation code": "`eas run`, `eas evaluate`; the library's rooms `training` and `search`",
            "Trained models": "`releases/`, each with a model card; `eas evaluate --release demo` tests them again",
            "README with the commands": "README.md and this page",
        },
        "Experimental results": {
            "Hyper-parameters, and how they were chosen": "one YAML file for each profile in `eas_core/settings/profiles`; recipes that "
            "were compared, on validation images, in `benchmarks/results/recipes.json`",
            "Number of trainings": "the seeds in the table above; a record for each stage of each",
            "Definition of the measure": "task accuracy: only classes of the image's own task compete; the chapter *Results*",
            "Central tendency and variation": "means with 95 % intervals over test images and seeds: `eas_core.evidence.compare`",
            "Run time": "seconds in every record; the table above; the book's page *Run times*",
            "Infrastructure": "device, threads and versions in the provenance of every record",
        },
    }  # fmt: skip
    return "\n\n".join(f"**{name}**\n\n{table(['asked', 'answer'], list(map(list, entries.items())))}" for name, entries in groups.items())  # fmt: skip


def page() -> str:
    """The whole page as Markdown."""
    profile = profiles.load("demo")
    return TEXT.format(**overview_and_numbers(profile), checklist=checklist(profile)).replace("\n\n\n\n", "\n\n")


if __name__ == "__main__":
    PAGE.write_text(page())
