"""The paper's claims, each beside what this run's records say: evidence in, judged claims out.

``evidence`` is a list with one dict a seed, as :func:`eas_core.runs.jobs.collect` makes it. What a claim is and how it
gets its verdict is said in :mod:`eas_core.evidence.verdicts`. A claim is one entry of a list, and one function that
measures it, in :mod:`eas_core.evidence.accuracy_claims`, :mod:`eas_core.evidence.cost_claims` or
:mod:`eas_core.evidence.architecture_claims`; everything else loops over ``CLAIMS``.
"""

from __future__ import annotations

from collections.abc import Sequence

from eas_core.evidence import accuracy_claims, architecture_claims, cost_claims
from eas_core.evidence.checks import check
from eas_core.evidence.paper import paper_data
from eas_core.evidence.queries import records_of, tasks_of
from eas_core.evidence.verdicts import Claim, judged

CLAIMS = (*accuracy_claims.CLAIMS, *cost_claims.CLAIMS, *architecture_claims.CLAIMS)  # in the paper's order


def judge(evidence: list[dict], claims: Sequence[Claim] = CLAIMS) -> list[Claim]:
    """All claims in the paper's order; evidence that is damaged or mixed raises :class:`DataError` in one line.

    A claim whose records this profile does not make is "not measured", and ``ours`` says what is missing. The paper's
    numbers are those of its data set with as many tasks as the evidence has.
    """
    check(evidence)
    tested = records_of(evidence, "tested-EAS")
    data = paper_data(tasks_of(tested[0]) if tested else ())
    return [judged(claim, evidence, data) for claim in claims]
