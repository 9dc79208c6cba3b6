"""What a person may tune in a forecast run, with the values that did best on weekly distributor sales of one to two
years.
"""

from dataclasses import dataclass, field

from forecasting.prophet_batch import DEFAULT_TOLERANCE, ProphetSettings, Tolerance

WEEKLY_PROPHET = ProphetSettings(
    growth="flat",
    n_changepoints=0,
    yearly_seasonality=2,
    weekly_seasonality=False,
    seasonality_prior_scale=0.03,
)
"""A level and a yearly season of two harmonics under a tight prior, so that it shows where the history insists on it. A trend
carried eight weeks ahead costs more than it gives on one or two years of intermittent demand; docs/explanation/forecasting.md
has the figures."""


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
        min_pool: residuals that a demand class must have for intervals of its own; with fewer it shares those of its
            level.
        young_share: weekly sales of a young series as a share of its first week's.
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
