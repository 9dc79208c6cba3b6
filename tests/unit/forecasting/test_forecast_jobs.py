"""The job: Parquet in, Parquet out, whole or not at all, and nothing fitted twice."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal
from functools import partial

import numpy as np
import polars as pl
import pytest

import forecasting
from forecasting import ForecastSettings, PanelError, jobs, learned, store, tables
from forecasting.cells import forecast_prophet
from forecasting.hierarchy import LEVELS


@pytest.fixture
def network():
    rng = np.random.default_rng(8)
    return {
        (f"S{sku}", f"D{distributor}", f"T{distributor % 2}"): rng.poisson(2 + 3 * sku, 70 - 9 * sku).tolist()
        for sku in range(6)
        for distributor in range(3)
    }


def bytes_of(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_run_writes_forecast_accuracy_and_then_the_pointer(panel_file, network, tmp_path):
    told = []
    report = forecasting.run(panel_file(network), tmp_path / "out", progress=lambda *facts: told.append(facts))

    pointer = json.loads((tmp_path / "out" / "current.json").read_text())
    assert pointer["run"] == report.run
    assert pointer["cutoff_date"] == "2026-03-02"
    assert (tmp_path / "out" / pointer["forecast"]).is_file()
    assert (tmp_path / "out" / pointer["accuracy"]).is_file()
    assert report.cutoff_date == date(2026, 3, 2)
    assert report.series == 18
    assert sum(report.models.values()) == 18
    assert report.origins == (date(2026, 1, 5), date(2025, 11, 10), date(2025, 9, 15))
    assert {"champion", "prophet_batch", "seasonal_naive", "ses", "ensemble_mean"} <= set(report.wape)
    assert told[0][:2] == (0, 3)
    assert told[-1][:2] == (3, 3)
    assert json.dumps(report.as_log())


def test_the_forecast_has_every_level_and_week_and_they_add_up(panel_file, network, tmp_path):
    report = forecasting.run(panel_file(network), tmp_path)
    table = pl.read_parquet(report.forecast)

    assert table.columns == tables.FORECAST_SCHEMA.names
    assert set(table["level"]) == set(LEVELS)
    assert set(table["week_start"]) == {date.fromordinal(date(2026, 3, 9).toordinal() + 7 * week) for week in range(8)}
    totals = (
        table.group_by("level", "week_start")
        .agg(pl.col("mean").sum())
        .group_by("week_start")
        .agg(pl.col("mean").n_unique())
    )
    assert totals["mean"].to_list() == [1] * 8
    assert table["mean"].min() >= Decimal(0)
    for lower, higher in (
        ("lo95", "lo80"),
        ("lo80", "lo50"),
        ("lo50", "median"),
        ("median", "hi50"),
        ("hi50", "hi80"),
        ("hi80", "hi95"),
    ):
        assert (table[lower] <= table[higher]).all()
    assert (
        table.select("level", "sku_code", "distributor_code", "territory_code", "week_start").is_duplicated().sum() == 0
    )
    assert table.filter(level="SKU")["distributor_code"].null_count() == 6 * 8


def test_accuracy_has_each_model_at_each_origin(panel_file, network, tmp_path):
    table = pl.read_parquet(forecasting.run(panel_file(network), tmp_path).accuracy)
    total = table.filter(level="TOTAL", demand_class="ALL")
    assert total.filter(model="prophet_batch").height == 3
    assert total.filter(model="seasonal_naive")["fva"].null_count() == 3
    assert table.select("level", "demand_class", "model", "origin_date").is_duplicated().sum() == 0


def test_the_blend_at_each_origin_is_between_its_members(panel_file, tmp_path):
    level = 40.0 * 2.0 ** ((np.arange(70) - 38) // 8).clip(0)
    rng = np.random.default_rng(9)
    series = {(f"S{sku}", "D1", "T1"): rng.poisson(level).tolist() for sku in range(4)}
    table = pl.read_parquet(forecasting.run(panel_file(series), tmp_path).accuracy).filter(demand_class="ALL")
    wape = {
        model: table.filter(model=model).sort("level", "origin_date")["wape"].to_numpy()
        for model in ("ensemble_blend", "seasonal_ses", "prophet_batch")
    }
    members = np.maximum(wape["seasonal_ses"], wape["prophet_batch"])
    assert (wape["ensemble_blend"] <= members + 1e-6).all()


def test_nothing_new_is_recognised_and_the_same_panel_gives_the_same_bytes(panel_file, network, tmp_path):
    path = panel_file(network)
    first = forecasting.run(path, tmp_path / "out")
    stored = bytes_of(tmp_path / "out")
    again = forecasting.run(path, tmp_path / "out")
    forecasting.run(path, tmp_path / "elsewhere")

    assert not first.reused
    assert again.reused
    assert again.wape == first.wape
    assert bytes_of(tmp_path / "out") == stored
    assert bytes_of(tmp_path / "elsewhere") == stored


def test_other_settings_or_another_panel_are_another_run(panel_file, network, tmp_path):
    path = panel_file(network)
    runs = {forecasting.run(path, tmp_path / "out", origins=1).run}
    runs.add(forecasting.run(path, tmp_path / "out", origins=1, horizon_weeks=4).run)
    runs.add(forecasting.run(path, tmp_path / "out", origins=1, model_settings=ForecastSettings(min_pool=10)).run)
    network["S1", "D1", "T1"][-1] += 1
    runs.add(forecasting.run(panel_file(network), tmp_path / "out", origins=1).run)
    assert len(runs) == 4


def test_going_back_to_an_earlier_panel_only_moves_the_pointer(panel_file, network, tmp_path):
    path = panel_file(network)
    first = forecasting.run(path, tmp_path / "out", origins=1)
    forecasting.run(path, tmp_path / "out", origins=1, horizon_weeks=4)
    back = forecasting.run(path, tmp_path / "out", origins=1)
    assert back.reused
    assert json.loads((tmp_path / "out" / "current.json").read_text())["run"] == first.run


def test_only_the_latest_few_runs_are_kept(panel_file, tmp_path):
    path = panel_file({("S", "D", "T"): [3, 4, 5] * 4})
    for horizon in range(1, 9):
        last = forecasting.run(path, tmp_path / "out", horizon_weeks=horizon)
    kept = [folder.name for folder in (tmp_path / "out" / "runs").iterdir()]
    assert len(kept) == store.KEPT_RUNS
    assert last.run in kept


def test_what_a_killed_run_left_behind_is_swept_up_a_day_later(panel_file, tmp_path):
    path = panel_file({("S", "D", "T"): [3, 4, 5] * 4})
    old, fresh = tmp_path / "out" / "runs" / ".writing-old", tmp_path / "out" / ".writing-fresh"
    old.mkdir(parents=True)
    (old / "forecast.parquet").touch()
    fresh.touch()
    os.utime(old, (0, 0))
    forecasting.run(path, tmp_path / "out")
    assert not old.exists()
    assert fresh.exists()


def test_two_runs_at_once_end_as_one(panel_file, network, tmp_path):
    path = panel_file(network)
    children = [subprocess.Popen([sys.executable, "-c", SCRIPT, str(path), str(tmp_path / "out")]) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    forecasting.run(path, tmp_path / "alone")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "alone")


def test_only_series_that_changed_are_fitted_again_and_the_numbers_are_those_of_a_run_from_nothing(
    panel_file, network, tmp_path
):
    forecasting.run(panel_file(network), tmp_path / "out")
    network["S1", "D1", "T1"][-1] += 7
    network["NEW", "D1", "T1"] = [3, 1, 4]
    path = panel_file(network)
    report = forecasting.run(path, tmp_path / "out")
    fresh = forecasting.run(path, tmp_path / "elsewhere")

    assert (report.fitted, report.series) == (2, 19)
    local = pl.col("model").is_in(["ses", "tsb", "adida", "imapa", "seasonal_naive"])
    one, two = (
        pl.read_parquet(each.forecast.with_name("candidates.parquet")).filter(local) for each in (report, fresh)
    )
    assert one.equals(two)


def test_another_horizon_fits_everything_again(panel_file, network, tmp_path):
    path = panel_file(network)
    forecasting.run(path, tmp_path, horizon_weeks=4)
    assert forecasting.run(path, tmp_path, horizon_weeks=5).fitted == 18


def test_a_model_that_is_new_is_fitted_alone(panel_file, network, tmp_path, monkeypatch):
    path = panel_file(network)
    use(monkeypatch, {"prophet_batch": forecast_prophet})
    forecasting.run(path, tmp_path, origins=1)
    use(monkeypatch, {"prophet_batch": broken, "further": forecast_prophet})
    report = forecasting.run(path, tmp_path, origins=1)
    assert {"prophet_batch", "further"} <= set(report.wape)
    assert not any("failed" in problem for problem in report.problems)


def test_several_processes_give_the_bytes_of_one(panel_file, network, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK_SERIES", 4)
    path = panel_file(network)
    forecasting.run(path, tmp_path / "one", processes=1)
    forecasting.run(path, tmp_path / "two", processes=2)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_the_size_of_a_chunk_does_not_show(panel_file, network, tmp_path, monkeypatch):
    path = panel_file(network)
    forecasting.run(path, tmp_path / "whole")
    monkeypatch.setattr(jobs, "CHUNK_SERIES", 5)
    forecasting.run(path, tmp_path / "parts", processes=1)
    assert bytes_of(tmp_path / "whole") == bytes_of(tmp_path / "parts")


def test_chunks_that_are_done_are_not_done_again(panel_file, network, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK_SERIES", 4)
    out = tmp_path / "out"
    path = panel_file(network)
    prepared = jobs.prepare(path, out)
    assert prepared.groups == (0, 1, 2, 3, 4)
    assert jobs.forecast_group(out, prepared.run, 2) == 1
    assert jobs.forecast_group(out, prepared.run, 2) == 0

    again = jobs.prepare(path, out)
    assert again == prepared
    assert [jobs.forecast_group(out, again.run, group) for group in again.groups] == [1, 1, 0, 1, 1]
    jobs.collect(out, again.run)
    forecasting.run(path, tmp_path / "at_once", processes=1)
    assert bytes_of(out) == bytes_of(tmp_path / "at_once")
    assert jobs.forecast_group(out, again.run, 0) == 0


def test_a_model_that_fails_on_a_series_is_reported_and_fails_nothing(panel_file, network, tmp_path, monkeypatch):
    use(monkeypatch, {"seasonal_ses": broken})
    report = forecasting.run(panel_file(network), tmp_path)
    assert report.models == {"seasonal_naive (failed)": 18}
    expected = "seasonal_ses failed on 18 series; seasonal naive took its place. S0 / D0 / T0: ZeroDivisionError: no demand to divide by"
    assert expected in report.problems


def use(monkeypatch, models):
    monkeypatch.setattr(jobs, "MODELS", tuple(models))
    monkeypatch.setattr(jobs, "pool", partial(only, models))


def only(models, learned):
    return models


def broken(series, settings):
    raise ZeroDivisionError("no demand to divide by")


def test_a_short_history_has_a_forecast_and_a_reason_for_no_accuracy(panel_file, tmp_path):
    report = forecasting.run(panel_file({("S", "D", "T"): [3, 4, 5] * 4}), tmp_path)
    assert report.origins == ()
    assert "No accuracy: the panel has 12 weeks and a backtest needs 34." in report.problems
    assert pl.read_parquet(report.accuracy).height == 0
    assert pl.read_parquet(report.forecast).height == 6 * 8


def test_an_empty_panel_gives_empty_tables_and_a_reason(panel_file, tmp_path):
    report = forecasting.run(panel_file({}), tmp_path)
    assert report.cutoff_date is None
    assert pl.read_parquet(report.forecast).columns == tables.FORECAST_SCHEMA.names
    assert pl.read_parquet(report.forecast).height == 0
    assert "No accuracy" in report.problems[0]


def test_bad_series_do_not_stop_the_run(panel_file, tmp_path):
    report = forecasting.run(
        panel_file(
            {
                ("ZERO", "D", "T"): [0] * 60,
                ("ONE", "D", "T"): [5],
                ("SAME", "D", "T"): [7] * 60,
                ("HUGE", "D", "T"): [9_000_000_000_000_000_000, 1] * 30,
                ("BACK", "D", "T"): [-5, 3] * 30,
                ("GAPS", "D", "T"): [4, None, 6] * 20,
                ("NONE", "D", "T"): [None] * 20,
            }
        ),
        tmp_path,
    )
    table = pl.read_parquet(report.forecast)
    assert table.select(pl.col("mean").null_count(), pl.col("hi95").is_nan().sum()).row(0) == (0, 0)
    named = dict(table.filter(level="SKU").select("sku_code", "model").iter_rows())
    assert table.filter(level="SKU", sku_code="ZERO")["mean"].sum() == 0
    assert named["HUGE"].endswith("(capped)")
    totals = table.group_by("level").agg(pl.col("mean").sum())
    assert totals["mean"].n_unique() == 1


def test_a_broken_panel_leaves_the_last_forecast(panel_file, network, tmp_path):
    forecasting.run(panel_file(network), tmp_path / "out", origins=1)
    before = bytes_of(tmp_path / "out")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no more")
    with pytest.raises(PanelError):
        forecasting.run(broken, tmp_path / "out", origins=1)
    assert bytes_of(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("run.json", '{"cut'),
        ("run.json", "[]"),
        ("candidates.parquet", "PAR1"),
        ("series.parquet", ""),
        ("learned.json", "[{"),
        ("../../current.json", "{"),
    ],
)
def test_a_damaged_file_of_an_earlier_run_costs_no_later_run_its_forecast(panel_file, network, tmp_path, file, text):
    first = forecasting.run(panel_file(network), tmp_path / "out", origins=1)
    (first.forecast.parent / file).write_text(text)
    network["S1", "D1", "T1"][-1] += 7
    path = panel_file(network)
    report = forecasting.run(path, tmp_path / "out", origins=1)
    assert report.fitted == (1 if "current" in file else report.series)
    assert json.loads((tmp_path / "out" / "current.json").read_text())["run"] == report.run
    if report.fitted > 1:
        fresh = forecasting.run(path, tmp_path / "fresh", origins=1)
        assert report.forecast.read_bytes() == fresh.forecast.read_bytes()


@pytest.mark.parametrize("name", ["forecast.parquet", "candidates.parquet", "learned.json"])
def test_a_run_that_has_lost_a_file_is_made_again(panel_file, network, tmp_path, name):
    path = panel_file(network)
    first = forecasting.run(path, tmp_path, origins=1)
    lost = first.forecast.with_name(name)
    expected = lost.read_bytes()
    lost.unlink()
    again = forecasting.run(path, tmp_path, origins=1)
    assert (again.run, again.reused) == (first.run, False)
    assert lost.read_bytes() == expected
    assert forecasting.run(path, tmp_path, origins=1).reused


def test_only_what_is_left_of_a_run_is_cleared(panel_file, network, tmp_path):
    report = forecasting.run(panel_file(network), tmp_path, origins=1)
    store.clear(tmp_path, report.run)
    assert store.stands(tmp_path, report.run)
    report.forecast.unlink()
    store.clear(tmp_path, report.run)
    assert not report.forecast.parent.exists()


@pytest.mark.parametrize("text", ["{", None])
def test_a_run_without_a_readable_record_is_made_again(panel_file, network, tmp_path, text):
    path = panel_file(network)
    first = forecasting.run(path, tmp_path, origins=1)
    expected, record = first.forecast.read_bytes(), first.forecast.with_name("run.json")
    if text is None:
        record.unlink()
    else:
        record.write_text(text)
    again = forecasting.run(path, tmp_path, origins=1)
    assert (again.run, again.reused) == (first.run, False)
    assert again.forecast.read_bytes() == expected
    assert [folder.name for folder in (tmp_path / "runs").iterdir()] == [first.run]


def test_all_files_of_a_folder_are_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    settled, sync = set(), os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (settled.add(os.fstat(handle).st_ino), sync(handle)))
    with store.whole(tmp_path / "work", "job.json") as beside:
        (beside / "in").mkdir()
        for name in ("in/00000.parquet", "plan.pickle"):
            (beside / name).write_text("something")
        assert not settled
    assert settled == {path.stat().st_ino for path in (tmp_path / "work").rglob("*.*")}


def test_a_chunk_that_is_not_whole_is_done_again(panel_file, network, tmp_path):
    prepared = jobs.prepare(panel_file(network), tmp_path, origins=1)
    jobs.forecast_group(tmp_path, prepared.run, 0)
    out = store.work_folder(tmp_path, prepared.run) / "out" / "00000.parquet"
    out.write_bytes(out.read_bytes()[:50])
    assert jobs.forecast_group(tmp_path, prepared.run, 0) == 1
    assert jobs.forecast_group(tmp_path, prepared.run, 0) == 0


def test_a_work_folder_without_a_readable_job_is_laid_out_again(panel_file, network, tmp_path):
    path = panel_file(network)
    prepared = jobs.prepare(path, tmp_path, origins=1)
    (store.work_folder(tmp_path, prepared.run) / "job.json").write_text("")
    assert not forecasting.run(path, tmp_path, origins=1).reused


SCRIPT = "import forecasting, pathlib, sys; print('start', flush=True); forecasting.run(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))"


@pytest.mark.parametrize("moment", [0.15, 0.5, pytest.param(None, marks=pytest.mark.long)])
def test_killed_at_any_moment_the_last_forecast_stands_and_running_again_ends_the_same(
    panel_file, network, tmp_path, moment
):
    out = tmp_path / "out"
    old = forecasting.run(panel_file(network, name="old.parquet"), out)
    network["S1", "D1", "T1"][-1] += 7
    new = panel_file(network, name="new.parquet")
    shutil.copytree(out, tmp_path / "undisturbed")
    forecasting.run(new, tmp_path / "undisturbed")
    moments = [moment] if moment is not None else np.random.default_rng(9).uniform(0, 1.5, 10)
    for seconds in moments:
        child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(new), str(out)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        pointer = json.loads((out / "current.json").read_text())
        assert pl.read_parquet(out / pointer["forecast"]).height > 0
        assert pl.read_parquet(out / pointer["accuracy"]).height > 0
        assert pointer["run"] in (old.run, json.loads((tmp_path / "undisturbed" / "current.json").read_text())["run"])

    finished = forecasting.run(new, out)
    reference = bytes_of(tmp_path / "undisturbed")
    result = bytes_of(out)
    assert {path: result[path] for path in reference} == reference
    assert finished.forecast.is_file()


def test_the_pointer_names_every_file_of_the_run(panel_file, network, tmp_path):
    forecasting.run(panel_file(network), tmp_path, origins=1)
    pointer = json.loads((tmp_path / "current.json").read_text())
    for name in ("forecast", "accuracy", "cell", "component", "champion", "distribution", "candidates", "series"):
        assert (tmp_path / pointer[name]).is_file()
    assert pointer["archive"] == ["archive/2026-03-02.parquet"]


def test_the_cells_are_what_all_levels_are_sums_of_and_each_has_its_parts(panel_file, network, tmp_path):
    report = forecasting.run(panel_file(network), tmp_path, origins=1)
    cell, component, forecast, distribution = (
        pl.read_parquet(report.forecast.with_name(f"{name}.parquet"))
        for name in ("cell", "component", "forecast", "distribution")
    )
    key = ["sku_code", "distributor_code", "territory_code", "week_start"]
    assert cell.height == 18 * 8
    assert cell["mean"].sum() == forecast.filter(level="TOTAL")["mean"].sum()
    assert component.select(key).equals(cell.select(key))
    assert component.filter(sku_code="S0")["trend"].null_count() == 0
    place = ["level", *key]
    assert distribution.select(place).equals(forecast.select(place))
    last = distribution.filter(level="TOTAL", weeks_ahead=8)
    assert last["cumulative_mean"].sum() == cell["mean"].sum()


def test_each_class_has_a_champion_with_its_evidence(panel_file, network, tmp_path):
    report = forecasting.run(panel_file(network), tmp_path)
    table = pl.read_parquet(report.forecast.with_name("champion.parquet"))
    smooth = table.filter(demand_class="SMOOTH")
    assert smooth.filter("is_champion")["model"].to_list() == [report.champions["SMOOTH"]]
    assert smooth.filter("is_champion")["reason"].null_count() == 0
    assert {"prophet_batch", "ses", "ensemble_mean", "seasonal_naive"} <= set(smooth["model"])
    assert smooth.filter(model="ses")["origins"].to_list() == [3]


def test_the_champions_of_the_cut_off_before_are_the_incumbents_however_often_a_cut_off_is_run(
    panel_file, network, tmp_path
):
    first = forecasting.run(panel_file(network), tmp_path)
    later = {key: [*values, 5] for key, values in network.items()}
    path = panel_file(later, cutoff=date(2026, 3, 9), name="later.parquet")
    second = forecasting.run(path, tmp_path)
    record = second.forecast.with_name("run.json")
    facts = json.loads(record.read_text())

    assert facts["incumbents"] == first.champions
    assert forecasting.run(path, tmp_path).run == second.run
    record.write_text(json.dumps({**facts, "champions": dict.fromkeys(facts["champions"], "tsb")}))
    later["S1", "D1", "T1"][-1] += 1
    third = forecasting.run(panel_file(later, cutoff=date(2026, 3, 9), name="mended.parquet"), tmp_path)
    assert json.loads(third.forecast.with_name("run.json").read_text())["incumbents"] == first.champions
    assert json.loads((tmp_path / "current.json").read_text())["archive"] == [
        "archive/2026-03-02.parquet",
        "archive/2026-03-09.parquet",
    ]
    assert (tmp_path / "archive" / "2026-03-09.parquet").read_bytes() == third.forecast.read_bytes()


def test_a_run_of_a_release_that_chose_no_champions_has_none_to_defend(panel_file, network, tmp_path):
    first = forecasting.run(panel_file(network), tmp_path)
    record = first.forecast.with_name("run.json")
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({k: v for k, v in facts.items() if k not in ("champions", "incumbents")}))
    network["S1", "D1", "T1"][-1] += 1
    second = forecasting.run(panel_file(network, name="mended.parquet"), tmp_path)
    assert json.loads(second.forecast.with_name("run.json").read_text())["incumbents"] == {}


def test_what_was_learnt_is_kept_for_the_cut_off_and_read_back_to_the_last_bit(panel_file, network, tmp_path):
    first = forecasting.run(panel_file(network), tmp_path)
    network["S1", "D1", "T1"][-1] += 7
    second = forecasting.run(panel_file(network), tmp_path)
    one, two = (report.forecast.with_name("learned.json") for report in (first, second))
    assert one.read_bytes() == two.read_bytes()
    again = tmp_path / "again.json"
    learned.write(again, learned.read(one))
    assert again.read_bytes() == one.read_bytes()


def test_a_process_that_loses_its_parent_ends(panel_file, tmp_path):
    script = (
        "import os, sys, time\nfrom forecasting import jobs\n"
        "if __name__ == '__main__':\n"
        "    with jobs.executor(1) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    (tmp_path / "parent.py").write_text(script)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and is_running(child):
        time.sleep(0.1)
    assert not is_running(child)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
