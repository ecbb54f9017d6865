"""From records to verdicts: what records hold, and whether the paper's claims are borne out.

In: records of one run, or the evidence of several seeds. Out: numbers, paired intervals, judged claims; no tables.

- :mod:`~eas_core.evidence.queries` what records hold; :mod:`~eas_core.evidence.paper` the paper's numbers
- :mod:`~eas_core.evidence.checks` whether evidence can be judged; :mod:`~eas_core.evidence.compare` paired intervals
- :mod:`~eas_core.evidence.claims` all claims, judged; a new one goes into :mod:`~eas_core.evidence.accuracy_claims`,
  :mod:`~eas_core.evidence.cost_claims` or :mod:`~eas_core.evidence.architecture_claims`, and
  :mod:`~eas_core.evidence.verdicts` says what it is made of
- :mod:`~eas_core.evidence.words` how numbers and lists are written
"""
