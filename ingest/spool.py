"""Rows and rejects of a file that is too large to be held: written to Parquet while the file is read."""

from __future__ import annotations

import queue
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

ROW_GROUP = 122_880
"""Most rows of a row group of Parquet: as many as one of DuckDB's own has."""

COMPRESSION_LEVEL = 1


class Spool:
    """A folder that receives rows.parquet and rejects.parquet; each is there only if it has rows.

    Attributes:
        folder: exists, is empty, and belongs to the spool alone.
    """

    def __init__(self, folder: Path, rows: Mapping[str, pl.DataType], rejects: Mapping[str, pl.DataType]) -> None:
        self.folder = folder
        self._schemas = {"rows": dict(rows), "rejects": dict(rejects)}
        self._writers: dict[str, _Writer] = {}

    def path(self, name: str) -> Path | None:
        """Where the rows or the rejects are, if there are any."""
        return self.folder / f"{name}.parquet" if name in self._writers else None

    def write(self, name: str, frame: pl.DataFrame, same: Collection[str] = ()) -> None:
        """Add to the rows or the rejects. What the first frame lacks of the schema is left out of the file.

        Args:
            same: columns of text that hold the same in all rows of all frames: they are written as a dictionary of one text.
        """
        if not frame.height:
            return
        if name not in self._writers:
            schema = {
                column: pl.Enum([frame[column][0]]) if column in same else dtype
                for column, dtype in self._schemas[name].items()
                if column in (*frame.columns, "_pos")
            }
            self._writers[name] = _Writer(self.folder / f"{name}.parquet", schema)
        self._writers[name].write(frame)

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()

    def discard(self, name: str) -> None:
        """Forget what was written."""
        writer = self._writers.pop(name, None)
        if writer is not None:
            writer.end()
            writer.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """End, and remove the folder with what is in it."""
        for name in list(self._writers):
            self.discard(name)
        self.folder.rmdir()


class _Writer:
    """A Parquet file that grows: a thread of its own writes what it is given."""

    def __init__(self, path: Path, schema: Mapping[str, pl.DataType]) -> None:
        self.path = path
        self._schema = dict(schema)
        self._same = {name: dtype for name, dtype in schema.items() if isinstance(dtype, pl.Enum)}
        self._rows = 0
        self._groups: queue.Queue[pl.DataFrame | None] = queue.Queue(maxsize=1)
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._writing = self._pool.submit(self._work)

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows; `_pos` is counted on where the schema has it."""
        if "_pos" in self._schema:
            first = self._rows + 1
            frame = frame.with_columns(pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("_pos"))
        self._rows += frame.height
        if set(frame.columns) != set(self._schema):
            raise AssertionError(f"{self.path.name} has {sorted(self._schema)}, not {sorted(frame.columns)}")
        self._put(self._with_dictionaries(frame).select(list(self._schema)))

    def _with_dictionaries(self, frame: pl.DataFrame) -> pl.DataFrame:
        equal = frame.select(
            pl.col(name).eq_missing(pl.lit(dtype.categories[0])).all() for name, dtype in self._same.items()
        )
        for name in self._same:
            if not equal[name].item():
                raise AssertionError(f"{self.path.name} does not have the same in all rows of {name}")
        return frame.with_columns(
            pl.lit(dtype.categories[0]).cast(dtype).alias(name) for name, dtype in self._same.items()
        )

    def close(self) -> None:
        """Write what is left, and end.

        Raises:
            OSError, polars.exceptions.PolarsError: the file could not be written.
        """
        self.end()
        self._writing.result()

    def end(self) -> None:
        """End, whatever became of the file."""
        self._put(None)
        self._pool.shutdown()

    def _put(self, group: pl.DataFrame | None) -> None:
        """Hand over to the thread, unless it has ended: `close` tells why."""
        while not self._writing.done():
            try:
                self._groups.put(group, timeout=1)
            except queue.Full:
                continue
            return

    def _work(self) -> None:
        register_io_source(self._source, schema=self._schema, is_pure=False).sink_parquet(
            self.path,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROW_GROUP,
            statistics=False,
        )

    def _source(
        self, columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        while (group := self._groups.get()) is not None:
            yield group
