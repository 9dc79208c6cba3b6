"""What an ingest run has before it: the feeds with files that have landed and are not committed."""

from __future__ import annotations

import re
from datetime import date

import ingest
from sellthrough.settings import Settings

MASTERS = ("territory", "distributor", "sku", "outlet", "sku_xref", "outlet_xref")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def waiting_feeds(settings: Settings, day: date | None = None) -> dict[str, list[str]]:
    """The feeds that have something to take in, masters apart from facts: masters go first, so that facts are mapped at first sight.

    Args:
        settings: where the home is.
        day: only feeds with a file that covers this business date, or whose name states no date; default: all.
    """
    found = {
        landed.feed
        for landed in ingest.landed(settings.home, settings.limits)
        if day is None or _covers(str(landed.file), day)
    }
    return {
        "masters": [feed for feed in MASTERS if feed in found],
        "facts": sorted(found.difference(MASTERS)),
    }


def _covers(file: str, day: date) -> bool:
    """Whether a file name states the day, a range around it, or no date at all."""
    days = _DAY.findall(file.rsplit("/", 1)[-1])
    return not days or days[0] <= day.isoformat() <= days[-1]
