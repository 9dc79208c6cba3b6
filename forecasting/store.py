"""Where forecast runs live: `runs/<name>/` is written beside and moved into place whole, `current.json` is replaced last. A run that is killed leaves the
forecast before it as it was.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

KEPT_RUNS = 5
LEFTOVER_SECONDS = 86_400
BESIDE = ".writing-"
RUNS, RUN_FILE, POINTER, ARCHIVE = "runs", "run.json", "current.json", "archive"
ARCHIVED = 12


def folder(out_dir: Path, run: str) -> Path:
    """Where a run stands once it is whole."""
    return out_dir / RUNS / run


def work_folder(out_dir: Path, run: str) -> Path:
    """Where a run is worked on; taken up again by the next attempt at the same run."""
    return out_dir / RUNS / f"{BESIDE}{run}"


def stands(out_dir: Path, run: str) -> bool:
    """Whether the run is there, with all files that it says it has."""
    known = read_json(folder(out_dir, run) / RUN_FILE)
    return known is not None and all((folder(out_dir, run) / name).is_file() for name in known.get("files", ()))


def clear(out_dir: Path, run: str) -> None:
    """Remove what is left of a run that has lost a file."""
    if folder(out_dir, run).is_dir() and not stands(out_dir, run):
        remove(folder(out_dir, run))


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none, or it cannot be read."""
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None


def facts(out_dir: Path, run: str) -> dict[str, Any]:
    """What a run's run.json says."""
    read: dict[str, Any] = json.loads((folder(out_dir, run) / RUN_FILE).read_text(encoding="utf-8"))
    return read


def latest_first(out_dir: Path) -> list[str]:
    """Names of the runs that stand."""
    runs = out_dir / RUNS
    if not runs.is_dir():
        return []
    found = [path for path in runs.iterdir() if not path.name.startswith(".") and stands(out_dir, path.name)]
    return [path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


@contextmanager
def whole(target: Path, mark: str) -> Iterator[Path]:
    """A new folder to write into, which takes its place when the block ends well. One that another process has put there meanwhile is as good, if
    `mark`, the JSON file that is written last, can be read; what else is there gives way.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=BESIDE, dir=target.parent))
    try:
        yield beside
        beside.chmod(0o755)
        _settle(beside)
        try:
            beside.rename(target)
        except OSError:
            if read_json(target / mark) is None:
                remove(target)
                beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _settle(folder: Path) -> None:
    """See that all files are on the disk, so that no loss of power leaves a folder in its place with files that are not whole."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Move a folder (or what stands in its place) aside whole, so that nobody finds half of it, and remove it."""
    aside = path.with_name(f"{BESIDE}{path.name.removeprefix(BESIDE)}.{os.getpid()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


@contextmanager
def parquet(path: Path, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A Parquet file to write tables to, one after the other; it is on the disk when the block ends."""
    with path.open("wb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            yield writer
        file.flush()
        os.fsync(file.fileno())


def write_parquet(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write tables of one schema to one file."""
    with parquet(path, schema) as writer:
        for table in tables:
            writer.write_table(table)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write JSON with its keys in order and see that it is on the disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(_json(values))
        file.flush()
        os.fsync(file.fileno())


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


def archive(out_dir: Path, run: str, file: str) -> None:
    """Keep a file of the run as what was said at its cut-off, for those to compare who know what came; the latest ARCHIVED cut-offs stay."""
    cutoff = facts(out_dir, run)["cutoff_date"]
    if cutoff is None:
        return
    (out_dir / ARCHIVE).mkdir(exist_ok=True)
    source, target = folder(out_dir, run) / file, out_dir / ARCHIVE / f"{cutoff}.parquet"
    if not (target.is_file() and source.samefile(target)):
        beside = Path(tempfile.mkdtemp(prefix=BESIDE, dir=out_dir / ARCHIVE))
        bring(source, beside / file)
        os.replace(beside / file, target)
        beside.rmdir()
    for path in archived(out_dir)[:-ARCHIVED]:
        path.unlink(missing_ok=True)


def archived(out_dir: Path) -> list[Path]:
    """The files that are kept, by cut-off."""
    return sorted(path for path in (out_dir / ARCHIVE).glob("*.parquet") if not path.name.startswith("."))


def bring(source: Path, target: Path) -> None:
    """Let a file have a second name, or a copy where the file system knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def point(out_dir: Path, run: str, files: Iterable[str]) -> None:
    """Let current.json name the run and its files; a reader sees the old pointer or the new one."""
    known = facts(out_dir, run)
    pointer = {
        "run": run,
        **{Path(name).stem: f"{RUNS}/{run}/{name}" for name in files},
        "archive": [f"{ARCHIVE}/{path.name}" for path in archived(out_dir)],
        **{key: known[key] for key in ("cutoff_date", "panel", "problems")},
    }
    current = out_dir / POINTER
    if current.is_file() and current.read_bytes() == _json(pointer).encode():
        return
    handle, beside = tempfile.mkstemp(prefix=BESIDE, dir=out_dir)
    os.close(handle)
    write_json(Path(beside), pointer)
    Path(beside).chmod(0o644)
    os.replace(beside, current)


def tidy(out_dir: Path, current: str) -> None:
    """Keep the latest few runs, for readers that still have an older pointer in hand, and remove what a run that was killed a day ago or more has left
    half written.
    """
    for name in [name for name in latest_first(out_dir) if name != current][KEPT_RUNS - 1 :]:
        shutil.rmtree(folder(out_dir, name), ignore_errors=True)
    for place in (out_dir, out_dir / RUNS, out_dir / ARCHIVE):
        for path in place.glob(f"{BESIDE}*"):
            if time.time() - path.stat().st_mtime < LEFTOVER_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
