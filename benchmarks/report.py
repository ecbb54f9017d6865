"""The Markdown report of ``make bench``: what :mod:`benchmarks.bench` measured, as tables."""

from __future__ import annotations

from benchmarks import proposals
from benchmarks.timing import table


def markdown(result: dict) -> str:
    where = result["provenance"]
    parts = [
        "# Benchmarks\n",
        f"`make bench`, {where['device']}, {where['threads']} thread(s), torch {where['versions']['torch']}. "
        "All in one process, interleaved, CPU time where there is one thread; a ratio above 1: the second is faster.\n",
        *training_part(result["training step"]),
        *search_part(result["exact cost"], result["generator"], result["evolution"]),
        *encoding_part(result["encodings"], result["training step"]["settings"]),
        *depthwise_part(result["depthwise"], result["depthwise batch"]),
    ]
    return "\n".join(parts) + "\n"


def training_part(step: dict) -> list[str]:
    settings, speed = step["settings"], step["images per second"]
    return [
        "## Training step of random sub-networks\n",
        f"once-for-all's space, {settings['resolution']} x {settings['resolution']} images, batch {settings['batch']}, "
        f"{settings['architectures']} architectures x {settings['rounds']} rounds, forward + backward + SGD. `ofa` "
        "runs without its kernel transformation unless said, with the same weights: the logits of both differ by at "
        f"most {step['largest relative difference of the logits']:.0e} of the largest. *keep_freed_memory* is the "
        "allocator setting that `eas_core` runs with; *oneDNN's weight gradient* replaces its own of depthwise convolutions.\n",
        table(
            ["compared", "images/s", "with", "images/s", "ratio (median)", "10-90 %"],
            [
                [r["slow"], f"{speed[r['slow']]:.1f}", r["fast"], f"{speed[r['fast']]:.1f}", f"**{r['median']:.2f}**",
                 f"{r['low']:.2f}-{r['high']:.2f}"]
                for r in step["ratios"]
            ],
        ),
    ]  # fmt: skip


def search_part(exact: dict, gen: dict, evolution: dict) -> list[str]:
    theirs = evolution["scenarios"] * evolution["ofa_seconds_a_scenario"]
    return [
        "\n## Exact cost of 1,000 architectures\n",
        f"Multiply-adds and parameters; `ofa`'s counter on {exact['counted by ofa']} of them, scaled to "
        f"{exact['architectures']:,}. Largest difference: {exact['difference']:.0f} (it sums in float32).\n",
        table(
            ["ours", "ofa", "ratio"],
            [[f"{exact['ours_ms']:.1f} ms", f"{exact['ofa_ms'] / 1e3:.1f} s",
              f"**{exact['ofa_ms'] / exact['ours_ms']:,.0f}**"]],
        ),
        f"\n## Generator, {gen['scenarios']} scenarios\n",
        f"Up to {gen['samples']} samples a scenario until enough fit, budgets kept; *derived*: scenarios in which no "
        "sample fitted.\n",
        proposals.markdown(gen),
        f"\n## Evolutionary search, {evolution['scenarios']} scenarios\n",
        "Population 100, 500 generations, the same predictor (three hidden layers of 400) and the same cost; wall time, "
        f"`ofa`'s search timed on single scenarios and multiplied by {evolution['scenarios']}.\n",
        table(
            ["ours, all at once", "ofa, one by one", "ratio"],
            [[f"{evolution['ours_seconds']:.1f} s", f"{theirs:.0f} s",
              f"**{theirs / evolution['ours_seconds']:.1f}**"]],
        ),
    ]  # fmt: skip


def encoding_part(encodings: dict, settings: dict) -> list[str]:
    return [
        "\n## Single-path against multi-path encoding\n",
        f"One training step of the generator for one scenario, {settings['resolution']} x {settings['resolution']} "
        f"images, batch {settings['batch']}: time, and the rise of a fresh process's memory.\n",
        table(
            ["encoding", "step", "memory"],
            [
                [n, f"{1e3 * encodings['seconds'][n]:.0f} ms",
                 f"{encodings['memory_bytes'][n] / 2**20:.0f} MiB"]
                for n in ("single-path", "multi-path")
            ]
            + [["multi / single", "**{median:.1f}** ({low:.1f}-{high:.1f})".format(**encodings["ratio"]),
                f"**{encodings['memory ratio']:.1f}**"]],
        ),
    ]  # fmt: skip


def depthwise_part(rows: list[dict], batch: int) -> list[str]:
    return [
        "\n## Depthwise weight gradient\n",
        f"Batch {batch}, milliseconds, oneDNN's against that of `eas_core.network.kernels`.\n",
        table(
            ["channels", "size", "stride", "kernel", "oneDNN", "ours", "ratio"],
            [
                [str(r["channels"]), str(r["size"]), str(r["stride"]), str(r["kernel"]), f"{r['plain_ms']:.2f}",
                 f"{r['ours_ms']:.2f}", f"**{r['ratio']:.1f}**"]
                for r in rows
            ],
        ),
    ]  # fmt: skip
