"""What Prophet is told to fit, in Prophet's own words."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

Growth = Literal["linear", "flat"]
Mode = Literal["additive", "multiplicative"]
Seasonality = Literal["auto"] | bool | int
Target = Literal["level", "log"]


class UnsupportedSettingError(ValueError):
    """A setting that Prophet knows and the batched solver does not, or a value that neither accepts."""

    def __init__(self, setting: str, value: object, expected: str) -> None:
        self.setting = setting
        self.value = value
        self.expected = expected
        super().__init__(f"{setting} = {value!r} cannot be fitted: expected {expected}.")


@dataclass(frozen=True)
class CustomSeasonality:
    """A season as in Prophet's `add_seasonality`.

    Attributes:
        period: days.
        fourier_order: harmonics; each has a sine and a cosine.
        prior_scale: None is the settings' `seasonality_prior_scale`.
        mode: None is the settings' `seasonality_mode`.
    """

    name: str
    period: float
    fourier_order: int
    prior_scale: float | None = None
    mode: Mode | None = None

    def __post_init__(self) -> None:
        if not self.period > 0:
            raise UnsupportedSettingError(f"period of {self.name}", self.period, "more than 0 days")
        if self.fourier_order < 1:
            raise UnsupportedSettingError(f"fourier_order of {self.name}", self.fourier_order, "1 or more")
        _check_optional(self.name, self.prior_scale, self.mode)


@dataclass(frozen=True)
class Holiday:
    """A holiday, its dates and the days around it, as a row of Prophet's holiday frame with more than one date.

    A holiday acts on the rows whose date it hits. Where rows are weeks, give the first day of the week in which it
    falls.

    Attributes:
        dates: ISO dates, history and future.
        lower_window, upper_window: days before (0 or less) and after (0 or more), each with an effect of its own.
        prior_scale: None is the settings' `holidays_prior_scale`.
    """

    name: str
    dates: tuple[str, ...]
    lower_window: int = 0
    upper_window: int = 0
    prior_scale: float | None = None

    def __post_init__(self) -> None:
        for day in self.dates:
            try:
                date.fromisoformat(day)
            except ValueError:
                raise UnsupportedSettingError(f"dates of {self.name}", day, "dates as YYYY-MM-DD") from None
        if self.lower_window > 0:
            raise UnsupportedSettingError(f"lower_window of {self.name}", self.lower_window, "0 or less")
        if self.upper_window < 0:
            raise UnsupportedSettingError(f"upper_window of {self.name}", self.upper_window, "0 or more")
        _check_optional(self.name, self.prior_scale, None)


@dataclass(frozen=True)
class Regressor:
    """Something known ahead, as in Prophet's `add_regressor`; its values are handed over by this name.

    Attributes:
        prior_scale: None is the settings' `holidays_prior_scale`, as in Prophet.
        standardize: "auto" standardizes what is neither constant nor made of zeros and ones.
        mode: None is the settings' `seasonality_mode`.
    """

    name: str
    prior_scale: float | None = None
    standardize: Literal["auto"] | bool = "auto"
    mode: Mode | None = None

    def __post_init__(self) -> None:
        _check_optional(self.name, self.prior_scale, self.mode)


def _check_optional(name: str, prior_scale: float | None, mode: str | None) -> None:
    if prior_scale is not None and not prior_scale > 0:
        raise UnsupportedSettingError(f"prior_scale of {name}", prior_scale, "more than 0")
    if mode not in (None, "additive", "multiplicative"):
        raise UnsupportedSettingError(f"mode of {name}", mode, "additive or multiplicative")


@dataclass(frozen=True)
class ProphetSettings:
    """The parameters of `prophet.Prophet` that shape its objective, with Prophet 1.5's defaults and meaning, and the target.

    Attributes:
        holidays_mode: None is `seasonality_mode`, as in Prophet.
        target: "level" fits y; "log" fits log(y + log_offset).
        log_offset: 1 is log1p; y must be above -log_offset.
        largest_correction: with the log target, the most by which the mean may stand above the median, as a factor.
    """

    growth: Growth = "linear"
    n_changepoints: int = 25
    changepoint_range: float = 0.8
    changepoint_prior_scale: float = 0.05
    yearly_seasonality: Seasonality = "auto"
    weekly_seasonality: Seasonality = "auto"
    seasonality_mode: Mode = "additive"
    seasonality_prior_scale: float = 10.0
    holidays_prior_scale: float = 10.0
    holidays_mode: Mode | None = None
    seasonalities: tuple[CustomSeasonality, ...] = field(default=())
    holidays: tuple[Holiday, ...] = field(default=())
    regressors: tuple[Regressor, ...] = field(default=())
    target: Target = "level"
    log_offset: float = 1.0
    largest_correction: float = 3.0

    def __post_init__(self) -> None:
        if self.growth not in ("linear", "flat"):
            raise UnsupportedSettingError("growth", self.growth, "linear or flat")
        for name in ("seasonality_mode", "holidays_mode"):
            if getattr(self, name) not in ("additive", "multiplicative", *([None] if name == "holidays_mode" else [])):
                raise UnsupportedSettingError(name, getattr(self, name), "additive or multiplicative")
        if self.n_changepoints < 0:
            raise UnsupportedSettingError("n_changepoints", self.n_changepoints, "0 or more")
        if not 0 <= self.changepoint_range <= 1:
            raise UnsupportedSettingError("changepoint_range", self.changepoint_range, "a share from 0 to 1")
        for name in ("changepoint_prior_scale", "seasonality_prior_scale", "holidays_prior_scale", "log_offset"):
            if not getattr(self, name) > 0:
                raise UnsupportedSettingError(name, getattr(self, name), "more than 0")
        if self.target not in ("level", "log"):
            raise UnsupportedSettingError("target", self.target, "level or log")
        if not self.largest_correction >= 1:
            raise UnsupportedSettingError("largest_correction", self.largest_correction, "a factor of 1 or more")
        self._check_names()
        self._check_holiday_scales()

    def _check_names(self) -> None:
        """A component has one name, and no name means two things."""
        built_in = [
            name for name in ("yearly", "weekly") if getattr(self, f"{name}_seasonality") not in ("auto", False, 0)
        ]
        names = ["trend", "holidays", "noise", *built_in]
        for name in [season.name for season in self.seasonalities] + [part.name for part in self.regressors]:
            if name in names:
                raise UnsupportedSettingError("name", name, "a name that nothing else in the model has")
            names.append(name)

    def _check_holiday_scales(self) -> None:
        scales: dict[str, float | None] = {}
        for holiday in self.holidays:
            if scales.setdefault(holiday.name, holiday.prior_scale) != holiday.prior_scale:
                raise UnsupportedSettingError(
                    f"prior_scale of {holiday.name}", holiday.prior_scale, "one prior scale for all dates of a holiday"
                )


def holidays_from_frame(frame: Any) -> tuple[Holiday, ...]:
    """Prophet's holiday frame (ds, holiday; lower_window, upper_window, prior_scale where given) as settings.

    For the holidays of a country: `holidays_from_frame(prophet.make_holidays.make_holidays_df([2024, 2025], "IN"))`.
    """
    parts: dict[tuple[str, int, int, float | None], list[str]] = {}
    for row in frame.to_dict("records"):
        scale = row.get("prior_scale")
        key = (
            str(row["holiday"]),
            _window(row.get("lower_window")),
            _window(row.get("upper_window")),
            None if _is_missing(scale) else float(scale),
        )
        parts.setdefault(key, []).append(str(row["ds"])[:10])
    return tuple(
        Holiday(name, tuple(dates), lower, upper, scale) for (name, lower, upper, scale), dates in parts.items()
    )


def _window(value: Any) -> int:
    return 0 if _is_missing(value) else int(value)


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def holiday_rows(holidays: Iterable[Holiday]) -> list[dict[str, Any]]:
    """The rows of Prophet's holiday frame."""
    return [
        {
            "ds": day,
            "holiday": holiday.name,
            "lower_window": holiday.lower_window,
            "upper_window": holiday.upper_window,
            "prior_scale": float("nan") if holiday.prior_scale is None else holiday.prior_scale,
        }
        for holiday in holidays
        for day in holiday.dates
    ]


@dataclass(frozen=True)
class Tolerance:
    """When a series counts as converged.

    Attributes:
        objective: the most that a sweep may still lower the negative log posterior by, in nats.
        slope: how far the gradient of a changepoint that is still zero may exceed its Laplace prior's 1 / tau, as a
            share of it.
        max_sweeps: after so many sweeps a series is given back as not converged.
        further_starts: from so many starts besides the series' mean the optimum of a multiplicative model is looked for; 7 at most.
    """

    objective: float = 1e-4
    slope: float = 0.01
    max_sweeps: int = 200
    further_starts: int = 5


DEFAULT_TOLERANCE = Tolerance()
TIGHT_TOLERANCE = Tolerance(objective=1e-8, slope=1e-5, max_sweeps=1000, further_starts=7)
