"""How good the predicted stock-outs are: precision and recall against what a made network's shelves truly did after the as-of date.

    python benchmarks/forecasting/alerts.py [--home DIR] [--seed N] [--skus N] [--days-ahead N]

The network trades on for two weeks after the as-of date; the build does not see them. True is a shelf that empties within the days ahead. The probability
is cut at several thresholds, so that the one in the seed can be chosen with open eyes.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from datetime import date, timedelta
from pathlib import Path

import duckdb

AS_OF = date(2026, 6, 30)
BEYOND = timedelta(days=14)
HISTORY_DAYS = 406
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8)


def main() -> None:
    """Make the network where the home has none, run the stages, and print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--home", type=Path)
    words.add_argument("--seed", type=int, default=5)
    words.add_argument("--skus", type=int, default=200)
    words.add_argument("--days-ahead", type=int, default=10)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = given.home or Path(folder)
        if not (home / "landing").exists():
            size = [
                "--seed",
                given.seed,
                "--skus",
                given.skus,
                "--days",
                HISTORY_DAYS + BEYOND.days,
                "--end",
                AS_OF + BEYOND,
            ]
            _sellthrough("simulate", home, *size)
            _sellthrough("ingest", home)
        for stage in ("build", "forecast", "alert"):
            _sellthrough(stage, home, "--as-of", AS_OF)
        _print(home, given.days_ahead)


def _sellthrough(command: str, home: Path, *words: object) -> None:
    done = subprocess.run(["sellthrough", command, "--home", str(home), *map(str, words)], check=False)
    if done.returncode > 1:
        raise SystemExit(done.returncode)


def _print(home: Path, days_ahead: int) -> None:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        con.execute(
            f"""
            create temp table emptied as
            select distinct distributor_code, sku_code from '{home}/truth/stock_out.parquet'
            where date_from > date '{AS_OF}' and date_from <= date '{AS_OF + timedelta(days=days_ahead)}';
            create temp table predicted as
            select distributor_code, sku_code, max(probability) as probability from intermediate.int_stock_out_risk
            where demand_qty_base >= (select value from intermediate.int_alert_threshold
                where kind = 'STOCK_OUT_PREDICTED' and name = 'min_demand')
            group by all"""
        )
        true = _one(con, "select count(*) from emptied")
        print(f"{true} shelves emptied within {days_ahead} days after {AS_OF}")
        print(f"{'predicted':>12} {'alerts':>7} {'precision':>10} {'recall':>7}")
        cuts = [(f">= {cut:.0%}", f"from predicted where probability >= {cut}") for cut in THRESHOLDS]
        for label, rows in [*cuts, ("alerts", "from reporting.alert where kind = 'STOCK_OUT_PREDICTED'")]:
            raised = _one(con, f"select count(*) {rows}")
            right = _one(
                con,
                f"select count(*) from (select distributor_code, sku_code {rows}) semi join emptied using (distributor_code, sku_code)",
            )
            print(f"{label:>12} {raised:>7} {right / max(raised, 1):>10.3f} {right / max(true, 1):>7.3f}")


def _one(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    main()
