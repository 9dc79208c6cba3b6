"""How to put planted defects right: truth/mend.csv, and profile overrides ready to be laid over ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from simulation.defects import Mend

HOW_LATE = "copy withheld/landing over the landing folder, then ingest"
HOW_OVERRIDE = "copy mend/config over the data home's config, then replay"


def table(mends: list[Mend]) -> pl.DataFrame:
    """One row per thing to do."""
    schema = ("defect_id", "class", "profile", "sender", "feed", "file", "override", "how")
    rows = [
        (
            m.defect_id,
            m.kind,
            m.profile,
            m.sender,
            m.feed,
            m.file,
            yaml.safe_dump(m.override, default_flow_style=True, sort_keys=False, width=1000).strip()
            if m.override
            else None,
            HOW_LATE if m.file else HOW_OVERRIDE,
        )
        for m in mends
    ]
    return pl.DataFrame(rows, schema={name: pl.String for name in schema}, orient="row")


def write_overrides(folder: Path, mends: list[Mend]) -> None:
    """Write one profile overlay per dialect with the overrides that its senders need."""
    profiles: dict[str, list[dict[str, Any]]] = {}
    for mend in mends:
        if mend.override is not None:
            profiles.setdefault(mend.profile, []).append(mend.override)
    for profile, overrides in sorted(profiles.items()):
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump({"overrides": overrides}, sort_keys=False, allow_unicode=True)
        (folder / f"{profile}.yaml").write_text(text, encoding="utf-8")
