"""What every model of the pool forecast for every series from every origin, as arrays to choose from and as a file to keep."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from forecasting.chunks import FAILED
from forecasting.panel import Dates, Floats
from forecasting.series import PARTS

Codes = npt.NDArray[np.int32]
Seconds = dict[str, float]


@dataclass
class Candidates:
    """Forecasts of N series from L origins for H periods.

    Attributes:
        series: (N,) rows of the key, ascending.
        origins: (L,) last period known at each; the cut-off first.
        horizon: H.
        mean: model -> (L, N, H); NaN where a series had no history.
        note: model -> (L, N) place in `notes` of what took the model's place; 0 where it is the model's own.
        notes: texts; the first is empty.
        parts: model -> name in PARTS -> (N, H) of the forecast from the first origin; NaN where there is none.
        seconds: model -> CPU seconds spent on what was fitted by this run.
    """

    series: pl.DataFrame
    origins: Dates
    horizon: int
    mean: dict[str, Floats] = field(default_factory=dict)
    note: dict[str, Codes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=lambda: [""])
    parts: dict[str, dict[str, Floats]] = field(default_factory=dict)
    seconds: Seconds = field(default_factory=dict)

    def add(self, kept: pl.DataFrame) -> None:
        """Take in candidates as `compact` makes them or `tables` stores them."""
        if kept.height == 0:
            return
        key = self.series.columns
        row = kept.select(key).join(self.series.with_row_index("row"), on=key, how="left", maintain_order="left")["row"]
        place = {date: index for index, date in enumerate(self.origins.astype("datetime64[D]").tolist())}
        at = kept["origin"].replace_strict(place, return_dtype=pl.Int32)
        numbered = kept.select(
            "model", "mean", "note", *PARTS, "seconds" if "seconds" in kept.columns else pl.lit(0.0).alias("seconds")
        )
        for (model,), part in numbered.with_columns(row=row, at=at).group_by("model"):
            name = str(model)
            where = (part["at"].to_numpy(), part["row"].to_numpy())
            self._model(name)
            self.mean[name][where] = part["mean"].to_numpy()
            self.note[name][where] = self._codes(part["note"])
            apart = part.filter(pl.col(PARTS[0]).is_not_null())
            if apart.height:
                self._add_parts(name, apart)
            self.seconds[name] = self.seconds.get(name, 0.0) + float(part["seconds"].sum())

    def _add_parts(self, model: str, apart: pl.DataFrame) -> None:
        shape = (self.series.height, self.horizon)
        own = self.parts.setdefault(model, {name: np.full(shape, np.nan) for name in PARTS})
        for name in PARTS:
            own[name][apart["row"].to_numpy()] = apart[name].to_numpy()

    def _model(self, name: str) -> None:
        shape = (len(self.origins), self.series.height)
        if name not in self.mean:
            self.mean[name] = np.full((*shape, self.horizon), np.nan)
            self.note[name] = np.zeros(shape, dtype=np.int32)

    def _codes(self, notes: pl.Series) -> Codes:
        for text in notes.unique().drop_nulls().sort():
            if text not in self.notes:
                self.notes.append(text)
        places = {text: place for place, text in enumerate(self.notes) if place}
        return notes.replace_strict(places, default=0, return_dtype=pl.Int32).fill_null(0).to_numpy()

    def labels(self, model: str, origin: int = 0) -> npt.NDArray[np.str_]:
        """(N,) what made each series' forecast from an origin: the model, or what took its place."""
        names = np.array([model, *(note.split(":")[0] for note in self.notes[1:])], dtype=np.str_)
        return np.asarray(names[self.note[model][origin]])

    def failures(self) -> list[str]:
        """Which model failed on how many series, and the first error."""
        failed = [place for place, note in enumerate(self.notes) if note.startswith(FAILED)]
        problems = []
        for model in sorted(self.note):
            wrong = np.isin(self.note[model], failed)
            if wrong.any():
                place, row = np.argwhere(wrong)[0]
                text = self.notes[int(self.note[model][place, row])].split(": ", 1)[1]
                name = " / ".join(str(code) for code in self.series.row(int(row)))
                count = int(wrong.any(axis=0).sum())
                problems.append(f"{model} failed on {count} series; seasonal naive took its place. {name}: {text}")
        return problems

    def tables(self) -> Iterator[pa.Table]:
        """The candidates to keep, one table per model and origin, in the order of the series."""
        notes = pa.array([None, *self.notes[1:]], pa.string())
        for model in sorted(self.mean):
            for place, origin in enumerate(self.origins.astype("datetime64[D]")):
                rows = np.flatnonzero(~np.isnan(self.mean[model][place, :, 0]))
                values = pa.array(self.mean[model][place, rows].ravel())
                columns = {
                    **{name: self.series[name][rows].to_arrow().cast(pa.string()) for name in self.series.columns},
                    "origin": pa.array(np.full(len(rows), origin), pa.date32()),
                    "model": pa.array([model] * len(rows), pa.string()),
                    "mean": pa.FixedSizeListArray.from_arrays(values, self.horizon),
                    "note": notes.take(pa.array(self.note[model][place, rows])),
                    **{name: self._part(model, name, place, rows) for name in PARTS},
                }
                yield pa.table(columns, schema=schema(tuple(self.series.columns), self.horizon))

    def _part(self, model: str, name: str, place: int, rows: npt.NDArray[np.intp]) -> pa.Array:
        kind = pa.list_(pa.float64(), self.horizon)
        if place or model not in self.parts:
            return pa.nulls(len(rows), kind)
        values = self.parts[model][name][rows]
        lists = pl.Series(values, dtype=pl.Array(pl.Float64, self.horizon))
        known = pl.Series(~np.isnan(values).any(axis=1))
        return pl.select(pl.when(known).then(lists)).to_series().to_arrow().cast(kind)


def schema(key: Iterable[str], horizon: int) -> pa.Schema:
    """Columns of the file of candidates: one row per series, origin and model; `mean` has a number per step."""
    return pa.schema(
        [
            *((name, pa.string()) for name in key),
            ("origin", pa.date32()),
            ("model", pa.string()),
            ("mean", pa.list_(pa.float64(), horizon)),
            ("note", pa.string()),
            *((name, pa.list_(pa.float64(), horizon)) for name in PARTS),
        ]
    )


def compact(frame: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """One row per series, origin and model of what `forecast_chunk` gave, the steps side by side."""
    return (
        frame.gather_every(horizon)
        .drop("step")
        .with_columns(_side_by_side(frame, name, horizon) for name in ("mean", *PARTS))
    )


def _side_by_side(frame: pl.DataFrame, name: str, horizon: int) -> pl.Series:
    """(rows / H) arrays of H numbers; null where the first is."""
    values = frame[name].to_numpy().reshape(-1, horizon)
    lists = pl.Series(name, values, dtype=pl.Array(pl.Float64, horizon))
    known = pl.Series(~np.isnan(values[:, 0]))
    return pl.select(pl.when(known).then(lists).alias(name)).to_series()


def read(path: Path, series: pl.DataFrame, models: list[str]) -> pl.DataFrame:
    """The kept candidates of some series by some models."""
    scan = pl.scan_parquet(path).filter(pl.col("model").is_in(models))
    return scan.join(series.lazy(), on=series.columns, how="semi").collect()
