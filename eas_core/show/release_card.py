"""The model card of a release, as Markdown: records in, what a user should know before using the networks out."""

from __future__ import annotations

import json
import shlex

from data_prep.catalogue import SOURCES
from eas_core.data import sources
from eas_core.evidence import claims, compare, queries
from eas_core.evidence.words import counted, listed, readable
from eas_core.runs.releases_files import MANIFEST, PAIRS, PROFILE, seed_file
from eas_core.settings import profiles, schema
from eas_core.settings.stages import METHODS
from eas_core.show import claim_texts, findings

DRAWN = (
    "The images are drawn by the kit itself from a seed, in seconds; there are no photographs and nothing to download. Code, "
    "records and weights have the kit's licence, MIT (`LICENSE` in the project)."
)
PHOTOGRAPHS = (
    "The images are photographs of {source}, for research use only by its own terms, and are not part of the release: bring "
    "your own copy (`--set data.path=...`). Code and records have the kit's licence, MIT (`LICENSE` in the project); whether "
    "weights trained on these photographs may be used commercially is not for the kit to say."
)


def card(name: str, evidence: list[dict], profile: schema.Profile, weights: int, files: list[str]) -> str:
    """The card of the release ``name`` with the records ``evidence``, the weights of one seed, and these files."""
    seeds = [entry["seed"] for entry in evidence]
    numbers = ", ".join(map(str, seeds))
    mixed = findings.mixed(evidence)
    parts = [
        f"# {name}: {counted(len(seeds), 'seed')} of the profile `{profile.name}`",
        *([mixed] if mixed else []),
        f"Elastic Architecture Search (Liu et al., arXiv 2108.01224): records of {counted(len(seeds), 'seed')} ({numbers}) and "
        f"the trained networks of seed {weights}. Made from the records by `eas release`; not written by hand.",
        f"## Files\n\n{_files(files, seeds, weights)}",
        f"## Use\n\n{_use(name, profile)}",
        f"## Results\n\n{_results(evidence)}",
        f"## Settings\n\n{_settings(profile)}",
        f"## Evaluate again, make again\n\n{_again(name, profile, seeds, weights)}",
        f"## Data and licence\n\n{_data(profile)}",
        f"## Limits\n\n{_limits(profile, seeds)}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _files(files: list[str], seeds: list[int], weights: int) -> str:
    about = {
        MANIFEST: "format, profile, seeds, state of the code, versions of stages, SHA-256 of the other files",
        PROFILE: "every setting",
        PAIRS: "architecture-accuracy pairs: `seed`, `supernet` (a number into the list in the metadata), `gates`, accuracy and "
        "cross-entropy by task",
        "pairs.csv": "the same as text, with multiply-adds, depths, expansion ratios and kernels",
        "README.md": "this card",
    }
    about |= {seed_file(seed): f"all records of seed {seed}" for seed in seeds}
    rows = [[f"`{file}`", about.get(file, f"weights of seed {weights}")] for file in files]
    return _table(["file", "what"], rows)


def _scenario(profile: schema.Profile) -> tuple[str, float]:
    budgets = profile.specialize.budgets
    return next(iter(sources.class_ids(profile.data))), budgets[len(budgets) // 2]


def _use(name: str, profile: schema.Profile) -> str:
    task, budget = _scenario(profile)
    words = f"--release {shlex.quote(name)} --task {shlex.quote(task)} --budget {budget:g}"
    return f"""A network for one task under a budget (millions of multiply-adds), without training:

```
eas specialize {words}
eas export {words} --out network --onnx
```

```python
from eas_core import load_release

release = load_release({json.dumps(name)})
release.supernet, release.generator, release.tasks, release.records
```

The architecture-accuracy pairs: `pandas.read_csv("releases/{name}/pairs.csv")`."""


def _results(evidence: list[dict]) -> str:
    seeds = len(evidence)
    first = queries.records_of(evidence, METHODS["EAS"].tested)
    parts = []
    if first:
        budgets, rows = queries.common_budgets(first), []
        made = {name: variant for entry in evidence for name, variant in entry["variants"].items()}
        for method in METHODS.values():
            for name, variant in made.items():
                having = [entry for entry in evidence if name in entry["variants"]]
                found = queries.records_of(having, method.tested, variant["q"], variant["reading"])
                if found:
                    values = [compare.accuracy(found, budget) for budget in budgets]
                    cells = [f"{v.mean:.1f} ({v.low:.1f} to {v.high:.1f})" for v in values]
                    supernet = f"{variant['q']:g}, {variant['reading']}"
                    rows.append([method.name, supernet, str(len(having)), *cells])
        n = compare.accuracy(first, budgets[0]).n
        parts.append(
            f"Test accuracy in percent, mean over tasks, with 95 % intervals; {n:,} test images, {counted(seeds, 'seed')}"
            f"{'' if _complete(evidence) else ', not all of which have every supernet'}. "
            "A column is a budget in millions of multiply-adds; the supernet is told by its drop rate q and its reading of "
            "Eq. (A)."
        )
        parts.append(_table(["method", "supernet", "seeds", *(f"{budget:g} M" for budget in budgets)], rows))
    judged = claims.judge(evidence)
    parts.append(
        f"The paper's claims, judged from these records by rules that the book gives. {claim_texts.summary(judged)}"
    )
    parts.append(_table(["claim", "here", "verdict"], [[c.statement, c.ours, c.verdict] for c in judged]))
    return "\n\n".join(parts)


def _complete(evidence: list[dict]) -> bool:
    """Whether every seed has the same variants."""
    return len({frozenset(entry["variants"]) for entry in evidence}) == 1


def _again(name: str, profile: schema.Profile, seeds: list[int], weights: int) -> str:
    numbers, path = ",".join(map(str, seeds)), f"releases/{name}/{PROFILE}"
    which = path if _shipped(profile) != profile else profile.name
    return f"""Every network of the record on its task's test images, beside the record; the book from these records:

```
eas evaluate --release {shlex.quote(name)}
make book FROM={shlex.quote(name)}
```

Everything from nothing, and the release from that:

```
snakemake -c2 claims --config profile={shlex.quote(which)} seeds={numbers}
eas release --profile {shlex.quote(which)} --seeds {numbers} --weights {weights} --out releases/{shlex.quote(name)}
```

Same profile, seed, versions and machine give the same bits on a CPU; on another kind of CPU rounding may tip single images."""


def _shipped(profile: schema.Profile) -> schema.Profile | None:
    """The profile of that name that comes with the kit."""
    try:
        return profiles.load(profile.name)
    except profiles.ProfileError:
        return None


def _settings(profile: schema.Profile) -> str:
    shipped = _shipped(profile)
    if shipped is None:
        return f"`{PROFILE}` has all of them; the kit ships no profile of that name."
    changed = profiles.differences(shipped, profile)
    if not changed:
        return f"Those of the kit's profile `{profile.name}`."
    rows = [[f"`{name}`", f"`{there}`", f"`{here}`"] for name, (there, here) in changed.items()]
    return f"""Those of the kit's profile `{profile.name}` but for these, which are in `{PROFILE}`. What validation images of other seeds said
about settings of the generator: `benchmarks/results/recipes.json` of the project, in the book *A fair comparison*.

{_table(["setting", f"`{profile.name}`", "here"], rows)}"""


def _data(profile: schema.Profile) -> str:
    data, source = profile.data, SOURCES[profile.data.source]
    tasks = source.readable_tasks(data.groups or {})
    lines = [DRAWN if source.drawn else PHOTOGRAPHS.format(source=data.source)]
    sizes = [
        f"{getattr(data, f'{split}_per_class')} {words}"
        for split, words in SPLITS
        if getattr(data, f"{split}_per_class")
    ]
    count = f"{len(tasks)} tasks, {sum(map(len, tasks.values()))} classes, {profile.space.resolution} pixels square"
    lines.append(f"`{data.source}`: {count}{f'; {listed(sizes)} images per class' if sizes else ''}.")
    lines += [f"- {readable(task)}: {', '.join(names)}" for task, names in tasks.items()]
    return "\n".join([lines[0], "", lines[1], "", *lines[2:]])


SPLITS = (("train", "training"), ("valid", "validation"), ("test", "test"))


def _limits(profile: schema.Profile, seeds: list[int]) -> str:
    low, high = profile.generator.budget
    several = (
        "intervals cover images and seeds" if len(seeds) > 1 else "with one seed, intervals cover the test images only"
    )
    return "\n".join(
        (
            "- For teaching and research on the method. The networks know the classes above and nothing else; they were never "
            "meant for decisions about people or for safety.",
            "- Accuracy is within a task: only the classes of an image's own task compete, so the task must be known.",
            f"- Budgets from {low:g} to {high:g} million multiply-adds; nothing is said about the time on a device.",
            f"- Small images, a small search space and a short training: compare methods within the release. Of the method, "
            f"{several}.",
            "- Supernets of other drop rates, other generators' variants and the teacher are in the records, but their weights "
            "are not published.",
        )
    )
