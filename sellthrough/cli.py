"""The command `sellthrough`: every stage by hand, with the same functions that the DAGs call.

Exit codes: 0 fine; 1 data problems found and handled; 2 usage; 3 failure.
"""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import click

from sellthrough import terminal
from sellthrough.errors import SellthroughError
from sellthrough.settings import Settings, switch_telemetry_off

FINE, DATA_PROBLEM, USAGE, FAILURE = 0, 1, 2, 3
USAGE_ERRORS = {"UnknownProfile", "UnknownFeed", "InvalidSize", "OutputNotEmpty", "InvalidDefect", "UnusableOption"}


class Day(click.ParamType):  # type: ignore[type-arg]
    """A date as YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read the date or say what it should look like."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as YYYY-MM-DD", param, ctx)


DAY = Day()


def common(command: Callable[..., int]) -> Callable[..., None]:
    """Add the options that every command has, build the settings, and end with the exit code that the command returns."""

    @click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        help="The data home [default: SELLTHROUGH_HOME or ./data].",
    )
    @click.option("--as-of", type=DAY, help="What counts as today [default: the latest business date loaded].")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    @functools.wraps(command)
    def wrapped(home: Path | None, as_of: date | None, as_json: bool, **arguments: Any) -> None:
        given: dict[str, Any] = {}
        if home is not None:
            given["home"] = home
        if as_of is not None:
            given["as_of"] = as_of
        settings = Settings(**given)
        try:
            code = command(settings=settings, as_json=as_json, **arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            terminal.close_stdout()
            sys.exit(FINE)
        except SellthroughError as error:
            _end(str(error), as_json, FAILURE)
        except tuple(_stage_errors()) as error:
            _end(str(error), as_json, USAGE if type(error).__name__ in USAGE_ERRORS else FAILURE)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  the last resort: the trace goes to a file, the user gets a sentence
            _end(_unexpected(settings, error), as_json, FAILURE)
        else:
            sys.exit(code)

    return wrapped


def some_files(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose among the files of the landing."""
    for name in ("feed", "sender", "profile"):
        command = click.option(f"--{name}", help=f"Only files of this {name}.")(command)
    return command


