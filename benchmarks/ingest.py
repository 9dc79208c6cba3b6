"""What ingest costs, in CPU and memory, beside DuckDB's own typed read_csv -> Parquet of the same files. `make bench-ingest`.

Each measurement is a process of its own; the two sides take turns, and of the repetitions the cheapest counts.

- baseline: DuckDB reads the files with an explicit dialect and all columns typed, skips what it cannot cast, and writes Parquet.
- ingest: landing -> bronze with all rules and rejects, keys, flags, hashes and the commit. Both write zstd at level 1.
- small files: many small files of many senders, landing -> bronze, in files per second.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

TYPES = {
    "document_type": "VARCHAR",
    "document_no": "VARCHAR",
    "line_no": "BIGINT",
    "business_date": "DATE",
    "sender_outlet_code": "VARCHAR",
    "sender_sku_code": "VARCHAR",
    "batch_no": "VARCHAR",
    "expiry_date": "DATE",
    "qty": "DECIMAL(18,3)",
    "free_qty": "DECIMAL(18,3)",
    "unit": "VARCHAR",
    "rate": "DECIMAL(18,4)",
    "gross_value": "DECIMAL(18,4)",
    "discount_value": "DECIMAL(18,4)",
    "value_net": "DECIMAL(18,4)",
    "tax_value": "DECIMAL(18,4)",
}

_LINES = """
with line as (
    select
        i,
        i // 8 as document,
        hash(i) as h,
        hash(i // 8) as hd,
        (hash(i // 8) % 25 = 0) as is_return,
        case when hash(i) % 1000 = 0 then 1 + hash(i + 1) % 8 else 0 end as defect, -- one record in a thousand, of eight kinds
        1 + hash(i + 2) % 48 as qty,
        (500 + hash(i + 3) % 90000)::decimal(18, 2) / 100 as rate
    from range($first, $last) as numbers(i)
),
valued as (
    select *, (qty * rate)::decimal(18, 2) as gross, case when h % 5 = 0 then (qty * rate * 0.05)::decimal(18, 2) else 0 end as discount from line
)
select
    case when defect = 1 then 'PROFORMA' when is_return then 'CREDIT_NOTE' else 'INVOICE' end as document_type,
    'SI-' || (2025 + document // 2000000)::varchar || '-' || lpad(document::varchar, 8, '0') as document_no,
    (1 + i % 8)::varchar as line_no,
    case when defect = 2 then '31/02/2026' else (date '2026-01-01' + (document // 9000 % 180)::int)::varchar end as business_date,
    case when defect = 3 then '' else 'OUT' || lpad((hd % 30000)::varchar, 6, '0') end as sender_outlet_code,
    'SKU' || lpad((hash(i + 5) % 800)::varchar, 5, '0') as sender_sku_code,
    case when h % 3 = 0 then '' else 'B' || (hash(i + 6) % 5000)::varchar end as batch_no,
    case when h % 3 = 0 then '' else (date '2027-01-31' + (hash(i + 6) % 5000 % 700)::int)::varchar end as expiry_date,
    case when defect = 4 then 'twelve' when defect = 5 then '-' || qty::varchar else qty::varchar end as qty,
    case when h % 10 = 0 then '1' else '0' end as free_qty,
    case when defect = 6 then 'DRUM' when h % 7 = 0 then 'CASE' else 'PCS' end as unit,
    rate::decimal(18, 2)::varchar as rate,
    gross::varchar as gross_value,
    discount::varchar as discount_value,
    case when defect = 7 then (gross - discount + 9)::varchar when defect = 8 then '1.2.3' else (gross - discount)::varchar end as value_net,
    ((gross - discount) * 0.18)::decimal(18, 2)::varchar as tax_value
from valued
"""


def main() -> None:
    """Make the files, measure, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lines", type=int, default=10_000_000, help="invoice lines; 0: leave this part out")
    options.add_argument("--file-lines", type=int, default=1_000_000, help="lines of one file")
    options.add_argument("--small-files", type=int, default=5000, help="small files; 0: leave this part out")
    options.add_argument("--small-lines", type=int, default=30, help="lines of a small file")
    options.add_argument("--senders", type=int, default=200, help="senders of the small files")
    options.add_argument("--repeat", type=int, default=4)
    options.add_argument("--folder", type=Path, help="where the files are made; default: a temporary folder")
    options.add_argument("--json", action="store_true")
    options.add_argument("--side", choices=tuple(_SIDES), help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.side:
        _SIDES[given.side](given.folder)
        return
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="sellthrough-bench-", dir=given.folder) as folder:
        if given.lines:
            home = Path(folder) / "large"
            _apart(make_lines, home, given.lines, given.file_lines)
            found = cheapest(home, ("baseline", "ingest"), given.repeat, given.lines, "lines")
            found["ratio"] = {
                "cpu_seconds": round(found["ingest"]["cpu_seconds"] / found["baseline"]["cpu_seconds"], 2)
            }
            shutil.rmtree(home)
        if given.small_files:
            home = Path(folder) / "small"
            _apart(make_small, home, given.small_files, given.small_lines, given.senders)
            found["small files"] = cheapest(home, ("ingest",), given.repeat, given.small_files, "files")["ingest"]
    if given.json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    for name, cost in found.items():
        sys.stdout.write(f"{name:<12}" + "".join(f" {value:>12,.2f} {key}" for key, value in cost.items()) + "\n")


def _apart(make: Callable[..., None], *arguments: object) -> None:
    """Make files in a process of its own: a process begins with the peak memory of the one that starts it."""
    process = multiprocessing.get_context("spawn").Process(target=make, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        sys.exit("the files could not be made")


def make_lines(home: Path, lines: int, file_lines: int) -> None:
    """Files of invoice lines of one sender, always the same ones."""
    folder = home / "landing" / "csv_generic" / "D1"
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        for first in range(0, lines, file_lines):
            sql = _LINES.replace("$first", str(first)).replace("$last", str(min(first + file_lines, lines)))
            name = f"dms_invoice_line_{first // file_lines:04}.csv"
            con.execute(f"copy ({sql}) to '{folder / name}' (format csv, header, quote '')")


def make_small(home: Path, files: int, lines: int, senders: int) -> None:
    """Many small files, dealt out to the senders."""
    make_lines(home, files * lines, files * lines)
    large = next((home / "landing").rglob("*.csv"))
    header, *body = large.read_text(encoding="utf-8").splitlines(keepends=True)
    shutil.rmtree(home)
    for index in range(files):
        folder = home / "landing" / "csv_generic" / f"D{index % senders:03}"
        folder.mkdir(parents=True, exist_ok=True)
        text = header + "".join(body[index * lines : (index + 1) * lines])
        (folder / f"dms_invoice_line_{index:05}.csv").write_text(text, encoding="utf-8")


def cheapest(home: Path, sides: tuple[str, ...], repeat: int, count: int, of: str) -> dict[str, dict[str, float]]:
    """Run the sides in turns; of each the run with the least CPU."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(repeat):
        for side in sides:
            cost = measure(side, home, count, of)
            if side not in best or cost["cpu_seconds"] < best[side]["cpu_seconds"]:
                best[side] = cost
    return best


def measure(side: str, home: Path, count: int, of: str) -> dict[str, float]:
    """CPU, wall time and peak memory of one side, in a process of its own."""
    for made in ("bronze", "baseline.parquet"):
        path = home / made
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-P", __file__, "--side", side, "--folder", str(home)])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"{side} ended with {status}")
    seconds = time.monotonic() - started
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "seconds": round(seconds, 2),
        "peak_mb": round(used.ru_maxrss / 1024),
        f"{of}_per_second": round(count / seconds),
    }


def baseline(home: Path) -> None:
    """DuckDB's own way: typed read_csv, Parquet."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in TYPES.items())
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"copy (select * from read_csv('{home}/landing/**/*.csv', columns = {{{columns}}}, header = true, delim = ',', quote = '', "
            f"escape = '', auto_detect = false, ignore_errors = true)) to '{home}/baseline.parquet' "
            "(format parquet, compression zstd, compression_level 1)"
        )


def ingest_all(home: Path) -> None:
    """Our way: landing -> bronze."""
    import ingest

    report = ingest.run(home)
    if report.records != report.loaded + report.rejected + report.left_out:
        sys.exit(f"the accounts do not add up: {report}")


_SIDES = {"baseline": baseline, "ingest": ingest_all}


if __name__ == "__main__":
    main()
