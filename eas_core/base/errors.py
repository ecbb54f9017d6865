"""The exceptions of the kit.

Every one of them stands for a problem that the person at the keyboard can mend, so its text is one line that names the
field, the value and what is allowed. The command line prints that line and exits with status 2; nothing is damaged.
"""


class EASError(Exception):
    """Base class: something the user gave, or something on disk, cannot be used."""

    alike = False  # whether all processes of a launch raise it together, so that the first one's line is enough


class ProfileError(EASError):
    """A profile is unknown, or one of its settings is."""


class DataError(EASError):
    """Images, archives or splits are missing, damaged or not what they claim to be."""


class SpaceError(EASError):
    """An architecture, task or budget lies outside the search space."""


class CheckpointError(EASError):
    """A checkpoint or weight file is missing, cut short, or of another search space."""


class DevicesError(EASError):
    """A launch of several processes, mixed precision or micro-batches, that is impossible."""

    alike = True