class Commands(click.Group):
    """Commands whose usage errors are JSON too, where JSON is asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember whether JSON is asked for, before anything can be wrong."""
        ctx.meta["as_json"] = "--json" in args
        with _usage_error_as_json(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Find the command, read its options and run it."""
        with _usage_error_as_json(ctx):
            return super().invoke(ctx)


@contextmanager
def _usage_error_as_json(ctx: click.Context) -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        if ctx.meta["as_json"]:
            terminal.show_json({"error": error.format_message()})
        raise


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="sellthrough")
def main() -> None:
    """What a brand really sells, and where its stock is: from senders' files to a published read-only warehouse.

    Start with `sellthrough simulate` or put files under HOME/landing/<profile>/<sender>/, then `sellthrough run`.
    """
    switch_telemetry_off()


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where landing/ and truth/ are written [default: the data home].",
)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--distributors", type=click.IntRange(1), default=40, show_default=True)
@click.option("--outlets", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--skus", type=click.IntRange(1), default=100, show_default=True)
@click.option("--days", type=click.IntRange(1), default=400, show_default=True)
@click.option("--end", type=DAY, default="2026-06-30", show_default=True, help="The last day.")
@click.option(
    "--defects",
    default=None,
    help="A YAML of defects to plant in the files, or `none` [default: the sample that ships].",
)
@common
def simulate(
    settings: Settings,
    as_json: bool,
    out: Path | None,
    seed: int,
    distributors: int,
    outlets: int,
    skus: int,
    days: int,
    end: date,
    defects: str | None,
) -> int:
    """Make a distribution network and write what its members would send, beside the truth."""
    import simulation

    planted = _defects(defects)
    with terminal.progress("simulate") as progress:
        report = simulation.run(
            (out or settings.home).resolve(),
            seed=seed,
            distributors=distributors,
            outlets=outlets,
            skus=skus,
            days=days,
            end=end,
            defects=planted,
            progress=progress,
        )
    return _show(report, as_json, "Simulated")


@main.command()
@click.option("--profile", help="Only the sources of this profile.")
@common
def fetch(settings: Settings, as_json: bool, profile: str | None) -> int:
    """Pull what is new from the profiles' sources (SFTP, S3, folders, databases) into landing/; nothing is copied twice."""
    return _show_fetched(_fetch(settings, profile), as_json)


@main.command()
@some_files
@common
def ingest(settings: Settings, as_json: bool, profile: str | None, sender: str | None, feed: str | None) -> int:
    """Fetch what is new from the profiles' sources and take in what has landed; what is already committed is left alone."""
    import ingest as stage

    fetched = _fetch(settings, profile)
    for failure in fetched.failures:
        terminal.complain(failure)
    with terminal.progress("ingest") as progress:
        report = stage.run(
            settings.home,
            profile=profile,
            sender=sender,
            feed=feed,
            as_of=settings.as_of,
            progress=progress,
            data_dirs=[settings.real_data],
            limits=settings.limits,
        )
    code = _show_taken(report, as_json, fetch_failures=list(fetched.failures))
    return FAILURE if fetched.failures else code


@main.command()
@some_files
@common
def replay(settings: Settings, as_json: bool, profile: str | None, sender: str | None, feed: str | None) -> int:
    """Take files in again after a profile or contract was mended: the only way round "already committed"."""
    import ingest as stage

    with terminal.progress("replay") as progress:
        report = stage.replay(
            settings.home,
            profile=profile,
            sender=sender,
            feed=feed,
            as_of=settings.as_of,
            progress=progress,
            data_dirs=[settings.real_data],
            limits=settings.limits,
        )
    return _show_taken(report, as_json)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--profile", required=True, help="How the sender writes.")
@click.option("--sender", help="Who sent it [default: from the folder in landing/, or that of the file].")
@click.option("--feed", help="What it holds [default: from the file name].")
@click.option(
    "--rows",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rows that would load as Parquet; those of a second feed go beside it, as NAME.FEED.parquet.",
)
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Write the rejects as Parquet, likewise."
)
@common
def check(
    settings: Settings,
    as_json: bool,
    file: Path,
    profile: str,
    sender: str | None,
    feed: str | None,
    rows: Path | None,
    rejects: Path | None,
) -> int:
    """Dry run of one file: what would load, what would be rejected and why. Nothing is written but what you ask for."""
    from dataclasses import asdict

    import ingest as stage

    report = stage.check(
        settings.home,
        file,
        profile=profile,
        sender=sender,
        feed=feed,
        as_of=settings.as_of,
        data_dirs=[settings.real_data],
        limits=settings.limits,
    )
    from pyarrow import parquet

    for part in (report, *report.others):
        for table, path in ((part.rows, rows), (part.rejects, rejects)):
            if path is not None:
                own = path if part is report else path.with_suffix(f".{part.feed}{path.suffix}")
                own.parent.mkdir(parents=True, exist_ok=True)
                parquet.write_table(table, own)
    counts = ("feed", "sender", "records", "loaded", "rejected", "blank", "total_lines", "left_out")
    if as_json:
        names = (*counts, "rules", "days", "sums", "warnings")
        first, *others = (
            {
                **{name: getattr(part, name) for name in names},
                "flagged": [asdict(flagged) for flagged in part.flagged],
            }
            for part in (report, *report.others)
        )
        terminal.show_json({**first, "others": others})
    else:
        for part in (report, *report.others):
            terminal.show(f"{file}: " + ", ".join(f"{name} {getattr(part, name)}" for name in counts))
            if part.days:
                terminal.show("Business dates of what would load: {} to {}".format(*part.days))
            if part.sums:
                terminal.show(
                    "Sums of what would load: " + ", ".join(f"{name} {part.sums[name]}" for name in part.sums)
                )
            terminal.show_rows("Would load with a warning", [_shown_flagged(flagged) for flagged in part.flagged])
            columns = ["_record", "_line", "rule", "column", "value", "message"]
            rejected = part.rejects.select(columns).to_pylist()
            terminal.show_rows("Rejected", rejected, all_by="--rejects FILE.parquet writes all")
            for warning in part.warnings:
                terminal.complain(warning)
    return DATA_PROBLEM if report.exit_code else FINE


