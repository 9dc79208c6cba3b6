"""The backtest that anyone can run on their own file."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

import forecasting
from forecasting import BacktestError, PanelError

COLUMNS = {"key": ("shop", "item"), "period": "day", "quantity": "sold"}
START = date(2025, 1, 6)


@pytest.fixture
def sales(tmp_path):
    """A CSV of the days on which something was sold; the last week is one of three days."""

    def write(days=7 * 60 + 3, name="sales.csv"):
        rng = np.random.default_rng(5)
        rows = [
            (f"shop {shop}", f"item {item}", START + timedelta(days=day), int(sold))
            for shop in range(2)
            for item in range(3)
            for day, sold in enumerate(rng.poisson(0.4 + item, days))
            if sold
        ]
        path = tmp_path / name
        pl.DataFrame(rows, schema=["shop", "item", "day", "sold"], orient="row").write_csv(path)
        return path

    return write


def of(report, name, model):
    return next(row for row in report.rows if (row["demand_class"], row["model"]) == (name, model))


def test_a_file_of_sales_by_day_is_tried_by_week_without_the_week_that_has_only_begun(sales):
    report = forecasting.backtest_own(sales(), **COLUMNS, horizon=4)

    assert (report.series, report.periods) == (6, 60)
    assert report.cutoff_date == START + timedelta(weeks=59)
    assert report.origins == tuple(START + timedelta(weeks=weeks) for weeks in (55, 51, 47))
    naive = of(report, "ALL", "seasonal_naive")
    assert naive["series"] == 18
    assert naive["skill"] is None
    ses = of(report, "ALL", "ses")
    assert ses["skill"] == pytest.approx(1 - ses["wape"] / naive["wape"])
    assert 0 < ses["coverage50"] < ses["coverage80"] < ses["coverage95"] <= 1
    assert ses["cost_ms"] > 0
    assert report.champions["ALL"]


def test_rows_stand_best_first_within_a_class(sales):
    rows = forecasting.backtest_own(sales(), **COLUMNS, horizon=4).rows
    wapes = [row["wape"] for row in rows if row["demand_class"] == "ALL"]
    assert wapes == sorted(wapes)


def test_only_the_models_asked_for_are_tried_beside_seasonal_naive(sales):
    report = forecasting.backtest_own(sales(), **COLUMNS, models=["tsb"])
    assert {row["model"] for row in report.rows} == {"tsb", "seasonal_naive"}


def test_a_model_says_the_same_alone_as_beside_others(sales):
    path = sales()
    whole = forecasting.backtest_own(path, **COLUMNS)
    for model in ("prophet_batch", "seasonal_ses"):
        alone = forecasting.backtest_own(path, **COLUMNS, models=[model])
        assert of(alone, "ALL", model)["wape"] == of(whole, "ALL", model)["wape"]


def test_what_items_have_in_common_is_learnt_by_the_columns_of_the_key(tmp_path):
    turn = 2 * np.pi * np.arange(120) / 52.18
    mean = np.stack([6 * np.exp(0.6 * np.sin(turn + item * np.pi / 2)) for item in range(4)]).repeat(12, axis=0)
    sold = np.random.default_rng(6).poisson(mean)
    rows = [
        (f"item {series // 12}", f"shop {series % 12}", START + timedelta(weeks=week), int(sold[series, week]))
        for series in range(48)
        for week in range(120)
    ]
    path = tmp_path / "seasons.csv"
    pl.DataFrame(rows, schema=["item", "shop", "day", "sold"], orient="row").write_csv(path)
    report = forecasting.backtest_own(path, **{**COLUMNS, "key": ("item", "shop")}, models=["seasonal_ses"])
    judged = slice(-24, None)
    of_true_mean = np.abs(mean - sold)[:, judged].sum() / sold[:, judged].sum()
    assert of(report, "ALL", "seasonal_ses")["wape"] < 1.05 * of_true_mean


def test_what_may_become_champion_stands_in_the_table(sales):
    report = forecasting.backtest_own(sales(), **COLUMNS, horizon=4)
    assert {"ensemble_mean", "ensemble_median", "ensemble_blend"} <= {row["model"] for row in report.rows}


def test_a_day_without_a_row_is_one_without_a_sale_unless_it_is_said_to_be_unknown(tmp_path):
    days = [START + timedelta(days=2 * place) for place in range(200)]
    path = tmp_path / "every_other_day.parquet"
    pl.DataFrame({"item": ["a"] * 200, "day": days, "sold": [4] * 200}).write_parquet(path)
    options = {"key": ("item",), "period": "day", "quantity": "sold", "every": "day", "models": ["ses"]}

    sold = forecasting.backtest_own(path, **options)
    unknown = forecasting.backtest_own(path, **options, gaps_are_zero=False)

    assert of(unknown, "ALL", "ses")["wape"] == pytest.approx(0)
    assert of(sold, "ALL", "ses")["wape"] == pytest.approx(1, abs=0.35)


def test_several_processes_find_the_same(sales, monkeypatch):
    from forecasting import own_data

    monkeypatch.setattr(own_data, "CHUNK_SERIES", 2)
    one, two = (forecasting.backtest_own(sales(), **COLUMNS, models=["ses"], processes=count) for count in (1, 2))
    assert [{**row, "cost_ms": 0} for row in one.rows] == [{**row, "cost_ms": 0} for row in two.rows]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"models": ["arima"]}, "There is no model arima. The pool has prophet_batch, ses"),
        ({"key": ("shop", "sku")}, "has no column sku. It has shop, item, day, sold: name yours with --key"),
        ({"key": ("shop", "shop")}, "Column shop is named twice. Give --key, --date and --quantity each a column"),
        ({"period": "sold"}, "Column sold is named twice"),
        ({"key": ()}, "No column tells series apart. Name one or more with --key"),
        ({"key": ("stocked_out",)}, "Column stocked_out is read as what is known of the shelf"),
        ({"horizon": 40}, "has 60 weeks and a backtest 40 weeks ahead needs 66. Give a shorter --horizon"),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do(sales, changed, message):
    with pytest.raises(BacktestError, match=message):
        forecasting.backtest_own(sales(), **{**COLUMNS, **changed})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable CSV file .*save it as .csv, in UTF-8 with commas"),
        ("shop,item,day,sold\na,b,2025-01-06,1\na,b,2025-01-06,1,2\n", "not a readable CSV file"),
        ("shop,item,day,sold\na,b,06/01/2025,1\n", "column day .* '06/01/2025' is not a date written YYYY-MM-DD"),
        ("shop,item,day,sold\na,b,2025-01-06,1 box\n", "column sold .* '1 box' is not a number written like 1234.5"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_what_is_wrong_in_one_line(tmp_path, text, message):
    path = tmp_path / "sales.csv"
    path.write_text(text)
    with pytest.raises(PanelError, match=message) as refused:
        forecasting.backtest_own(path, **COLUMNS)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("names", [("number", "row"), ("model", "origin"), ("step", "season"), ("joint", "seconds")])
def test_columns_may_be_called_as_they_like(sales, names):
    expected = forecasting.backtest_own(sales(), **COLUMNS, models=["ses"]).rows
    path = sales(name="SALES.CSV")
    pl.read_csv(path).rename(dict(zip(COLUMNS["key"], names, strict=True))).write_csv(path)
    found = forecasting.backtest_own(path, **{**COLUMNS, "key": names}, models=["ses"]).rows
    assert [{**row, "cost_ms": 0} for row in found] == [{**row, "cost_ms": 0} for row in expected]


def test_a_file_without_a_quantity_in_it_is_refused(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("shop,item,day,sold\na,b,2025-01-06,\n")
    with pytest.raises(BacktestError, match="no row with a date and a quantity"):
        forecasting.backtest_own(path, **COLUMNS)
