"""A run: one profile with one seed, its stages made once and kept.

In: a profile, a seed, a folder. Out: weights and records of every stage, and files for users.

- :mod:`~eas_core.runs.run` a run and its folders; :mod:`~eas_core.runs.keys` how those are named
- :mod:`~eas_core.runs.pipeline` any stage by its name; :mod:`~eas_core.runs.store` found or made
- :mod:`~eas_core.runs.trained`, :mod:`~eas_core.runs.specialized`, :mod:`~eas_core.runs.ofa`,
  :mod:`~eas_core.runs.tested`, :mod:`~eas_core.runs.results` how each stage is made
- :mod:`~eas_core.runs.jobs` which stages one process makes, and the evidence of a seed
- :mod:`~eas_core.runs.releases` records that come with the kit; :mod:`~eas_core.runs.export` ONNX and weights
"""
