"""What holds for all tests: a generated example may take as long as the machine needs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sellthrough", deadline=None)
settings.load_profile("sellthrough")
