"""What a contract says, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

Kind = Literal["string", "integer", "decimal", "double", "date", "timestamp", "boolean"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Column:
    """One column of a feed.

    Attributes:
        scale: decimals of a decimal column.
        default: value of a cell that the sender leaves empty.
        from_sender: the column is the sender itself where the file does not say it.
        personal: which kind of personal data the column holds, where it holds any.
    """

    name: str
    kind: Kind
    scale: int
    required: bool
    description: str
    physical_type: str
    default: str | None = None
    from_sender: bool = False
    unit: str | None = None
    personal: str | None = None

    @property
    def dtype(self) -> pl.DataType:
        """The column's type in bronze."""
        if self.kind == "decimal":
            return pl.Decimal(18, self.scale)
        return {
            "string": pl.String(),
            "integer": pl.Int64(),
            "double": pl.Float64(),
            "date": pl.Date(),
            "timestamp": pl.Datetime("us"),
            "boolean": pl.Boolean(),
        }[self.kind]


@dataclass(frozen=True)
class Rule:
    """A rule about a row: an SQL expression that is false where the row breaks it; null passes.

    Attributes:
        column: the column that the rule is about, where it is about one.
        valid_values: the accepted values, for a rule that lists them.
        bit: position in the flags, for a warning.
    """

    name: str
    severity: Severity
    description: str
    expression: str
    column: str | None = None
    valid_values: tuple[str, ...] = ()
    bit: int | None = None


@dataclass(frozen=True)
class DatasetRule:
    """A rule about the feed as a whole, checked after ingest."""

    name: str
    metric: str
    operator: str
    bound: float
    severity: Severity
    description: str


@dataclass(frozen=True)
class Contract:
    """A canonical feed: columns, natural key, rules."""

    feed: str
    version: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    dataset_rules: tuple[DatasetRule, ...]
    latency_days: int | None
    digest: str
    purpose: str = ""
    limitations: str = ""
    owner: str = ""

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def is_dated(self) -> bool:
        """True for a fact feed, whose rows carry a business date."""
        return "business_date" in self.names

    @property
    def warnings(self) -> tuple[Rule, ...]:
        """Rules that set a flag, in the order of their bits."""
        return tuple(rule for rule in self.rules if rule.bit is not None)

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Columns and types of rows.parquet: the contract's columns, then the envelope."""
        return {column.name: column.dtype for column in self.columns} | ENVELOPE


ENVELOPE: dict[str, pl.DataType] = {
    "_key": pl.String(),
    "_sender": pl.String(),
    "_file": pl.String(),
    "_record": pl.Int64(),
    "_pos": pl.Int64(),
    "_flags": pl.Int64(),
}

REJECTS: dict[str, pl.DataType] = {
    "_key": pl.String(),
    "_sender": pl.String(),
    "_file": pl.String(),
    "_record": pl.Int64(),
    "_line": pl.Int64(),
    "rule": pl.String(),
    "column": pl.String(),
    "value": pl.String(),
    "raw": pl.String(),
    "message": pl.String(),
}

FEED_ORDER = (
    "territory",
    "distributor",
    "sku",
    "outlet",
    "price_list",
    "calendar",
    "scheme",
    "target",
    "beat_plan",
    "sku_xref",
    "outlet_xref",
    "decision",
)
