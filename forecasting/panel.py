"""The demand panel: one row per series and week (or day), loaded into matrices, with what is known ahead and the codes that series share."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting import panel_file
from forecasting.errors import PanelError
from forecasting.panel_file import OURS, rows_where
from forecasting.series import Bools as Bools
from forecasting.series import Dates as Dates
from forecasting.series import Floats as Floats
from forecasting.series import Series
from forecasting.series import Strings as Strings

KEY = ("sku_code", "distributor_code", "territory_code")
QUANTITY, STOCKED_OUT = "qty_base", "stocked_out"
DRIVERS = ("price_ratio", "promotion_share", "discount_share", "free_share", "holiday_share", "festival_share")
"""What is known ahead, as the panel of the build has it; docs/explanation/forecasting.md has the meaning of each."""
PERIODS = {"week": "week_start", "day": "business_date"}
DAYS = {"week": 7, "day": 1}
UNKNOWN = "UNKNOWN"
BOUNDS = {
    "price_ratio": (np.nextafter(0.0, 1.0), np.inf),
    "free_share": (0.0, np.inf),
    **{name: (0.0, 1.0) for name in ("promotion_share", "discount_share", "holiday_share", "festival_share")},
}
"""What a driver may be; free goods may be more than those bought."""
LONGEST_YEARS = 60
FEW_AT_THE_END = 0.2
"""Of the series of the fullest period, the share below which the end of a panel is not believed without a word."""

Every = Literal["week", "day"]
Places = slice | npt.NDArray[np.int64]

SMOOTH, INTERMITTENT, ERRATIC, LUMPY, NEW = "SMOOTH", "INTERMITTENT", "ERRATIC", "LUMPY", "NEW"
CLASSES = (SMOOTH, INTERMITTENT, ERRATIC, LUMPY, NEW)
INTERVAL_CUT = 1.32
"""Syntetos, Boylan and Croston (2005): mean weeks between demands above which demand is intermittent."""
VARIATION_CUT = 0.49
"""The same: squared coefficient of variation of the demand sizes above which demand is erratic."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a file: how many, and in words which; both empty where there are none."""

    count: int = 0
    text: str = ""


@dataclass(frozen=True)
class Panel:
    """N series over T consecutive weeks (or days), and the A further ones for which something is known ahead.

    Attributes:
        series: N rows, key columns, in ascending order.
        weeks: (T,) Mondays; first days of the periods where they are days.
        quantity: (N, T) base units; NaN before a series starts and in gaps.
        stocked_out: (N, T) the shelf was empty at some time of the period.
        digest: sha256 of all that a forecast can depend on; the same for the same rows in any order and any encoding.
        problems: what was mended on loading, in words.
        notes: what was done on loading that is nothing to mend: rows that count for another day than theirs, or not yet.
        blank: rows up to the cut-off whose quantity is empty.
        negative: rows with a quantity below zero.
        every: length of a period.
        shared, own: drivers, (T + A,) where no two series differ in any period, else (N, T + A).
        groups: (N,) codes that series share; the columns of the key among them.
    """

    series: pl.DataFrame
    weeks: Dates
    quantity: Floats
    stocked_out: Bools
    digest: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    blank: Rows = Rows()
    negative: Rows = Rows()
    every: Every = "week"
    shared: dict[str, Floats] = field(default_factory=dict)
    own: dict[str, Floats] = field(default_factory=dict)
    groups: dict[str, Strings] = field(default_factory=dict)

    @property
    def cutoff(self) -> np.datetime64 | None:
        """The last period with a quantity: what is forecast begins with the next."""
        return self.weeks[-1] if len(self.weeks) else None

    def ahead(self, horizon: int) -> Dates:
        """The `horizon` periods after the cut-off."""
        step = DAYS[self.every]
        return self.weeks[-1:] + step * np.arange(1, horizon + 1)

    def until(self, length: int, horizon: int, rows: Places = slice(None)) -> Series:
        """What a forecaster may know after the first `length` periods, with `horizon` to forecast.

        Quantities end at the origin. Drivers go on: plans of price and promotion, and the calendar, are known ahead, at an earlier origin as now;
        so a backtest takes it that they were made a horizon before. Beyond what is planned, the last value holds.

        Args:
            length: periods of history; len(weeks) for the forecast itself.
            horizon: periods ahead.
            rows: the series wanted (a chunk, or those with a history), by place.
        """
        end = length + horizon
        step = DAYS[self.every]
        return Series(
            dates=self.weeks[:length],
            quantity=self.quantity[rows, :length],
            stocked_out=self.stocked_out[rows, :length],
            future=self.weeks[length - 1] + step * np.arange(1, horizon + 1),
            shared={name: _reaching(values, end) for name, values in self.shared.items()},
            own={name: _reaching(values[rows], end) for name, values in self.own.items()},
            groups={name: codes[rows] for name, codes in self.groups.items()},
        )


