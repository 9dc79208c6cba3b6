"""What a forecast of many series costs: from a panel to the stored forecast, then again with nothing new, then with one series in a hundred changed.

`python benchmarks/forecasting/scale.py [--series 100000]` makes a panel of weekly series, some steady, most intermittent, a third seasonal, some
young, and runs `forecasting.run` on it in a process of its own. Prints seconds, CPU seconds (of all processes), and the largest resident memory of all processes
together; as JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 5000
SKUS, TERRITORIES = 1000, 25
MONDAY = np.datetime64("2024-01-01")
RUN = """
import json, sys
from pathlib import Path
import forecasting
print(json.dumps(forecasting.run(Path(sys.argv[1]), Path(sys.argv[2])).as_log()))
"""


def main() -> None:
    """Make the panel, run three times, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--series", type=int, default=100_000)
    options.add_argument("--weeks", type=int, default=104)
    options.add_argument("--plain", action="store_true", help="without drivers (price, promotions, holidays)")
    options.add_argument("--folder", type=Path, help="where to work; default: a temporary folder that goes afterwards")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sellthrough-scale-", dir=given.folder) as folder:
        panel, out = Path(folder) / "panel.parquet", Path(folder) / "forecast"
        write(panel, given.series, given.weeks, drivers=not given.plain)
        costs = [cost("from nothing", panel, out), cost("nothing new", panel, out)]
        write(panel, given.series, given.weeks, drivers=not given.plain, changed=100)
        costs.append(cost("1 % of the series changed", panel, out))
    if given.json:
        sys.stdout.write(json.dumps(costs, indent=1) + "\n")
        return
    for row in costs:
        sys.stdout.write(
            f"{row['what']:<26} {row['seconds']:>7.1f} s {row['cpu_seconds']:>7.1f} CPU s {row['peak_mb']:>6.0f} MB  "
            f"{row['series']:,} series, {row['fitted']:,} fitted\n"
        )
    sys.stdout.write(f"CPU ms per series and model, four origins: {json.dumps(costs[0]['cpu_ms'])}\n")


def write(path: Path, series: int, weeks: int, *, drivers: bool, changed: int = 0) -> None:
    """Write a panel; with `changed`, the last week of every so many series is another."""
    writer = None
    for table in tables(series, weeks, drivers, changed):
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer:
        writer.close()


def tables(series: int, weeks: int, drivers: bool, changed: int) -> Iterator[pa.Table]:
    """The panel in batches of whole series."""
    week = np.arange(weeks)
    dates = MONDAY + 7 * np.arange(weeks + 8)
    for begin in range(0, series, BATCH):
        rng = np.random.default_rng(begin)
        rows = np.arange(begin, min(begin + BATCH, series))
        size = len(rows)
        level = np.exp(rng.normal(0.0, 1.4, (size, 1)))
        season = np.where(rng.random((size, 1)) < 0.35, rng.uniform(0.2, 0.7, (size, 1)), 0.0)
        turn = 2 * np.pi * week / 52.18 + rng.choice([0.0, 1.5, 3.0], (size, 1))
        promotion = (rng.random((size, weeks + 8)) < 0.06) * rng.uniform(0.3, 1.0, (size, weeks + 8))
        price = np.round(1.0 - 0.15 * promotion, 3)
        lift = 1.0 + (1.2 * promotion[:, :weeks] if drivers else 0.0)
        mean = (
            level * (1.0 + season * np.sin(turn)) * lift * np.exp(0.1 * rng.normal(0, 1, (size, weeks)).cumsum(axis=1))
        )
        sold = rng.poisson(np.minimum(mean * rng.gamma(1.5, 1 / 1.5, (size, weeks)), 1e6)).astype(np.float64)
        if changed:
            sold[rows % changed == 0, -1] += 3
        start = np.where(rng.random(size) < 0.15, rng.integers(1, weeks - 2, size), 0)
        there = np.arange(weeks + 8) >= start[:, None]
        quantity = np.full((size, weeks + 8), np.nan)
        quantity[:, :weeks] = sold
        empty = np.zeros((size, weeks + 8), dtype=np.bool_)
        empty[:, :weeks] = rng.random((size, weeks)) < 0.03
        if not drivers:
            there[:, weeks:] = False
        place, at = np.nonzero(there)
        columns = {
            "sku_code": codes("S", rows % SKUS, place),
            "distributor_code": codes("D", rows // SKUS, place),
            "territory_code": codes("T", rows // SKUS % TERRITORIES, place),
            "week_start": pa.array(dates[at].astype("datetime64[D]"), pa.date32()),
            "qty_base": pa.array(quantity[place, at], from_pandas=True).cast(pa.int64()),
            "stocked_out": pa.array(empty[place, at]),
        }
        if drivers:
            holiday = ((np.arange(weeks + 8) % 26) == 12) / 7.0
            columns["price_ratio"] = pa.array(price[place, at])
            columns["promotion_share"] = pa.array(promotion[place, at])
            columns["holiday_share"] = pa.array(holiday[at])
        yield pa.table(columns)


def codes(letter: str, numbers: np.ndarray, place: np.ndarray) -> pa.Array:
    """A code for each row."""
    return pa.array([f"{letter}{number:04}" for number in numbers]).take(pa.array(place))


def cost(what: str, panel: Path, out: Path) -> dict[str, object]:
    """Run in a process of its own and measure it and its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", RUN, str(panel), str(out)], stdout=subprocess.PIPE, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(process, peak))
    watcher.start()
    printed, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(process.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = json.loads(printed.splitlines()[-1])
    return {
        "what": what,
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": round(peak[0]),
        **{name: report[name] for name in ("series", "fitted", "cpu_ms", "wape", "champions", "problems")},
    }


def watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    """Keep the largest sum of resident memory of the process and all below it."""
    page = os.sysconf("SC_PAGE_SIZE") / 2**20
    while process.poll() is None:
        family, found = {process.pid}, True
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except (OSError, IndexError):
                    continue
        while found:
            found = {pid for pid, parent in parents.items() if parent in family} - family
            family |= found
        total = 0.0
        for pid in family:
            try:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
            except (OSError, IndexError):
                continue
        peak[0] = max(peak[0], total)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
