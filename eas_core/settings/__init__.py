"""What a user can set, and which results depend on it.

In: YAML files and ``section.key=value`` overrides. Out: validated settings, frozen.

- :mod:`~eas_core.settings.schema` every setting with its limits
- :mod:`~eas_core.settings.profiles` the profiles that come with the kit; reads and overrides them
- :mod:`~eas_core.settings.stages` the stages of a run: what each depends on, the version of its results
"""
