"""The page of what the paper's runs would cost, from measured throughput: ``python book/cost.py RESULTS.json > PAGE``.

Every line is a number of *image passes* (one image through one network), counted from the settings, divided by how many
of its kind a device was measured to do a second. ``tests/test_cost_page.py`` compares the counts with a run.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from data_prep import imagenet
from eas_core.base.parsing import parse_json
from eas_core.runs.jobs import jobs
from eas_core.settings import profiles, schema
from eas_core.settings.stages import STAGES, TESTED
from eas_core.training.train_supernet import steps_of

HELD_OUT = 10_000  # training photographs, section 4
HOUR = 3600
PROFILES = ("imagenet-10", "imagenet-12")
RATES = {"calibration": "evaluation"}  # kinds of passes that are not measured themselves: the rate that stands for them


@dataclass(frozen=True)
class Sizes:
    """Images of the three splits, and the number of tasks, which are of about equal size."""

    train: int
    valid: int
    test: int
    tasks: int


def sizes(profile: schema.Profile) -> Sizes:
    """Those of imagenet-10 or imagenet-12."""
    tasks = imagenet.TASKS[profile.name]
    classes = [wnid for task in tasks.values() for wnid in task]
    train = sum(imagenet.TRAIN_IMAGES[wnid] for wnid in classes) - HELD_OUT
    return Sizes(train, HELD_OUT, imagenet.TEST_PER_CLASS * len(classes), len(tasks))


def passes(profile: schema.Profile, images: Sizes, stage: str, networks: int | None = None) -> Counter[str]:
    """Image passes of a stage by kind.

    A supernet's passes are those of its sub-networks: what its teacher says of the same images is part of their rate,
    unless the teacher is asked once. ``networks`` is how many are extracted: candidates in all, or networks tested, if
    that is known; without it as many as there can be.
    """
    levels, tasks = len(profile.specialize.budgets), images.tasks
    calibrated = min(profile.calibration.images, images.train)
    kept = profile.specialize.images_per_class  # for nothing but ranking candidates
    rank = images.valid if kept is None else kept * profile.space.num_classes
    learn = images.valid if kept is None else images.valid - rank

    def batches(epochs: float, batch_size: int) -> int:
        return steps_of(epochs, range(images.train), batch_size) * min(batch_size, images.train)

    def extracted(count: int, seen: float) -> Counter[str]:
        """``count`` networks, each calibrated, that see ``seen`` images in all."""
        return Counter({"calibration": count * calibrated, "evaluation": round(seen)})

    if stage == "teacher":
        return Counter({"teacher": batches(profile.teacher.epochs, profile.teacher.batch_size)})
    if stage == "supernet":
        settings = profile.supernet
        seen = sum(batches(part.epochs, settings.batch_size) for part in settings.stages)
        cached = images.train if settings.cached_teacher and settings.distillation else 0
        return Counter({"supernet": seen * settings.subnets_per_step, "evaluation": cached})
    if stage in ("generator", "multi_path"):
        length = profile.generator if stage == "generator" else profile.multi_path
        scenario = profile.generator.task_images + profile.generator.context_images
        return Counter({stage: length.steps * length.scenarios_per_step * scenario})
    if stage.endswith("specialized"):
        networks = levels * tasks * profile.specialize.candidates if networks is None else networks
        return extracted(networks, networks * rank / tasks)
    if stage == "reranked":  # OFA-T's candidates on their task's images, OFA-V's on all
        count = levels * profile.specialize.candidates
        return extracted(count * (tasks + 1), 2 * count * rank)
    if stage == "pairs":
        valid = learn
        if profile.pairs.images_per_class is not None:
            valid = min(valid, profile.pairs.images_per_class * profile.space.num_classes)
        return extracted(profile.pairs.count, profile.pairs.count * valid)
    if stage == "results":
        settings = profile.evaluation
        rivals = [settings.random_architectures] * levels
        rivals[levels // 2] = max(rivals[0], settings.spread_architectures)
        chosen_from = sum(min(count, profile.specialize.candidates) for count in rivals)
        count = sum(rivals) + 2  # the smallest and the largest
        return extracted(count, count * images.test + chosen_from * rank)
    if stage in TESTED:
        for_all = stage.endswith("OFA-V")
        networks = levels * (1 if for_all else tasks) if networks is None else networks
        cross = stage.startswith("first-") and not for_all  # at the middle level on the images of all tasks
        return extracted(networks, (levels + cross * (tasks - 1)) * images.test)
    return Counter()  # the predictor, the search with it and who learns from it see no images


def hours(profile: schema.Profile, rates: dict[str, float], stage: str) -> float | None:
    """Hours of a stage of one run, for rates of images (generators: of scenarios) a second; None without such a rate."""
    found = passes(profile, sizes(profile), stage)
    scenario = profile.generator.task_images + profile.generator.context_images
    total = 0.0
    for kind, count in found.items():
        units = count / scenario if kind in ("generator", "multi_path") else count
        rate = rates.get(RATES.get(kind, kind))
        if count and rate is None:
            return None
        total += units / rate / HOUR if count else 0.0
    return total


def times(profile: schema.Profile) -> Counter[str]:
    """How often each stage is made for the tables and claims of one seed."""
    return Counter(stage for job in jobs(profile) for stage in job.stages)


def _rounded(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def table(rates: dict[str, float], unit: str) -> list[str]:
    """A line for each stage that sees images: how often it is made, its image passes, and the hours of all of them."""
    loaded = [profiles.load(name) for name in PROFILES]
    often = [times(profile) for profile in loaded]
    lines = [
        "| stage | " + " | ".join(f"{name}: times | million passes each | {unit} in all" for name in PROFILES) + " |",
        "| --- |" + " ---: | ---: | ---: |" * len(PROFILES),
    ]
    totals = [0.0] * len(loaded)
    for stage in [*STAGES, "tested-same"]:
        cells = []
        for i, profile in enumerate(loaded):
            count = sum(passes(profile, sizes(profile), stage).values())
            if not count or not often[i][stage]:
                cells += ["", "", ""]
                continue
            each = hours(profile, rates, stage)
            in_all = None if each is None else each * often[i][stage]
            totals[i] += in_all or 0.0
            cells += [str(often[i][stage]), f"{count / 1e6:.3g}", _rounded(in_all)]
        if any(cells):
            lines.append(f"| `{stage}` | " + " | ".join(cells) + " |")
    ends = [cell for total in totals for cell in ("", "", _rounded(total))]
    return [*lines, "| all that was measured | " + " | ".join(ends) + " |"]


def page(results: dict) -> str:
    """Markdown: what was measured on each device, and the hours that follow from it."""
    gpus = [name for name in results if "CPU" not in name]
    lines = [
        "# What the paper's runs would cost",
        "",
        "How long `imagenet-10` and `imagenet-12` take on one device, worked out from what that device was measured to train a second: the kit's",
        "own training loops at 224×224, on synthetic images (`python -m benchmarks.throughput`). Not measured in this are reading photographs",
        "([what one core delivers](../gpu.md)), several devices, and whether the settings lead to the paper's accuracies.",
        "",
        "An image pass is one image through one network. How many a stage takes is counted from the settings, calibration and the networks that",
        "are compared with included, and a test compares the counts with a run. Searching takes as many candidates here as there can be.",
        "Calibration is charged at the rate of evaluation, and once for every network that is tested, although one that its own job has",
        "calibrated before is not calibrated again: the hours are an upper bound.",
        "",
    ]
    if not gpus:
        lines += [
            "```{admonition} No GPU yet",
            ":class: warning",
            "No GPU has been measured so far, so there are no GPU-hours here. The hours of a CPU show how the work divides between the stages, and that",
            "these profiles are not for CPUs. The command above adds a section for the GPU that it runs on.",
            "```",
            "",
        ]
    for name, entry in results.items():
        rates, where = entry["rates"], entry["provenance"]
        kinds = ("teacher", "supernet", "generator", "multi_path", "evaluation")
        lines += [
            f"## {name}",
            "",
            f"Measured {where['time'][:10]}, PyTorch {where['versions']['torch']}, {entry['batch']} images per step.",
            "",
            "| device | teacher, images/s | supernet, images/s | generator, scenarios/s | multi-path, scenarios/s | evaluation, images/s |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for label, found in rates.items():
            lines.append(f"| {label} | " + " | ".join(f"{found[k]:.3g}" if k in found else "" for k in kinds) + " |")
        unit = "CPU-hours" if "CPU" in name else "GPU-hours"
        lines += ["", f"{unit} of one seed, in float32:", "", *table(rates["float32"], unit), ""]
    lines += [
        "## The commands",
        "",
        "```bash",
        "DATA=/data/imagenet-10",
        "eas prepare --profile imagenet-10 --source /path/to/ILSVRC2012 --out $DATA",
        "# one GPU",
        "eas run --profile imagenet-10 --set data.path=$DATA",
        "# 8 GPUs",
        "torchrun --nproc-per-node 8 -m eas_core.cli run --profile imagenet-10 \\",
        "    --set data.path=$DATA",
        "# Slurm, a GPU each job",
        "snakemake claims --profile slurm --config profile=imagenet-10 seeds=0,1,2 gpu=1 \\",
        '    set="data.path=$DATA"',
        "```",
        "",
        "All of them go on where they were interrupted. [What needs a GPU](../gpu.md) says what each option changes.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        results = parse_json(Path(sys.argv[1]).read_bytes())
    except (OSError, ValueError) as error:
        sys.exit(f"results: {sys.argv[1]}: {error}")
    sys.stdout.write(page(results))
