"""Profiles: how one kind of sender writes, as validated settings."""

from __future__ import annotations

import codecs
import difflib
import fnmatch
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from ingest import overlay, readers
from ingest.casting import SERIALS, Formats, Grouping, Negative, Numbers, own_value
from ingest.connectors.sources import SENDER, Ready, Source, SqlSource
from ingest.contracts import Contract
from ingest.errors import IngestError, ProfileInvalid, UnknownProfile

READING_VERSION = 1
"""Raised when the code reads the same file with the same settings differently, so that `replay` reads it again."""


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value) if isinstance(value, int | float) else value


def _texts(value: Any) -> Any:
    return tuple(_text(item) for item in value) if isinstance(value, list | tuple) else (_text(value),)


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{zone!r} is no known time zone") from error
    return zone


Zone = Annotated[str, AfterValidator(_known_zone)]
Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


UNITS: dict[str, tuple[str, ...]] = {
    "EA": (),
    "IN": (),
    "CS": (),
    "PR": ("PAIR", "PAIRS", "PRS", "PRS-PAIRS"),
    "DZN": ("DOZ", "DZ", "DOZEN", "DOZENS", "DOZ-DOZENS"),
    "SCO": ("SCORE",),
    "TPR": (),
    "DPR": (),
    "CEN": (),
    "GRO": ("GROSS", "GRS-GROSS"),
    "MIL": ("THD-THOUSANDS",),
    "GGR": ("GREAT GROSS", "GGK-GREAT GROSS"),
}
"""Our units: piece, inner pack, case, and the counts that are the same for every item (UN/ECE Recommendation 20, annex III), with spellings that mean
nothing else: words, and the unit quantity codes of India's tax portal."""


class Settings(BaseModel):
    """Base of all profile settings: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Totals(Settings):
    """A row that the sender declares as a total: a cell of it in `column` (the first, unless named; or several) is one of `values`, or fits it (`Total*`)."""

    values: Texts
    column: str | Texts | None = None

    @field_validator("values")
    @classmethod
    def _not_everything(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not value.strip("*? "):
                raise ValueError(f"{value!r} would fit every row")
        return values

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in which a mark may stand; none for the first."""
        return (self.column,) if isinstance(self.column, str) else self.column or ()

    @property
    def marks(self) -> str:
        """The regular expression that a mark fits as a whole."""
        return "|".join(re.escape(value).replace(r"\*", ".*").replace(r"\?", ".") for value in self.values)


class Sender(Settings):
    """Where the sender's code comes from."""

    source: Literal["folder", "constant", "column"] = Field(default="folder", alias="from")
    value: Text | None = None
    column: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Sender:
        if self.source == "constant" and not self.value:
            raise ValueError("a constant sender needs `value`")
        if self.source == "column" and not self.column:
            raise ValueError("a sender from a column needs `column`")
        return self


class CutOff(Settings):
    """By when a day's file is due: so many days after the business date, at a time of day."""

    days: int = 1
    at: time = time(12, 0)
    zone: Zone = "UTC"