def load(
    path: Path,
    *,
    key: Sequence[str] = KEY,
    every: Every = "week",
    period: str | None = None,
    quantity: str = QUANTITY,
    drivers: Sequence[str] = DRIVERS,
    groups: Path | None = None,
    as_of: date | None = None,
    next_step: str = OURS,
) -> Panel:
    """Read, check and pivot a panel: Parquet or CSV, one row per series and period, in any order.

    Rows for one series and period are added up, days that do not begin a week move to their Monday, missing codes become UNKNOWN, each with a note
    in `problems`; a null quantity and a missing period are gaps. The panel ends with the last period that has a quantity; rows after it
    say what is known ahead. A column `stocked_out` and the drivers may be missing; a missing value of a driver is the one before it in
    its series, else the one after it, else 0.

    Args:
        path: a file in .parquet or .csv.
        key: the columns that tell series apart.
        every: whether a period is a week or a day.
        period: the column with a day of the period; by default week_start or business_date.
        quantity: the column with what was sold.
        drivers: columns with what is known ahead; those that the file lacks are passed over.
        groups: a file of codes that series share, with some columns of the key (sku_code) and further ones (category, brand, predecessor_sku_code).
        as_of: quantities of periods that end after this day are left out, with a note.
        next_step: what to do about a file that is not readable.

    Raises:
        PanelError: the file is missing, lacks a column, has a column of a type that cannot be meant, or spans more than
        sixty years.
    """
    columns = _Columns(tuple(key), period or PERIODS[every], quantity, every)
    rows, problems = _read(path, columns, drivers, next_step)
    mended = _mend(path, rows, columns, as_of)
    rows = mended.rows
    problems += mended.problems
    drivers = [name for name in drivers if name in rows.columns]
    if rows[quantity].null_count() == rows.height:
        rows = rows.clear()
    series, row = _numbered(rows, columns.key)
    if again := _repeated(path, row, rows[columns.period], mended.place, mended.unit):
        problems.append(f"{again}; their quantities are added up.")
    rows = rows.with_columns(_begin(columns))
    moved = mended.unit != every
    if again or (moved and len(row) and _pairs(row, rows[columns.period]).n_unique() < len(row)):
        rows = _added_up(rows, columns)
        series, row = _numbered(rows, columns.key)
    attributes = _groups(series, groups)
    if rows.height == 0:
        none = np.empty((0, 0))
        weeks = np.empty(0, dtype="datetime64[D]")
        return _panel(series, weeks, none, none.astype(np.bool_), {}, attributes, problems, mended, every)
    step = DAYS[every]
    start = rows[columns.period].to_numpy().astype("datetime64[D]").astype(np.int64)
    sold = rows[quantity].is_not_null().to_numpy()
    width = int(start[sold].max() - start.min()) // step + 1
    reach = int(start.max() - start.min()) // step + 1
    dates: Dates = (start.min() + step * np.arange(reach)).astype("datetime64[D]")
    column = (start - start.min()) // step

    def spread(name: str, empty: float) -> Floats:
        values = np.full((series.height, reach), empty)
        values[row, column] = rows[name].cast(pl.Float64).fill_null(empty).to_numpy()
        return values

    known = spread(quantity, np.nan)[:, :width]
    in_the_end, at_most = int((~np.isnan(known[:, -1])).sum()), int((~np.isnan(known)).sum(axis=0).max())
    if in_the_end < FEW_AT_THE_END * at_most:
        problems.append(
            f"The panel ends on {dates[width - 1]}, but only {in_the_end} of {series.height} series have a quantity then: "
            "look for a business date that is too late, or a feed that is."
        )
    stocked_out = spread(STOCKED_OUT, 0.0)[:, :width] > 0
    ahead = {name: spread(name, np.nan) for name in drivers}
    return _panel(series, dates[:width], known, stocked_out, ahead, attributes, problems, mended, every)


@dataclass(frozen=True)
class _Columns:
    """What a file's columns are called."""

    key: tuple[str, ...]
    period: str
    quantity: str
    every: Every


