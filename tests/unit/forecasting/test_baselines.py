"""Seasonal naive and the level of young items."""

import numpy as np

from forecasting.baselines import seasonal_naive, young_level

NAN = np.nan


def test_with_a_year_of_history_it_is_last_years_week():
    history = np.arange(60.0)[None]
    assert seasonal_naive(history, 3).tolist() == [[8, 9, 10]]


def test_without_a_year_it_is_the_same_position_four_weeks_back_again_and_again():
    history = np.array([[9, 9, 1, 2, 3, 4]], dtype=float)
    assert seasonal_naive(history, 6).tolist() == [[1, 2, 3, 4, 1, 2]]


def test_a_gap_is_bridged_by_four_more_weeks_then_by_the_last_known_value():
    assert seasonal_naive(np.array([[5, 6, 7, 8, NAN, 2, 3, 4]]), 1).tolist() == [[5]]
    assert seasonal_naive(np.array([[NAN, NAN, NAN, 7]]), 2).tolist() == [[7, 7]]
    assert seasonal_naive(np.array([[NAN, NAN]]), 1).tolist() == [[0]]
    assert seasonal_naive(np.empty((1, 0)), 1).tolist() == [[0]]


def test_a_year_back_is_taken_only_where_it_is_known():
    history = np.full((1, 60), NAN)
    history[0, 9:] = np.arange(9.0, 60)
    assert seasonal_naive(history, 2).tolist() == [[56, 9]]


def test_a_young_item_is_expected_to_do_as_older_ones_did_after_their_first_week():
    older = [NAN] + [10.0] + [2.0] * 8
    young = [NAN] * 9 + [20.0]
    level = young_level(np.array([older, young]), 2)
    assert level[1].tolist() == [4, 4]


def test_without_older_ones_the_first_week_counts_in_full():
    assert young_level(np.array([[NAN, 6.0]]), 1).tolist() == [[6]]
    assert young_level(np.empty((1, 0)), 1).tolist() == [[0]]


def test_what_a_young_item_sold_since_weighs_more_with_every_week():
    history = np.array([[NAN, 8.0, 0, 0, 0, 0]])
    assert young_level(history, 1).tolist() == [[4]]
