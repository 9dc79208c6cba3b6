"""Everything that one may set, in one validated object; the only place that reads the environment.

Each setting is an environment variable `SELLTHROUGH_<NAME>`; the command line's `--home` and `--as-of` win over them.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from ingest.limits import Limits

if TYPE_CHECKING:
    from ingest import Connection

PROJECT_ROOT = Path(__file__).resolve().parents[1]

NO_TELEMETRY = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}


class Settings(BaseSettings):
    """What the commands, the DAGs and the tests are told."""

    model_config = SettingsConfigDict(env_prefix="SELLTHROUGH_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("data"), description="The data home: landing, bronze, warehouse, serving, state.")
    as_of: date | None = Field(default=None, description="What counts as today; default: latest business date loaded.")
    dbt_project: Path = Field(default=PROJECT_ROOT / "dbt_project", description="The dbt project's folder.")
    dbt_threads: int = Field(
        default=1,
        ge=1,
        description="Models that dbt builds at the same time; the engine uses all cores for each of them.",
    )
    keep_published: int = Field(default=3, ge=1, description="Published versions that stay under serving/versions.")
    horizon_weeks: int = Field(default=8, ge=1, description="Weeks that the forecast looks ahead.")
    forecast_origins: int = Field(default=3, ge=1, description="Rolling origins of the backtest.")
    forecast_processes: int | None = Field(
        default=None, ge=1, description="Processes that `sellthrough forecast` uses; default: one per core."
    )
    ingest_schedule: str = Field(default="30 12 * * *", description="When the DAG ingest_feeds runs (cron, UTC).")
    real_data: Path = Field(
        default=PROJECT_ROOT.parent / "shared" / "real_data",
        description="A further folder in which files that a profile names, such as a GeoJSON, are looked for.",
    )
    max_unpacked_bytes: int = Field(default=8 * 2**30, ge=1, description="Largest file, or archive, once unpacked.")
    max_unpacked_ratio: int = Field(default=200, ge=1, description="Unpacked bytes over packed ones, at most.")
    max_members: int = Field(default=1000, ge=1, description="Files in one archive, at most.")
    max_line_bytes: int = Field(default=16 * 2**20, ge=1, description="Longest line, segment or message.")
    max_columns: int = Field(default=2000, ge=1, description="Columns of a header, at most.")
    max_cells: int = Field(default=50_000_000, ge=1, description="Rows times columns of one sheet, at most.")
    max_xml_depth: int = Field(default=64, ge=1, description="XML elements inside each other, at most.")
    lock_timeout_s: float = Field(default=3600, ge=0, description="How long a writer waits for the one before it.")

    @field_validator("home", "dbt_project", "real_data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @property
    def limits(self) -> Limits:
        """Bounds on what ingest reads: the settings that begin with `max_`."""
        from ingest.limits import Limits

        return Limits(**{name[4:]: value for name, value in self if name.startswith("max_")})

    @property
    def landing(self) -> Path:
        """What senders put there: never changed by us."""
        return self.home / "landing"

    @property
    def bronze(self) -> Path:
        """Typed rows, rejects and the commit log."""
        return self.home / "bronze"

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that only the writer opens."""
        return self.home / "warehouse.duckdb"

    @property
    def serving(self) -> Path:
        """The published copy and its versions."""
        return self.home / "serving"

    @property
    def published(self) -> Path:
        """The stable name of the published file."""
        return self.serving / "sellthrough.duckdb"

    @property
    def forecast(self) -> Path:
        """The panel, the forecast runs and the pointer to the current one."""
        return self.home / "forecast"

    @property
    def panel(self) -> Path:
        """The weekly demand panel that phase 1 wrote."""
        return self.forecast / "panel.parquet"

    @property
    def panel_skus(self) -> Path:
        """Category, brand, pack and predecessor of the panel's SKUs."""
        return self.forecast / "panel_sku.parquet"

    @property
    def config(self) -> Path:
        """The user's own contracts, profiles and seeds, laid over ours."""
        return self.home / "config"

    @property
    def state(self) -> Path:
        """What can be thrown away: Airflow, dbt, logs, the record of the last build."""
        return self.home / "state"

    @property
    def snapshot(self) -> Path:
        """What dbt reads of the commit log, written at the start of each build."""
        return self.state / "snapshot"

    @property
    def dbt_state(self) -> Path:
        """dbt's target and log folders."""
        return self.state / "dbt"

    @property
    def airflow_home(self) -> Path:
        """Where the built-in Airflow keeps its metadata and logs."""
        return self.state / "airflow"

    def connection(self, name: str) -> Connection:
        """A connection that the environment holds, in Airflow's notation: SELLTHROUGH_CONN_<NAME>, else AIRFLOW_CONN_<NAME>.

        Raises:
            ConnectionUnusable: neither is set, or it cannot be read.
        """
        from ingest import from_environment

        return from_environment(name, os.environ)

    def subprocess_environment(self, **more: str) -> dict[str, str]:
        """The environment of a process that we start: ours, our own commands first, the home made absolute, telemetry off."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**os.environ, **NO_TELEMETRY, "PATH": path, "SELLTHROUGH_HOME": str(self.home), **more}


def switch_telemetry_off() -> None:
    """Tell the libraries of this process not to call home."""
    os.environ.update(NO_TELEMETRY)
