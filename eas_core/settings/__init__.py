"""What a user can set, and which results depend on it.

In: YAML files and ``section.key=value`` overrides. Out: validated settings, frozen.

- :mod:`~eas_core.settings.profiles` every setting with its limits, and the profiles that come with the kit
- :mod:`~eas_core.settings.stages` the stages of a run: what each depends on, the version of its results
"""
