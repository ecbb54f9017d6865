"""Every shipped profile loads; whatever is wrong with one is a single line: field, value, what is allowed."""

import copy
import json

import pytest
import yaml
from helpers import one_line

from eas_core.base.errors import EASError, ProfileError
from eas_core.settings import profiles, schema
from eas_core.space.cost_tables import budget_range

SMOKE = yaml.safe_load((profiles.FOLDER / "smoke.yaml").read_text())


@pytest.mark.parametrize("name", profiles.names())
def test_every_shipped_profile_loads(name):
    profile = profiles.load(name)
    assert profile.name == name
    low, high = budget_range(profile.search_space())
    assert low <= min(profile.specialize.budgets) and max(profile.specialize.budgets) <= high


@pytest.mark.parametrize("name", [n for n in profiles.names() if n.startswith("imagenet")])
def test_the_papers_settings_are_in_its_profiles(name):
    profile = profiles.load(name)
    generator = profile.generator
    assert (generator.tau, generator.lam, generator.anchors, generator.embedding) == (1.0, 0.01, 10, 32)
    assert generator.optimizer.kind == "adam" and generator.optimizer.lr == 1e-3 and generator.budget == (150, 550)
    assert sum(stage.epochs for stage in profile.supernet.stages) == 120 and profile.supernet.batch_size == 256


def test_a_profile_is_found_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**SMOKE, "name": "mine"}))
    assert profiles.load(str(path)).name == "mine"


@pytest.mark.parametrize("name", ["nope", "", "smoke.yml", "/", "a/b", "smoke.yaml", "x" * 5000, "nul\0", "."])
def test_an_unknown_profile_lists_what_there_is(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError) as error:
        profiles.load(name)
    assert "demo, imagenet-10" in one_line(error.value)


def test_overrides_replace_single_settings_and_leave_the_rest():
    plain = profiles.load("smoke")
    overrides = ["supernet.batch_size=7", "supernet.task_dropout.q=0.25", "specialize.budgets=[2.5, 3]"]
    changed = profiles.load("smoke", overrides)
    assert changed.supernet.batch_size == 7 and changed.supernet.task_dropout.q == 0.25
    assert changed.specialize.budgets == (2.5, 3)
    assert changed.dump("data", "space", "teacher", "generator") == plain.dump("data", "space", "teacher", "generator")
    assert profiles.load("smoke") == plain


@pytest.mark.parametrize(
    "override, said",
    [
        ("supernet.batch_size", "section.key=value"),
        ("=3", "section.key=value"),
        ("supernet.=3", "section.key=value"),
        ("nothing.batch_size=3", "nothing"),
        ("supernet.nothing=3", "nothing: unknown key; allowed: stages, batch_size"),
        ("supernet.task_dropout.p=3", "allowed: q, reading"),
        ("nothing=3", "unknown key; allowed: name, data"),
        ("supernet.stages.0.epochs=3", "points into a list"),
        ("supernet.batch_size.x=3", "there is no section"),
        ("supernet.batch_size=", "supernet.batch_size = None"),
        (f"specialize.images_per_class={SMOKE['data']['valid_per_class']}", "some must be left to learn from"),
        ("supernet.batch_size=[", "not YAML"),
        ("supernet.batch_size=2024-13-45", "not YAML"),
        ("supernet.batch_size=" + "[" * 3000, "not YAML"),
        ("supernet.batch_size=many", "supernet.batch_size = 'many'"),
        ("supernet.batch_size=0", "greater than or equal to 1"),
        ("supernet.batch_size=-3", "supernet.batch_size = -3"),
        ("supernet.batch_size=3.5", "supernet.batch_size = 3.5"),
        ("supernet.task_dropout.q=1.5", "less than or equal to 1"),
        ("supernet.task_dropout.q=-0.1", "greater than or equal to 0"),
        ("supernet.task_dropout.q=.nan", "supernet.task_dropout.q = nan"),
        ("supernet.task_dropout.reading=drop", "'exclude' or 'zero'"),
        ("data.source=cifar", "'shapes10', 'tiny-imagenet', 'own-pictures', 'imagenet-10' or 'imagenet-12'"),
        ("data.seed=-1", "data.seed = -1"),
        ("space.strides=[2, 2]", "space.strides"),
        ("space.strides=[2, 2, 2, 2, 3]", "1 or 2"),
        ("generator.budget=[0.1, 5.0]", "the space spans "),
        ("generator.budget=[1.4, 500]", "the space spans "),
        ("generator.budget=[5.0, 1.4]", "[5, 1.4]"),
        ("generator.budget=[1.4]", "generator.budget"),
        ("generator.budget=[1.4, .inf]", "generator.budget"),
        ("generator.anchors=1", "greater than or equal to 2"),
        ("generator.tau=0", "greater than 0"),
        ("generator.optimizer.kind=lion", "'sgd', 'adamw' or 'adam'"),
        ("specialize.budgets=[9]", "9 is not in ["),
        ("specialize.budgets=[]", "specialize.budgets"),
        ("specialize.tolerance=1", "less than 1"),
        ("supernet.stages=[]", "supernet.stages"),
        ("supernet.stages=[{}]", "supernet.stages.0.name: field required (and "),
        ("name=[1]", "name = [1]"),
    ],
)
def test_a_wrong_override_is_one_line_that_says_what_is_allowed(override, said):
    with pytest.raises(ProfileError) as error:
        profiles.load("smoke", [override])
    assert said in one_line(error.value)
    assert len(str(error.value)) < 400