@main.command()
@click.option(
    "--against", default="main", show_default=True, help="The git revision with which our contracts are compared."
)
@click.option("--docs", type=click.Path(dir_okay=False, path_type=Path), help="Write the reference page of all feeds.")
@common
def contracts(settings: Settings, as_json: bool, against: str, docs: Path | None) -> int:
    """Look over all contracts and profiles, the home's own among them, and tell what has changed and what breaks."""
    from dataclasses import asdict

    from ingest.review import review

    found = review(None if docs else settings.home, against)
    if docs is not None and found.page:
        docs.write_text(found.page, encoding="utf-8")
    if as_json:
        terminal.show_json({name: value for name, value in asdict(found).items() if name != "page"})
    else:
        for change in found.changes:
            terminal.show(change)
        for problem in found.problems:
            terminal.complain(problem)
        wrong = f"{len(found.problems)} problems" if found.problems else "all right"
        terminal.show(
            f"{found.contracts} contracts, {found.profiles} profiles: {wrong}. Compared with {found.compared_with}."
        )
    return DATA_PROBLEM if found.problems else FINE


@main.command()
@click.option("--full", is_flag=True, help="Fold every version anew instead of what the new commits touch.")
@click.option("--target", type=click.Choice(["duckdb"]), default="duckdb", show_default=True, help="The engine.")
@common
def build(settings: Settings, as_json: bool, full: bool, target: str) -> int:
    """Build and test the warehouse up to the marts, and write the demand panel (dbt phase 1)."""
    from sellthrough import warehouse

    with terminal.progress("build") as progress:
        report = warehouse.build(settings, full=full, progress=progress)
    return _show(report.as_log(), as_json, "Built")


@main.command()
@common
def forecast(settings: Settings, as_json: bool) -> int:
    """Forecast weekly demand from the panel that `build` wrote."""
    from sellthrough import pipeline

    with terminal.progress("forecast") as progress:
        report = pipeline.forecast(settings, progress=progress)
    return _show(report, as_json, "Forecast")


