"""The page of what the paper's runs would cost, from measured throughput: ``python book/cost.py RESULTS.json > PAGE``."""

from __future__ import annotations

import sys
from pathlib import Path

from data_prep import imagenet
from eas_core.base.parsing import parse_json
from eas_core.settings import profiles, schema

HELD_OUT = 10_000  # training photographs, section 4
HOUR = 3600


def hours(profile: schema.Profile, rates: dict[str, dict[str, float]]) -> dict[str, float]:
    """Hours of each stage of one seed, for measured rates in float32: images, or scenarios, a second."""
    plain = rates["float32"]
    classes = [wnid for task in imagenet.TASKS[profile.name].values() for wnid in task]
    train = sum(imagenet.TRAIN_IMAGES[wnid] for wnid in classes) - HELD_OUT
    test = imagenet.TEST_PER_CLASS * len(classes)
    tasks, levels = len(imagenet.TASKS[profile.name]), len(profile.specialize.budgets)
    epochs = sum(stage.epochs for stage in profile.supernet.stages)
    supernet = epochs * train * profile.supernet.subnets_per_step / plain["supernet"] / HOUR
    supernets = len({profile.supernet.task_dropout.q, *profile.ablation.q}) + len(
        {*profile.ablation.readings} - {profile.supernet.task_dropout.reading}
    )
    candidates = tasks * levels * profile.specialize.candidates
    return {
        "teacher": profile.teacher.epochs * train / plain["teacher"] / HOUR,
        "one supernet": supernet,
        "all supernets of the ablation": supernets * supernet,
        "one generator": profile.generator.steps * profile.generator.scenarios_per_step / plain["generator"] / HOUR,
        "choosing networks for all tasks and budgets": candidates * (HELD_OUT / tasks) / plain["evaluation"] / HOUR,
        "architecture-accuracy pairs of OFA, one supernet": profile.pairs.count * HELD_OUT / plain["evaluation"] / HOUR,
        "testing EAS": levels * test / plain["evaluation"] / HOUR,
    }


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


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
        lines += [
            f"## {name}",
            "",
            f"Measured {where['time'][:10]}, PyTorch {where['versions']['torch']}, {entry['batch']} images a step.",
            "",
            "| | teacher, images/s | supernet, images/s | generator, scenarios/s | evaluation, images/s |",
            "| --- | ---: | ---: | ---: | ---: |",
        ]
        for label, found in rates.items():
            numbers = (
                f"{found[stage]:.3g}" if stage in found else ""
                for stage in ("teacher", "supernet", "generator", "evaluation")
            )
            lines.append(f"| {label} | " + " | ".join(numbers) + " |")
        unit = "CPU-hours" if "CPU" in name else "GPU-hours"
        by_profile = {p: hours(profiles.load(p), rates) for p in ("imagenet-10", "imagenet-12")}
        lines += [
            "",
            f"{unit} of one seed, in float32:",
            "",
            "| stage | imagenet-10 | imagenet-12 |",
            "| --- | ---: | ---: |",
        ]
        for stage, value in by_profile["imagenet-10"].items():
            lines.append(f"| {stage} | {_rounded(value)} | {_rounded(by_profile['imagenet-12'][stage])} |")
        lines.append("")
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