def _panel(
    series: pl.DataFrame,
    weeks: Dates,
    quantity: Floats,
    stocked_out: Bools,
    drivers: dict[str, Floats],
    groups: dict[str, Strings],
    problems: list[str],
    mended: "_Mended",
    every: Every,
) -> Panel:
    shared, own = {}, {}
    for name, values in drivers.items():
        lowest, highest = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        if (np.isnan(lowest) | (lowest == highest)).all():
            shared[name] = _filled(lowest[None])[0]
        else:
            own[name] = _filled(values)
    digest = _digest(weeks, quantity, stocked_out, {**shared, **own}, groups)
    return Panel(
        series, weeks, quantity, stocked_out, digest, tuple(problems), tuple(mended.notes), mended.blank, mended.negative,
        every, shared, own, groups,
    )  # fmt: skip


def _read(path: Path, columns: _Columns, drivers: Sequence[str], next_step: str) -> tuple[pl.DataFrame, list[str]]:
    if not path.is_file():
        raise PanelError(path, "there is no such file", "Run `sellthrough build` first; it writes the panel.")
    needed: dict[str, pl.DataType] = {
        **{name: pl.String() for name in columns.key},
        columns.period: pl.Date(),
        columns.quantity: pl.Float64(),
    }
    further: dict[str, pl.DataType] = {STOCKED_OUT: pl.Boolean(), **{name: pl.Float64() for name in drivers}}
    rows, problems = panel_file.read(path, needed, further, next_step)
    if STOCKED_OUT not in rows.columns:
        rows = rows.with_columns(pl.lit(value=False).alias(STOCKED_OUT))
    problems += panel_file.out_of_range(path, rows, BOUNDS)
    if "price_ratio" in rows.columns:
        rows = rows.with_columns(pl.when(pl.col("price_ratio") > 0).then(pl.col("price_ratio")))
    return rows, problems


@dataclass(frozen=True)
class _Mended:
    """Rows that can be counted, what is to be said of them, and where in the file they stand: None where all are there."""

    rows: pl.DataFrame
    place: npt.NDArray[np.int64] | None
    problems: list[str]
    notes: list[str]
    blank: Rows
    negative: Rows
    unit: str


def _mend(path: Path, rows: pl.DataFrame, columns: _Columns, as_of: date | None) -> _Mended:
    problems: list[str] = []
    notes: list[str] = []
    period, quantity, every = pl.col(columns.period), pl.col(columns.quantity), columns.every
    begin = _begin(columns)

    def marked(which: pl.Expr, one: str, many: str) -> Rows:
        mark = rows.select(which.fill_null(value=False).alias("marked")).to_series()
        count = int(mark.sum())
        return Rows(count, rows_where(path, mark, one, many) if count else "")

    undated = marked(period.is_null(), f"has no {every}", f"have no {every}")
    if undated.count:
        problems.append(f"{undated.text}; {'it is' if undated.count == 1 else 'they are'} left out.")
    uncoded = marked(
        pl.any_horizontal(pl.col(name).is_null() for name in columns.key) & period.is_not_null(),
        "has no code",
        "have no code",
    )
    if uncoded.count:
        problems.append(f"{uncoded.text}; {'it is' if uncoded.count == 1 else 'they are'} forecast under {UNKNOWN}.")
    misplaced = marked(
        period.dt.weekday() != 1 if every == "week" else pl.lit(value=False),
        "does not start on a Monday",
        "do not start on a Monday",
    )
    if misplaced.count:
        notes.append(
            f"{misplaced.text}; {'it counts for the week that it is' if misplaced.count == 1 else 'they count for the week that they are'} in."
        )
    numberless = marked(
        quantity.is_finite().not_(), "has no finite number as quantity", "have no finite number as quantity"
    )
    if numberless.count:
        problems.append(f"{numberless.text}; {'it is a gap' if numberless.count == 1 else 'they are gaps'}.")
    last = rows.select(begin.filter(quantity.is_not_null()).max()).item()
    blank = marked(
        quantity.is_null() & (begin <= last if last else pl.lit(value=True)), "has no quantity", "have no quantity"
    )
    negative = marked(quantity < 0, "has a quantity below zero", "have a quantity below zero")
    known = quantity.is_finite().fill_null(value=False)
    if as_of:
        late = (begin.dt.offset_by(f"{DAYS[every] - 1}d") > as_of) & known
        later = marked(late, f"is of a {every} that ends after {as_of}", f"are of {every}s that end after {as_of}")
        if later.count:
            first = rows.filter(late).select(begin.min()).item()
            notes.append(f"{later.text}; quantities from {first} on are left out.")
            known &= ~late
    place = None
    if undated.count:
        place = np.flatnonzero(rows[columns.period].is_not_null().to_numpy())
    rows = rows.with_columns(
        pl.col(columns.key).fill_null(UNKNOWN),
        pl.col(STOCKED_OUT).fill_null(value=False),
        pl.when(known).then(quantity).alias(columns.quantity),
    ).filter(period.is_not_null())
    _check_span(path, rows[columns.period], place, every)
    unit = "date" if misplaced.count else every
    return _Mended(rows, place, problems, notes, blank, negative, unit)


