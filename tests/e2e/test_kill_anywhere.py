"""A kill at any moment loses nothing and doubles nothing: run again, and the published tables are those of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

STAGES = ("ingest", "build", "forecast", "alert", "publish")
KILLED = ("ingest", "build", "forecast", "publish")
MOMENTS = 10


@pytest.fixture(scope="module")
def undisturbed(new_home: Callable[[], Any], network: Path) -> dict[str, Any]:
    """An undisturbed run: the home as it was before each stage, how long each stage took, and the hashes at the end."""
    home = new_home()
    home.land(network / "landing")
    before, took = {}, {}
    for stage in STAGES:
        before[stage] = home.copy(home.path.with_name(f"{home.path.name}-before-{stage}"))
        started = time.monotonic()
        home.run(stage)
        took[stage] = time.monotonic() - started
    return {"before": before, "took": took, "hashes": home.hashes()}


@pytest.mark.long
@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("stage", KILLED)
def test_a_killed_stage_run_again_ends_as_if_never_killed(
    stage: str, moment: int, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    home = undisturbed["before"][stage].copy(tmp_path / "home")
    process = home.start(stage)
    share = (moment + random.Random(f"{stage}-{moment}").random()) / MOMENTS
    try:
        process.communicate(timeout=undisturbed["took"][stage] * share)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)

    for each in STAGES[STAGES.index(stage) :]:
        home.run(each)

    assert home.hashes() == undisturbed["hashes"]
