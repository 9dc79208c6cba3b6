"""Make a network, let it trade, plant defects, write what senders would send and what really happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from simulation import defect_file, dialects, documents, flow, landing, mending, network, truth
from simulation import demand as demand_process
from simulation.defects import plant
from simulation.errors import OutputNotEmpty
from simulation.flow import Progress
from simulation.sizes import Sizes

DEFAULT_END = date(2026, 6, 30)
DEFAULT_DEFECTS = Path(__file__).parent / "defects_default.yaml"


@dataclass(frozen=True)
class SimulationReport:
    """What was written where."""

    out: Path
    start: date
    end: date
    files: int
    withheld_files: int
    invoice_lines: int
    stock_lines: int
    receipt_lines: int
    dispatch_lines: int
    pos_lines: int
    defects: int
    effects: int


def run(
    out: Path,
    *,
    seed: int,
    distributors: int,
    outlets: int,
    skus: int,
    days: int,
    end: date = DEFAULT_END,
    defects: Path | None = None,
    progress: Progress | None = None,
) -> SimulationReport:
    """Simulate a network and write `out`/landing, `out`/truth and, where defects need them, `out`/withheld and `out`/mend.

    The same arguments write the same bytes. Nothing below landing/ depends on truth/.

    Args:
        out: folder to write into; must not yet hold a simulated network.
        seed: which network.
        distributors: how many distributors.
        outlets: how many outlets; at least one per distributor.
        skus: how many SKUs.
        days: how many days, the last being `end`.
        end: last business date.
        defects: a defect file (docs/reference/simulation.md), or None for a clean network.
        progress: called with (done, total, label).

    Raises:
        InvalidSize: a size that gives no network.
        OutputNotEmpty: `out` holds a network already.
        InvalidDefectFile, InvalidDefect: a defect that cannot be planted; nothing has been written then.
    """
    sizes = Sizes(seed, distributors, outlets, skus, days, end)
    for part in ("landing", "withheld", "mend", "truth"):
        if (out / part).exists() and any((out / part).iterdir()):
            raise OutputNotEmpty(str(out / part))
    asked = defect_file.read(defects) if defects is not None else []
    members = network.build(sizes)
    process = demand_process.build(members)
    flows = flow.run(members, process, progress)
    papers = documents.build(members, process, flows)
    files = landing.plan(members, process, papers)
    planted = plant(members, files, truth.reconciliation_cells(papers), asked)
    files = planted.files
    for i, file in enumerate(files):
        dialects.write(file, out / "withheld" / "landing" if file.withheld else out / "landing")
        if progress and (i % 200 == 199 or i + 1 == len(files)):
            progress(i + 1, len(files), "files written")
    mending.write_overrides(out / "mend" / "config" / "profiles", planted.mends)
    truth.write(out / "truth", truth.tables(members, process, flows, papers))
    planted.effects.write_csv(out / "truth" / "effects.csv")
    mending.table(planted.mends).write_csv(out / "truth" / "mend.csv")
    return SimulationReport(
        out=out,
        start=sizes.start,
        end=sizes.end,
        files=sum(not f.withheld for f in files),
        withheld_files=sum(f.withheld for f in files),
        invoice_lines=len(papers.invoice),
        stock_lines=len(papers.stock),
        receipt_lines=len(papers.receipt),
        dispatch_lines=len(papers.dispatch),
        pos_lines=len(papers.pos),
        defects=len(asked),
        effects=len(planted.effects),
    )