TEXTS = [
    "", "null", "3", "[]", "- a\n- b", "text", "{", "a: b: c", "\t", "%", "&a [*a]", "&a {a: *a}", "? [a]\n: b", "1: 2",
    "!!python/object:os.x {}", "!!int abc", "!!binary '*'", "!!timestamp abc", "x: 2024-13-45", "name: 0x_", "null: 3",
    "[" * 3000, "{a: " * 3000, "\0", "\ud800", "\xff", "name: smoke", "<<: 3", "a: *b", "--- a\n--- b",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_file_that_is_no_profile_is_one_line(text, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8", "surrogatepass"))
    with pytest.raises(ProfileError) as error:
        profiles.load(str(path))
    assert "p.yaml" in one_line(error.value)


WRONG = [None, "text", -1, 1e99, float("nan"), [], {}, [[]], {"x": 1}, True]


@pytest.mark.parametrize("section", [s for s in SMOKE if s != "name"])
def test_any_wrong_value_anywhere_is_one_line(section, tmp_path):
    """Each setting of a section in turn takes ten values of wrong kinds; the profile loads or says one line."""
    refused = 0
    for key in SMOKE[section]:
        for value in WRONG:
            raw = copy.deepcopy(SMOKE)
            raw[section][key] = value
            path = tmp_path / "p.yaml"
            path.write_text(yaml.safe_dump(raw))
            try:
                profiles.load(str(path))
            except EASError as error:
                assert key in one_line(error) or "space" in str(error)
                refused += 1
    assert refused >= 7 * len(SMOKE[section])


@pytest.mark.parametrize("section", [s for s in SMOKE if schema.Profile.model_fields[s].is_required()])
def test_a_missing_section_is_named(section, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump({name: value for name, value in SMOKE.items() if name != section}))
    with pytest.raises(ProfileError, match=f"{section}: field required"):
        profiles.load(str(path))


@pytest.mark.parametrize(
    "text, listed",
    [
        ("", []),
        ("a.b=1  c.d=[0.0,1.0]", ["a.b=1", "c.d=[0.0,1.0]"]),
        ("data.path='/a folder/x.zip' a.b=1", ["data.path=/a folder/x.zip", "a.b=1"]),
        ('"c.d=[0.0, 1.0]"', ["c.d=[0.0, 1.0]"]),
    ],
)
def test_overrides_in_one_text_are_separated_by_blanks_outside_quotes(text, listed):
    assert profiles.words(text) == listed


def test_an_open_quote_is_one_line():
    with pytest.raises(ProfileError, match="cannot be split into settings") as error:
        profiles.words("data.path='/a folder")
    assert one_line(error.value)


def test_a_profile_cannot_be_changed_after_loading():
    with pytest.raises(Exception, match="frozen"):
        profiles.load("smoke").teacher.epochs = 3


def test_an_unknown_key_in_a_list_names_what_is_allowed_there():
    stage = "{name: a, depths: [2], expansions: [3], kernels: [3], epochs: 1, lr: 0.1, speed: 2}"
    with pytest.raises(ProfileError, match="supernet.stages.0.speed: unknown key; allowed: name, depths") as error:
        profiles.load("smoke", [f"supernet.stages=[{stage}]"])
    assert one_line(error.value)


@pytest.mark.parametrize("name", ["demo", "smoke", "tiny-imagenet-10", "imagenet-10", "imagenet-12"])
def test_every_setting_of_every_section_can_be_overridden_whether_the_file_holds_it_or_not(name):
    plain = profiles.load(name)

    def leaves(settings, path=()):
        for key, value in settings:
            yield from leaves(value, (*path, key)) if isinstance(value, schema.Settings) else [((*path, key), value)]

    for path, value in leaves(plain):
        text = json.dumps(list(map(dict, value)) if path[-1] == "stages" else value)
        assert profiles.load(name, [f"{'.'.join(path)}={text}"]) == plain


@pytest.mark.parametrize("override", ["data.path.x=1", "teacher.epochs.x=1", "predictor.hidden.x=1", "predictor.x.y=1"])
def test_a_setting_is_no_section(override):
    with pytest.raises(ProfileError, match="there is no section") as error:
        profiles.load("tiny-imagenet-10", [override])
    one_line(error.value)
