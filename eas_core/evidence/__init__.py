"""From records to statements: are the paper's claims borne out?

In: records of one or several seeds. Out: tables of numbers, intervals, verdicts, sentences.

- :mod:`~eas_core.evidence.checks` whether records can be judged; :mod:`~eas_core.evidence.compare` paired intervals
- :mod:`~eas_core.evidence.claims` each claim with its rule; :mod:`~eas_core.evidence.findings` sentences for the book
- :mod:`~eas_core.evidence.tables` numbers of records and of the paper
"""
