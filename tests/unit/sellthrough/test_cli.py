"""The command line: every promised command is there, takes the common options, and ends with the promised code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from sellthrough import cli

COMMANDS = (
    "simulate",
    "ingest",
    "check",
    "build",
    "forecast",
    "backtest",
    "alert",
    "publish",
    "run",
    "status",
    "replay",
    "explain",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_home_as_of_and_json(command: str) -> None:
    shown = CliRunner().invoke(cli.main, [command, "--help"])

    assert shown.exit_code == 0
    assert all(option in shown.output for option in ("--home", "--as-of", "--json"))


@pytest.fixture
def weekly_sales(tmp_path: Path) -> list[str]:
    """A file of two series of forty weeks, and how to name its columns."""
    start = date(2025, 1, 6)
    lines = [f"{item},{start + timedelta(weeks=week)},{week % 4 + 1}" for item in "ab" for week in range(40)]
    (tmp_path / "sales.csv").write_text("\n".join(["item,monday,sold", *lines]))
    return ["backtest", str(tmp_path / "sales.csv"), "--key", "item", "--date", "monday", "--quantity", "sold"]


def test_a_backtest_of_a_file_prints_a_table_for_each_class_and_writes_nothing(
    weekly_sales: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    ended = CliRunner().invoke(cli.main, [*weekly_sales, "--models", "ses", "--home", str(home)])

    assert ended.exit_code == 0
    assert "2 series of 40 periods to 2025-10-06" in ended.stdout
    assert "SMOOTH: served by" in ended.stdout
    assert "seasonal_naive" in ended.stdout
    assert not home.exists()


def test_a_backtest_as_json_has_a_row_for_each_class_and_model(weekly_sales: list[str]) -> None:
    ended = CliRunner().invoke(cli.main, [*weekly_sales, "--models", "ses", "--horizon", "4", "--json"])

    report = json.loads(ended.stdout)
    assert {(row["demand_class"], row["model"]) for row in report["rows"]} == {
        (name, model) for name in ("SMOOTH", "ALL") for model in ("ses", "seasonal_naive")
    }
    assert len(report["origins"]) == 3


def test_a_backtest_that_cannot_be_made_says_why(weekly_sales: list[str]) -> None:
    ended = CliRunner().invoke(cli.main, [*weekly_sales, "--horizon", "30"])

    assert ended.exit_code == 3
    assert "needs 56 weeks. Give a shorter --horizon or a longer history." in ended.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--key", "shop"], "has no column shop"),
        (["--key", ""], "No column tells series apart"),
        (["--models", "arima"], "There is no model arima"),
        (["--models", ""], "No model is named"),
        (["--models", "ensemble_mean"], "ensemble_mean comes from its members"),
    ],
)
def test_a_column_or_model_that_there_is_not_is_an_error_of_usage(
    weekly_sales: list[str], options: list[str], message: str
) -> None:
    ended = CliRunner().invoke(cli.main, [*weekly_sales, *options])

    assert ended.exit_code == 2
    assert message in ended.stderr


def test_a_backtest_says_what_was_done_with_the_file_before_its_tables(weekly_sales: list[str], tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(path.read_text() + "\na,2025-01-06,2\n")
    ended = CliRunner().invoke(cli.main, [*weekly_sales, "--models", "ses", "--home", str(tmp_path / "home")])

    assert ended.exit_code == 1
    assert "1 row of the panel repeats a series and week (row 82)" in ended.stderr
    assert ended.stdout.index("3 cut-offs were asked for; 40 weeks allow 1") < ended.stdout.index("served by")


def test_without_a_file_and_without_a_panel_there_is_nothing_to_backtest(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, ["backtest", "--home", str(tmp_path)])

    assert ended.exit_code == 3
    assert "Name a file of your own, or run `sellthrough build` first" in ended.stderr


def test_a_check_of_an_archive_writes_the_rows_of_each_feed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("sku_2026-03-01.csv", "sku_code,sku_name\nS1,Soap\n")
        packed.writestr(
            "dms_stock_2026-03-01.csv",
            "business_date,sender_sku_code,closing_qty,unit\n2026-03-01,S1,5,DRUM\n",
        )
    arguments = ["check", str(tmp_path / "x.zip"), "--profile", "csv_generic", "--sender", "D1"]
    options = ["--home", str(tmp_path / "home"), "--rows", str(tmp_path / "rows.parquet")]

    ended = CliRunner().invoke(cli.main, [*arguments, *options])

    assert ended.exit_code == 0
    (further,) = {path.name for path in tmp_path.glob("*.parquet")} - {"rows.parquet"}
    assert further == "rows.dms_stock.parquet"
    assert "Business dates of what would load: 2026-03-01 to 2026-03-01" in ended.output
    assert "Sums of what would load: closing_qty 5.000" in ended.output
    assert "DRUM (1)" in ended.output


def test_a_wrong_date_is_a_usage_error(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, ["status", "--home", str(tmp_path), "--as-of", "01/02/2026"])

    assert ended.exit_code == cli.USAGE
    assert "YYYY-MM-DD" in ended.output


def test_status_of_an_empty_home_says_how_to_begin(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, ["status", "--home", str(tmp_path)])

    assert ended.exit_code == cli.FINE
    assert "sellthrough run" in ended.output


@pytest.mark.parametrize("command", ["build", "forecast", "alert", "publish"])
def test_a_stage_that_comes_too_early_fails_with_the_next_step_and_no_trace(command: str, tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, [command, "--home", str(tmp_path)])

    assert ended.exit_code == cli.FAILURE
    assert "Run `sellthrough" in ended.output or "run `sellthrough" in ended.output
    assert "Traceback" not in ended.output


def test_with_json_a_failure_is_an_object_as_well(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, ["publish", "--home", str(tmp_path), "--json"])

    assert ended.exit_code == cli.FAILURE
    assert "sellthrough build" in json.loads(ended.stdout)["error"]


def test_a_run_on_an_empty_home_is_fine_and_says_where_to_put_files(tmp_path: Path) -> None:
    ended = CliRunner().invoke(cli.main, ["run", "--home", str(tmp_path)])

    assert ended.exit_code == cli.FINE
    assert "landing" in ended.output


def test_a_home_below_a_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = CliRunner().invoke(cli.main, ["status", "--home", str(tmp_path / "file" / "home")])

    assert done.exit_code == 3
    assert "cannot be written" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--as-of", "01/02/2026", "--json"),
        ("check", "--json", "nowhere.csv", "--profile", "csv_generic"),
        ("check", "--json"),
        ("nothing", "--json"),
        ("--nothing", "status", "--json"),
    ],
    ids=["a value", "a file that is not there", "an argument that is missing", "a command", "an option"],
)
def test_a_usage_error_is_json_where_json_is_asked_for(arguments: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(cli.main, arguments)

    assert ended.exit_code == cli.USAGE
    assert list(json.loads(ended.stdout)) == ["error"]
    assert "Error: " in ended.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_has_enough_ends_no_command_with_a_trace(tmp_path: Path, options: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "sellthrough.cli", "status", "--home", str(tmp_path / "home"), *options],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)

    assert ended.stderr == ""
    assert list((tmp_path / "home").rglob("*_trace.log")) == []


def test_ingest_names_the_replay_that_reads_files_under_new_settings(tmp_path: Path) -> None:
    landed = tmp_path / "landing" / "csv_generic" / "HQ" / "sku_2026-03-01.csv"
    landed.parent.mkdir(parents=True)
    landed.write_text("sku_code,sku_name\nS1,Soap\n", encoding="utf-8")
    CliRunner().invoke(cli.main, ["ingest", "--home", str(tmp_path)])
    profile = tmp_path / "config" / "profiles" / "csv_generic.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("constants: {brand: OURS}\n", encoding="utf-8")

    ended = CliRunner().invoke(cli.main, ["ingest", "--home", str(tmp_path)])

    assert "`sellthrough replay --profile csv_generic` reads them again" in ended.stdout
