"""Sphinx extension: a bibliography that reads as its citations do, by author and year: ``bibtex_default_style: author_year``.

Entries are sorted by author and year, the year stands behind the authors, and there is no other label to look up.
"""

from __future__ import annotations

from docutils import nodes
from pybtex.plugin import register_plugin
from pybtex.style.formatting import toplevel
from pybtex.style.formatting.unsrt import Style, pages
from pybtex.style.template import field, join, names, optional, sentence, tag, words
from sphinx.transforms.post_transforms import SphinxPostTransform


class AuthorYear(Style):
    """``Hochreiter, S. and Schmidhuber, J. (1997). Long short-term memory. *Neural Computation*, 9(8):1735–1780.``"""

    default_name_style = "lastfirst"
    default_sorting_style = "author_year_title"

    def __init__(self, **options):
        super().__init__(**{"abbreviate_names": True, **options})

    def head(self, entry):
        authors = names("author", sep=", ", sep2=" and ", last_sep=", and ")
        return words[authors, join["(", field("year"), ")."]], sentence[field("title")]

    def get_article_template(self, e):
        number = join[field("volume"), optional["(", field("number"), ")"], ":", pages]
        return toplevel[(*self.head(e), sentence[tag("em")[field("journal")], optional[number]])]

    def get_inproceedings_template(self, e):
        return toplevel[
            (*self.head(e), words["In", sentence[tag("em")[field("booktitle")], optional[words["pages", pages]]]])
        ]

    def get_techreport_template(self, e):
        return toplevel[(*self.head(e), sentence["Technical report", field("institution")])]


class DropLabels(SphinxPostTransform):
    """Citations lead to the entries of a list with labels only: the labels go once the list is made."""

    default_priority = 6  # after sphinxcontrib.bibtex's own

    def run(self, **options) -> None:
        for citation in self.document.findall(nodes.citation):
            citation.remove(citation.next_node(nodes.label))


def setup(app) -> dict:
    register_plugin("pybtex.style.formatting", "author_year", AuthorYear)
    app.add_post_transform(DropLabels)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
