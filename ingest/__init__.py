"""Sources to landing, landing to bronze: fetch; read, normalise, validate, commit."""

import os

# polars keeps freed memory for twenty seconds, in two arenas that its threads share: the next piece of a large file wants it, whichever thread
# it falls to; without effect where polars is loaded already
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:20000,narenas:2")
# numpy's threads for linear algebra go to sleep at once instead of waiting busily for work that ingest never has
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

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
