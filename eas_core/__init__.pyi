# What `from eas_core import ...` offers: eas_core/__init__.py reads the imports, type checkers read all of it.
from eas_core.base.errors import CheckpointError, DataError, EASError, ProfileError, SpaceError
from eas_core.data.tasks import TaskSet
from eas_core.network.calibrate import calibrate
from eas_core.network.generator import ArchitectureGenerator
from eas_core.network.supernet import Supernet
from eas_core.runs.export import load as load_network
from eas_core.runs.export import write as export_network
from eas_core.runs.releases import load as load_release
from eas_core.runs.releases_old import read as read_release
from eas_core.runs.run import make_run
from eas_core.runs.specialized import specialize_one
from eas_core.search.evaluate import score
from eas_core.search.specialize import propose, specialize
from eas_core.settings.profiles import load as load_profile
from eas_core.space.architecture import LARGEST, SMALLEST, Architecture, SearchSpace
from eas_core.space.budget import budget_range
from eas_core.space.count import madds, params
from eas_core.space.search_space import sample

__version__: str
__all__ = [
    "LARGEST",
    "SMALLEST",
    "Architecture",
    "ArchitectureGenerator",
    "CheckpointError",
    "DataError",
    "EASError",
    "ProfileError",
    "SearchSpace",
    "SpaceError",
    "Supernet",
    "TaskSet",
    "budget_range",
    "calibrate",
    "export_network",
    "load_network",
    "load_profile",
    "load_release",
    "make_run",
    "madds",
    "params",
    "propose",
    "read_release",
    "sample",
    "score",
    "specialize",
    "specialize_one",
]
