"""The whole way in one call: fetch, ingest, build, forecast, alert, publish, each only when what it is made from has changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sellthrough import publish as publishing
from sellthrough import warehouse
from sellthrough.commits import last_seq
from sellthrough.files import digest_of, read_json, write_json
from sellthrough.settings import Settings

Progress = Callable[[int, int, str], None]
ProgressFor = Callable[[str], Progress | None]


@dataclass(frozen=True)
class RunReport:
    """What each stage of a run did; `None` where there was nothing to do."""

    exit_code: int
    fetch: dict[str, Any]
    ingest: dict[str, Any]
    build: dict[str, Any] | None
    forecast: dict[str, Any] | None
    alert: dict[str, Any] | None
    publish: dict[str, Any] | None


def run(settings: Settings, as_of: date | None = None, progress: ProgressFor = lambda stage: None) -> RunReport:
    """Carry what has landed through to the published copy.

    A source that cannot be read does not hold up what has landed; the exit code tells of it.
    A failed forecast does not hold sales back: the last good forecast stays, dated, and the failure is raised after the publish.

    Args:
        settings: where the home is.
        as_of: what counts as today; default: the latest business date that is loaded.
        progress: gives the progress function of a stage.
    """
    import ingest
    from ingest import quality

    fetched = ingest.fetch(settings.home, resolve=settings.connection, progress=progress("fetch"))
    taken = ingest.run(
        settings.home,
        as_of=as_of or settings.as_of,
        progress=progress("ingest"),
        data_dirs=[settings.real_data],
        limits=settings.limits,
    )
    code = fetched.exit_code or taken.exit_code
    if needs_quality(settings):
        quality.run(settings.home, progress=progress("quality"))
    done: dict[str, dict[str, Any] | None] = dict.fromkeys(("build", "forecast", "alert", "publish"))
    if needs_build(settings, as_of):
        done["build"] = warehouse.build(settings, as_of=as_of, progress=progress("build")).as_log()
    if not (settings.state / "build.json").exists():
        return RunReport(exit_code=code, fetch=plain(fetched), ingest=plain(taken), **done)
    try:
        if needs_forecast(settings):
            done["forecast"] = forecast(settings, progress=progress("forecast"))
        if needs_alert(settings):
            done["alert"] = warehouse.alert(settings, as_of=as_of, progress=progress("alert")).as_log()
    finally:
        published = publishing.publish(settings, progress=progress("publish"))
    done["publish"] = published.as_log() if published.changed else None
    return RunReport(exit_code=code, fetch=plain(fetched), ingest=plain(taken), **done)


def forecast(settings: Settings, progress: Progress | None = None) -> dict[str, Any]:
    """Forecast from the panel that stands and remember from which: the three stages that the DAG has as tasks, on this machine.

    Raises:
        NotBuilt: the marts, and with them the panel, do not stand.
    """
    import forecasting

    prepared = prepare_forecast(settings, progress)
    forecasting.forecast_groups(
        settings.forecast,
        prepared["run"],
        prepared["groups"],
        processes=settings.forecast_processes,
        progress=progress,
    )
    return collect_forecast(settings, prepared["run"], prepared["panel"], progress)


def prepare_forecast(settings: Settings, progress: Progress | None = None) -> dict[str, Any]:
    """Lay out what has to be fitted for the panel that stands.

    Returns:
        `run` and `panel`, for `collect_forecast`, and `groups`: the numbers of the groups of chunks to forecast; none where nothing is new.

    Raises:
        NotBuilt: the marts, and with them the panel, do not stand.
    """
    import forecasting

    panel = warehouse.passed_build(settings)["panel"]
    prepared = forecasting.prepare(
        settings.panel,
        settings.forecast,
        groups=settings.panel_skus if settings.panel_skus.exists() else None,
        horizon_weeks=settings.horizon_weeks,
        origins=settings.forecast_origins,
        progress=progress,
    )
    return {"run": prepared.run, "panel": panel, "groups": list(prepared.groups)}


def collect_forecast(settings: Settings, run: str, panel: str, progress: Progress | None = None) -> dict[str, Any]:
    """Let a prepared run, whose groups are forecast, take effect, and remember from which panel it is."""
    import forecasting

    report = forecasting.collect(settings.forecast, run, progress=progress)
    write_json(settings.state / "forecast.json", {"panel": panel, "settings": forecast_settings(settings)})
    return plain(report)


def needs_build(settings: Settings, as_of: date | None = None) -> bool:
    """Whether the marts show less than what is committed, another day, or came of other models or seeds."""
    latest = last_seq(settings)
    if not latest:
        return False
    marts = read_json(settings.state / "build.json")
    wanted = as_of or settings.as_of
    return bool(
        marts.get("status") != "passed"
        or not settings.warehouse.exists()
        or marts.get("through_seq") != latest
        or (marts.get("as_of") != str(wanted) if wanted else marts.get("pinned"))
        or marts.get("code") != warehouse.code_digest(settings)
        or marts.get("seeds") != warehouse.seeds_digest(settings)
    )


def needs_quality(settings: Settings) -> bool:
    """Whether something was committed since the expectations were evaluated."""
    evaluated = read_json(settings.bronze / "_quality" / "current.json").get("through_seq", 0)
    return last_seq(settings) != int(evaluated)


def needs_forecast(settings: Settings) -> bool:
    """Whether the panel or the settings differ from those of the forecast that stands."""
    made = read_json(settings.state / "forecast.json")
    panel = warehouse.panel_digest(settings)
    current = (settings.forecast / "current.json").exists()
    return not current or made.get("panel") != panel or made.get("settings") != forecast_settings(settings)


def needs_alert(settings: Settings) -> bool:
    """Whether what is downstream of the forecast came of other marts or another forecast."""
    made = read_json(settings.state / "alert.json")
    return made.get("status") != "passed" or made.get("inputs") != warehouse.alert_inputs(settings)


def forecast_settings(settings: Settings) -> dict[str, int | str]:
    """What a forecast depends on besides the panel: settings, and the code that makes it."""
    package = find_spec("forecasting")
    folders = (package.submodule_search_locations if package else None) or []
    code = "".join(digest_of(Path(folder).rglob("*.py"), Path(folder)) for folder in folders)
    return {"horizon_weeks": settings.horizon_weeks, "origins": settings.forecast_origins, "code": code}


def plain(report: Any) -> dict[str, Any]:
    """A stage's report in values that JSON knows."""
    shown = {field.name: getattr(report, field.name) for field in fields(report) if not field.name.startswith("_")}
    loaded: dict[str, Any] = json.loads(json.dumps(shown, default=_plain_value))
    return loaded


def _plain_value(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)