def _begin(columns: _Columns) -> pl.Expr:
    """The first day of the period that a row is of."""
    period = pl.col(columns.period)
    return period.dt.truncate("1w") if columns.every == "week" else period


def _check_span(path: Path, days: pl.Series, place: npt.NDArray[np.int64] | None, every: Every) -> None:
    """Refuse dates that lie so far apart that one of them must be wrong."""
    if not len(days):
        return
    day = days.to_numpy().astype("datetime64[D]")
    number = day.astype(np.int64)
    if int(number.max() - number.min()) <= LONGEST_YEARS * 366:
        return
    usual = np.median(number)
    late = number.max() - usual > usual - number.min()
    odd = int(number.argmax() if late else number.argmin())
    row = (odd if place is None else int(place[odd])) + panel_file.first_row(path)
    raise PanelError(
        path,
        f"{every}s run from {day.min()} to {day.max()}",
        f"Look at row {row:,}, dated {day[odd]}: it is far off.",
    )


def _repeated(
    path: Path, row: npt.NDArray[np.int64], period: pl.Series, place: npt.NDArray[np.int64] | None, unit: str
) -> str | None:
    """In words, which rows are of a series and date that another before them is of."""
    if not len(row):
        return None
    again = ~_pairs(row, period).is_first_distinct()
    what = f"a series and {unit}"
    return rows_where(path, again, f"repeats {what}", f"repeat {what}", place) if again.any() else None


def _pairs(row: npt.NDArray[np.int64], period: pl.Series) -> pl.Series:
    """A number for each pair of series and date."""
    day = period.to_numpy().astype("datetime64[D]").astype(np.int64)
    return pl.Series(row * (int(day.max() - day.min()) + 1) + day - day.min())


def _numbered(rows: pl.DataFrame, key: Sequence[str]) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """The series of the rows in ascending order, and the place of each row's: by way of numbers, as there may be tens of millions of rows."""
    place = np.zeros(rows.height, dtype=np.int64)
    for name in key:
        codes = rows[name].cast(pl.Categorical).to_physical().to_numpy()
        joint = pl.DataFrame({"joint": place * (int(codes.max(initial=0)) + 1) + codes})
        numbers = joint.unique().with_row_index("number")
        place = joint.join(numbers, on="joint", how="left", maintain_order="left")["number"].to_numpy().astype(np.int64)
    size = int(place.max(initial=-1)) + 1
    example = np.zeros(size, dtype=np.int64)
    example[place] = np.arange(rows.height)
    found = rows[example].select(key)
    order = found.select(pl.arg_sort_by(key)).to_series().to_numpy()
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.arange(size)
    return found[order], rank[place]


def _added_up(rows: pl.DataFrame, columns: _Columns) -> pl.DataFrame:
    place = [*columns.key, columns.period]
    known = pl.col(columns.quantity).is_not_null().any()
    others = [name for name in rows.columns if name not in (*place, columns.quantity, STOCKED_OUT)]
    return rows.group_by(place).agg(
        pl.when(known).then(pl.col(columns.quantity).sum()).alias(columns.quantity),
        pl.col(STOCKED_OUT).any(),
        pl.col(others).mean(),
    )


