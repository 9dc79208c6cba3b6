"""What the demo says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from sellthrough import demo
from sellthrough.settings import Settings


def test_the_summary_says_where_the_forecasts_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.show(Settings(home=tmp_path), {**{name: [] for name in demo.QUERIES}, "phases": {}})

    assert "reporting.forecast_weekly" in capsys.readouterr().out