Weekday = Literal["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]


class Cadence(Settings):
    """How often a sender owes files, and the days for which it owes none.

    Attributes:
        every: a file per day, week (Monday to Sunday) or calendar month; `cut_off.days` count from the last day of it.
        days_off: weekdays for which nothing is owed.
        holidays: dates for which nothing is owed; those of the feed `calendar` are added.
        senders: who is expected from `since` on, even where nothing ever came. Others are expected from the first day on that they told of.
    """

    every: Literal["day", "week", "month"] = "day"
    days_off: tuple[Weekday, ...] = ()
    holidays: tuple[date, ...] = ()
    senders: Texts = ()
    since: date | None = None

    @model_validator(mode="after")
    def _complete(self) -> Cadence:
        if bool(self.senders) != (self.since is not None):
            raise ValueError("`senders` and `since` go together")
        return self


class Period(Settings):
    """How a file says which business dates it covers: by its name, else by the day on which it arrived.

    Attributes:
        gives_business_date: a record without a business date of its own has the last day that its file covers.
    """

    pattern: str | None = r"(?P<from>\d{4}-\d{2}-\d{2})(?:_(?P<to>\d{4}-\d{2}-\d{2}))?"
    format: str = "%Y-%m-%d"
    arrival_offset_days: int | None = None
    gives_business_date: bool = False

    @field_validator("pattern")
    @classmethod
    def _groups(cls, pattern: str | None) -> str | None:
        if pattern is not None and "from" not in _compiled(pattern).groupindex:
            raise ValueError("the pattern needs a named group `from` (and may have `to`)")
        return pattern


class Split(Settings):
    """One column of the file that holds several of ours: a regular expression with our names as groups."""

    column: str
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _groups(cls, pattern: str) -> str:
        if not _compiled(pattern).groupindex:
            raise ValueError("the pattern needs named groups, one per column")
        return pattern


class Derive(Settings):
    """A column told from the first letters of another one, longest prefix first."""

    column: str
    prefixes: dict[str, Text]


class PointInPolygon(Settings):
    """Look up which polygon of a GeoJSON file holds the row's point."""

    geojson: str
    property: str
    into: str
    latitude: str = "latitude"
    longitude: str = "longitude"


class Enrichment(Settings):
    """One generic enrichment."""

    point_in_polygon: PointInPolygon


class Override(Settings):
    """What one sender gets wrong for a time: rows that match get the values of `set`."""

    sender: Text
    feed: str | None = None
    first: date | None = Field(default=None, alias="from")
    last: date | None = Field(default=None, alias="until")
    where: dict[str, Texts] = {}
    put: dict[str, Text | None] = Field(alias="set")


class SeedGeoJson(Settings):
    """Seed rows taken from the features of a GeoJSON file: our column -> property."""

    file: str
    columns: dict[str, str]
    constants: dict[str, Text] = {}


class Seed(Settings):
    """Rows of a master that the profile brings itself."""

    sender: Text
    rows: tuple[dict[str, Text | None], ...] = ()
    geojson: SeedGeoJson | None = None


class Place(Settings):
    """Where a value stands in a line: its first sign, 1-based, and how many signs it has."""

    start: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]

    def cut(self, line: str) -> str:
        """The value in a line."""
        return line[self.start - 1 : self.start - 1 + self.width]


def _place(value: Any) -> Any:
    """A place may be written `[start, width]`."""
    return dict(zip(("start", "width"), value, strict=True)) if isinstance(value, list) and len(value) == 2 else value


Placed = Annotated[Place, BeforeValidator(_place)]


class FixedWidth(Settings):
    """Where the fields of a fixed-width file stand, and which of its lines are records."""

    fields: dict[str, Placed]
    length: int | None = Field(default=None, ge=1)
    trimmed: bool = False
    type: Placed | None = None
    records: Texts = ()
    left_out: Texts = ()
    header: Texts = ()
    trailer: Texts = ()
    count: Placed | None = None

    @field_validator("fields", mode="before")
    @classmethod
    def _one_after_the_other(cls, fields: Any) -> Any:
        """A field of which only the width is told follows the one before it."""
        if not isinstance(fields, Mapping):
            return fields
        placed: dict[str, Any] = {}
        after = 1
        for name, value in fields.items():
            place = {"start": after, "width": value} if isinstance(value, int) else _place(value)
            placed[name] = place
            if isinstance(place, Mapping) and all(isinstance(place.get(key), int) for key in ("start", "width")):
                after = place["start"] + place["width"]
        return placed

    @model_validator(mode="after")
    def _complete(self) -> FixedWidth:
        if not self.places:
            raise ValueError("`fields` names no field")
        if self.type is None and (self.records or self.left_out or self.header or self.trailer):
            raise ValueError("`type` must say where the kind of a line stands")
        if self.count is not None and not self.trailer:
            raise ValueError("`count` needs `trailer`, the kind of line in which it stands")
        return self

    @property
    def places(self) -> dict[str, Place]:
        """The fields, without those that only fill the line."""
        return {name: place for name, place in self.fields.items() if not name.startswith("filler")}

    @property
    def width(self) -> int:
        """Signs of a line."""
        return self.length or max(place.start + place.width - 1 for place in self.fields.values())


