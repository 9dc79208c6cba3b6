"""The size of a simulated network and its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from simulation.errors import InvalidSize

DAILY_FILE_DAYS = 30


@dataclass(frozen=True)
class Sizes:
    """How large a network is and which days it covers; the last day is `end`."""

    seed: int
    distributors: int
    outlets: int
    skus: int
    days: int
    end: date

    def __post_init__(self) -> None:
        for name, least, need in (
            ("seed", 0, "a seed is a whole number from 0 on"),
            ("distributors", 1, "a network needs at least one distributor"),
            ("skus", 1, "a network needs at least one SKU"),
            ("days", 2, "a network needs at least two days"),
            ("outlets", self.distributors, "every distributor needs at least one outlet"),
        ):
            value = getattr(self, name)
            if value < least:
                raise InvalidSize(name, value, f"{need}; give {least} or more")
        if self.distributors > 999:
            raise InvalidSize("distributors", self.distributors, "codes D001 to D999 allow at most 999")

    @property
    def start(self) -> date:
        """The first simulated day."""
        return self.end - timedelta(days=self.days - 1)

    @property
    def first_daily_day(self) -> int:
        """Index of the first day that senders report in a file of its own."""
        history = max(0, self.days - DAILY_FILE_DAYS)
        return history if history > 1 else 0

    def history_ranges(self) -> list[tuple[int, int]]:
        """Day ranges of the history files: calendar months, a lone day joined to its neighbour so that no name states a single day."""
        ranges: list[tuple[int, int]] = []
        first = 0
        for day in range(self.first_daily_day):
            if day + 1 == self.first_daily_day or self.day(day + 1).month != self.day(day).month:
                ranges.append((first, day))
                first = day + 1
        while len(ranges) > 1 and ranges[0][0] == ranges[0][1]:
            ranges[:2] = [(ranges[0][0], ranges[1][1])]
        while len(ranges) > 1 and ranges[-1][0] == ranges[-1][1]:
            ranges[-2:] = [(ranges[-2][0], ranges[-1][1])]
        return ranges

    def statement_periods(self) -> list[tuple[int, int]]:
        """Day ranges of the stock statements, each dated at its last day: a month (or what history holds of it), then single days."""
        periods: list[tuple[int, int]] = []
        first = 0
        for day in range(self.first_daily_day):
            if day + 1 == self.first_daily_day or self.day(day + 1).month != self.day(day).month:
                periods.append((first, day))
                first = day + 1
        return periods + [(day, day) for day in range(self.first_daily_day, self.days)]

    def closes_month(self, day: int) -> bool:
        """Whether a day is the last of its month that the window holds: the day whose stock is counted."""
        return day + 1 == self.days or self.day(day + 1).month != self.day(day).month

    def day(self, index: int) -> date:
        """The calendar date of a day index (0 = `start`)."""
        return self.start + timedelta(days=int(index))

    def index(self, day: date) -> int:
        """The day index of a calendar date; below 0 or from `days` on when outside the window."""
        return (day - self.start).days

    def dates(self) -> list[date]:
        """All simulated days in order."""
        return [self.day(i) for i in range(self.days)]

    def rng(self, stream: int) -> np.random.Generator:
        """An independent random stream; what one stage draws never shifts another's draws."""
        return np.random.default_rng([self.seed, stream])
