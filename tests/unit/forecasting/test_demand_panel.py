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
    assert panel.problems == ("2 rows of the panel repeat a series and week; their quantities are added up.",)


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
    assert len(panel.problems) == 3


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
