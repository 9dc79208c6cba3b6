"""Made demand, small enough to look at."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

Floats = npt.NDArray[np.float64]
Dates = npt.NDArray[np.datetime64]
MONDAY = np.datetime64("2024-01-01")


@pytest.fixture
def calendar() -> Callable[..., tuple[Dates, Dates]]:
    """Weekly dates of a history and of the weeks ahead."""

    def weekly(weeks: int, ahead: int = 8, step: int = 7) -> tuple[Dates, Dates]:
        dates = MONDAY + step * np.arange(weeks + ahead)
        return dates[:weeks], dates[weeks:]

    return weekly


@pytest.fixture
def demand() -> Callable[..., Floats]:
    """Counts with a level that wanders and a yearly season; every third series starts late, every third has gaps."""

    def make(series: int, weeks: int, seed: int = 7) -> Floats:
        rng = np.random.default_rng(seed)
        season = 0.4 * np.sin(2 * np.pi * np.arange(weeks) / 52.2 + rng.uniform(0, 6, (series, 1)))
        level = np.exp(rng.normal(1.5, 1.2, (series, 1)) + np.cumsum(rng.normal(0, 0.03, (series, weeks)), axis=1))
        y = rng.poisson(level * (1 + season)).astype(np.float64)
        for row in range(0, series, 3):
            y[row, : rng.integers(1, weeks // 2)] = np.nan
        for row in range(1, series, 3):
            y[row, rng.random(weeks) < 0.1] = np.nan
        return y

    return make


@pytest.fixture
def panel_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a panel: {(sku, distributor, territory): quantities, the last of them in the week of the cut-off}."""

    def write(
        series: dict[tuple[str, str, str], list[int | None]],
        stocked_out: dict[tuple[str, str, str], set[int]] | None = None,
        cutoff: date = date(2026, 3, 2),
        name: str = "panel.parquet",
    ) -> Path:
        rows = [
            (*key, cutoff - timedelta(weeks=len(values) - 1 - week), value, week in (stocked_out or {}).get(key, set()))
            for key, values in series.items()
            for week, value in enumerate(values)
        ]
        schema = {
            "sku_code": pl.String,
            "distributor_code": pl.String,
            "territory_code": pl.String,
            "week_start": pl.Date,
            "qty_base": pl.Int64,
            "stocked_out": pl.Boolean,
        }
        path = tmp_path / name
        pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
        return path

    return write
