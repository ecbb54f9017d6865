"""A run: one profile with one seed, its stages made once and kept.

In: a profile, a seed, a folder. Out: weights and records of every stage, and files for users.

- :mod:`~eas_core.runs.run` a run and its folders; :mod:`~eas_core.runs.keys` how those are named
- :mod:`~eas_core.runs.pipeline` any stage by its name; :mod:`~eas_core.runs.store` found or made
- :mod:`~eas_core.runs.trained`, :mod:`~eas_core.runs.specialized`, :mod:`~eas_core.runs.ofa`,
  :mod:`~eas_core.runs.tested`, :mod:`~eas_core.runs.results` how each stage is made
- :mod:`~eas_core.runs.jobs` which stages one process makes, and the evidence of a seed;
  :mod:`~eas_core.runs.partly` that of a few stages
- :mod:`~eas_core.runs.releases` published records and weights, loaded or put where a run has them;
  :mod:`~eas_core.runs.releases_publish` makes them, :mod:`~eas_core.runs.releases_evaluate` tests their networks again,
  :mod:`~eas_core.runs.releases_files` and :mod:`~eas_core.runs.releases_pairs` what is in them;
  :mod:`~eas_core.runs.releases_old` those of before
- :mod:`~eas_core.runs.shown` what a page about methods shows: a release first, this run beside it
- :mod:`~eas_core.runs.export` weights and ONNX; :mod:`~eas_core.runs.onnx_file` a file that knows itself, and
  :mod:`~eas_core.runs.predict` what it says of pictures, without PyTorch; :mod:`~eas_core.runs.int8` in 8 bits
- :mod:`~eas_core.runs.latency` a table of this device's milliseconds, and networks within a number of them
"""
