"""Loading, mending and classing the demand panel."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting import panel as demand_panel
from forecasting.errors import ForecastError, PanelError

CELL = ("S1", "D1", "T1")
OTHER = ("S2", "D1", "T1")


def test_series_start_where_they_start_and_end_at_the_cutoff(panel_file):
    panel = demand_panel.load(panel_file({OTHER: [4], CELL: [1, 2, 3]}))

    assert panel.series.rows() == [CELL, OTHER]
    assert panel.cutoff == np.datetime64("2026-03-02")
    np.testing.assert_array_equal(panel.quantity, [[1, 2, 3], [np.nan, np.nan, 4]])


def test_the_digest_sees_values_not_order(panel_file):
    one = panel_file({CELL: [1, 2], OTHER: [3, 4]}, name="one.parquet")
    two = panel_file({OTHER: [3, 4], CELL: [1, 2]}, name="two.parquet")
    three = panel_file({OTHER: [3, 4], CELL: [1, 5]}, name="three.parquet")
    four = panel_file({OTHER: [3, 4], CELL: [1, 2]}, stocked_out={CELL: {1}}, name="four.parquet")

    digests = [demand_panel.load(path).digest for path in (one, two, three, four)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_rows_of_one_week_are_added_up_and_told(panel_file):
    path = panel_file({CELL: [1, 2]})
    pl.concat([pl.read_parquet(path), pl.read_parquet(path)]).write_parquet(path)
    panel = demand_panel.load(path)

    np.testing.assert_array_equal(panel.quantity, [[2, 4]])
    assert panel.problems == (
        "2 rows of the panel repeat a series and week (the first: row 3); their quantities are added up.",
    )


def test_missing_codes_days_and_weeks_are_mended_and_told(panel_file):
    path = panel_file({CELL: [1, 2, 3]})
    rows = pl.read_parquet(path).with_columns(
        sku_code=pl.lit(None, dtype=pl.String),
        week_start=pl.Series([date(2026, 2, 18), None, date(2026, 3, 2)]),
        stocked_out=pl.lit(None, dtype=pl.Boolean),
    )
    rows.write_parquet(path)
    panel = demand_panel.load(path)

    assert panel.series["sku_code"].to_list() == ["UNKNOWN"]
    assert panel.weeks[0] == np.datetime64("2026-02-16")
    np.testing.assert_array_equal(panel.quantity, [[1, np.nan, 3]])
    assert panel.problems == (
        "1 row of the panel has no week (row 2); it is left out.",
        "2 rows of the panel have no code (the first: row 1); they are forecast under UNKNOWN.",
    )
    assert panel.notes == (
        "1 row of the panel does not start on a Monday (row 1); it counts for the week that it is in.",
    )


def test_a_null_quantity_is_a_gap(panel_file):
    np.testing.assert_array_equal(demand_panel.load(panel_file({CELL: [1, None, 3]})).quantity, [[1, np.nan, 3]])


def test_an_empty_panel_is_a_panel(panel_file):
    panel = demand_panel.load(panel_file({}))
    assert panel.cutoff is None
    assert panel.quantity.shape == (0, 0)


def test_a_panel_that_breaks_its_contract_is_refused_with_the_next_step(panel_file, tmp_path):
    with pytest.raises(PanelError, match=r"no such file.*sellthrough build"):
        demand_panel.load(tmp_path / "none.parquet")

    path = panel_file({CELL: [1]})
    rows = pl.read_parquet(path)
    rows.drop("qty_base").write_parquet(path)
    with pytest.raises(ForecastError, match="qty_base is missing"):
        demand_panel.load(path)

    rows.with_columns(qty_base=pl.lit("many")).write_parquet(path)
    with pytest.raises(PanelError, match="wrong type"):
        demand_panel.load(path)

    pl.concat([rows, rows.with_columns(week_start=date(2999, 1, 7))]).write_parquet(path)
    with pytest.raises(PanelError, match="weeks run from 2026-03-02 to 2999-01-07"):
        demand_panel.load(path)


def own_panel(tmp_path, text, **options):
    path = tmp_path / "own.csv"
    path.write_text(text)
    return demand_panel.load(path, key=("store", "item"), period="day", quantity="units", **options)


def test_days_of_an_own_csv_with_other_names_become_weeks_or_stay_days(tmp_path):
    text = "day,store,item,units\n2026-03-02,A,X,1\n2026-03-03,A,X,2\n2026-03-09,A,X,4\n2026-03-04,,X,\n"
    days = own_panel(tmp_path, text, every="day")
    weeks = own_panel(tmp_path, text)

    assert days.series.rows() == [("A", "X"), ("UNKNOWN", "X")]
    np.testing.assert_array_equal(days.quantity[0], [1, 2, *[np.nan] * 5, 4])
    np.testing.assert_array_equal(weeks.quantity[0], [3, 4])
    assert days.ahead(2).astype(str).tolist() == ["2026-03-10", "2026-03-11"]


def test_periods_that_end_after_the_as_of_date_have_no_quantity_yet(tmp_path):
    text = "day,store,item,units\n2026-03-02,A,X,1\n2026-03-09,A,X,2\n2026-03-10,A,X,2\n"
    panel = own_panel(tmp_path, text, as_of=date(2026, 3, 12))

    np.testing.assert_array_equal(panel.quantity, [[1]])
    assert panel.notes[-1] == (
        "2 rows of the panel are of weeks that end after 2026-03-12 (the first: row 3); quantities from 2026-03-09 on are left out."
    )


DRIVEN = """day,store,item,units,price,holiday
2026-03-02,A,X,1,,0
2026-03-09,A,X,2,0.9,1
2026-03-16,A,X,,1.1,0.5
2026-03-02,B,X,5,1,0
2026-03-09,B,X,6,1,1
2026-03-16,B,X,,,0.5
"""


def test_rows_ahead_say_what_is_known_of_drivers_and_the_panel_ends_with_the_last_quantity(tmp_path):
    panel = own_panel(tmp_path, DRIVEN, drivers=("price", "holiday", "not there"))
    series = panel.until(length=2, horizon=2)

    assert panel.cutoff == np.datetime64("2026-03-09")
    np.testing.assert_array_equal(series.own["price"], [[0.9, 0.9, 1.1, 1.1], [1, 1, 1, 1]])
    np.testing.assert_array_equal(series.shared["holiday"], [0, 1, 0.5, 0.5])
    assert series.future.astype(str).tolist() == ["2026-03-16", "2026-03-23"]


def test_a_driver_is_shared_though_some_series_begin_late(tmp_path):
    late = DRIVEN.replace("2026-03-02,B,X,5,1,0\n", "")
    panel = own_panel(tmp_path, late, drivers=("price", "holiday"))

    np.testing.assert_array_equal(panel.shared["holiday"], [0, 1, 0.5])


def test_at_an_earlier_origin_quantities_end_and_plans_go_on(tmp_path):
    series = own_panel(tmp_path, DRIVEN, drivers=("price", "holiday")).until(length=1, horizon=1, rows=np.array([1]))

    np.testing.assert_array_equal(series.quantity, [[5]])
    np.testing.assert_array_equal(series.shared["holiday"], [0, 1])
    assert series.groups["store"].tolist() == ["B"]


def test_codes_that_series_share_come_from_a_file_of_groups(tmp_path, panel_file):
    groups = tmp_path / "groups.parquet"
    pl.DataFrame(
        {"sku_code": ["S1", "S1"], "category": ["old", "Tea"], "predecessor_sku_code": [None, "S2"]}
    ).write_parquet(groups)
    panel = demand_panel.load(panel_file({CELL: [1], OTHER: [1]}), groups=groups)

    assert panel.groups["category"].tolist() == ["Tea", ""]
    assert panel.groups["predecessor_sku_code"].tolist() == ["S2", ""]
    assert panel.groups["sku_code"].tolist() == ["S1", "S2"]

    pl.DataFrame({"other": ["S1"]}).write_parquet(groups)
    with pytest.raises(PanelError, match="no column of the key"):
        demand_panel.load(panel_file({CELL: [1]}), groups=groups)


def test_the_digest_sees_drivers_and_groups(tmp_path):
    digests = {
        own_panel(tmp_path, DRIVEN, drivers=names).digest
        for names in ((), ("price",), ("holiday",), ("price", "holiday"))
    }
    digests.add(own_panel(tmp_path, DRIVEN.replace("1.1", "1.2"), drivers=("price",)).digest)
    assert len(digests) == 5


def test_weeks_of_an_empty_shelf_are_unknown_until_the_listing_has_ended():
    quantity = np.array([[5.0, 0, 0, 5, 0, 0, 0, 0]])
    empty = np.array([[False, True, True, False, True, True, True, True]])
    known = demand_panel.unconstrained(quantity, empty, longest=3)
    np.testing.assert_array_equal(known, [[5, np.nan, np.nan, 5, np.nan, np.nan, np.nan, 0]])


def test_a_good_week_is_kept_though_the_shelf_ran_empty():
    quantity = np.array([[5.0, 9, 1, 5]])
    empty = np.array([[False, True, True, False]])
    np.testing.assert_array_equal(demand_panel.unconstrained(quantity, empty, longest=3), [[5, 9, np.nan, 5]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 6, 5, 6] * 5, "SMOOTH"),
        ([1, 40, 1, 2] * 5, "ERRATIC"),
        ([5, 0, 6, 0] * 5, "INTERMITTENT"),
        ([1, 0, 60, 0, 2, 0] * 4, "LUMPY"),
        ([0] * 20, "INTERMITTENT"),
        ([-3, -2] * 10, "INTERMITTENT"),
        ([np.nan] * 8 + [5] * 12, "NEW"),
        ([10**18, 1] * 10, "ERRATIC"),
    ],
)
def test_demand_classes_are_those_of_syntetos_and_boylan(values, expected):
    assert demand_panel.demand_class(np.array([values], dtype=float), new_below_weeks=13).tolist() == [expected]


@pytest.mark.parametrize("codes", [b"", b"PAR1", "sku_code,category\nS,\u00c4\n".encode("latin-1")])
def test_a_file_of_codes_that_cannot_be_read_is_refused_in_one_line(panel_file, tmp_path, codes):
    path = tmp_path / ("codes.parquet" if codes.startswith(b"PAR1") else "codes.csv")
    path.write_bytes(codes)
    with pytest.raises(PanelError, match="its codes cannot be read") as refused:
        demand_panel.load(panel_file({CELL: [1, 2]}), groups=path)
    assert "\n" not in str(refused.value)