class Reading(Settings):
    """Everything that decides how one feed's files of a profile are read."""

    files: Texts
    beside: Texts = ()
    format: str = "csv"
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str | None = Field(default='"', min_length=1, max_length=1)
    escape: str | None = Field(default=None, min_length=1, max_length=1)
    comment: str | None = Field(default=None, min_length=1)
    max_record_lines: int = Field(default=50, ge=1)
    title_rows: int = Field(default=0, ge=0)
    header: Texts | None = None
    header_rows: int = Field(default=1, ge=1, le=5)
    repeated_header: bool = False
    fill_down: Texts = ()
    fill_down_group: str | None = Field(default=None, min_length=1)
    sheet: str | None = None
    sheet_column: str | None = Field(default=None, min_length=1)
    fixed_width: FixedWidth | None = None
    control_totals: Literal["strict", "lenient"] = "strict"
    totals: Totals | None = None
    decimal: Literal[".", ","] = "."
    thousands: str | None = Field(default=None, min_length=1, max_length=1)
    digit_grouping: Grouping = "western"
    negatives: Annotated[tuple[Negative, ...], BeforeValidator(_texts)] = Numbers.negatives
    currency: Texts = ()
    implied_decimals: dict[str, Annotated[int, Field(ge=1, le=9)]] = {}
    dates: Texts = Formats.dates
    timestamps: Texts = Formats.timestamps
    zone: Zone = "UTC"
    true_values: Texts = Formats.true_values
    false_values: Texts = Formats.false_values
    sender: Sender = Sender()
    where: dict[str, Texts] = {}
    leave_out: dict[str, Texts] = {}
    negative: dict[str, Texts] = {}
    mode: Literal["append", "replace", "full"] = "append"
    full_files: Texts = ()
    cut_off: CutOff = CutOff()
    cadence: Cadence = Cadence()
    period: Period = Period()
    contract_names: bool = False
    columns: dict[str, Texts] = {}
    ignore_columns: Texts = ()
    split: tuple[Split, ...] = ()
    derive: dict[str, Derive] = {}
    pad: dict[str, Annotated[int, Field(ge=1, le=40)]] = {}
    nulls: Texts = ()
    strip_leading_zeros: tuple[str, ...] = ()
    values: dict[str, dict[str, Text]] = {}
    units: dict[str, Texts] = {}
    voucher_types: dict[str, Text] = {}
    constants: dict[str, Text] = {}
    defaults: dict[str, Text] = {}
    sign: Literal["by_document_type", "as_sent"] = "by_document_type"
    derive_returns: bool = False
    number_lines: bool = False
    key: tuple[str, ...] | None = None
    enrich: tuple[Enrichment, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def formats(self) -> Formats:
        """How dates and truth are written."""
        return Formats(self.dates, self.timestamps, self.true_values, self.false_values, self.zone)

    @property
    def numbers(self) -> Numbers:
        """How numbers are written."""
        return Numbers(self.decimal, self.thousands, self.digit_grouping, self.negatives, self.currency)

    @property
    def named_fields(self) -> frozenset[str]:
        """Names of the file's columns or fields that the settings name, as they are written there."""
        named = {alias for aliases in self.columns.values() for alias in aliases}
        named |= {*self.ignore_columns, *self.where, *self.leave_out, *self.negative, *self.fill_down} - {"*"}
        named |= {self.fill_down_group} if self.fill_down_group else set()
        named |= {split.column for split in self.split} | {derive.column for derive in self.derive.values()}
        return frozenset(named | ({self.sender.column} if self.sender.column else set()))

    @property
    def first_filled_counts(self) -> bool:
        """True where several columns of the file may mean one of ours, and the first that has a value counts."""
        return self.format in readers.STRUCTURED or "*" in self.ignore_columns

    @field_validator("format")
    @classmethod
    def _known_format_id(cls, form: str) -> str:
        known = (*readers.TABLES, *readers.STRUCTURED)
        if form not in known:
            raise ValueError(f"{form!r} is no known format; known are {', '.join(known)}")
        return form

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            return codecs.lookup(encoding).name.removesuffix("-sig")
        except LookupError as error:
            raise ValueError(f"{encoding!r} is no known encoding") from error

    @field_validator("dates", "timestamps")
    @classmethod
    def _known_format(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for form in formats:
            if "%" not in form and form not in SERIALS:
                raise ValueError(f"{form!r} is no date format; write for example %d/%m/%Y, or {' or '.join(SERIALS)}")
        return formats

    @model_validator(mode="after")
    def _separators_differ(self) -> Reading:
        if self.thousands == self.decimal:
            raise ValueError("`thousands` and `decimal` are the same sign")
        if self.delimiter == self.quote:
            raise ValueError("`delimiter` and `quote` are the same sign")
        if self.escape is not None and self.escape in (self.delimiter, self.quote):
            raise ValueError("`escape` is the same sign as `delimiter` or `quote`")
        if self.sheet_column is not None and self.format != "xlsx":
            raise ValueError("`sheet_column` needs `format: xlsx`: other formats have no sheets")
        if self.header is not None and (self.header_rows > 1 or self.repeated_header):
            raise ValueError("`header` says that the file has none; leave out `header_rows` and `repeated_header`")
        if self.number_lines and "line_no" in {*self.columns, *self.constants, *self.defaults}:
            raise ValueError(
                "`number_lines` says that the file has no line numbers; leave line_no out of the other settings"
            )
        if self.digit_grouping != "western" and self.thousands is None:
            raise ValueError("`digit_grouping` needs `thousands`, the sign between the groups")
        if self.fill_down_group is not None and not self.fill_down:
            raise ValueError("`fill_down_group` needs `fill_down`, the columns whose values are carried down")
        if {"cr", "dr"} <= set(self.negatives):
            raise ValueError("`negatives`: of cr and dr one is negative, the other is then positive")
        return self

    @model_validator(mode="after")
    def _fields_have_places(self) -> Reading:
        if (self.format == "fixed_width") != (self.fixed_width is not None):
            raise ValueError("`format: fixed_width` and the setting `fixed_width` go together")
        if self.fixed_width is not None:
            unknown = sorted(self.named_fields - set(self.fixed_width.places))
            if unknown:
                raise ValueError("fixed_width.fields: " + _unknown_keys(unknown, self.fixed_width.places))
        return self

    @model_validator(mode="after")
    def _fields_of_the_format(self) -> Reading:
        if self.beside and self.format != "tally_loader":
            raise ValueError(f"format {self.format} reads no files `beside` its own")
        reader = readers.STRUCTURED.get(self.format)
        if reader is not None:
            unknown = sorted(name for name in self.named_fields if name not in reader.FIELDS)
            if unknown:
                raise ValueError(f"format {self.format}: " + _unknown_keys(unknown, reader.FIELDS))
        return self


@dataclass(frozen=True)
class Route:
    """Which records of a file belong to a feed, where several feeds share the file.

    A record belongs to the first feed all of whose `where` it fits. What fits none is the first feed's to refuse.

    Attributes:
        wheres: `where` of each feed that shares the file, in the order of the profile.
        place: which of them is this feed.
        leave_out: `leave_out` of the first feed, with which such records are counted.
        fields: names of columns that any of the feeds uses.
    """

    wheres: tuple[Mapping[str, tuple[str, ...]], ...] = ({},)
    place: int = 0
    leave_out: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()


SOLE = Route()
"""All records are one feed's."""


class Profile(Settings):
    """A sender dialect: its feeds, each with its complete reading settings, and the masters that it brings."""

    id: str
    description: str = ""
    owner: str = ""
    ignore_files: Texts = ()
    feeds: dict[str, Reading] = {}
    seeds: dict[str, Seed] = {}
    sources: tuple[Source, ...] = ()
    ready: Ready | None = None

    def feeds_of(self, file_name: str) -> tuple[str, ...]:
        """The feeds that a file serves: the one whose pattern fits its name best, and those that share all its patterns."""
        feed = self._feed_of(file_name)
        if feed is None:
            return ()
        return tuple(other for other, reading in self.feeds.items() if reading.files == self.feeds[feed].files)

    def mode_of(self, feed: str, file_name: str) -> str:
        """How a file of the feed adds to what is there: `full` for full compares, else the feed's mode."""
        extracts = [
            f"{feed}_*_full*" for source in self.sources if isinstance(source, SqlSource) and source.feed == feed
        ]
        is_full = any(_fits(file_name, pattern) for pattern in (*self.feeds[feed].full_files, *extracts))
        return "full" if is_full else self.feeds[feed].mode

    def route(self, feed: str) -> Route:
        """Which records of its files the feed takes."""
        sharing = {other: reading for other, reading in self.feeds.items() if reading.files == self.feeds[feed].files}
        first = next(iter(sharing.values()))
        return Route(
            wheres=tuple(reading.where for reading in sharing.values()),
            place=list(sharing).index(feed),
            leave_out=first.leave_out,
            fields=frozenset().union(*(reading.named_fields for reading in sharing.values())),
        )

    def _feed_of(self, file_name: str) -> str | None:
        """Of several patterns that fit, the one with the most fixed letters."""
        best: tuple[int, str] | None = None
        for feed, reading in self.feeds.items():
            for pattern in reading.files:
                if _fits(file_name, pattern):
                    weight = len(re.sub(r"\[[^]]*\]|[*?]", "", pattern))
                    if best is None or weight > best[0]:
                        best = (weight, feed)
        return best[1] if best else None

    def ignores(self, file_name: str) -> bool:
        """True for a file that lies in the profile's folder but is no feed."""
        return any(_fits(file_name, pattern) for pattern in self.ignore_files)

    def digest(self, feed: str, sender: str, contract: Contract) -> str:
        """Digest of everything that decides how this sender's files of the feed are read."""
        settings = self.feeds[feed].model_dump(
            mode="json", by_alias=True, exclude={"overrides", "files", "full_files", "cut_off", "cadence"}
        )
        if settings["fill_down_group"] is None:
            del settings["fill_down_group"]
        overrides = [
            override.model_dump(mode="json", by_alias=True)
            for override in self.feeds[feed].overrides
            if override.sender == sender and override.feed in (None, feed)
        ]
        route = self.route(feed)
        shared = [route.wheres, route.place, route.leave_out, sorted(route.fields)]
        text = overlay.canonical([READING_VERSION, settings, overrides, contract.digest, shared])
        return hashlib.sha256(text.encode()).hexdigest()


class Catalogue:
    """All contracts and profiles of a home; a profile is read when it is first asked for."""

    def __init__(self, home: Path | None, contracts: Mapping[str, Contract]) -> None:
        self.contracts = dict(contracts)
        self._layers = overlay.layers("profiles", home)
        self._profiles: dict[str, Profile] = {}

    @property
    def profile_ids(self) -> tuple[str, ...]:
        """Ids of all profiles."""
        return tuple(sorted(self._layers))

    def mentioning(self, setting: str) -> list[str]:
        """Ids of the profiles that have a setting at their top, told without validating them."""
        line = re.compile(rf"^{setting}\s*:", re.MULTILINE)
        return [
            profile_id
            for profile_id in self.profile_ids
            if any(line.search(path.read_text(encoding="utf-8", errors="replace")) for path in self._layers[profile_id])
        ]

    def profile(self, profile_id: str) -> Profile:
        """The profile of that id.

        Raises:
            UnknownProfile: there is none.
            ProfileInvalid: its settings are wrong.
        """
        if profile_id not in self._profiles:
            if profile_id not in self._layers:
                raise UnknownProfile(profile_id, self.profile_ids)
            try:
                document = overlay.load(self._layers[profile_id])
            except IngestError as error:
                raise ProfileInvalid(profile_id, str(error)) from error
            self._profiles[profile_id] = parse_profile(profile_id, document, self.contracts)
        return self._profiles[profile_id]


def parse_profile(profile_id: str, document: Mapping[str, Any], contracts: Mapping[str, Contract]) -> Profile:
    """Validate a profile document and complete each feed's settings with those of the profile."""
    own = {key: value for key, value in document.items() if key in Profile.model_fields and key != "feeds"}
    common = {key: value for key, value in document.items() if key not in own and key != "feeds"}
    own.setdefault("id", profile_id)
    feeds = document.get("feeds") or {}
    if not isinstance(feeds, Mapping):
        raise ProfileInvalid(profile_id, "feeds: a mapping of feed ids is expected")
    unknown = sorted(set(common) - _setting_names())
    if unknown:
        raise ProfileInvalid(profile_id, _unknown_keys(unknown, _setting_names() | set(Profile.model_fields)))
    own["feeds"] = {feed: overlay.merge(common, settings or {}) for feed, settings in feeds.items()}
    try:
        profile = Profile.model_validate(own)
    except ValidationError as error:
        raise ProfileInvalid(profile_id, _explain(error)) from error
    if profile.id != profile_id:
        raise ProfileInvalid(profile_id, f"id {profile.id!r} must equal the file's name {profile_id!r}")
    for feed, reading in profile.feeds.items():
        if feed not in contracts:
            raise ProfileInvalid(profile_id, f"feeds.{feed}: no such feed; known are {', '.join(contracts)}")
        _check_reading(profile_id, reading, contracts[feed])
    _check_shared_settings(profile_id, profile, contracts)
    _check_sources(profile_id, profile)
    for feed, seed in profile.seeds.items():
        if feed not in contracts:
            raise ProfileInvalid(profile_id, f"seeds.{feed}: no such feed; known are {', '.join(contracts)}")
        used = {key for row in seed.rows for key in row}
        if seed.geojson is not None:
            used |= set(seed.geojson.columns) | set(seed.geojson.constants)
        _check_columns(profile_id, f"seeds.{feed}", used, contracts[feed])
    return profile


def _check_reading(profile_id: str, reading: Reading, contract: Contract) -> None:
    where = f"feeds.{contract.feed}"
    groups = {name for split in reading.split for name in _compiled(split.pattern).groupindex}
    named: list[tuple[str, Iterable[str]]] = [
        ("columns", reading.columns),
        ("split", groups),
        ("key", reading.key or ()),
        ("enrich", (name for e in reading.enrich for name in _point_columns(e.point_in_polygon))),
    ]
    for setting, names in named:
        _check_columns(profile_id, f"{where}.{setting}", names, contract)
    for override in reading.overrides:
        _check_override(profile_id, f"{where}.overrides", override, contract)
    personal = {name for column in contract.columns if column.personal for name in reading.columns.get(column.name, ())}
    chosen_by = sorted(personal & {*reading.where, *reading.leave_out})
    if chosen_by:
        raise ProfileInvalid(
            profile_id,
            f"{where}: records are not chosen by {', '.join(chosen_by)}, which is personal data and would stand in reports",
        )
    if reading.period.gives_business_date and not contract.is_dated:
        raise ProfileInvalid(profile_id, f"{where}.period: there is no business date in {contract.feed}")
    if reading.mode == "replace" and not contract.is_dated:
        raise ProfileInvalid(profile_id, f"{where}.mode: replace needs a feed with a business date")
    for split in reading.split:
        try:
            pl.Series(["x"]).str.extract(split.pattern, 1)
        except pl.exceptions.PolarsError as error:
            raise ProfileInvalid(profile_id, f"{where}.split: pattern {split.pattern!r}: {error}") from error
    unknown = sorted(set(reading.units) - set(UNITS))
    if unknown:
        raise ProfileInvalid(profile_id, f"{where}.units: {', '.join(unknown)} is none of {', '.join(UNITS)}")
    unit_of: dict[str, str] = {}
    for unit, known in reading.units.items():
        for spelling in known:
            other = unit_of.setdefault(spelling.upper(), unit)
            if other != unit:
                problem = f"{spelling} stands under {other} and {unit}; say which it is"
                raise ProfileInvalid(profile_id, f"{where}.units: {problem}")


def _check_override(profile_id: str, where: str, override: Override, contract: Contract) -> None:
    dated = override.first is not None or override.last is not None
    if override.feed == contract.feed:
        _check_columns(profile_id, where, [*override.where, *override.put], contract)
        if dated and not contract.is_dated:
            raise ProfileInvalid(
                profile_id,
                f"{where}: `from` and `until` need a feed with a business date, there is no business date in {contract.feed}",
            )
    wanted = [(name, value) for name, values in override.where.items() for value in values]
    for name, value in [*wanted, *override.put.items()]:
        if value is None or name not in contract.names:
            continue
        column = contract.column(name)
        if own_value(column, value) is None:
            raise ProfileInvalid(profile_id, f"{where}: {name}: {value!r} is no {column.kind}")


def _check_shared_settings(profile_id: str, profile: Profile, contracts: Mapping[str, Contract]) -> None:
    """Settings by column may be stated for all feeds at once; each column must then be one of at least one feed."""
    known = {name for feed in profile.feeds for name in contracts[feed].names}
    for reading in profile.feeds.values():
        overridden = {name for override in reading.overrides for name in (*override.where, *override.put)}
        for setting, names in (
            ("constants", set(reading.constants)),
            ("defaults", set(reading.defaults)),
            ("values", set(reading.values)),
            ("derive", set(reading.derive)),
            ("pad", set(reading.pad)),
            ("implied_decimals", set(reading.implied_decimals)),
            ("strip_leading_zeros", set(reading.strip_leading_zeros)),
            ("overrides", overridden),
        ):
            unknown = sorted(names - known)
            if unknown:
                raise ProfileInvalid(profile_id, f"{setting}: " + _unknown_keys(unknown, known))


def _check_sources(profile_id: str, profile: Profile) -> None:
    """What is pulled must be what the feeds read: where it comes from, whose it is, and that a half-written file can be told."""
    if profile.sources and profile.ready is not None and profile.ready.marker is not None:
        raise ProfileInvalid(profile_id, "ready.marker: what is fetched brings no marker; state `ready` at each source")
    needs_sender = any(reading.sender.source == "folder" for reading in profile.feeds.values())
    extracted = set()
    for number, source in enumerate(profile.sources):
        where = f"sources.{number}"
        if isinstance(source, SqlSource):
            _check_extracts(profile_id, where, source, profile)
            if (source.feed, source.sender) in extracted:
                raise ProfileInvalid(
                    profile_id, f"{where}: a second query for {source.feed} of {source.sender}; make it one"
                )
            extracted.add((source.feed, source.sender))
        elif "@" in source.url.partition("://")[2].partition("/")[0]:
            raise ProfileInvalid(profile_id, f"{where}.url: holds a login; logins belong in a `connection`")
        elif needs_sender and source.sender is None and SENDER not in source.url:
            raise ProfileInvalid(profile_id, f"{where}: says not who sends; state `sender`, or {SENDER} in the URL")


def _check_extracts(profile_id: str, where: str, source: SqlSource, profile: Profile) -> None:
    reading = profile.feeds.get(source.feed)
    if reading is None:
        raise ProfileInvalid(profile_id, f"{where}.feed: {source.feed} is none of the profile's feeds")
    if source.feed not in profile.feeds_of(f"{source.feed}_20260101T000000000000.csv"):
        raise ProfileInvalid(
            profile_id, f"{where}: feeds.{source.feed}.files must fit {source.feed}_*.csv, as extracts are named"
        )
    if source.watermark is not None and reading.mode != "append":
        raise ProfileInvalid(
            profile_id,
            f"{where}.watermark: rows since a mark do not state a day wholly; feeds.{source.feed}.mode must be append",
        )
    plain = Reading(files=reading.files)
    for name in ("format", "encoding", "delimiter", "quote", "decimal", "thousands", "title_rows", "totals"):
        if getattr(reading, name) != getattr(plain, name):
            raise ProfileInvalid(
                profile_id,
                f"feeds.{source.feed}.{name}: extracts are written with {name} {getattr(plain, name)!r}; leave it at that",
            )


def _fits(file_name: str, pattern: str) -> bool:
    """Whether a name fits a pattern, whatever the case; a packed file may fit by its name before it was packed."""
    name = file_name.lower()
    return any(fnmatch.fnmatchcase(own, pattern.lower()) for own in {name, name.removesuffix(".gz")})


def _point_columns(enrichment: PointInPolygon) -> tuple[str, str, str]:
    return enrichment.into, enrichment.latitude, enrichment.longitude


def _check_columns(profile_id: str, where: str, names: Iterable[str], contract: Contract) -> None:
    unknown = sorted(set(names) - set(contract.names))
    if unknown:
        raise ProfileInvalid(profile_id, f"{where}: " + _unknown_keys(unknown, contract.names))


def _setting_names() -> set[str]:
    return set(Reading.model_fields)


def _unknown_keys(unknown: Iterable[str], known: Iterable[str]) -> str:
    parts = []
    for key in unknown:
        near = difflib.get_close_matches(key, list(known), 1)
        parts.append(f"unknown key `{key}`" + (f", did you mean `{near[0]}`?" if near else ""))
    return "; ".join(parts)


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        place = ".".join(str(step) for step in item["loc"])
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            known = _setting_names() if place.startswith("feeds.") else set(Profile.model_fields)
            near = difflib.get_close_matches(key, list(known), 1)
            parts.append(f"{place}: unknown key" + (f", did you mean `{near[0]}`?" if near else ""))
        elif item["type"] == "model_type":
            parts.append(f"{place}: must be one mapping of `key: value` (is {item['input']!r})"[:300])
        else:
            parts.append(f"{place}: {item['msg'].removeprefix('Value error, ')} (is {item['input']!r})"[:300])
    return "; ".join(parts)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no valid regular expression: {error}") from error
