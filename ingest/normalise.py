"""From text in a sender's dialect to typed columns of the feed, a whole batch at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from ingest.casting import by_distinct, cast, own_value
from ingest.contracts import Column, Contract
from ingest.enrichment import Geography, point_in_polygon
from ingest.layout import Layout
from ingest.profiles import UNITS, Derive, Override, Reading, Split
from ingest.readers.framed import ESCAPED, PLAIN_DECIMALS

SIGNED = (
    *("qty", "free_qty", "qty_base_stated", "gross_value", "value_net", "document_total_value", "round_off_value"),
    *("discount_value", "cash_discount_value", "trade_discount_value", "scheme_discount_value"),
    *("tax_value", "cgst_value", "sgst_value", "igst_value", "cess_value"),
)
"""Columns that are negative on a credit note."""
_ESCAPED = f"[{re.escape(ESCAPED)}]"


@dataclass(frozen=True)
class Normalised:
    """A typed frame, row for row with the raw one.

    Attributes:
        texts: per column the expression over the raw frame that gives its text as sent, for messages.
        bad: per column, rows whose text cannot be read as the column's type.
        empty: columns that the files do not have and the profile does not state.
        unsplit: per column of the file that the profile splits, rows that do not have the form; with our columns that it would have given.
    """

    frame: pl.DataFrame
    texts: dict[str, pl.Expr]
    bad: dict[str, pl.Series]
    unsplit: dict[str, tuple[pl.Series, tuple[str, ...]]]
    empty: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """How the columns of a feed are taken from files with one header.

    Attributes:
        texts: per column the expression over the raw frame that gives its text.
        stated: texts that the files do not bear on: the profile states them, or nobody does.
        empty: columns of which nobody states anything.
        spellings: per column the values by the upper case of what stands for them.
        as_sent: columns whose texts are cells of the files, or parts of them, and nothing else.
        of_sender: columns whose text is the sender that is known without opening the file.
        unescaped: columns that hold none of ESCAPED unless a cell, or the sender, does.
        taken: what is computed first, over the raw frame.
    """

    layout: Layout
    reading: Reading
    contract: Contract
    texts: dict[str, pl.Expr]
    stated: dict[str, pl.Series]
    empty: frozenset[str]
    spellings: dict[str, dict[str, str]]
    as_sent: frozenset[str]
    of_sender: frozenset[str]
    unescaped: frozenset[str]
    taken: tuple[pl.Expr, ...]


def plan(layout: Layout, reading: Reading, contract: Contract) -> Plan:
    """Work out once what holds for all files with one header."""
    texts = {column.name: _text(column, layout, reading) for column in contract.columns}
    stated = {
        name: pl.select(text.alias(name)).to_series() for name, text in texts.items() if not text.meta.root_names()
    }
    spellings = {column.name: _spellings(column, reading, contract) for column in contract.columns}
    put = {name for override in reading.overrides for name in override.put}
    put |= {enrichment.point_in_polygon.into for enrichment in reading.enrich}
    of_sender = frozenset(name for name, text in texts.items() if text.meta.eq(pl.col("_sender"))) - put
    return Plan(
        layout=layout,
        reading=reading,
        contract=contract,
        texts=texts,
        stated=stated,
        empty=frozenset(name for name, text in stated.items() if text.item() is None),
        spellings=spellings,
        as_sent=frozenset(
            column.name
            for column in contract.columns
            if column.name in layout.cells
            and column.name not in (*stated, *reading.derive, *reading.defaults)
            and column.default is None
            and not spellings[column.name]
        ),
        of_sender=of_sender,
        unescaped=frozenset(
            name
            for name in {*layout.cells, *of_sender} - put
            if is_unescaped(_stated(contract.column(name), spellings[name], reading))
        ),
        taken=(
            *(texts[name].alias(name) for name in contract.names if name not in stated),
            *(_is_unsplit(split, layout).alias(f"_unsplit_{index}") for index, split in enumerate(reading.split)),
            _sender(layout, reading).alias("_sender"),
            _counts_negative(layout, reading).alias("_negative"),
        ),
    )


def normalise(
    raw: pl.DataFrame, plan: Plan, geographies: Mapping[str, Geography], *, is_plain: bool = False
) -> Normalised:
    """Type the columns of a batch whose files share one header.

    Args:
        raw: columns c0, c1, … of text without blanks around it, null where a cell is empty; _sender; and _day, the day that the file covers,
            as text.
        geographies: loaded GeoJSON files by the name that the profile uses.
        is_plain: it is known that no number in the cells has an exponent, or more than PLAIN_DECIMALS decimals behind a point.
    """
    reading, contract, texts, stated = plan.reading, plan.contract, plan.texts, plan.stated
    empty = set(plan.empty)
    spelled = raw.select(plan.taken)
    cells: dict[str, pl.Series | pl.Expr] = {}
    bad: dict[str, pl.Series] = {}
    for column in contract.columns:
        name = column.name
        if name in empty:
            cells[name] = pl.lit(None, dtype=column.dtype)
            continue
        text = _spelled(stated[name] if name in stated else spelled[name], plan.spellings[name])
        value = cast(
            column,
            text,
            reading.formats,
            reading.numbers,
            reading.implied_decimals.get(name, 0),
            is_plain=is_plain and name in plan.as_sent and column.scale >= PLAIN_DECIMALS,
        )
        cells[name] = pl.lit(value.item(), dtype=column.dtype) if name in stated else value
        if value.null_count() > text.null_count():
            unread = text.is_not_null() & value.is_null()
            bad[name] = unread.new_from_index(0, raw.height) if name in stated else unread
    unsplit = {
        split.column: (spelled[f"_unsplit_{index}"], tuple(re.compile(split.pattern).groupindex))
        for index, split in enumerate(reading.split)
        if spelled[f"_unsplit_{index}"].any()
    }
    frame = spelled.select("_sender").with_columns(**cells).select([*contract.names, "_sender"])
    filled = [name for name in contract.names if name not in empty]
    if reading.negative:
        frame = _negated(frame, spelled["_negative"], filled)
    frame = _sign(frame, reading, filled)
    if "free_goods" in filled:
        empty.discard("free_qty")
        frame = _free_goods(frame)
    for enrichment in reading.enrich:
        settings = enrichment.point_in_polygon
        empty.discard(settings.into)
        frame = frame.with_columns(
            point_in_polygon(frame, settings, geographies[settings.geojson]).alias(settings.into)
        )
    for override in reading.overrides:
        empty -= set(override.put)
        frame = _override(frame, override, contract)
    return Normalised(frame=frame, texts=texts, bad=bad, unsplit=unsplit, empty=frozenset(empty))


def natural_key(columns: tuple[str, ...]) -> pl.Expr:
    """The key's values joined with `|`; `|` and `\\` inside a value are escaped with `\\`."""
    parts = [
        pl.col(name)
        .cast(pl.String)
        .fill_null("")
        .str.replace_all("\\", "\\\\", literal=True)
        .str.replace_all("|", "\\|", literal=True)
        for name in columns
    ]
    return pl.concat_str(parts, separator="|")


