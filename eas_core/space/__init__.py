"""The search space: what an architecture is, how one is drawn, and what it costs.

In: widths, strides and resolution of a profile. Out: architectures, gates, multiply-adds and parameters.

- :mod:`~eas_core.space.architecture` depth, kernel size and expansion ratio of every block
- :mod:`~eas_core.space.search_space` the skeleton, sampling, gates and their way back
- :mod:`~eas_core.space.count` the arithmetic of costs; :mod:`~eas_core.space.budget` the range of budgets that follows
- :mod:`~eas_core.space.cost_tables` tables, differentiable cost, sampling by cost
- :mod:`~eas_core.space.latency_table` milliseconds on a device in the place of multiply-adds
"""
