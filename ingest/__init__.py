"""Sources to landing, landing to bronze: fetch; read, normalise, validate, commit."""

import os

# polars keeps freed memory for five seconds, in which the next piece of a large file wants it; without effect where it is loaded already
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:5000")

from ingest.bronze import Snapshot, write_snapshot
from ingest.connectors.connection import Connection, ConnectionUnusable, from_environment
from ingest.errors import IngestError, ProfileInvalid, UnknownFeed, UnknownProfile
from ingest.fetching import FetchReport, fetch, sourced, waiting
from ingest.job import CheckReport, Flagged, IngestReport, LandedFile, check, landed, replay, run

__all__ = [
    "CheckReport",
    "Connection",
    "ConnectionUnusable",
    "FetchReport",
    "Flagged",
    "IngestError",
    "IngestReport",
    "LandedFile",
    "ProfileInvalid",
    "Snapshot",
    "UnknownFeed",
    "UnknownProfile",
    "check",
    "fetch",
    "from_environment",
    "landed",
    "replay",
    "run",
    "sourced",
    "waiting",
    "write_snapshot",
]
