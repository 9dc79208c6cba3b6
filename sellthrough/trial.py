"""`sellthrough backtest`: how every model would have done on a panel, ours or anyone's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sellthrough import terminal
from sellthrough.errors import NotBuilt
from sellthrough.settings import Settings

SHARES = {"wape", "skill", "bias", "coverage50", "coverage80", "coverage95"}
HEADS = {
    "demand_class": "class",
    "coverage50": "in 50 %",
    "coverage80": "in 80 %",
    "coverage95": "in 95 %",
    "cost_ms": "CPU ms",
}
SHOWN = (
    "demand_class", "model", "wape", "skill", "mase", "rmsse", "bias", "pinball", "coverage50", "coverage80", "coverage95", "cost_ms", "series",
)  # fmt: skip


def run(
    settings: Settings,
    panel: Path | None,
    *,
    key: str | None,
    models: str | None,
    zero: bool,
    progress: Callable[[int, int, str], None] | None,
    **options: Any,
) -> dict[str, Any]:
    """The report of `forecasting.backtest_own` in values that JSON knows.

    Args:
        settings: where our own panel is, and how many processes to use.
        panel: the file; None for our own panel.
        key, models: names with commas between.
        zero: a period without a row is one without a sale.
        options: the others of `forecasting.backtest_own`.

    Returns:
        The report's values, and `exit_code`.

    Raises:
        NotBuilt: there is no panel of our own.
    """
    import forecasting
    from sellthrough.pipeline import plain

    if key is not None:
        options["key"] = _names(key)
    if models is not None and not _names(models):
        raise forecasting.UnusableOption("No model is named. Name one or more with --models, or leave it out for all.")
    if panel is None and not settings.panel.exists():
        raise NotBuilt(f"{settings.panel} is not there yet. Name a file of your own, or run `sellthrough build` first.")
    if panel is None and settings.panel_skus.exists():
        options["groups"] = settings.panel_skus
    report = forecasting.backtest_own(
        panel or settings.panel,
        models=_names(models or ""),
        gaps_are_zero=zero,
        processes=settings.forecast_processes,
        progress=progress,
        **options,
    )
    return {**plain(report), "exit_code": report.exit_code}


def _names(text: str) -> list[str]:
    return [name for name in (part.strip() for part in text.split(",")) if name]


def show(report: dict[str, Any]) -> None:
    """Print what was done with the file and mended in it, then a table per demand class and what serves it."""
    origins = ", ".join(report["origins"])
    terminal.show(
        f"{report['series']:,} series of {report['periods']:,} periods to {report['cutoff_date']}; forecast {report['horizon']} ahead from {origins}"
    )
    for note in report["notes"]:
        terminal.show(note)
    for problem in report["problems"]:
        terminal.complain(problem)
    classes = dict.fromkeys(row["demand_class"] for row in report["rows"])
    for name in classes:
        rows = [row for row in report["rows"] if row["demand_class"] == name]
        terminal.show_rows(f"{name}: served by {report['champions'].get(name)}", [_shown(row) for row in rows])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {HEADS.get(name, name): _figure(name, row[name]) for name in SHOWN if name != "demand_class"}


def _figure(name: str, value: Any) -> Any:
    if value is None or not isinstance(value, float):
        return value
    return f"{value:.1%}" if name in SHARES else f"{value:.3f}"