def is_unescaped(texts: Iterable[str]) -> bool:
    """Whether none of the texts has something that a natural key escapes."""
    return not any(sign in text for text in texts for sign in ESCAPED)


def keyed(frame: pl.DataFrame, columns: tuple[str, ...], unescaped: Collection[str] = ()) -> pl.DataFrame:
    """The frame with its natural key as `_key`; values are escaped only where one of them has something to escape.

    Args:
        unescaped: columns that are known to have nothing to escape.
    """
    unsure = [name for name in columns if frame.schema[name] == pl.String and name not in unescaped]
    if unsure and frame.select(pl.any_horizontal(pl.col(unsure).str.contains(_ESCAPED).any())).item():
        return frame.with_columns(natural_key(columns).alias("_key"))
    texts = [_as_text(frame[name]) for name in columns]
    filled = [text.fill_null("") if text.null_count() else text for text in texts]
    return frame.with_columns(pl.select(pl.concat_str(filled, separator="|").alias("_key")).to_series())


def _as_text(values: pl.Series) -> pl.Series:
    """Values as text; small numbers, as lines have them, are looked up."""
    if values.dtype == pl.String:
        return values
    least, most = values.min(), values.max()
    if values.dtype != pl.Int64 or not isinstance(least, int) or not isinstance(most, int):
        return values.cast(pl.String)
    if least < 0 or most > values.len():
        return values.cast(pl.String)
    return pl.Series(range(most + 1), dtype=pl.Int64).cast(pl.String).gather(values)


