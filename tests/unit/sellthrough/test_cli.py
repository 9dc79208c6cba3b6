"""The command line: every promised command is there, takes the common options, and ends with the promised code."""

from __future__ import annotations

import json
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
