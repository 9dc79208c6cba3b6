"""The backtest that anyone can run on their own file."""

import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import forecasting
from forecasting import BacktestError, PanelError, UnusableOption, own_data
from forecasting import panel as demand

COLUMNS = {"key": ("shop", "item"), "period": "day", "quantity": "sold"}
START = date(2025, 1, 6)
HOW_TO = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "backtest-your-own-data.md"


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


def test_columns_of_the_key_with_few_values_are_the_wider_groups(tmp_path):
    path = tmp_path / "panel.parquet"
    shops = pl.DataFrame({"shop": ["a", "b", "c"], "item": ["x", "x", "y"], "day": [START] * 3, "sold": [1, 2, 3]})
    shops.write_parquet(path)
    panel = demand.load(path, key=("shop", "item"), period="day", quantity="sold")
    assert own_data._wider_first(panel) == ("item", "shop")


def test_what_may_become_champion_stands_in_the_table_with_what_its_members_cost(sales):
    report = forecasting.backtest_own(sales(), **COLUMNS, horizon=4)
    members = sum(of(report, "ALL", model)["cost_ms"] for model in ("seasonal_ses", "prophet_batch"))
    for name in ("ensemble_mean", "ensemble_median", "ensemble_blend"):
        assert of(report, "ALL", name)["cost_ms"] == pytest.approx(members, abs=1e-3)


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
    monkeypatch.setattr(own_data, "CHUNK_SERIES", 2)
    one, two = (forecasting.backtest_own(sales(), **COLUMNS, models=["ses"], processes=count) for count in (1, 2))
    assert [{**row, "cost_ms": 0} for row in one.rows] == [{**row, "cost_ms": 0} for row in two.rows]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"models": ["arima"]}, "There is no model arima. The pool has prophet_batch, ses"),
        ({"models": ["ensemble_mean"]}, "ensemble_mean comes from its members .* Name these: seasonal_ses, lightgbm"),
        ({"key": ("shop", "sku")}, "has no column sku. It has shop, item, day, sold: name yours with --key"),
        ({"key": ("shop", "shop")}, "Column shop is named twice. Give --key, --date and --quantity each a column"),
        ({"period": "sold"}, "Column sold is named twice"),
        ({"key": ()}, "No column tells series apart. Name one or more with --key"),
        ({"key": ("stocked_out",)}, "Column stocked_out is read as what is known of the shelf"),
    ],
)
def test_a_column_or_model_that_cannot_be_meant_is_told_from_what_is_wrong_with_the_data(sales, changed, message):
    with pytest.raises(UnusableOption, match=message):
        forecasting.backtest_own(sales(), **{**COLUMNS, **changed})


