"""Demand classes of Syntetos and Boylan, defined once for simulated and real invoice lines."""

from __future__ import annotations

import polars as pl

ADI_CUT = 1.32
CV2_CUT = 0.49
CLASSES = ("SMOOTH", "INTERMITTENT", "ERRATIC", "LUMPY")


def classify(lines: pl.DataFrame, series: list[str], day: str, qty: str) -> pl.DataFrame:
    """Class of each series of weekly sales, from the week of its first sale to the last week of the data.

    ADI is the number of those weeks over the number of weeks with sales; CV2 is the squared coefficient of variation (population) of the weekly
    quantities of the weeks with sales. Weeks begin on Monday; lines without a positive quantity (returns) are left out.

    Args:
        lines: sales lines with the `series` columns, a date and a quantity in base units.
        series: columns that name a series, e.g. outlet and SKU.
        day: the date column.
        qty: the quantity column.

    Returns:
        One row per series: the series columns, weeks, selling_weeks, adi, cv2, demand_class.
    """
    weekly = (
        lines.lazy()
        .filter(pl.col(qty) > 0)
        .with_columns(week=pl.col(day).dt.truncate("1w"))
        .group_by(*series, "week")
        .agg(pl.col(qty).sum().cast(pl.Float64).alias("units"))
    )
    last = weekly.select(pl.col("week").max()).collect().item()
    cells = weekly.group_by(*series).agg(
        weeks=(pl.lit(last) - pl.col("week").min()).dt.total_days() // 7 + 1,
        selling_weeks=pl.len().cast(pl.Int64),
        cv2=(pl.col("units").std(ddof=0) / pl.col("units").mean()) ** 2,
    )
    often = pl.col("adi") < ADI_CUT
    steady = pl.col("cv2") < CV2_CUT
    return (
        cells.with_columns(adi=pl.col("weeks") / pl.col("selling_weeks"))
        .with_columns(
            demand_class=pl.when(often & steady)
            .then(pl.lit("SMOOTH"))
            .when(often)
            .then(pl.lit("ERRATIC"))
            .when(steady)
            .then(pl.lit("INTERMITTENT"))
            .otherwise(pl.lit("LUMPY"))
        )
        .select(*series, "weeks", "selling_weeks", "adi", "cv2", "demand_class")
        .sort(series)
        .collect()
    )


def shares(classified: pl.DataFrame) -> dict[str, float]:
    """Share of the series in each class."""
    total = max(len(classified), 1)
    return {name: float((classified["demand_class"] == name).sum()) / total for name in CLASSES}
