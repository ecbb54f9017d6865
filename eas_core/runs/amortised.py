"""The stages of amortised search, an extension: a generator that OFA-T's predictor taught."""

from __future__ import annotations

from eas_core.network.generator import ArchitectureGenerator
from eas_core.runs.ofa import predictor
from eas_core.runs.run import Run
from eas_core.runs.specialized import specialize_all
from eas_core.runs.store import once, trained
from eas_core.runs.trained import new_generator
from eas_core.search.amortised import train_amortised


def amortised(run: Run) -> tuple[ArchitectureGenerator, dict]:
    """The generator taught by OFA-T's predictor, and its record; on the CPU, where the predictor is."""
    network = new_generator(run).cpu()

    def train() -> tuple[list[dict], float]:
        teacher, _ = predictor(run)
        space = run.profile.search_space()
        return train_amortised(network, teacher, space, run.profile, run.seed, **run.loop("amortised"))

    return network, trained(run, "amortised", network, train)


def amortised_specialized(run: Run) -> dict:
    """As :func:`eas_core.runs.specialized.specialized`, with this generator."""
    return once(run, "amortised_specialized", lambda _: specialize_all(run, amortised))