@main.command()
@click.argument("panel", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--key", help="The columns that tell series apart, with commas between [default: those of our panel].")
@click.option("--date", "period", help="The column with the date [default: week_start, or business_date for days].")
@click.option("--quantity", default="qty_base", show_default=True, help="The column with what was sold.")
@click.option("--every", type=click.Choice(["week", "day"]), default="week", show_default=True)
@click.option("--horizon", type=click.IntRange(1), default=8, show_default=True, help="Weeks or days ahead.")
@click.option("--origins", type=click.IntRange(1), default=3, show_default=True, help="Earlier cut-offs to try.")
@click.option("--models", help="Only these models, with commas between [default: the whole pool].")
@click.option(
    "--gaps",
    type=click.Choice(["zero", "unknown"]),
    help="What a period without a row means, after a series' first [default: zero; unknown for our own panel].",
)
@common
def backtest(settings: Settings, as_json: bool, panel: Path | None, gaps: str | None, **options: Any) -> int:
    """Try every model at earlier cut-offs of PANEL, a Parquet or CSV file of sales; by default the panel that `build` wrote.

    PANEL has a row per series and day or week. Prints, for each demand class, the models with the best first: WAPE, the skill against seasonal naive, MASE,
    RMSSE, bias, pinball loss, the coverage of the intervals, and CPU milliseconds per series. Writes nothing.
    """
    from sellthrough import trial

    with terminal.progress("backtest") as progress:
        report = trial.run(
            settings, panel, zero=(gaps or ("zero" if panel else "unknown")) == "zero", progress=progress, **options
        )
    if as_json:
        terminal.show_json(report)
    else:
        trial.show(report)
    return DATA_PROBLEM if report["exit_code"] else FINE


@main.command()
@common
def alert(settings: Settings, as_json: bool) -> int:
    """Build and test what is downstream of the forecast, alerts among them (dbt phase 2)."""
    from sellthrough import warehouse

    with terminal.progress("alert") as progress:
        report = warehouse.alert(settings, progress=progress)
    return _show(report.as_log(), as_json, "Alerted")


@main.command()
@common
def publish(settings: Settings, as_json: bool) -> int:
    """Check the marts, write the published copy and swap it in."""
    from sellthrough import publish as stage

    with terminal.progress("publish") as progress:
        publication = stage.publish(settings, progress=progress)
    if as_json:
        terminal.show_json(publication.as_log())
    else:
        what = "Published" if publication.changed else "Nothing has changed; still published:"
        terminal.show(f"{what} commit {publication.seq}, as of {publication.as_of}: {settings.published}")
    return FINE


@main.command()
@common
def run(settings: Settings, as_json: bool) -> int:
    """Fetch, ingest, build, forecast, alert, publish: each only when something has changed."""
    from sellthrough import pipeline

    with ExitStack() as stack:
        report = pipeline.run(settings, progress=lambda stage: stack.enter_context(terminal.progress(stage)))
    if as_json:
        terminal.show_json(pipeline.plain(report))
    else:
        for problem in [*report.fetch.get("failures", []), *report.ingest.get("problems", [])]:
            terminal.complain(problem)
        for stage in ("build", "forecast", "alert", "publish"):
            terminal.show(f"{stage}: {'done' if getattr(report, stage) else 'nothing to do'}")
        if settings.published.exists():
            terminal.show(f"Look at {settings.published} (read-only), or run `sellthrough status`.")
        else:
            terminal.show(f"Nothing has landed yet: put files under {settings.landing}/<profile>/<sender>/.")
    return report.exit_code


@main.command()
@common
def status(settings: Settings, as_json: bool) -> int:
    """Feeds, lateness, rejects by rule, unknown units, unmapped codes, and what readers see."""
    from dataclasses import asdict

    from sellthrough import status as stage

    report = stage.status(settings)
    if as_json:
        terminal.show_json(asdict(report))
        return FINE
    if not report.commits:
        terminal.show_rows("Waiting until they are whole", [{"file": file} for file in report.waiting])
        terminal.show(
            f"Nothing has been taken in yet. Put files under {settings.landing}/<profile>/<sender>/ and run `sellthrough run`."
        )
        return FINE
    terminal.show(f"Home {report.home}: {report.commits} commits.")
    terminal.show_rows("Feeds", report.feeds)
    terminal.show_rows("Waiting until they are whole", [{"file": file} for file in report.waiting])
    terminal.show_rows("Late or missing", report.lateness)
    terminal.show_rows("Rejected, by rule", report.rejects)
    terminal.show_rows("Files refused", report.refused_files)
    terminal.show_rows("Odd about files", report.file_warnings)
    terminal.show_rows("Failed expectations", report.warnings)
    terminal.show_rows("Unknown units (value kept, no base quantity)", report.unknown_units)
    terminal.show_rows("Codes without a master (under UNKNOWN)", report.unmapped_codes)
    if report.published:
        shown = report.published
        terminal.show(
            f"\nPublished: commit {shown['seq']}, as of {shown['as_of']}, at {shown['published_at']} UTC: {settings.published}"
        )
    else:
        terminal.show("\nNothing has been published yet. Run `sellthrough run`.")
    return FINE


@main.command()
@click.option("--export", type=click.Path(dir_okay=False, path_type=Path), help="Write the whole queue as a CSV sheet.")
@common
def steward(settings: Settings, as_json: bool, export: Path | None) -> int:
    """Codes that nothing explains, the most valuable first, each with what it may mean.

    Fill the column `accept` of an exported sheet with our codes, then `sellthrough decide --sheet FILE`.
    """
    from sellthrough import steward as stage

    waiting = stage.queue(settings)
    if export is not None:
        export.parent.mkdir(parents=True, exist_ok=True)
        export.write_text(stage.sheet(waiting), encoding="utf-8")
    if as_json:
        terminal.show_json(waiting)
    elif not settings.published.exists():
        terminal.show("Nothing has been published yet. Run `sellthrough run`.")
    elif not waiting:
        terminal.show("Nothing waits: every code and unit is explained.")
    else:
        shown = ("kind", "owner", "code", "name", "lines", "value_net", "suggested_code", "score", "evidence")
        terminal.show_rows("The steward's queue", [{name: row[name] for name in shown} for row in waiting[:50]])
        more = f" The first 50 of {len(waiting)} are shown; --export FILE writes all." if len(waiting) > 50 else ""
        terminal.show(f"Accept with `sellthrough decide`, then `sellthrough run`.{more}")
    return FINE


@main.command()
@click.option("--kind", type=click.Choice(["sku", "outlet"]), help="What the code stands for.")
@click.option("--owner", help="Whose code it is: the distributor, or the retailer of a point-of-sale feed.")
@click.option("--code", help="The sender's code.")
@click.option("--means", help="Our code; without it an earlier decision is taken back.")
@click.option(
    "--from", "valid_from", type=DAY, help="The first business date for which it holds [default: since ever]."
)
@click.option("--until", "valid_to", type=DAY, help="The last one [default: for ever].")
@click.option(
    "--sheet",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take all that a sheet of `steward --export` accepts.",
)
@click.option("--by", "decided_by", required=True, help="Who decides.")
@click.option("--reason", required=True, help="Why.")
@common
def decide(
    settings: Settings,
    as_json: bool,
    kind: str | None,
    owner: str | None,
    code: str | None,
    means: str | None,
    valid_from: date | None,
    valid_to: date | None,
    sheet: Path | None,
    decided_by: str,
    reason: str,
) -> int:
    """Say what a sender's code means: one by one, or all that a sheet accepts. It counts from the next `sellthrough run` on."""
    from sellthrough import decisions
    from sellthrough import steward as stage

    if sheet is not None:
        made = stage.accepted(sheet.read_text(encoding="utf-8"), decided_by, reason)
    elif kind and owner and code:
        made = [
            decisions.mapping(
                kind.upper(),
                owner,
                code,
                means,
                decided_by=decided_by,
                reason=reason,
                valid_from=valid_from,
                valid_to=valid_to,
            )
        ]
    else:
        raise click.UsageError("State --kind, --owner and --code, or --sheet.")
    path = decisions.record(settings, made) if made else None
    if as_json:
        terminal.show_json({"decisions": len(made), "file": str(path) if path else None})
    else:
        terminal.show(
            f"{len(made)} decisions: {path}. Run `sellthrough run` to apply them."
            if path
            else "The sheet accepts nothing."
        )
    return FINE


@main.command()
@click.option("--date", "day", type=DAY, required=True, help="The business date.")
@click.option("--sku", help="The SKU code.")
@click.option("--distributor", help="The distributor code.")
@click.option("--outlet", help="The outlet code.")
@click.option("--limit", type=click.IntRange(1), default=200, show_default=True)
@common
def explain(
    settings: Settings,
    as_json: bool,
    day: date,
    sku: str | None,
    distributor: str | None,
    outlet: str | None,
    limit: int,
) -> int:
    """Trace a published figure to its lines, each with the file and the record that it came from."""
    from sellthrough import status as stage

    lines = stage.trace(settings, day, sku=sku, distributor=distributor, outlet=outlet, limit=limit)
    if as_json:
        terminal.show_json(lines)
    elif lines:
        for line in lines:
            what = f"{line['distributor_code']} {line['document_type']} {line['document_no']}/{line['line_no']} outlet {line['outlet_code']}"
            how_much = f"{line['sku_code']}: {line['qty_base']} base units, {line['free_qty_base']} free, {line['value_net']} net"
            terminal.show(
                f"{what}  {how_much}  <- {line['source_file']} record {line['source_record']} (commit {line['seq_from']})"
            )
        quantity, value = sum(line["qty_base"] or 0 for line in lines), sum(line["value_net"] for line in lines)
        terminal.show(
            f"\n{len(lines)} lines, {quantity:,} base units, {value:,} net. Files lie under {settings.landing}."
        )
        if len(lines) == limit:
            terminal.show(f"There may be more than {limit}; see --limit.")
    else:
        terminal.show("No published sale line answers to that.")
    return FINE


@main.command()
@click.option("--by", required=True, help="Columns that make a group, with commas between: `sku_code,outlet_class`.")
@click.option("--every", type=click.Choice(["week", "day"]), default="week", show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The Parquet file [default: in forecast/]."
)
@common
def panel(settings: Settings, as_json: bool, by: str, every: Literal["week", "day"], out: Path | None) -> int:
    """Write a dense demand panel at another grain, with price, promotion and holidays ahead, from what is published."""
    from sellthrough import panels

    columns = [name.strip() for name in by.split(",") if name.strip()]
    try:
        path = panels.write(settings, columns, every, out)
    except (panels.UnknownColumn, panels.NotParquet, panels.NoSuchFolder) as error:
        raise click.UsageError(str(error)) from error
    held = panels.summary(path, columns, every)
    if as_json:
        terminal.show_json({"file": str(path), "by": columns, "every": every, **held})
    else:
        terminal.show(f"Written: {path}")
        terminal.show(
            f"{held['rows']:,} rows, {held['groups']:,} {'group' if held['groups'] == 1 else 'groups'}; sales from {held['first']} to {held['last']}, "
            f"prices, promotions and holidays to {held['known_ahead_to']}"
        )
    return FINE


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[AIRFLOW COMMAND]…")
@click.option("--port", type=int, default=8080, show_default=True, help="The port of the web page, on loopback.")
@common
def airflow(settings: Settings, as_json: bool, port: int, words: tuple[str, ...]) -> int:
    """Start Airflow on this machine with the DAGs, the pool and the data home ready.

    With further words: run that Airflow command on the same metadata, such as `sellthrough airflow backfill create …`.
    """
    from sellthrough import scheduler

    return scheduler.command(settings, port, words) if words else scheduler.standalone(settings, port)


@main.command()
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--distributors", type=click.IntRange(1), default=40, show_default=True)
@click.option("--outlets", type=click.IntRange(1), default=3000, show_default=True)
@click.option("--skus", type=click.IntRange(1), default=100, show_default=True)
@click.option("--days", type=click.IntRange(1), default=400, show_default=True)
@common
def demo(settings: Settings, as_json: bool, seed: int, distributors: int, outlets: int, skus: int, days: int) -> int:
    """Simulate a network and carry it through all four DAGs with Airflow's own runner; then say what was found."""
    from sellthrough import demo as stage

    summary = stage.run(settings, seed=seed, distributors=distributors, outlets=outlets, skus=skus, days=days)
    if as_json:
        terminal.show_json(summary)
    else:
        stage.show(settings, summary)
    return FINE


def _defects(given: str | None) -> Path | None:
    """The YAML of defects: what was named, none, or the sample that ships."""
    if given == "none":
        return None
    path = Path(given) if given else Path(__file__).resolve().parents[1] / "simulation" / "defects_default.yaml"
    if not path.exists():
        raise click.BadParameter(f"{path} does not exist; name a YAML of defects or `none`", param_hint="--defects")
    return path


def _show(report: Any, as_json: bool, verb: str) -> int:
    from sellthrough.pipeline import plain

    shown = report if isinstance(report, dict) else plain(report)
    if as_json:
        terminal.show_json(shown)
    else:
        facts = [
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in shown.items()
            if not isinstance(value, (list, dict))
        ]
        terminal.show(f"{verb}: {', '.join(facts)}")
        for warning in shown.get("warnings") or []:
            terminal.complain(f"warning: {warning}")
    return FINE


def _fetch(settings: Settings, profile: str | None) -> Any:
    import ingest as stage

    with terminal.progress("fetch") as progress:
        return stage.fetch(settings.home, profile=profile, resolve=settings.connection, progress=progress)


def _show_fetched(report: Any, as_json: bool) -> int:
    code = _show(report, as_json, "Fetched")
    if not as_json:
        for file in report.fetched:
            terminal.show(f"  {file}")
        for file in report.waiting:
            terminal.show(f"  waits until it is whole: {file}")
        for failure in report.failures:
            terminal.complain(failure)
    return report.exit_code or code


def _shown_flagged(flagged: Any) -> dict[str, Any]:
    """A warning with the values that it is about, the most frequent first."""
    values = [f"{value} ({count})" for value, count in flagged.values.items()]
    shown = ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
    names = ("rule", "column", "records")
    return {**{name: getattr(flagged, name) for name in names}, "values": shown, "meaning": flagged.meaning}


def _show_taken(report: Any, as_json: bool, **more: Any) -> int:
    from sellthrough.pipeline import plain

    code = _show({**plain(report), **more}, as_json, "Taken in")
    for problem in report.problems if not as_json else ():
        terminal.complain(problem)
    for profile, files in report.outdated.items() if not as_json else ():
        terminal.show(
            f"{files} files of {profile} had been committed under other settings of the profile or its contracts; "
            f"`sellthrough replay --profile {profile}` reads them again"
        )
    return report.exit_code or code


def _stage_errors() -> list[type[Exception]]:
    """The error types of the stages that were loaded: theirs are sentences as ours are."""
    found: list[type[Exception]] = []
    for package, name in (
        ("ingest.errors", "IngestError"),
        ("forecasting.errors", "ForecastError"),
        ("simulation.errors", "SimulationError"),
    ):
        module = sys.modules.get(package)
        error = getattr(module, name, None)
        if isinstance(error, type) and issubclass(error, Exception):
            found.append(error)
    return found


def _unexpected(settings: Settings, error: Exception) -> str:
    """Keep the trace in a file and say where."""
    log = settings.state / "logs" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}_trace.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as refusal:
        return f"{type(error).__name__}: {error}\nThe data home {settings.home} cannot be written ({refusal.strerror}); name another with --home."
    return f"{type(error).__name__}: {error}\nThis was not expected; the trace is in {log}."


def _end(message: str, as_json: bool, code: int) -> None:
    if as_json:
        terminal.show_json({"error": message})
    terminal.complain(message)
    sys.exit(code)


if __name__ == "__main__":
    main()
