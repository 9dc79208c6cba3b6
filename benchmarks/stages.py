"""What each stage costs: one made network, from nothing, then one new day, then nothing new. `make bench`.

Prints seconds and CPU seconds (of all processes of the stage) per stage as a table, with the share that one new day costs of a start from nothing; or as
JSON with --json.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

STAGES = ("ingest", "build", "forecast", "alert", "publish")


def main() -> None:
    """Run the stages three times and print what they cost."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--distributors", type=int, default=40)
    options.add_argument("--outlets", type=int, default=3000)
    options.add_argument("--skus", type=int, default=100)
    options.add_argument("--days", type=int, default=400)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sellthrough-bench-") as folder:
        home = Path(folder)
        size = [
            word
            for name in ("distributors", "outlets", "skus", "days")
            for word in (f"--{name}", str(getattr(given, name)))
        ]
        costs = [cost("simulate", "from nothing", home, ["--out", str(home), "--defects", "none", *size])]
        last_day = withhold(home, date(2026, 6, 30))
        costs += [cost(stage, "from nothing", home) for stage in STAGES]
        shutil.copytree(last_day, home / "landing", dirs_exist_ok=True)
        costs += [cost(stage, "one new day", home) for stage in STAGES]
        costs += [cost("run", "expectations", home), cost("run", "nothing new", home)]
    if given.json:
        sys.stdout.write(json.dumps(costs, indent=1) + "\n")
        return
    whole = {row["stage"]: float(row["cpu_seconds"]) for row in costs if row["what"] == "from nothing"}
    for row in costs:
        share = f" {float(row['cpu_seconds']) / whole[str(row['stage'])]:>6.0%}" if row["what"] == "one new day" else ""
        sys.stdout.write(
            f"{row['what']:<13} {row['stage']:<9} {row['seconds']:>7.1f} s {row['cpu_seconds']:>7.1f} CPU s{share}\n"
        )


def withhold(home: Path, day: date) -> Path:
    """Move the files of one day aside; where they are."""
    aside = home / "withheld"
    for file in [*(home / "landing").rglob(f"*_{day}.*")]:
        kept = aside / file.relative_to(home / "landing")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, kept)
    return aside


def cost(stage: str, what: str, home: Path, more: list[str] | None = None) -> dict[str, str | float]:
    """Run one stage in a process of its own and measure it."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "sellthrough.cli", stage, "--home", str(home), *(more or [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"{stage} ended with {done.returncode}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"what": what, "stage": stage, "seconds": round(time.monotonic() - started, 1), "cpu_seconds": round(cpu, 1)}


if __name__ == "__main__":
    main()
