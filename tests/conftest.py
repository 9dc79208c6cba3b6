"""What tests everywhere share: where the real third-party files are, and examples that are the same in each run."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from sellthrough.settings import Settings

settings.register_profile("the same each time", derandomize=True, deadline=None)
settings.load_profile("the same each time")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real third-party files, found as the settings find it; the test is skipped, loudly, where it is missing."""
    folder = Settings().real_data
    if not folder.is_dir():
        pytest.skip(f"real data is missing: no {folder}; set SELLTHROUGH_REAL_DATA")
    return folder