def _groups(series: pl.DataFrame, path: Path | None) -> dict[str, Strings]:
    """The codes of each series: its key's, and those of the groups file for it."""
    found = series
    if path is not None:
        if not path.is_file():
            raise PanelError(path, "there is no such file", "Run `sellthrough build` first; it writes the groups.")
        try:
            table = panel_file.scan(path).collect().with_columns(pl.all().cast(pl.String))
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise PanelError(
                path, f"its codes cannot be read ({reason})", "Give a column of the key and columns of text."
            ) from error
        common = [name for name in series.columns if name in table.columns]
        if not common:
            raise PanelError(path, "it has no column of the key", f"Expected one of {', '.join(series.columns)}.")
        found = series.join(
            table.unique(common, keep="last", maintain_order=True),
            on=common, how="left", maintain_order="left",
        )  # fmt: skip
    return {name: found[name].fill_null("").to_numpy().astype(np.str_) for name in found.columns}


def _filled(values: Floats) -> Floats:
    """Each row with its gaps filled: by the value before, else the first one there is, else 0."""
    known = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(known, np.arange(values.shape[1], dtype=np.int32), -1), axis=1)
    place = np.where(before < 0, known.argmax(axis=1)[:, None], before)
    return np.nan_to_num(np.take_along_axis(values, place, axis=1), nan=0.0)


def _reaching(values: Floats, end: int) -> Floats:
    """The first `end` values along the last axis, the last of them repeated where there are fewer."""
    lacking = end - values.shape[-1]
    if lacking <= 0:
        return values[..., :end]
    return np.concatenate([values, np.repeat(values[..., -1:], lacking, axis=-1)], axis=-1)


def _digest(
    weeks: Dates,
    quantity: Floats,
    stocked_out: Bools,
    drivers: dict[str, Floats],
    groups: dict[str, Strings],
) -> str:
    digest = hashlib.sha256()
    for name, codes in sorted(groups.items()):
        digest.update(f"{name}\1".encode())
        digest.update("\0".join(codes.tolist()).encode() + b"\1")
    digest.update(np.ascontiguousarray(weeks.astype("datetime64[D]").astype("<i8")).tobytes())
    digest.update(np.ascontiguousarray(quantity.astype("<f8")).tobytes())
    digest.update(np.packbits(stocked_out).tobytes())
    for name, values in sorted(drivers.items()):
        digest.update(f"{name}\1{values.shape}".encode())
        digest.update(np.ascontiguousarray(values.astype("<f8")).tobytes())
    return digest.hexdigest()


def unconstrained(quantity: Floats, stocked_out: Bools, longest: int) -> Floats:
    """Quantities with the weeks that an empty shelf has cut short unknown (NaN) rather than low.

    A shelf often runs empty because the week was good. So a week that has sold at least what weeks with a full shelf sell on
    average is kept: leaving out good weeks would pull the forecast down. And of an unbroken run of empty weeks only the first
    `longest` are taken out: a shelf that stays empty for longer is a listing that has ended, and its weeks without sales are
    what there is to know.
    """
    run = np.zeros(quantity.shape, dtype=np.int64)
    length = np.zeros(quantity.shape[0], dtype=np.int64)
    for week in range(quantity.shape[1]):
        length = np.where(stocked_out[:, week], length + 1, 0)
        run[:, week] = length
    full = ~np.isnan(quantity) & ~stocked_out
    usual = np.where(full, quantity, 0.0).sum(axis=1) / np.maximum(full.sum(axis=1), 1)
    return np.where((run > 0) & (run <= longest) & (quantity < usual[:, None]), np.nan, quantity)


def demand_class(quantity: Floats, new_below_weeks: int) -> Strings:
    """Classify each row (N, T; NaN where unknown) by Syntetos and Boylan, on weeks with demand above zero; NEW below so
    many known weeks.
    """
    known = (~np.isnan(quantity)).sum(axis=1)
    demand = np.where(quantity > 0, quantity, 0.0)
    occurrences = (demand > 0).sum(axis=1)
    at_least_one = np.maximum(occurrences, 1)
    interval = known / at_least_one
    largest = np.maximum(demand.max(axis=1, initial=0.0), 1.0)[
        :, None
    ]  # scaled, so that squares of huge quantities stay finite
    mean = (demand / largest).sum(axis=1) / at_least_one
    square = ((demand / largest) ** 2).sum(axis=1) / at_least_one
    variation = np.where(occurrences > 0, np.maximum(square - mean**2, 0.0) / np.maximum(mean, 1e-100) ** 2, 0.0)
    frequent = (interval < INTERVAL_CUT) & (occurrences > 0)
    steady = variation < VARIATION_CUT
    return np.select(
        [known < new_below_weeks, frequent & steady, frequent, steady], [NEW, SMOOTH, ERRATIC, INTERMITTENT], LUMPY
    ).astype(np.str_)
