"""Landing to bronze: read, normalise, validate, commit."""

from ingest.bronze import Snapshot, write_snapshot
from ingest.errors import IngestError, ProfileInvalid, UnknownFeed, UnknownProfile
from ingest.job import CheckReport, IngestReport, LandedFile, check, landed, replay, run

__all__ = [
    "CheckReport",
    "IngestError",
    "IngestReport",
    "LandedFile",
    "ProfileInvalid",
    "Snapshot",
    "UnknownFeed",
    "UnknownProfile",
    "check",
    "landed",
    "replay",
    "run",
    "write_snapshot",
]