def _text(column: Column, layout: Layout, reading: Reading) -> pl.Expr:
    name = column.name
    if name in reading.constants:
        return pl.lit(reading.constants[name])
    text = _fed_text(column, layout, reading)
    if name in reading.strip_leading_zeros:
        text = text.str.replace("^0+([0-9]+)$", "$1")
    if name == "business_date" and reading.period.gives_business_date:
        text = text.fill_null(pl.col("_day"))
    default = reading.defaults.get(name, column.default)
    return text if default is None else text.fill_null(pl.lit(default))


def _fed_text(column: Column, layout: Layout, reading: Reading) -> pl.Expr:
    name = column.name
    derived = _derived(reading.derive[name], layout) if name in reading.derive else None
    if name in layout.cells:
        places = (layout.cells[name], *layout.spare.get(name, ()))
        text = _padded(pl.coalesce(_filled(cell(index), reading) for index in places), reading.pad.get(name, 0))
        return text if derived is None else derived.fill_null(text)
    for split in reading.split:
        group = re.compile(split.pattern).groupindex.get(name)
        if group is not None:
            return _emptied(cell(layout.index(split.column)).str.extract(_whole(split.pattern), group))
    if derived is not None:
        return derived
    if column.from_sender:
        return _sender(layout, reading)
    return pl.lit(None, dtype=pl.String)


def _filled(text: pl.Expr, reading: Reading) -> pl.Expr:
    return pl.when(~text.is_in(reading.nulls)).then(text) if reading.nulls else text


def _padded(text: pl.Expr, digits: int) -> pl.Expr:
    """Give a code of digits the leading zeros back that a spreadsheet took from it."""
    if not digits:
        return text
    return pl.when(text.str.contains("^[0-9]+$")).then(text.str.zfill(digits)).otherwise(text)


def _derived(derive: Derive, layout: Layout) -> pl.Expr:
    result = pl.lit(None, dtype=pl.String)
    if not layout.places(derive.column):
        return result
    source = pl.coalesce(cell(index) for index in layout.places(derive.column))
    for prefix in sorted(derive.prefixes, key=len):
        result = pl.when(source.str.starts_with(prefix)).then(pl.lit(derive.prefixes[prefix])).otherwise(result)
    return result


def _sender(layout: Layout, reading: Reading) -> pl.Expr:
    if reading.sender.column:
        return cell(layout.index(reading.sender.column)).fill_null(pl.col("_sender"))
    return pl.col("_sender")


def _spellings(column: Column, reading: Reading, contract: Contract) -> dict[str, str]:
    spellings = {
        value.upper(): value for rule in contract.rules if rule.column == column.name for value in rule.valid_values
    }
    spellings |= {spelling.upper(): value for spelling, value in reading.values.get(column.name, {}).items()}
    if column.name in ("unit", "base_unit"):
        common = {spelling: unit for unit, known in UNITS.items() for spelling in known}
        spellings = (
            common | spellings | {spelling.upper(): unit for unit, known in reading.units.items() for spelling in known}
        )
    return spellings


def _stated(column: Column, spellings: Mapping[str, str], reading: Reading) -> Iterator[str]:
    """What may stand in a column besides its cells, or the sender."""
    yield from spellings.values()
    yield reading.constants.get(column.name, "")
    yield reading.defaults.get(column.name, column.default) or ""
    if column.name in reading.derive:
        yield from reading.derive[column.name].prefixes.values()


