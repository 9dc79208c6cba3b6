"""A data home for the inventory tests: files land, are taken in, and dbt builds the models under test."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import warehouse_process

import ingest


@dataclass(frozen=True)
class Warehouse:
    """One home and what dbt makes of it."""

    home: Path

    def land(self, sender: str, name: str, rows: Sequence[Mapping[str, Any]], columns: Iterable[str] = ()) -> None:
        """Write a csv_generic file; without rows it is a header of the given columns."""
        path = self.home / "landing" / "csv_generic" / sender / name
        path.parent.mkdir(parents=True, exist_ok=True)
        names = list(dict.fromkeys([*columns, *(column for row in rows for column in row)]))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)

    def take_in(self, as_of: dt.date, since_seq: int = 0) -> ingest.IngestReport:
        """Ingest what has landed and lay out the snapshot of a build; increments start from `since_seq`."""
        report = ingest.run(self.home)
        snapshot = ingest.write_snapshot(self.home, self.snapshot_dir)
        self.pin(snapshot.through_seq, as_of, since_seq)
        return report

    def pin(self, through_seq: int, as_of: dt.date, since_seq: int = 0) -> None:
        """State what the build shows."""
        columns = {
            "through_seq": through_seq,
            "as_of": as_of,
            "since_seq": since_seq,
            "since_as_of": as_of,
            "horizon_weeks": 8,
        }
        table = pa.table({name: pa.array([value]) for name, value in columns.items()})
        pq.write_table(table, self.snapshot_dir / "build.parquet")

    @property
    def snapshot_dir(self) -> Path:
        """Where dbt looks for what a build sees."""
        return self.home / "state" / "snapshot"

    def dbt(self, command: str, *words: str) -> None:
        """Run dbt."""
        warehouse_process.Warehouse(self.home).dbt(command, *words)

    def build(self, *words: str) -> None:
        """Build the models that are named, and run the data tests that these suffice for."""
        self.dbt(
            "build", "--exclude", "resource_type:unit_test", "--indirect-selection", "buildable", "--select", *words
        )

    def refresh(self, *words: str) -> None:
        """Build the models that are named, without tests."""
        self.dbt("build", "--exclude", "resource_type:unit_test", "resource_type:test", "--select", *words)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()
