"""What every room uses: errors, files that are whole or absent, records, random numbers, devices, memory, progress.

In: plain values. Out: the same, checked, written or read. Nothing here knows of networks or searches.

- :mod:`~eas_core.base.errors` every complaint of the kit is one line; :mod:`~eas_core.base.parsing` YAML and JSON
- :mod:`~eas_core.base.files` whole files, one writer a folder; :mod:`~eas_core.base.checkpoints` of a training
- :mod:`~eas_core.base.records` records with provenance, tensors, keys that name folders
- :mod:`~eas_core.base.random` a generator for each named purpose; :mod:`~eas_core.base.devices` several processes
- :mod:`~eas_core.base.memory` peaks and the allocator; :mod:`~eas_core.base.progress` bars
"""
