"""Levels add up, to the last digit."""

from decimal import Decimal

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from forecasting.hierarchy import LEVELS, add_up, add_up_known, levels, to_decimal, to_units
from forecasting.panel import KEY

CELLS = pl.DataFrame(
    [("S1", "D1", "T1"), ("S1", "D1", "T2"), ("S1", "D2", "T1"), ("S2", "D1", "T1")], schema=list(KEY), orient="row"
)


def test_each_level_has_its_members_and_nulls_elsewhere():
    members = {level.name: level.members.rows() for level in levels(CELLS)}
    assert members["SKU_DISTRIBUTOR"] == [("S1", "D1", None), ("S1", "D2", None), ("S2", "D1", None)]
    assert members["TERRITORY"] == [(None, None, "T1"), (None, None, "T2")]
    assert members["TOTAL"] == [(None, None, None)]


def test_halves_are_rounded_away_from_zero_once():
    units, capped = to_units(np.array([[0.03125, 0.00005, 0.000049, 2.5]]))
    assert units.tolist() == [[313, 1, 0, 25000]]
    assert not capped.any()


@given(st.lists(st.floats(0, 1e9), min_size=4, max_size=4))
def test_every_level_has_the_same_total_as_decimals(means):
    units, _ = to_units(np.array(means)[:, None])
    totals = {sum(to_decimal(add_up(level, units)).to_pylist(), Decimal(0)) for level in levels(CELLS)}
    assert totals == {sum(to_decimal(units).to_pylist(), Decimal(0))}
    assert len(LEVELS) == 6


@st.composite
def networks(draw):
    """Cells under random codes, and means of two weeks from nothing to far above what the type can hold."""
    code = st.sampled_from(["A", "B", "C"])
    cells = draw(st.lists(st.tuples(code, code, code), min_size=1, max_size=27, unique=True))
    mean = st.one_of(st.just(0.0), st.floats(0, 1e-3), st.floats(0, 1e6), st.floats(1e9, 1e300))
    means = draw(st.lists(st.tuples(mean, mean), min_size=len(cells), max_size=len(cells)))
    return pl.DataFrame(cells, schema=list(KEY), orient="row"), np.array(means)


@given(networks())
def test_every_member_is_the_exact_decimal_sum_of_its_cells_whatever_their_size(network):
    cells, means = network
    units, capped = to_units(means)
    assert capped[(means > 1e14).any(axis=1)].all()
    exact = [to_decimal(units[:, week]).to_pylist() for week in range(2)]
    for level in levels(cells):
        for week in range(2):
            stored = to_decimal(add_up(level, units)[:, week]).to_pylist()
            expected = [Decimal(0)] * level.size
            for cell, member in enumerate(level.member):
                expected[member] += exact[week][cell]
            assert stored == expected
            assert sum(stored, Decimal(0)) == sum(exact[week], Decimal(0))
            assert all(abs(value) < Decimal(10) ** 14 for value in stored)


def test_a_member_is_the_sum_of_its_cells():
    units = np.array([[1], [20], [300], [4000]])
    sums = {level.name: add_up(level, units)[:, 0].tolist() for level in levels(CELLS)}
    assert sums["SKU_DISTRIBUTOR"] == [21, 300, 4000]
    assert sums["SKU_TERRITORY"] == [301, 20, 4000]
    assert sums["TERRITORY"] == [4301, 20]
    assert sums["TOTAL"] == [4321]


def test_means_too_large_for_the_type_are_held_down_and_named():
    units, capped = to_units(np.array([[1e300], [5.0]]))
    assert capped.tolist() == [True, False]
    assert int(units.sum()) < 10**18


def test_decimals_keep_their_sign():
    assert to_decimal(np.array([-15, 0, 12345678])).to_pylist() == [
        Decimal("-0.0015"), Decimal("0.0000"), Decimal("1234.5678")
    ]  # fmt: skip


def test_an_actual_is_unknown_only_where_no_cell_is_known():
    total = levels(CELLS)[-1]
    values = np.array([[np.nan, np.nan], [np.nan, 1], [np.nan, 2], [np.nan, np.nan]])
    np.testing.assert_array_equal(add_up_known(total, values), [[np.nan, 3]])
