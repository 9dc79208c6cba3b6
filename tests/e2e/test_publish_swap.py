"""Readers of the published file see the old copy or the new one, never an error and never something between."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SWAPS = 50
READERS = 3

# Opens the stable name anew each time; two tables that a publish writes together must show the same sum of value.
READER = """
import json, pathlib, sys, duckdb
file, stop = sys.argv[1], pathlib.Path(sys.argv[2])
reads, seqs, torn = 0, set(), []
while not stop.exists():
    with duckdb.connect(file, read_only=True) as con:
        day, month, seq = con.execute(
            "select (select sum(secondary_value_net) from reporting.sell_through_daily), "
            "(select sum(secondary_value_net) from reporting.sell_through_monthly), (select max(seq) from reporting.publication)"
        ).fetchone()
    if day != month:
        torn.append([str(day), str(month)])
    reads += 1
    seqs.add(seq)
print(json.dumps({"reads": reads, "seqs": sorted(seqs), "torn": torn}))
"""

PUBLISHER = """
import json, pathlib, sys
import duckdb
from sellthrough import publish
from sellthrough.files import read_json, write_json
from sellthrough.settings import Settings
settings = Settings(home=pathlib.Path(sys.argv[1]))
for swap in range(int(sys.argv[2])):
    with duckdb.connect(str(settings.warehouse)) as con:
        for table in ("sell_through_daily", "sell_through_monthly"):
            con.execute(f"insert into reporting.{table} select * replace (1 as secondary_value_net) from reporting.{table} limit 1")
    marts = read_json(settings.state / "build.json")
    write_json(settings.state / "build.json", {**marts, "through_seq": marts["through_seq"] + 1, "finished_at": f"swap {swap}"})
    assert publish.publish(settings).changed
"""


@pytest.fixture
def published(new_home: Callable[[], Any], network: Path) -> Any:
    """A home with a published file whose marts are plain tables that the test may add to."""
    home = new_home()
    home.land(network / "landing")
    home.run("run")
    return home


@pytest.mark.long
def test_three_readers_in_other_processes_see_no_error_and_no_torn_read_while_fifty_copies_are_swapped_in(
    published: Any, tmp_path: Path
) -> None:
    import duckdb

    with duckdb.connect(str(published.path / "warehouse.duckdb")) as con:
        for table in ("sell_through_daily", "sell_through_monthly"):
            con.execute(f"create table reporting.{table}_frozen as from reporting.{table}")
            kind = con.execute(
                "select table_type from information_schema.tables where table_name = ?", [table]
            ).fetchone()
            con.execute(f"drop {'view' if kind == ('VIEW',) else 'table'} reporting.{table}")
            con.execute(f"alter table reporting.{table}_frozen rename to {table}")
    stop = tmp_path / "stop"
    file = str(published.path / "serving" / "sellthrough.duckdb")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, file, str(stop)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(READERS)
    ]
    try:
        writer = [sys.executable, "-c", PUBLISHER, str(published.path), str(SWAPS)]
        done = subprocess.run(writer, capture_output=True, text=True, timeout=900)
    finally:
        stop.touch()
        results = [reader.communicate(timeout=60) for reader in readers]

    assert done.returncode == 0, done.stderr[-3000:]
    for out, err in results:
        assert not err, err[-2000:]
        seen = json.loads(out)
        assert seen["torn"] == []
        assert len(seen["seqs"]) > 1, "the reader never saw a swap: the test would prove nothing"
