"""The best value of each column in bold, for tables as a page shows them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pandas.io.formats.style import Styler


def best_in_bold(table: pd.DataFrame, columns: Sequence[str], within: str | None = None, name: str = "best") -> Styler:
    """``table`` with the highest number of each of ``columns`` in bold, ties all; ``within`` a level of its index: in each group.

    ``name`` makes the table's identifiers unique on its page. A column that the table lacks raises ``KeyError``.
    """
    values = table[list(columns)].astype(float)
    highest = values.groupby(level=within, sort=False).transform("max") if within else values.max()
    bold = values.eq(highest).reindex(columns=table.columns, fill_value=False)
    decimals = {column: _decimals(table[column]) for column in table.select_dtypes("float")}
    styler = table.style.set_uuid(name).format({column: f"{{:.{n}f}}" for column, n in decimals.items()}, na_rep="–")
    for level in range(table.index.nlevels):
        if table.index.get_level_values(level).dtype == float:
            styler = styler.format_index("{:.2f}", axis=0, level=level)
    return styler.apply(lambda _: bold.map(lambda is_best: "font-weight: bold" if is_best else ""), axis=None)


def _decimals(column: pd.Series) -> int:
    """As many as the number with most of them has, as pandas shows a column."""
    return max((len(f"{value:.6g}".partition(".")[2]) for value in column.dropna()), default=0)
