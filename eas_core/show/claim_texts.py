"""Judged claims as a table and in Markdown: claims in, what the page of claims shows out."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from eas_core.evidence.verdicts import FAILS, HOLDS, NOT_MEASURED, OPEN, VERDICTS, Claim, verdict
from eas_core.evidence.words import listed
from eas_core.runs.releases import SEVERAL

TOO_FEW = f"not measured with {SEVERAL} seeds or more"


def leading(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> list[Claim]:
    """The claims of a release; one that too few of its seeds tell of as this run judged it (``own``)."""
    beside = {claim.key: claim for claim in own}
    return [beside.get(claim.key, claim) if claim.verdict == NOT_MEASURED else claim for claim in claims]


def claims_table(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> pd.DataFrame:
    """A row a claim: what it says in short, the paper's number and place, this run's, the verdict.

    With the claims of this run as ``own``, ``claims`` are those of a release, which lead: its number and verdict come first,
    this run's beside them. No cell is longer than the 50 characters that pandas shows.
    """
    beside, rows = {claim.key: claim for claim in own}, []
    for claim in claims:
        value, _, counts = (TOO_FEW if own and claim.verdict == NOT_MEASURED else claim.ours).partition("; ")
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


def sharpness(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> pd.DataFrame:
    """What the design could show: a row for each claim about a difference of accuracies, in points.

    Its standard error; the true difference that it would show with a probability of 80 %
    (:meth:`eas_core.evidence.compare.Estimate.detectable`); the verdict of its own interval, and the one that is left
    when all k claims of the table shall be right together (Bonferroni: each interval at 1 - 0.05 / k). A claim whose
    rule asks for more than an interval keeps *inconclusive*. Claims that are those of this run, ``own``, beside those of a
    release (:func:`leading`), say so.
    """
    mine, rows = {id(claim) for claim in own}, {}
    found = [(claim, claim.estimate) for claim in claims if claim.estimate is not None]
    for claim, estimate in found:
        together = verdict(*estimate.at(1 - 0.05 / len(found)), claim.margin)
        rows[f"{claim.label} (this run)" if id(claim) in mine else claim.label] = {
            "standard error": round(estimate.error, 2),
            "shown in 4 of 5 cases": round(estimate.detectable(), 2),
            "difference": round(estimate.mean, 2),
            "verdict": claim.verdict,
            f"verdict, all {len(found)} together": OPEN if claim.verdict == OPEN else together,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def details(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> str:
    """All that claims hold, as Markdown: a paragraph and a list each, without headings; ``own`` as in :func:`leading`."""
    beside, blocks = {claim.key: claim for claim in own}, []
    for claim, best in zip(claims, leading(claims, own), strict=True):
        of = " (this run)" if best is not claim and best.verdict != NOT_MEASURED else ""
        lines = [f"**{claim.label[0].upper()}{claim.label[1:]}: {best.verdict}{of}.** {claim.statement}", ""]
        parts = {f"Paper ({claim.where})": claim.paper}
        if claim.key in beside:
            mine = beside[claim.key]
            released = TOO_FEW if claim.verdict == NOT_MEASURED else claim.ours
            parts |= {"Release": released, "This run": f"{mine.ours} ({mine.verdict})"}
        else:
            parts["This run"] = claim.ours
        parts |= {"Rule": claim.rule, f"In detail{of}": best.detail}
        blocks.append("\n".join(lines + [f"- {name}: {text}" for name, text in parts.items() if text]))
    return "\n\n".join(blocks)


def summary(claims: Sequence[Claim], own: Sequence[Claim] = ()) -> str:
    """How many claims got which verdict, and which, in Markdown; ``own`` as in :func:`leading`."""
    missing = {claim.key for claim in claims if claim.verdict == NOT_MEASURED}
    claims = leading(claims, own)
    here = [claim.key for claim in claims if claim.key in missing and claim.verdict != NOT_MEASURED]
    words = {HOLDS: ("holds", "hold"), FAILS: ("does not hold", "do not hold")}
    words |= {OPEN: ("is inconclusive", "are inconclusive"), NOT_MEASURED: ("was not measured", "were not measured")}
    parts = []
    for name in VERDICTS:
        keys = [claim.key for claim in claims if claim.verdict == name]
        if keys:
            parts.append(f"**{len(keys)} {words[name][len(keys) > 1]}** ({', '.join(keys)})")
    text = f"Of {len(claims)} claims, {listed(parts)}." if parts else "No claims were judged."
    if here:
        text += f" In the release {listed(here)} {'is' if len(here) == 1 else 'are'} {TOO_FEW}: judged from this run."
    found = [claim for claim in claims if claim.estimate]
    single = [claim.key for claim in found if claim.estimate and claim.estimate.seeds == 1]
    if single:
        some = "" if len(single) == len(found) else f" ({', '.join(single)})"
        text += (
            f" With one seed{some}, verdicts are about these trained networks: intervals cover the test images only."
        )
    return text


def verdicts(claims: Sequence[Claim], *keys: str, own: Sequence[Claim] = ()) -> str:
    """The claims named by ``keys`` as a Markdown list, in their order; a name that no claim has raises ``KeyError``.

    ``own`` as in :func:`claims_table`: this run's number and verdict stand in brackets after the release's, or alone where
    too few seeds of the release tell.
    """
    named, beside = {claim.key: claim for claim in claims}, {claim.key: claim for claim in own}
    lines = []
    for key in keys:
        claim, mine = named[key], beside.get(key)
        after = ""
        if mine and claim.verdict == NOT_MEASURED:
            claim, after = mine, f" (this run; {TOO_FEW} in the release)"
        elif mine:
            after = f" (this run: {mine.verdict}, {mine.ours})"
        lines.append(f"- {claim.statement} **{claim.verdict.capitalize()}**: {claim.ours}{after}")
    return "\n".join(lines)
