"""Words of the glossary are linked where a chapter first uses them; abbreviations and special words are in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from book import prose

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = [path for path in prose.NOTEBOOKS if path.stem != "index"]
# words that mostly mean something else: they are linked where they mean the entry, which no test can see
EVERYDAY = {"aim", "candidate", "derived", "pair", "record", "run", "sharing", "variant"}
# abbreviations that every reader of Python and PyTorch knows, names of methods that are explained where they stand, of files and columns
WELL_KNOWN = set(
    "API BibTeX CPU CPUs DARTS DOI ENAS GiB GPU GPUs HTML ID IDs JSON JavaScript MB MIT MobileNetV ONNX PDF PyPI PyTorch README ReLU RGB SHA "
    "ReinMax ImageNet TaskSet WordNet YAML".split()
)


def entries() -> list[str]:
    """The terms of the glossary; an entry for several has each of them."""
    block = (ROOT / "book" / "glossary.md").read_text().split("```{glossary}")[1].split("```")[0]
    return [line for line in block.splitlines() if line and not line.startswith(" ")]


def first_uses(path: Path) -> dict[str, bool]:
    """For each entry that a chapter's text uses: whether its first use is a link."""
    skipped = r"^#.*$|^```\{exercise-start\}.*$|\[[^\]]*\]\([^)]*\)|Elastic Architecture Search"  # headings and links to other pages
    texts = [re.sub(skipped, "", passage.text, flags=re.M) for passage in prose.passages(path)]
    text = "\n".join(prose.said(text, term=r"⟦\2⟧") for text in texts)
    found = {}
    for entry in sorted(entries(), key=len, reverse=True):
        words = "|".join(re.escape(word) for word in entry.split(", "))
        use = re.compile(rf"⟦(?:{re.escape(entry)})⟧|(?<![\w-])(?:{words})(?:s|es)?(?![\w-])(?!⟧)", re.I)
        first = use.search(text)
        if first:
            found[entry] = first[0].startswith("⟦")
            text = use.sub(lambda match: " " * len(match[0]), text)  # shorter entries are not looked for in it
    return found


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_terms_are_linked_at_their_first_use(path):
    plain = {entry for entry, linked in first_uses(path).items() if not linked}
    assert plain - EVERYDAY == set()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_abbreviations_are_in_the_glossary(path):
    known = set(re.findall(r"[\w-]+", " ".join(entries()))) | WELL_KNOWN
    text = " ".join(prose.said(passage.text) for passage in prose.passages(path))
    used = set(re.findall(r"\b[A-Z]+[a-z]*[A-Z][A-Za-z]*(?:-[A-Z])?\b", text))
    used = {word for word in used if not re.fullmatch("[IVX]+", word) and word.removesuffix("s") not in known}
    assert used - known == set()


def test_a_first_use_without_a_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A gate\n\nOne budget, `gate`, then a {term}`gate`; a {term}`budget`, and task dropout.\n")
    assert first_uses(page) == {"gate": True, "budget": False, "task dropout": False}
