"""Published runs are whole: weights and records belong together, and the architectures come out of the generator.

What holds of any release made now is in ``test_release_format.py``; here are those in ``releases/``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from eas_core.base import records
from eas_core.base.errors import DataError
from eas_core.base.random import rng
from eas_core.evidence import claims, queries
from eas_core.network.generator import sample_gates
from eas_core.network.supernet import Supernet
from eas_core.runs import releases, releases_files, trained
from eas_core.runs.run import Run
from eas_core.search.specialize import propose
from eas_core.settings import profiles, schema
from eas_core.settings.stages import STAGES
from eas_core.show import findings
from eas_core.space.cost_tables import madds
from eas_core.space.search_space import Architecture, from_gates

ROOT = Path(__file__).parents[1]
PUBLISHED = sorted(path.parent for path in (ROOT / "releases").glob("*/results.json"))


@torch.no_grad()
def former_draws(generator, scenarios, samples: int, seed: int) -> list[list[Architecture]]:
    """What was drawn for each scenario when one source of noise served the whole batch, as in releases of that time."""
    z = generator(torch.tensor([t for t, _ in scenarios]), torch.tensor([b for _, b in scenarios]))
    gates = sample_gates(z[:, None].expand(-1, samples, -1), 1.0, rng(seed, "specialize"))
    return [from_gates(drawn) for drawn in gates]


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_weights_load_and_the_generator_proposes_the_published_architectures(folder):
    published = releases.read(folder)
    profile = schema.Profile(**yaml.safe_load((folder / "profile.yaml").read_text()))
    run = Run(profile, published["results"]["settings"]["seed"])
    records.load_into(Supernet(profile.search_space()), folder / "supernet.safetensors")
    generator = trained.new_generator(run)
    records.load_into(generator, folder / "generator.safetensors")
    rows = published["specialized"]["result"]["rows"]
    scenarios = [(run.tasks.index(row["task"]), row["budget"]) for row in rows]
    proposals = propose(generator, profile.search_space(), scenarios, profile.specialize, run.seed)
    former = former_draws(generator, scenarios, profile.specialize.samples, run.seed)
    for row, proposal, drawn in zip(rows, proposals, former, strict=True):
        chosen = Architecture.from_dict(row["architecture"])
        assert chosen in proposal.candidates or chosen in drawn
        assert madds(profile.search_space(), [chosen])[0] == round(row["madds"] * 1e6) <= row["budget"] * 1e6


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda path: path.name)
def test_accuracies_follow_from_the_counts_of_test_images(folder):
    result = releases.read(folder)["results"]["result"]
    for row in result["rows"]:
        assert row["accuracy"] * row["n"] == pytest.approx(round(row["accuracy"] * row["n"]), abs=1e-6)
        assert row["interval"][0] <= row["accuracy"] <= row["interval"][1]


def test_releases_stay_small():
    weights = sum(path.stat().st_size for path in (ROOT / "releases").rglob("*.safetensors"))
    assert weights <= 20e6


# What shipped profiles have since, in releases that are older: pairs see all images that train the generator too.
CHANGED = {("demo-3-seeds", "pairs", "images_per_class")}
BATCHES = sorted({path.parent for path in (ROOT / "releases").glob("*-seeds/seed-*.json")})


@pytest.mark.parametrize("folder", BATCHES, ids=lambda path: path.name)
def test_published_evidence_can_be_judged_and_is_of_a_shipped_profile(folder):
    published = releases.read_evidence(folder)
    assert len(published) >= 3 and any(claim.verdict != "not measured" for claim in claims.judge(published))
    profile = profiles.load(published[0]["profile"])
    for entry in published:
        run = Run(profile, entry["seed"])
        for variant in entry["variants"].values():
            own = run.variant(variant["q"], variant["reading"])
            for stage, record in variant["records"].items():
                for name, value in flat(own.settings(stage) if stage in STAGES else {}).items():
                    there = flat(record["settings"]).get(name, value)  # records name what keys held when they were made
                    assert there == value or (folder.name, *name) in CHANGED, f"{stage} was made with {name} = {there}"


def flat(settings: dict) -> dict:
    return {
        (section, name): value
        for section, values in settings.items()
        for name, value in (values.items() if isinstance(values, dict) else [("", values)])
    }


@pytest.mark.parametrize("folder", sorted((ROOT / "releases").iterdir()), ids=lambda path: path.name)
def test_a_release_whose_records_are_mixed_says_so(folder):
    if (folder / releases_files.MANIFEST).exists():
        warning = findings.mixed(releases_files.read(folder).evidence())
    elif folder in PUBLISHED:
        warning = findings.mixed_records(list(releases.read(folder).values()))
    else:
        warning = findings.mixed(releases.read_evidence(folder))
    said = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("**Mixed:**")]
    assert said == ([warning] if warning else [])


def test_the_published_readings_can_be_compared():
    published = releases.read_evidence(ROOT / "releases" / "demo-readings")
    assert len(published) >= 3 and queries.other_readings(published) == ["zero"]
    assert "3 seeds" in findings.readings(published)


def test_evidence_comes_back_by_seed(smoke_evidence, tmp_path):
    entries = [{**smoke_evidence, "seed": seed} for seed in (10, 2)]
    releases.publish_evidence(entries, tmp_path)
    assert [entry["seed"] for entry in releases.read_evidence(tmp_path)] == [2, 10]
    for damaged in ("{", "[]"):
        (tmp_path / "seed-2.json").write_text(damaged)
        with pytest.raises(DataError, match="seed-2.json is damaged"):
            releases.read_evidence(tmp_path)
    with pytest.raises(DataError, match="holds no seed-"):
        releases.read_evidence(tmp_path / "nothing")
