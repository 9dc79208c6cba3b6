"""What is published of a forecast: nothing before the first one, all that its files hold after it, and old files as far as they go."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bronze_factory import BronzeFactory, File
from inventory_warehouse import Warehouse

AS_OF = dt.date(2026, 4, 19)
LAST_WEEK, NEXT_WEEK = dt.date(2026, 4, 13), dt.date(2026, 4, 20)
MODELS = tuple(
    f"+forecast_{name}" for name in ("weekly", "daily", "component", "accuracy", "champion", "distribution", "monitor")
)
CELL = {"sku_code": "A", "distributor_code": "D1", "territory_code": "UNKNOWN"}
LEVELS = {
    "SKU_DISTRIBUTOR": ("sku_code", "distributor_code"),
    "SKU_TERRITORY": ("sku_code", "territory_code"),
    "SKU": ("sku_code",),
    "DISTRIBUTOR": ("distributor_code",),
    "TERRITORY": ("territory_code",),
    "TOTAL": (),
}


def _sale(number: int, day: str, qty: int) -> dict[str, Any]:
    return {
        "distributor_code": "D1", "document_type": "INVOICE", "document_no": f"INV{number}", "line_no": 1, "condition": "SALEABLE",
        "business_date": dt.date.fromisoformat(day), "sender_outlet_code": "O1", "sender_sku_code": "A", "qty": qty, "unit": "EA",
        "value_net": qty * 10, "cancelled": False,
    }  # fmt: skip


def _levels(mean: str, week: dt.date, cutoff: dt.date) -> pl.DataFrame:
    rows = [
        {"level": level, **{name: CELL[name] if name in keys else None for name in CELL}, "week_start": week, "mean": Decimal(mean),
         "lo80": 0.0, "hi80": 20.0, "model": "prophet_batch", "cutoff_date": cutoff, "demand_class": "SMOOTH"}
        for level, keys in LEVELS.items()
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(pl.col("mean").cast(pl.Decimal(18, 4)))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A SKU that sells on Mondays and Tuesdays at one distributor; the Tuesday of the week ahead is no selling day."""
    warehouse = Warehouse(tmp_path_factory.mktemp("forecast"))
    bronze = BronzeFactory(warehouse.home)
    bronze.commit("sku", [File("HQ", [{"sku_code": "A", "sku_name": "A"}], "sku.csv")])
    closed = {"calendar_code": "C", "calendar_date": dt.date(2026, 4, 21), "selling_day": False, "holiday_name": "H"}
    bronze.commit("calendar", [File("HQ", [closed], "calendar.csv")])
    sold = [_sale(1, "2026-04-06", 6), _sale(2, "2026-04-07", 6), _sale(3, "2026-04-13", 4), _sale(4, "2026-04-14", 4)]
    bronze.commit("dms_invoice_line", [File("D1", sold, "dms_invoice_line_1.csv")], mode="replace")
    bronze.snapshot(as_of=AS_OF)
    warehouse.refresh(*MODELS)
    return warehouse


def _forecast(warehouse: Warehouse, files: dict[str, pl.DataFrame]) -> None:
    """Let the files stand as those of the last run, and build what is downstream of them with its tests."""
    rows: list[tuple[str, str]] = []
    for number, (kind, frame) in enumerate(files.items()):
        path: Path = warehouse.home / f"{number}.parquet"
        frame.write_parquet(path)
        rows.append((kind.rstrip("0123456789"), str(path)))
    pl.DataFrame(rows, schema=["kind", "path"], orient="row").write_parquet(warehouse.snapshot_dir / "forecast.parquet")
    warehouse.build(*(f"source:forecast+,{model}" for model in MODELS))


def test_without_any_forecast_all_tables_are_there_and_empty(warehouse: Warehouse) -> None:
    counts = [warehouse.rows(f"select count(*) from reporting.{model[1:]}") for model in MODELS]
    assert counts == [[(0,)]] * len(MODELS)


def test_files_of_an_earlier_release_are_shown_as_far_as_they_go(warehouse: Warehouse) -> None:
    accuracy = pl.DataFrame(
        {
            "level": ["SKU"],
            "demand_class": ["ALL"],
            "model": ["m"],
            "origin_date": [LAST_WEEK],
            "wape": [0.4],
            "series": [1],
        }
    )
    _forecast(warehouse, {"forecast": _levels("9", NEXT_WEEK, LAST_WEEK), "accuracy": accuracy})

    assert warehouse.rows("select model, wape, skill from reporting.forecast_accuracy") == [("m", 0.4, None)]
    assert warehouse.rows("select count(*) from reporting.forecast_weekly") == [(6,)]
    assert warehouse.rows("select count(*) from reporting.forecast_daily") == [(0,)]


def test_the_week_ahead_is_told_by_days_parts_and_what_earlier_forecasts_were_worth(warehouse: Warehouse) -> None:
    cell = {
        **CELL,
        "week_start": NEXT_WEEK,
        "mean": Decimal("9.0000"),
        "model": "prophet_batch",
        "cutoff_date": LAST_WEEK,
    }
    files = {
        "forecast": _levels("9", NEXT_WEEK, LAST_WEEK),
        "cell": pl.DataFrame([cell]).with_columns(pl.col("mean").cast(pl.Decimal(18, 4))),
        "component": pl.DataFrame([{**CELL, "week_start": NEXT_WEEK, "trend": 10.0, "holiday": -2.5}]),
        "archive1": _levels("6", LAST_WEEK, dt.date(2026, 4, 6)),
        "archive2": _levels("9", NEXT_WEEK, LAST_WEEK),
    }
    _forecast(warehouse, files)

    daily = warehouse.rows("select business_date, mean from reporting.forecast_daily")
    assert daily == [(NEXT_WEEK, Decimal(9))]
    parts = warehouse.rows("select trend, season, holiday, remainder from reporting.forecast_component")
    assert parts == [(Decimal(10), None, Decimal("-2.5"), Decimal("1.5"))]
    judged = warehouse.rows(
        "select distinct week_start, forecasts, wape, bias, coverage80, signal from reporting.forecast_monitor"
    )
    assert judged == [(LAST_WEEK, 1, 0.25, -0.25, 1.0, "TOO_FEW")]