def test_too_short_a_history_is_said_with_what_is_needed(sales):
    with pytest.raises(
        BacktestError, match=r"has 60 weeks and a backtest 40 weeks ahead needs 66 weeks\. Give a shorter"
    ):
        forecasting.backtest_own(sales(), **COLUMNS, horizon=40)
    with pytest.raises(
        BacktestError, match=r"has 1 week and a backtest 1 week ahead needs 27 weeks\. Give a longer history"
    ):
        forecasting.backtest_own(sales(days=7), **COLUMNS, horizon=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable CSV file .*Write it anew as .csv, in UTF-8 with commas"),
        (
            "shop,item,day,sold\na,b,2025-01-06,1\na,b,2025-01-06,1,2\n",
            "not a readable CSV .*row 3 has 5 fields and the header 4",
        ),
        (
            "shop,item,day,sold\na,b,06/01/2025,1\n",
            "column day .* '06/01/2025' in row 2 is not a date written YYYY-MM-DD",
        ),
        (
            "shop,item,day,sold\na,b,2025-01-06,1 box\n",
            "column sold .* '1 box' in row 2 is not a number written like 1234.5",
        ),
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


def test_a_path_may_be_a_text(sales):
    found = forecasting.backtest_own(str(sales()), **COLUMNS, models=["ses"])
    assert found.series == 6


@pytest.mark.parametrize("number", [20250106, 1736121600])
def test_numbers_are_no_dates(tmp_path, number):
    path = tmp_path / "sales.parquet"
    pl.DataFrame({"item": ["a"], "day": [number], "sold": [1]}).write_parquet(path)
    with pytest.raises(
        PanelError,
        match=rf"column day has the wrong type: {number} \(type Int64\) is not a date .*turn the numbers into",
    ):
        forecasting.backtest_own(path, key=("item",), period="day", quantity="sold")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("sales.csv", "shop;item;day;sold\na;b;2025-01-06;1\n", "it has semicolons between its columns"),
        ("sales.csv", "shop\titem\tday\tsold\n", "it has tabs between its columns"),
        ("sales.csv", "shop|item|day|sold\n", "it has bars between its columns"),
        ("sales.txt", "shop,item,day,sold\n", "a file that ends in .txt is not read. .* let its name end in .csv"),
        ("sales.xlsx", "PK", "a file that ends in .xlsx is not read. .* Save the sheet as CSV"),
        ("sales.csv.gz", "\x1f", "a file that ends in .gz is not read. .* Unpack it first"),
        ("sales.parquet", "nonsense", "not a readable Parquet file .* Write it anew as .csv"),
        (
            "sales.csv",
            "shop,item,day,sold\na,b,2025-01-06,1\na,b,2025-01-13,1\na,b,1025-01-20,1\n",
            "Look at row 4, dated 1025-01-20: it is far off",
        ),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_to_do(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(PanelError, match=message) as refused:
        forecasting.backtest_own(path, **COLUMNS)
    assert "sellthrough build" not in str(refused.value)


def test_a_line_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes("shop,item,day,sold\na,b,2025-01-06,1\nÉ,b,2025-01-06,1\n".encode("latin-1"))
    with pytest.raises(PanelError, match="line 3 is not UTF-8"):
        forecasting.backtest_own(path, **COLUMNS)


@pytest.fixture
def weekly(tmp_path):
    """A CSV of one item over so many weeks, with what is to be changed in some rows (row 2 is the first of the data)."""

    def write(weeks=60, columns="", values="", changed=None):
        lines = {row: f"a,{START + timedelta(weeks=row - 2)},{row % 4 + 1}{values}" for row in range(2, weeks + 2)}
        lines |= changed or {}
        path = tmp_path / "weekly.csv"
        path.write_text("\n".join([f"item,monday,sold{columns}", *lines.values(), ""]))
        return path

    return write


def told(path, **options):
    named = {"key": ("item",), "period": "monday", "quantity": "sold", "models": ["ses"]}
    return forecasting.backtest_own(path, **{**named, **options})


def test_nothing_is_said_where_there_is_nothing_to_say(weekly):
    report = told(weekly())
    assert (report.notes, report.problems, report.drivers, report.unused, report.exit_code) == ((), (), (), (), 0)


def test_drivers_that_are_used_and_columns_that_are_not_are_named(weekly):
    report = told(weekly(columns=",price_ratio,Holiday Share,market_share", values=",0.9,0,0.2"))

    assert report.drivers == ("price_ratio",)
    assert report.unused == ("Holiday Share", "market_share")
    assert "Used beside the quantities: price_ratio." in report.notes
    assert "Not used: Holiday Share (did you mean holiday_share?), market_share." in report.notes


@pytest.mark.parametrize(
    ("zero", "treated"),
    [(True, "taken as without a sale (--gaps zero)"), (False, "left unknown (--gaps unknown)")],
)
def test_gaps_blank_and_negative_quantities_are_counted_with_their_treatment(weekly, zero, treated):
    changed = {7: f"a,{START + timedelta(weeks=5)},", 9: f"a,{START + timedelta(weeks=7)},-3"}
    report = told(weekly(changed=changed), gaps_are_zero=zero)

    assert report.notes == (
        f"1 week of 60 (1.7%) has no quantity after the first of the series: {treated}.",
        "1 row of the panel has no quantity (row 7): such a row is as good as none.",
        "1 row of the panel has a quantity below zero (row 9): taken as returns, off the sales of their week; no forecast is below zero.",
    )
    assert report.exit_code == 0


def test_weeks_before_the_first_of_a_series_are_no_gaps(weekly):
    later = {row: f"b,{START + timedelta(weeks=row - 42)},3" for row in range(62, 102)}
    report = told(weekly(changed=later))
    assert (report.series, report.notes) == (2, ())


def test_rows_that_are_left_out_or_doubled_are_problems_with_their_row(weekly):
    changed = {5: "a,,4", 7: ",2025-02-10,1", 9: f"a,{START},2"}
    report = told(weekly(changed=changed))

    assert report.problems == (
        "1 row of the panel has no week (row 5); it is left out.",
        "1 row of the panel has no code (row 7); it is forecast under UNKNOWN.",
        "1 row of the panel repeats a series and week (row 9); their quantities are added up.",
    )
    assert report.exit_code == 1


def test_days_that_add_up_to_weeks_are_nothing_to_mend(sales):
    report = forecasting.backtest_own(sales(), **COLUMNS, models=["ses"])

    assert report.problems == ()
    assert any("that end after 2026-03-04 (the first: row" in note for note in report.notes)
    assert any("do not start on a Monday" in note for note in report.notes)


def test_values_that_a_driver_or_the_shelf_cannot_have_are_named(weekly):
    begin = f"a,{START + timedelta(weeks=5)},4"
    report = told(
        weekly(
            columns=",stocked_out,price_ratio,promotion_share", values=",no,1,0.2", changed={7: f"{begin},maybe,0,20"}
        )
    )
    assert report.problems == (
        "stocked_out is 'maybe' in row 7, which is neither true nor false; it counts as false.",
        "price_ratio is 0.0 in row 7; it should be above 0; it is taken as unknown.",
        "promotion_share is 20.0 in row 7; it should be between 0 and 1: a percentage is to be divided by 100.",
    )


def week(place, quantity, more=""):
    return f"a,{START + timedelta(weeks=place)},{quantity}{more}"


def test_values_on_the_bounds_are_nothing_to_mend(weekly):
    changed = {row: week(row - 2, row % 4 + 1, f",{share}") for row, share in ((7, 0), (9, 1))}
    assert told(weekly(columns=",promotion_share", values=",0.2", changed=changed)).problems == ()


def test_of_several_values_that_are_not_understood_the_first_is_named_and_the_others_counted(weekly):
    changed = {row: week(row - 2, 4, ",maybe") for row in (7, 9, 12)}
    report = told(weekly(columns=",stocked_out", values=",no", changed=changed))
    assert report.problems == (
        "stocked_out is 'maybe' in row 7 (2 more), which is neither true nor false; it counts as false.",
    )
    assert (report.drivers, report.unused) == (("stocked_out",), ())


@pytest.mark.parametrize("word", ["yes", "TRUE", "1", " y "])
def test_yes_is_understood_however_it_is_written(weekly, word):
    def found(said):
        changed = {row: week(row - 2, 0, f",{said}") for row in range(30, 36)}
        report = told(weekly(columns=",stocked_out", values=",no", changed=changed))
        assert report.problems == ()
        return [row["wape"] for row in report.rows]

    assert found(word) == found("true") != found("no")


def test_lines_with_nothing_in_them_at_the_end_are_no_rows(weekly):
    path = weekly()
    path.write_text(path.read_text() + "\n,,\n")
    report = told(path)
    assert (report.notes, report.problems) == ((), ())


def test_a_last_line_that_lacks_only_its_date_is_a_row(weekly):
    assert told(weekly(changed={61: "a,,4"})).problems == ("1 row of the panel has no week (row 61); it is left out.",)


def test_a_name_may_hold_what_separates_elsewhere(weekly):
    path = weekly()
    path.write_text(path.read_text().replace("item,", "item;no,"))
    assert told(path, key=("item;no",)).series == 1


def test_days_may_be_written_with_a_time(weekly):
    expected = told(weekly()).rows
    timed = {row: f"a,{START + timedelta(weeks=row - 2)} 00:00:00,{row % 4 + 1}" for row in range(2, 62)}
    found = told(weekly(changed=timed)).rows
    assert [{**row, "cost_ms": 0} for row in found] == [{**row, "cost_ms": 0} for row in expected]


def test_a_code_of_blanks_is_none(weekly):
    assert told(weekly(changed={7: "  ,2025-02-10,1"})).problems == (
        "1 row of the panel has no code (row 7); it is forecast under UNKNOWN.",
    )


def test_the_value_that_is_refused_is_not_a_blank_one_before_it(weekly):
    with pytest.raises(PanelError, match="'1 box' in row 6 is not a number"):
        told(weekly(changed={4: week(2, " "), 6: week(4, "1 box")}))


@pytest.mark.parametrize("name", ["weekly.parquet", "weekly.pq", "weekly"])
def test_rows_of_parquet_are_counted_from_the_first_whatever_its_name(weekly, tmp_path, name):
    path = tmp_path / name
    pl.read_csv(weekly(changed={7: week(5, "")}), try_parse_dates=True).write_parquet(path)
    assert any("has no quantity (row 6)" in note for note in told(path).notes)


def test_fewer_cut_offs_than_asked_for_are_told(weekly):
    report = told(weekly(weeks=34))
    assert report.notes == (
        "3 cut-offs were asked for; 34 weeks allow 1 and 50 weeks are needed. With a single one nothing is said of the intervals.",
    )


def test_weeks_that_are_read_as_days_get_a_hint(weekly):
    report = told(weekly(weeks=60), every="day")
    assert any(note.startswith("Every date is a Monday: this is a file by week") for note in report.notes)


def test_lightgbm_is_said_once_to_be_left_out_with_what_it_needs(weekly):
    notes = told(weekly(), models=["lightgbm"]).notes
    assert [note for note in notes if "lightgbm" in note.lower()] == [
        "lightgbm is left out: it learns from 2,000 rows (a series in a period, after its first ones) or more, and at some cut-off there are fewer."
    ]


@pytest.mark.parametrize(
    ("quantities", "unit"),
    [
        ([3, 0, 5], 1),
        ([3000, 0, 5000], 1000),
        ([0.3, np.nan, 0.5], 0.1),
        ([-24, 36], 12),
        ([0.1234, 2.5], 0.0002),
        ([1 / 3, 2 / 3], 0.0001),
        ([0, 0], 1),
        ([3e200, 5], 1),
        ([-3e200, 5], 1),
    ],
)
def test_the_unit_is_the_largest_of_which_all_quantities_are_multiples(quantities, unit):
    assert own_data.common_unit(np.array([quantities], dtype=np.float64)) == pytest.approx(unit)


@pytest.mark.parametrize("factor", [1000, 0.1])
def test_the_unit_of_a_file_does_not_change_what_is_found(sales, factor):
    one = forecasting.backtest_own(sales(), **COLUMNS, horizon=4)
    path = sales(name="other.csv")
    pl.read_csv(path).with_columns((pl.col("sold") * factor).round(4)).write_csv(path)
    other = forecasting.backtest_own(path, **COLUMNS, horizon=4)

    assert (one.unit, other.unit) == (1, pytest.approx(factor))
    for found, expected in zip(other.rows, one.rows, strict=True):
        assert {**found, "cost_ms": 0} == pytest.approx({**expected, "cost_ms": 0}, nan_ok=True)


def test_the_forecast_of_the_how_to_runs_as_written(sales, tmp_path, monkeypatch, capfd):
    path = sales(name="sales.csv")
    pl.read_csv(path).select(store="shop", item="item", sold_on="day", units="sold").write_csv(path)
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)

    exec(compile(code, str(HOW_TO), "exec"), {"__name__": "__main__"})

    report = forecasting.run(tmp_path / "panel.parquet", tmp_path / "out")
    assert (report.reused, report.series, report.cutoff_date) == (True, 6, START + timedelta(weeks=59))
    assert "SKU_DISTRIBUTOR" in capfd.readouterr().out
