"""Tables and figures of the book and the paper.

In: records, evidence, claims. Out: pandas tables and matplotlib figures, in one style.

- :mod:`~eas_core.show.figures` what the chapters draw; :mod:`~eas_core.show.paper_figures` the paper's figures
- :mod:`~eas_core.show.paper_tables` the paper's Tables I to III; :mod:`~eas_core.show.claims_figure` the forest plot
"""
