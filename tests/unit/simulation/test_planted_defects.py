"""Each kind of defect changes exactly what truth/effects.csv says, and nothing once it is mended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

import simulation
from simulation import defect_file

Totals = dict[tuple[date, str], tuple[Decimal, int]]


def _true(landed: Any) -> Totals:
    lines = (
        landed.truth("secondary_sale_line")
        .group_by("business_date", "distributor_code")
        .agg(pl.col("value_net", "qty_base").sum())
    )
    return {
        (r["business_date"], r["distributor_code"]): (r["value_net"], r["qty_base"])
        for r in lines.iter_rows(named=True)
    }


def _sum(effects: pl.DataFrame, table: str, column: str) -> Decimal:
    hit = effects.filter((pl.col("table") == table) & (pl.col("column") == column))
    return sum((Decimal(d) for d in hit["delta"].drop_nulls()), Decimal(0))


def _difference(fed: Totals, true: Totals) -> tuple[Decimal, int]:
    value = sum((v for v, _ in fed.values()), Decimal(0)) - sum((v for v, _ in true.values()), Decimal(0))
    return value, sum(u for _, u in fed.values()) - sum(u for _, u in true.values())


def test_all_default_defects_together_change_what_the_effects_say_and_nothing_after_mending(
    simulate: Callable[..., Any], sold: Callable[..., Totals]
) -> None:
    landed = simulate(simulation.DEFAULT_DEFECTS, distributors=4, outlets=60, skus=8)
    true = _true(landed)
    effects = landed.effects()
    value, units = _difference(sold(landed), true)
    assert value == _sum(effects, "sell_through_daily", "secondary_value_net")
    assert units == _sum(effects, "sell_through_daily", "secondary_qty_base")
    assert value < 0
    mended = sold(landed, "all")
    value, units = _difference(mended, true)
    cases = effects.filter(pl.col("class") == "cases_as_pieces")
    assert value == 0
    assert units == _sum(cases, "sell_through_daily", "secondary_qty_base")
    assert set(effects["class"]) == set(defect_file.CLASSES)
    lasting = effects.filter(pl.col("lasting") == "true")
    assert set(lasting["class"]) == {"file_again", "invoice_corrected", "invoice_moved", "line_deleted"}
    assert "sell_through_daily" not in set(lasting["table"])
    assert landed.report.defects == 10
    assert landed.report.withheld_files == 2


def test_a_file_again_holds_the_same_lines_under_another_name_and_other_bytes(
    simulate: Callable[..., Any], read: Callable[[Path], list[Any]], sold: Callable[..., Totals]
) -> None:
    landed = simulate("- {class: file_again, distributor: D001, period: 2026-05, id: twice}\n")
    again = next((landed.out / "landing").rglob("*_again*"))
    first = again.with_name(again.name.replace("_again", ""))
    assert again.read_bytes() != first.read_bytes()
    by_line = {str(sorted(row.items(), key=str)) for row in read(first)}
    assert {str(sorted(row.items(), key=str)) for row in read(again)} == by_line
    effects = landed.effects("twice")
    assert _sum(effects, "row_conservation", "duplicates") == len(read(again)) == len(by_line)
    assert sold(landed) == _true(landed)
    assert _sum(effects, "sell_through_daily", "secondary_qty_base") == 0


def test_a_file_again_doubles_stock_movements_of_adding_senders_only(simulate: Callable[..., Any]) -> None:
    text = "- {class: file_again, distributor: D001, id: a}\n- {class: file_again, distributor: D002, id: b}\n"
    landed = simulate(text, outlets=60)
    profiles = {d.name: d.parent.name for d in (landed.out / "landing").glob("*/D00*")}
    assert (profiles["D001"], profiles["D002"]) == ("csv_generic", "csv_semicolon")
    effects = landed.effects("a")
    assert _sum(effects, "reconciliation_cell", "variance_as_fed_qty_base") == _sum(
        effects, "reconciliation_cell", "outflow_qty_base"
    ) - _sum(effects, "reconciliation_cell", "inflow_qty_base")
    assert _sum(effects, "reconciliation_cell", "variance_as_fed_qty_base") != 0
    assert _sum(effects, "reconciliation_cell", "variance_clean_qty_base") == 0
    assert set(landed.effects("b")["table"]) == {"row_conservation"}


def test_a_missing_day_is_withheld_and_takes_its_sales_away(
    simulate: Callable[..., Any], sold: Callable[..., Totals]
) -> None:
    landed = simulate("- {class: day_missing, distributor: D001, id: gone}\n")
    (late,) = landed.files("dms_invoice_line", "withheld")
    day = date.fromisoformat(late.stem.split("_")[-2])
    assert late.stem.endswith("_late")
    assert not list((landed.out / "landing").rglob(f"D001/dms_invoice_line_{day}.*"))
    effects = landed.effects("gone")
    true, fed = _true(landed), sold(landed)
    assert (day, "D001") not in fed
    lost = effects.filter((pl.col("table") == "sell_through_daily") & (pl.col("column") == "secondary_value_net"))
    assert set(lost["business_date"]) == {day.isoformat()}
    assert -_sum(effects, "sell_through_daily", "secondary_value_net") == true[(day, "D001")][0]
    assert -_sum(effects, "sell_through_daily", "secondary_qty_base") == true[(day, "D001")][1]
    (status,) = effects.filter(pl.col("table") == "feed_status").to_dicts()
    assert (status["value"], status["sender"], status["business_date"]) == ("MISSING", "D001", day.isoformat())
    hidden = effects.filter(pl.col("column") == "assessable")
    cells = landed.truth("reconciliation_cell").filter(
        (pl.col("distributor_code") == "D001") & (pl.col("month_start") == day.replace(day=1))
    )
    assert len(hidden) == len(cells)
    assert sold(landed, "all") == true


def test_cases_as_pieces_round_to_three_decimals_and_come_back_whole_in_cases(
    simulate: Callable[..., Any], read: Callable[[Path], list[Any]], sold: Callable[..., Totals]
) -> None:
    text = "- {class: cases_as_pieces, distributor: D002, period: {from: 2026-05-04, to: 2026-05-30}, id: cases}\n"
    landed = simulate(text, outlets=60)
    effects = landed.effects("cases")
    true, fed = _true(landed), sold(landed)
    value, units = _difference(fed, true)
    assert value == 0
    assert units == _sum(effects, "sell_through_daily", "secondary_qty_base") < 0
    overlay = next((landed.out / "mend" / "config" / "profiles").iterdir())
    (override,) = yaml.safe_load(overlay.read_text())["overrides"]
    assert override == {
        "sender": "D002", "feed": "dms_invoice_line", "from": date(2026, 5, 4), "until": date(2026, 5, 30), "set": {"unit": "CS"},
    }  # fmt: skip
    xref = pl.read_csv(landed.out / "landing/csv_generic/HQ/sku_xref.csv", infer_schema=False)
    cases = pl.read_csv(landed.out / "landing/csv_generic/HQ/sku.csv", infer_schema=False).select(
        "sku_code", "units_per_case"
    )
    mine = xref.filter(pl.col("distributor_code") == "D002").join(cases, on="sku_code")
    factor = dict(zip(mine["sender_sku_code"], mine["units_per_case"].cast(pl.Int64), strict=True))
    mended = 0
    for path in landed.files("dms_invoice_line"):
        for row in read(path) if path.parent.name == "D002" else []:
            wrong = date(2026, 5, 4) <= row["business_date"] <= date(2026, 5, 30)
            times = factor[row["sender_sku_code"]] if wrong or row["unit"] == "CS" else 1
            sign = -1 if row["document_type"] == "CREDIT_NOTE" else 1
            mended += sign * int((row["qty"] * times).quantize(Decimal(1), ROUND_HALF_UP))
            assert -row["qty"].as_tuple().exponent <= 3
    assert mended == sum(u for (_, d), (_, u) in true.items() if d == "D002")


def test_cases_as_pieces_of_one_sku_are_mended_for_that_sku_alone(simulate: Callable[..., Any]) -> None:
    landed = simulate(
        "- {class: cases_as_pieces, distributor: D002, sku: SK1002, period: 2026-05, id: c}\n", outlets=60
    )
    changed = landed.effects("c").filter(pl.col("table") == "sell_through_daily")
    assert set(changed["sku_code"]) == {"SK1002"}
    overlay = next((landed.out / "mend" / "config" / "profiles").iterdir())
    (override,) = yaml.safe_load(overlay.read_text())["overrides"]
    assert override["where"] == {"sender_sku_code": "01002"}


@pytest.mark.parametrize("distributor", ["D001", "D002"])
@pytest.mark.parametrize("when", ["period: 2026-05", "period: {from: 2026-05-25, to: 2026-06-10}"])
@pytest.mark.parametrize("kind", ["invoice_corrected", "invoice_moved", "line_deleted"])
def test_a_restatement_has_no_effect_once_all_has_landed(
    simulate: Callable[..., Any], sold: Callable[..., Totals], kind: str, when: str, distributor: str
) -> None:
    if kind == "line_deleted" and distributor == "D001":
        return
    landed = simulate(f"- {{class: {kind}, distributor: {distributor}, {when}, id: r}}\n", outlets=60)
    assert sold(landed) == _true(landed)
    effects = landed.effects("r")
    assert set(effects["table"]) == {"row_conservation"}
    later = list((landed.out / "landing").rglob("*_r2*"))
    if kind != "invoice_moved":
        assert len(later) == 1
        for path in later:
            path.unlink()
        assert sold(landed) != _true(landed)
    column = "deleted" if kind == "line_deleted" else "superseded"
    assert _sum(effects, "row_conservation", column) >= 1


def test_a_moved_invoice_stands_on_its_first_day_until_the_later_file(
    simulate: Callable[..., Any], read: Callable[[Path], list[Any]]
) -> None:
    landed = simulate(
        "- {class: invoice_moved, distributor: D001, date: 2026-06-10, from_date: 2026-06-08, id: m}\n",
        outlets=120,
        seed=8,
    )
    first = read(landed.out / "landing/csv_generic/D001/dms_invoice_line_2026-06-08.csv")
    later = read(landed.out / "landing/csv_generic/D001/dms_invoice_line_2026-06-10.csv")
    both = {(r["document_no"], r["line_no"]) for r in first} & {(r["document_no"], r["line_no"]) for r in later}
    assert len(both) == _sum(landed.effects("m"), "row_conservation", "superseded") > 0
    assert {r["business_date"] for r in first} == {date(2026, 6, 8)}
    assert {r["business_date"] for r in later} == {date(2026, 6, 10)}


def test_a_correction_first_says_the_asked_quantity_too_much(
    simulate: Callable[..., Any], read: Callable[[Path], list[Any]]
) -> None:
    landed = simulate(
        "- {class: invoice_corrected, distributor: D001, period: 2026-05, quantity: 7, id: q}\n", outlets=60
    )
    again = next((landed.out / "landing").rglob("*_r2*"))
    first = {(r["document_no"], r["line_no"]): r for r in read(again.with_name(again.name.replace("_r2", "")))}
    for row in read(again):
        before = first[(row["document_no"], row["line_no"])]
        assert before["unit"] == "EA"
        assert before["qty"] - row["qty"] == 7 or row["unit"] == "CS"
        assert before["value_net"] > row["value_net"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{class: line_deleted, distributor: D001}", "D001.*csv_generic, which only adds lines.*Choose one of D00"),
        ("{class: file_again, distributor: D999}", "no such distributor.*Name one of D001 to D002"),
        ("{class: cases_as_pieces, distributor: D001, sku: NIX}", "no SKU NIX.*such as SK1001"),
        (
            "{class: day_missing, distributor: D001, date: 2026-04-20}",
            "one file is owed.*Choose days from 2026-05-21 to 2026-06-18",
        ),
        ("{class: day_missing, distributor: D001, date: 2026-05-20}", "after the first such file"),
        ("{class: day_missing, distributor: D001, date: 2026-06-01, feed: dms_stock}", "Choose a day within the month"),
        (
            "{class: day_missing, distributor: D001, date: 2020-01-01}",
            "outside the simulated days.*2026-04-10 to 2026-06-18",
        ),
        ("{class: invoice_moved, distributor: D001, period: 2026-05, from_date: 2026-06-18}", "not before"),
        (
            "{class: invoice_corrected, distributor: D001, period: 2026-05, quantity: -100000}",
            "takes all goods off a line",
        ),
        ("{class: file_again, distributor: D001, feed: pos_sale}", "not made for the feed pos_sale"),
        ("{class: file_again, from_date: 2026-06-10}", "from_date"),
    ],
)
def test_a_defect_that_makes_no_sense_says_why_and_what_to_do(
    simulate: Callable[..., Any], text: str, message: str
) -> None:
    with pytest.raises(simulation.InvalidDefect, match=message):
        simulate(f"- {text}\n")


def test_two_defects_cannot_change_one_file(simulate: Callable[..., Any]) -> None:
    text = "- {class: file_again, distributor: D001, period: 2026-05-01/2026-05-19, id: a}\n"
    with pytest.raises(simulation.InvalidDefect, match=r"defect a changes csv_generic/D001/.* already"):
        simulate(text + "- {class: invoice_corrected, distributor: D001, date: 2026-05-08, id: b}\n", outlets=60)


def test_nothing_is_written_when_a_defect_is_refused(tmp_path: Path) -> None:
    asked = tmp_path / "defects.yaml"
    asked.write_text("- {class: line_deleted, distributor: D001}\n", encoding="utf-8")
    with pytest.raises(simulation.InvalidDefect):
        simulation.run(tmp_path / "out", seed=5, distributors=3, outlets=9, skus=3, days=40, defects=asked)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {class: file_agin}", "none of .*did you mean `file_again`"),
        ("- {class: file_again, distribtor: D001}", "unknown field `distribtor`, did you mean `distributor`"),
        ("- {class: file_again, date: 2026-06-01, period: 2026-06}", "not both"),
        ("- {class: file_again, date: soon}", "'soon' is no date"),
        ("- {class: file_again, period: 2026-06-10/2026-06-01}", "before it begins"),
        ("- {class: file_again, quantity: lots}", "no whole number"),
        ("- {class: file_again, id: x}\n- {class: day_missing, id: x}", "given twice"),
        ("- just text", "no mapping"),
        ("defects: none", "a list of defects is expected"),
        ("- {class: [", "cannot be read as YAML"),
    ],
)
def test_a_defect_file_with_a_mistake_names_the_entry_and_the_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "defects.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(simulation.InvalidDefectFile, match=message):
        defect_file.read(path)


@pytest.mark.parametrize(
    "period", ["2026-05", "2026-05-01/2026-05-31", "{from: 2026-05-01, to: 2026-05-31}", "[2026-05-01, 2026-05-31]"]
)
def test_a_period_can_be_written_in_four_ways(tmp_path: Path, period: str) -> None:
    path = tmp_path / "defects.yaml"
    path.write_text(f"- {{class: cases_as_pieces, period: {period}}}\n", encoding="utf-8")
    (defect,) = defect_file.read(path)
    assert (defect.first, defect.last) == (date(2026, 5, 1), date(2026, 5, 31))
