"""What the book shows: tables, figures and sentences, in one style.

In: records, evidence, judged claims. Out: pandas tables, matplotlib figures, Markdown. Module names end in what they make:

- of the paper: :mod:`~eas_core.show.paper_tables` I to III, :mod:`~eas_core.show.paper_drawings` Figures I and II
  with :mod:`~eas_core.show.drawing`,
  :mod:`~eas_core.show.paper_figures` III to V; :mod:`~eas_core.show.claim_texts`, :mod:`~eas_core.show.claim_figures`; any of it by itself,
  beside what was expected: :mod:`~eas_core.show.items`, :mod:`~eas_core.show.reproduced`
- tables: :mod:`~eas_core.show.data_tables`, :mod:`~eas_core.show.result_tables`,
  :mod:`~eas_core.show.architecture_tables`, :mod:`~eas_core.show.generator_tables`,
  :mod:`~eas_core.show.run_tables`, :mod:`~eas_core.show.reading_tables`; their :mod:`~eas_core.show.columns`
- figures: :mod:`~eas_core.show.prologue_figures`, :mod:`~eas_core.show.data_figures`, :mod:`~eas_core.show.training_figures`,
  :mod:`~eas_core.show.architecture_figures`, :mod:`~eas_core.show.generator_figures`,
  :mod:`~eas_core.show.gradient_figures`,
  :mod:`~eas_core.show.result_figures`, :mod:`~eas_core.show.baseline_figures`; their :mod:`~eas_core.show.style`
- sentences: :mod:`~eas_core.show.findings`, :mod:`~eas_core.show.sources` whose records a page shows; :mod:`~eas_core.show.release_card` the model card of a release
"""
