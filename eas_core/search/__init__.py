"""Finding an architecture, and scoring what was found.

In: trained networks, a task and a budget. Out: architectures, and right or wrong for every image.

- :mod:`~eas_core.search.specialize` the generator's way: one forward pass, sampling, the budget kept
- :mod:`~eas_core.search.predictor`, :mod:`~eas_core.search.evolution` once-for-all's way
- :mod:`~eas_core.search.gate_gradient` what a gate's gradient promises, against the flip of the gate
- :mod:`~eas_core.search.evaluate` accuracy and loss by task, with intervals
"""
