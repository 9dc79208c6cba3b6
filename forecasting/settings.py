"""What a person may tune in a forecast run, with the values that did best on weekly distributor sales of one to two
years.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from forecasting.prophet_batch import DEFAULT_TOLERANCE, ProphetSettings, Tolerance

WEEKLY_PROPHET = ProphetSettings(
    growth="flat",
    n_changepoints=0,
    yearly_seasonality=2,
    weekly_seasonality=False,
    seasonality_prior_scale=0.02,
)
"""A level and, on top of the season that all series have, one of the cell's own: two harmonics under a tight prior, so that it
shows where the history insists on it. A trend carried eight weeks ahead costs more than it gives on one or two years of
intermittent demand; docs/explanation/forecasting.md has the figures."""


@dataclass(frozen=True)
class ForecastSettings:
    """Everything besides the panel that decides a forecast.

    Attributes:
        prophet: Prophet's parameters for one cell.
        tolerance: when a fit counts as converged.
        min_history_weeks: known weeks below which a cell gets its mean instead of a trend.
        new_below_weeks: known weeks below which demand is of class NEW.
        longest_empty_weeks: of a run of weeks with an empty shelf, how many are left out of the fit; a shelf that stays
            empty longer is a listing that ended.
        highest_multiple: a forecast above so many times the highest week ever is not believed; seasonal naive takes its
            place.
        min_training_weeks: weeks that the panel must have before a backtest's origin.
        young_share: what a week of a young series sells, as a share of its first; a run puts in what its panel shows.
        season_groups: groups that have a yearly season and growth of their own, the wider first; each is drawn towards the one before.
        season_order: harmonics of that season.
        season_prior: standard deviation of a group's season, and of its growth in a year, around the wider one's, on the log of demand.
        seed: of whatever is drawn: series and rows that the global model is trained on.
        threads: that LightGBM may use; the numbers are the same for one setting.
        global_series, global_rows: how many series and rows the global model is trained on at most.
        global_least_rows: with fewer there is no global model.
        global_rounds, global_leaves, global_learning_rate: its trees, leaves of each, and shrinkage.
        global_tweedie_power: variance grows with this power of the mean; 1 is Poisson's, 2 gamma's.
        global_weight_power: rows count with this power of their expected demand.
        default_model: serves a class until another has proved better.
        ensemble_members: which candidates are put together.
        champion_origins: fewer rolling origins than these change nothing.
        champion_margin: by what share of the incumbent's WAPE another must be better.
        champion_bias: a model further from the mean than this and than the incumbent is no candidate.
        champion_points: weeks of actuals that a class must have for a champion of its own.
        min_pool: residuals that a demand class must have for intervals of its own; with fewer it shares those of its
            level.
    """

    prophet: ProphetSettings = field(default=WEEKLY_PROPHET)
    tolerance: Tolerance = field(default=DEFAULT_TOLERANCE)
    min_history_weeks: int = 8
    new_below_weeks: int = 13
    longest_empty_weeks: int = 8
    highest_multiple: float = 3.0
    min_training_weeks: int = 26
    min_pool: int = 80
    young_share: float = 0.25
    season_groups: tuple[str, ...] = ("sku_code",)
    season_order: int = 1
    season_prior: float = 0.1
    seed: int = 1
    threads: int = 1
    global_series: int = 10_000
    global_rows: int = 200_000
    global_least_rows: int = 2_000
    global_rounds: int = 150
    global_leaves: int = 31
    global_learning_rate: float = 0.06
    global_tweedie_power: float = 1.5
    global_weight_power: float = 0.5
    default_model: str = "seasonal_ses"
    ensemble_members: tuple[str, ...] = ("seasonal_ses", "lightgbm", "prophet_batch")
    champion_origins: int = 3
    champion_margin: float = 0.01
    champion_bias: float = 0.3
    champion_points: int = 400


def settings_for(every: Literal["week", "day"]) -> ForecastSettings:
    """The settings for weeks, or for days: the same spans of time, and Prophet's weekly season."""
    weekly = ForecastSettings()
    if every == "week":
        return weekly
    spans = ("min_history_weeks", "new_below_weeks", "longest_empty_weeks", "min_training_weeks")
    return replace(
        weekly,
        prophet=replace(weekly.prophet, weekly_seasonality=3, seasonality_prior_scale=0.03),
        **{name: 7 * getattr(weekly, name) for name in spans},
    )