def _spelled(text: pl.Series, spellings: Mapping[str, str]) -> pl.Series:
    return by_distinct(text, lambda value: spellings.get(value.upper(), value), pl.String()) if spellings else text


def _is_unsplit(split: Split, layout: Layout) -> pl.Expr:
    text = cell(layout.index(split.column))
    return (text.is_not_null() & ~text.str.contains(_whole(split.pattern))).fill_null(False)


def _sign(frame: pl.DataFrame, reading: Reading, filled: Sequence[str]) -> pl.DataFrame:
    signed = [name for name in SIGNED if name in filled]
    if "document_type" not in frame.columns or not signed:
        return frame
    is_return = pl.col("document_type") == "CREDIT_NOTE"
    steps: list[pl.Expr] = []
    if reading.sign == "by_document_type":
        steps += [pl.when(is_return).then(-pl.col(name)).otherwise(pl.col(name)).alias(name) for name in signed]
    if reading.derive_returns:
        negative = (pl.col("qty") < 0) | (pl.col("value_net") < 0)
        is_hidden_return = (pl.col("document_type") == "INVOICE") & negative.fill_null(False)
        steps.append(
            pl.when(is_hidden_return)
            .then(pl.lit("CREDIT_NOTE"))
            .otherwise(pl.col("document_type"))
            .alias("document_type")
        )
    return frame.with_columns(steps) if steps else frame


def _counts_negative(layout: Layout, reading: Reading) -> pl.Expr:
    marks = [
        cell(index).str.to_uppercase().is_in([value.upper() for value in values])
        for name, values in reading.negative.items()
        for index in layout.places(name)[:1]
    ]
    return pl.any_horizontal(pl.lit(False), *marks).fill_null(False)


def _negated(frame: pl.DataFrame, negative: pl.Series, filled: Sequence[str]) -> pl.DataFrame:
    """Turn quantities and values negative where the record is marked so, however their own sign was written."""
    signed = [name for name in SIGNED if name in filled]
    return frame.with_columns(
        pl.when(negative).then(-pl.col(name).abs()).otherwise(pl.col(name)).alias(name) for name in signed
    )


def _free_goods(frame: pl.DataFrame) -> pl.DataFrame:
    """Move the quantity of a line that is free goods as a whole to the free quantity."""
    if not {"free_goods", "free_qty", "qty"} <= set(frame.columns):
        return frame
    free = pl.col("free_goods").fill_null(False)
    return frame.with_columns(
        pl.when(free).then(pl.lit(0, frame.schema["qty"])).otherwise(pl.col("qty")).alias("qty"),
        pl.when(free)
        .then((pl.col("free_qty").fill_null(0) + pl.col("qty")).cast(frame.schema["free_qty"]))
        .otherwise(pl.col("free_qty"))
        .alias("free_qty"),
    )


def _override(frame: pl.DataFrame, override: Override, contract: Contract) -> pl.DataFrame:
    named = {*override.where, *override.put}
    dated = override.first is not None or override.last is not None
    if (
        (override.feed or contract.feed) != contract.feed
        or not named <= set(contract.names)
        or (dated and not contract.is_dated)
    ):
        return frame
    applies = pl.col("_sender") == override.sender
    if override.first is not None:
        applies &= pl.col("business_date") >= override.first
    if override.last is not None:
        applies &= pl.col("business_date") <= override.last
    for name, values in override.where.items():
        wanted = [own_value(contract.column(name), value) for value in values]
        applies &= pl.col(name).is_in(pl.Series(wanted, dtype=contract.column(name).dtype).implode())
    put = [
        pl.when(applies.fill_null(False))
        .then(
            pl.lit(
                None if value is None else own_value(contract.column(name), value), dtype=contract.column(name).dtype
            )
        )
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in override.put.items()
    ]
    return frame.with_columns(put)


def cell(index: int) -> pl.Expr:
    """A cell's text; null where there is none."""
    return pl.col(f"c{index}")


def _emptied(text: pl.Expr) -> pl.Expr:
    stripped = text.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"
