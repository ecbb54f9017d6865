"""The paper's claims about what training and search cost, and what measures them."""

from __future__ import annotations

from statistics import geometric_mean

from eas_core.evidence.paper import SCENARIOS, paper_search_times, search_limit
from eas_core.evidence.verdicts import OPEN, Claim, Measured, needed, verdict
from eas_core.evidence.words import counted, listed, span

CHEAPER = 2.0  # "much cheaper" means more than this many times less time
_SEEDS = "With several seeds it must be so in each; does not hold if it is so in none; else inconclusive."


def training_cost(evidence: list[dict]) -> Measured:
    """Seconds of training for a scenario, the multi-path generator's over the single-path one's, a ratio per seed."""
    single, multi = needed(evidence, "generator"), needed(evidence, "multi_path")
    ratios = [
        seconds_per_scenario(theirs, "multi_path") / seconds_per_scenario(own, "generator")
        for own, theirs in zip(single, multi, strict=True)
    ]
    result = verdict(min(ratios) - CHEAPER, max(ratios) - CHEAPER)
    detail = (
        f"By seed: {_cost_of_training(single, 'generator')} for single-path, "
        f"{_cost_of_training(multi, 'multi_path')} for multi-path. The numbers of steps and scenarios are settings, "
        "and all scenarios of a step are in memory together. On a CPU memory is the rise of the whole process's, which "
        "memory already held can hide."
    )
    devices = [{_device(record) for record in pair} for pair in zip(single, multi, strict=True)]
    if any(len(pair) > 1 for pair in devices):
        result = OPEN
        detail += f" The two were timed on different devices ({' and '.join(sorted(set.union(*devices)))})."
    between = f" ({min(ratios):.1f}x to {max(ratios):.1f}x)" if len(ratios) > 1 else ""
    ours = f"{geometric_mean(ratios):.1f}x less time a scenario{between}; {counted(len(single), 'seed')}"
    return Measured(ours, result, detail)


def seconds_per_scenario(record: dict, section: str) -> float:
    """Seconds of training by steps and scenarios per step."""
    scenarios = record["settings"][section]["scenarios_per_step"]
    seconds: float = record["seconds"] / (record["result"]["curve"][-1]["step"] * scenarios)
    return seconds


def _cost_of_training(records: list[dict], section: str) -> str:
    steps, scenarios = records[0]["result"]["curve"][-1]["step"], records[0]["settings"][section]["scenarios_per_step"]
    each = ", ".join(f"{1000 * seconds_per_scenario(record, section):.3g}" for record in records)
    total = ", ".join(f"{record['seconds']:.3g}" for record in records)
    memory = ", ".join(f"{record['result']['peak_memory_bytes'] / 1e6:.3g}" for record in records)
    return f"{each} ms a scenario, {total} s for {steps} steps of {scenarios}, peak memory {memory} MB"


def _device(record: dict) -> str:
    return f"{record['provenance']['device']}, {record['provenance']['threads']} thread(s)"


def search_time(evidence: list[dict]) -> Measured:
    """Seconds of the generator's search, scaled to the paper's number of scenarios, one value per seed."""
    found = needed(evidence, "specialized")
    timed = [record["result"]["search_seconds"] for record in found]
    scale = [SCENARIOS / times["scenarios"] for times in timed]
    whole = [factor * times["with_sampling"] for factor, times in zip(scale, timed, strict=True)]
    forward = [factor * times["forward"] for factor, times in zip(scale, timed, strict=True)]
    counts = sorted({times["scenarios"] for times in timed})
    scaled = "" if counts == [SCENARIOS] else f", scaled from {listed([str(count) for count in counts])} scenarios"
    devices = dict.fromkeys(_device(record) for record in found)
    limit = search_limit()
    return Measured(
        ours=f"{span(whole, '.3g')} s{scaled}; {counted(len(found), 'seed')}",
        verdict=verdict(limit - max(whole), limit - min(whole)),
        detail=f"The forward pass alone takes {span(forward, '.2g')} s. Medians of repeated runs on "
        f"{' and '.join(devices)}. Choosing among the candidates on the validation split comes on top.",
    )


def _papers_times(data: str) -> dict:
    """Table III, which the paper gives for one data set only."""
    times = paper_search_times()
    single, multi = (times["training_gpu_hours"][f"{name} AG"] for name in ("Single-path", "Multi-path"))
    seconds = times["search_cpu_seconds"]["Single-path AG"]
    return {"single": single, "multi": multi, "ratio": multi / single, "seconds": seconds, "limit": search_limit()}


CLAIMS = (
    Claim(
        key="cheaper",
        label="single-path much cheaper to train",
        statement="Training the single-path generator costs much less than training the multi-path one.",
        where="section 4.2, Table III",
        paper="{ratio:.1f}x less time ({single:g} and {multi:g} GPU hours)",
        numbers=_papers_times,
        rule=f"Holds if the multi-path generator trains more than {CHEAPER:g} times as long for a scenario (one "
        f"task's images once forward and backward). {_SEEDS} Inconclusive too if the two were timed on different "
        "devices or numbers of threads. Totals and memory are reported, not judged: the numbers of steps are settings.",
        measure=training_cost,
    ),
    Claim(
        key="time",
        label=f"{SCENARIOS} scenarios in less than {{limit:g}} s",
        statement=f"Architectures for {SCENARIOS} scenarios are found in less than {{limit:g}} s.",
        where="section 4.2, Table III",
        paper="{seconds} s",
        numbers=_papers_times,
        rule="Holds if the generator's forward pass, sampling and enforcing the budgets together take less than "
        f"{{limit:g}} s, scaled in proportion to {SCENARIOS} scenarios if another number was timed. {_SEEDS}",
        measure=search_time,
    ),
)
