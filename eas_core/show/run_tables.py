"""Tables of a run: when and where its stages were made, and its settings."""

from __future__ import annotations

import pandas as pd

from eas_core.evidence.queries import flat_settings


def stages_table(records: dict[str, dict]) -> pd.DataFrame:
    """Time, device and versions of the stages of a run, from ``{stage: record}``."""
    rows = {}
    for stage, record in records.items():
        made = record["provenance"]
        rows[stage] = {
            "minutes": round(record["seconds"] / 60, 1),
            "device": made["device"],
            "threads": made["threads"],
            "torch": made["versions"]["torch"],
            "finished (UTC)": made["time"],
            "version": made.get("stages", {}).get(stage, "unknown"),
            "code": made["code"],
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("stage")


def settings_table(record: dict) -> pd.DataFrame:
    """Every setting of a record as ``section.key`` and value (:func:`eas_core.evidence.queries.flat_settings`)."""
    settings = flat_settings(record)
    return pd.DataFrame({"value": list(settings.values())}, index=pd.Index(settings, name="setting"))
