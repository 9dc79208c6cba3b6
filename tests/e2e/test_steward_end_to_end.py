"""A code that nobody knows: it stays in every total, gets a suggestion, and once accepted it restates history."""

from pathlib import Path

import duckdb
import pytest

import ingest
from sellthrough import decisions, publish, steward, warehouse
from sellthrough.settings import Settings

FILES = {
    "csv_generic/HQ/sku.csv": "sku_code,sku_name,gtin,units_per_case\nS1,Lotus Soap Rose 100 g,8901030000010,12\nS2,Neem Paste 150 g,,24\n",
    "csv_generic/HQ/outlet.csv": "outlet_code,outlet_name,tax_no,territory_code\nO1,Sharma General Store,29AAACB1234C1Z1,T1\n",
    "csv_generic/HQ/territory.csv": "territory_code,territory_name,level\nT1,North,TERRITORY\n",
    "csv_generic/HQ/distributor.csv": "distributor_code,distributor_name,territory_code\nD1,Gupta Traders,T1\n",
    "csv_generic/D1/dms_invoice_line_2026-03-01.csv": (
        "document_type,document_no,line_no,business_date,sender_outlet_code,outlet_name,sender_sku_code,sku_name,qty,unit,value_net\n"
        "INVOICE,A,1,2026-03-01,O1,Sharma,=77,LOTUS SOAP ROSE 100GM,2,CS,768.00\n"
        "INVOICE,A,2,2026-03-01,0017,SHARMA GENERAL STORES,S2,Neem,3,EA,270.00\n"
    ),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    """A home that published what landed, with the suggestions for the codes that nobody knows."""
    settings = Settings(home=tmp_path_factory.mktemp("steward"))
    for name, text in FILES.items():
        path = settings.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ingest.run(settings.home)
    warehouse.build(settings)
    warehouse.alert(settings)
    publish.publish(settings)
    return settings


def decide(settings: Settings, taken: list[decisions.Decision]) -> None:
    """Record decisions and publish what they make of the lines."""
    decisions.record(settings, taken)
    ingest.run(settings.home)
    warehouse.build(settings)
    publish.publish(settings)


def shown(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.published), read_only=True) as con:
        return con.execute(query).fetchall()


@pytest.mark.timeout(600)
def test_an_accepted_suggestion_restates_history_and_leaves_what_was_known_before(settings: Settings, tmp_path: Path):
    waiting = steward.queue(settings)
    assert [(row["kind"], row["code"], row["suggested_code"]) for row in waiting] == [
        ("SKU", "=77", "S1"),
        ("OUTLET", "0017", "O1"),
    ]
    assert shown(
        settings,
        "select sku_code, sum(secondary_qty_base), sum(secondary_value_net) from reporting.sell_through_daily group by 1 order by 1",
    ) == [
        ("S2", 3, 270),
        ("UNKNOWN", 0, 768),
    ]
    before = shown(settings, "select max(seq) from reporting.publication")[0][0]

    sheet = steward.sheet([{**row, "accept": row["suggested_code"]} for row in waiting])
    decide(settings, steward.accepted(sheet, decided_by="asha", reason="names and packs agree"))

    assert steward.queue(settings) == []
    assert shown(
        settings,
        "select sku_code, outlet_code, qty_base, value_net from reporting.secondary_sale_line order by line_no",
    ) == [
        ("S1", "O1", 24, 768),
        ("S2", "O1", 3, 270),
    ]
    assert shown(
        settings, f"select sku_code, qty_base from reporting.secondary_sale_line_as_known({before}) order by line_no"
    ) == [
        ("UNKNOWN", None),
        ("S2", 3),
    ]
    assert shown(settings, "select distinct cause from history.sale_line_version where seq_to is null") == [
        ("remapped",)
    ]


@pytest.mark.timeout(600)
def test_a_decision_may_be_taken_back(settings: Settings):
    taken_back = decisions.mapping("SKU", "D1", "=77", None, decided_by="asha", reason="it was another soap")
    decide(settings, [taken_back])

    assert [(row["kind"], row["code"]) for row in steward.queue(settings)] == [("SKU", "=77")]
