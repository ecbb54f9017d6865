"""Judged claims as a table and in Markdown: claims in, what the page of claims shows out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eas_core.evidence.verdicts import FAILS, HOLDS, NOT_MEASURED, OPEN, VERDICTS, Claim, verdict
from eas_core.evidence.words import listed


def claims_table(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> pd.DataFrame:
    """A row a claim: what it says in short, the paper's number and place, this run's, the verdict.

    With the claims of this run as ``own``, ``claims`` are those of a release, which lead: its number and verdict come first,
    this run's beside them. No cell is longer than the 50 characters that pandas shows.
    """
    beside, rows = {claim.key: claim for claim in own}, []
    for claim in claims:
        value, _, counts = claim.ours.partition("; ")
        paper = {"claim": claim.label, "where in the paper": claim.where, "paper": claim.paper}
        lead = {"release" if own else "this run": value, "evidence": counts, "verdict": claim.verdict}
        rows.append({**paper, **lead})
        if own:
            rows[-1] |= {
                "this run": beside[claim.key].ours.partition("; ")[0],
                "its verdict": beside[claim.key].verdict,
            }
    columns = ["claim", "where in the paper", "paper", *(["release"] if own else ["this run"]), "evidence", "verdict"]
    columns += ["this run", "its verdict"] if own else []
    return pd.DataFrame(rows, columns=columns, index=pd.Index([claim.key for claim in claims], name="key"))


def sharpness(claims: Sequence[Claim]) -> pd.DataFrame:
    """What the design could show: a row for each claim about a difference of accuracies, in points.

    Its standard error; the true difference that it would show with a probability of 80 %
    (:meth:`eas_core.evidence.compare.Estimate.detectable`); the verdict of its own interval, and the one that is left
    when all k claims of the table shall be right together (Bonferroni: each interval at 1 - 0.05 / k). A claim whose
    rule asks for more than an interval keeps *inconclusive*.
    """
    found = [(claim, claim.estimate) for claim in claims if claim.estimate is not None]
    rows = {}
    for claim, estimate in found:
        together = verdict(*estimate.at(1 - 0.05 / len(found)), claim.margin)
        rows[claim.label] = {
            "standard error": round(estimate.error, 2),
            "shown in 4 of 5 cases": round(estimate.detectable(), 2),
            "difference": round(estimate.mean, 2),
            "verdict": claim.verdict,
            f"verdict, all {len(found)} together": OPEN if claim.verdict == OPEN else together,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def details(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> str:
    """All that claims hold, as Markdown: a paragraph and a list each, without headings; ``own`` as in :func:`claims_table`."""
    beside, blocks = {claim.key: claim for claim in own}, []
    for claim in claims:
        lines = [f"**{claim.label[0].upper()}{claim.label[1:]}: {claim.verdict}.** {claim.statement}", ""]
        parts = {f"Paper ({claim.where})": claim.paper}
        if claim.key in beside:
            mine = beside[claim.key]
            parts |= {"Release": claim.ours, "This run": f"{mine.ours} ({mine.verdict})"}
        else:
            parts["This run"] = claim.ours
        parts |= {"Rule": claim.rule, "In detail": claim.detail}
        blocks.append("\n".join(lines + [f"- {name}: {text}" for name, text in parts.items() if text]))
    return "\n\n".join(blocks)


def summary(claims: Sequence[Claim]) -> str:
    """One Markdown sentence: how many claims got which verdict, and which."""
    words = {HOLDS: ("holds", "hold"), FAILS: ("does not hold", "do not hold")}
    words |= {OPEN: ("is inconclusive", "are inconclusive"), NOT_MEASURED: ("was not measured", "were not measured")}
    parts = []
    for name in VERDICTS:
        keys = [claim.key for claim in claims if claim.verdict == name]
        if keys:
            parts.append(f"**{len(keys)} {words[name][len(keys) > 1]}** ({', '.join(keys)})")
    text = f"Of {len(claims)} claims, {listed(parts)}." if parts else "No claims were judged."
    if any(claim.estimate and claim.estimate.seeds == 1 for claim in claims):
        text += " With one seed, the verdicts are about these trained networks: intervals cover the test images only."
    return text


def verdicts(claims: Sequence[Claim], *keys: str) -> str:
    """The claims named by ``keys`` as a Markdown list, in their order; a name that no claim has raises ``KeyError``."""
    named = {claim.key: claim for claim in claims}
    chosen = (named[key] for key in keys)
    return "\n".join(f"- {claim.statement} **{claim.verdict.capitalize()}**: {claim.ours}" for claim in chosen)
