"""X12 and EDIFACT: what is written is read back; what is damaged is refused alone, and nothing of it is lost."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydifact.segmentcollection import Interchange
from pyx12.x12file import X12Reader

from ingest.contracts import load_contracts
from ingest.limits import DEFAULT
from ingest.profiles import Catalogue, Reading
from ingest.readers import edifact, x12

CONTRACTS = load_contracts()
CATALOGUE = Catalogue(None, CONTRACTS)
GENTLE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=200)

CODE = st.text("ABCDEFXYZ0123456789", min_size=1, max_size=8)
QTY = st.integers(0, 9999).map(str)
LINES = st.lists(st.tuples(CODE, QTY), min_size=1, max_size=6)


def x12_file(kind: str, *body: str, number: int = 1, element: str = "*", end: str = "~") -> bytes:
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'ACME':15}*ZZ*{'US':15}*260301*1200*U*00401*{number:09}*0*P*>"
    inner = [f"ST*{kind}*0001", *body, f"SE*{len(body) + 2}*0001"]
    whole = [isa, "GS*IN*A*B*20260301*1200*1*X*004010", *inner, "GE*1*1", f"IEA*1*{number:09}"]
    return "".join(segment.replace("*", element) + end for segment in whole).encode()


def invoice(lines: list[tuple[str, str]], **how: object) -> bytes:
    items = (f"IT1*{at}*{qty}*EA*2**VP*{code}" for at, (code, qty) in enumerate(lines, 1))
    return x12_file("810", "BIG*20260301*INV1", "N1*BY*Shop*92*D1", *items, f"CTT*{len(lines)}", **how)


def notice(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["BSN*00*S1*20260301*1200", "HL*1**S", "N1*ST*Shop*92*D1"]
    for at, (code, qty) in enumerate(lines, 2):
        body += [f"HL*{at}*1*I", f"LIN**VP*{code}", f"SN1**{qty}*EA"]
    return x12_file("856", *body, f"CTT*{len(lines) + 1}*{sum(int(qty) for _, qty in lines)}", **how)


def resale(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["BPT*00*R1*20260301", "PTD*SS", "N1*ST*Shop*92*O1"]
    for code, qty in lines:
        body += [f"QTY*32*{qty}*EA", f"LIN**VP*{code}", "UIT*EA*2"]
    return x12_file("867", *body, f"CTT*{len(lines)}", **how)


def activity(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["XQ*H*20260301"]
    for code, qty in lines:
        body += [f"LIN**VP*{code}", f"ZA*QS*{qty}*EA", f"SDQ*EA*92*S1*{qty}"]
    return x12_file("852", *body, f"CTT*{len(lines)}", **how)


X12_KINDS = st.sampled_from([invoice, notice, resale, activity])


def edifact_file(kind: str, *body: str, number: int = 1, end: str = "'", una: str = "") -> bytes:
    inner = [f"UNH+1+{kind}:D:96A:UN", *body, f"UNT+{len(body) + 2}+1"]
    whole = [f"UNB+UNOA:2+A+B+260301:1200+R{number}", *inner, f"UNZ+1+R{number}"]
    return (una + "".join(segment + end for segment in whole)).encode()


def sales(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["BGM+73E+S1", "DTM+356:20260301:102", "LOC+162+O1"]
    for code, qty in lines:
        body += [f"LIN+++{code}:EN", f"QTY+153:{qty}"]
    return edifact_file("SLSRPT", *body, **how)


def stock(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["BGM+35+I1", "DTM+137:20260301:102"]
    for code, qty in lines:
        body += [f"LIN+++{code}:EN", f"QTY+145:{qty}"]
    return edifact_file("INVRPT", *body, f"CNT+2:{len(lines)}", **how)


def despatch(lines: list[tuple[str, str]], **how: object) -> bytes:
    body = ["BGM+351+D1", "DTM+11:20260301:102", "NAD+DP+D1", "CPS+1"]
    for code, qty in lines:
        body += [f"LIN+++{code}:EN", f"QTY+12:{qty}"]
    return edifact_file("DESADV", *body, f"CNT+2:{len(lines)}", **how)


EDIFACT_KINDS = st.sampled_from([sales, stock, despatch])
ITEM_SEGMENT = {
    invoice: rb"IT1\*", notice: rb"SN1\*", resale: rb"QTY\*", activity: rb"ZA\*",
    sales: rb"LIN\+", stock: rb"LIN\+", despatch: rb"LIN\+",
}  # fmt: skip


def entries(data: bytes) -> list:
    module, form = (edifact, "edifact") if b"UNB" in data else (x12, "x12")
    return list(module.entries(data, Reading(files=("*",), format=form, encoding="cp1252"), DEFAULT))


def found(records: list) -> list[tuple[str | None, str | None]]:
    quantity = ("QUANTITY", "SN102")
    return [
        (entry.values.get("ITEM"), next((v for n in quantity if (v := entry.values.get(n))), None))
        for entry in records
        if entry.broken is None
    ]


@GENTLE
@given(X12_KINDS, LINES, st.sampled_from("*|^\x1d"), st.sampled_from(["~", "\n", "~\r\n", "'", "\x1c"]))
def test_x12_items_are_read_back(kind, lines, element, end):
    assert found(entries(kind(lines, element=element, end=end))) == lines


@GENTLE
@given(
    EDIFACT_KINDS,
    LINES,
    st.sampled_from([("'", ""), ("'\r\n", ""), ("'", "UNA:+.? '"), ("~", "UNA:+.? ~"), ("\n", "UNA:+,?*\n")]),
)
def test_edifact_items_are_read_back(kind, lines, signs):
    assert found(entries(kind(lines, end=signs[0], una=signs[1]))) == lines


TEXT = st.text(
    st.characters(codec="latin-1", exclude_characters="\x00\r\n", exclude_categories=["Cc", "Zs", "Zl"]), max_size=12
)


@GENTLE
@given(TEXT)
def test_a_released_text_is_read_back(text):
    released = "".join("?" + sign if sign in "?:+'" else sign for sign in text)
    data = edifact_file("SLSRPT", f"NAD+BY+1+x{released}x", "LIN+++1:EN", "QTY+153:1")
    (entry,) = entries(data)

    assert entry.values["NAD.3124[BY]"] == f"x{text}x"


# damage


@st.composite
def damage(draw, size: int):
    start = draw(st.integers(0, size - 1))
    length = draw(st.integers(0, 12))
    new = draw(st.binary(max_size=6))
    return start, start + length, new


def damaged(data: bytes, steps: list[tuple[int, int, bytes]]) -> bytes:
    for start, end, new in steps:
        data = data[:start] + new + data[end:]
    return data


def check_damage(kind, data) -> None:
    lines = data.draw(LINES)
    first, second, third = (kind(lines, number=number) for number in (1, 2, 3))
    steps = data.draw(st.lists(damage(len(second)), min_size=1, max_size=4))
    second = damaged(second, steps)[: data.draw(st.integers(0, len(second)))]
    records = entries(first + second + third)

    begin, end = len(first), len(first) + len(second)
    assert found([entry for entry in records if entry.broken is None])[: len(lines)] == lines
    assert found([entry for entry in records if entry.broken is None])[-len(lines) :] == lines
    terminator = rb"'" if kind in (sales, stock, despatch) else b"~"
    seen = "\x00".join(entry.raw for entry in records)
    whole = (first + second + third)[begin:end].decode("latin-1")
    items = re.findall(rf"(?:^|(?<={terminator.decode()})){ITEM_SEGMENT[kind].decode()}", whole)
    assert len(re.findall(ITEM_SEGMENT[kind].decode(), seen)) >= len(items) + 2 * len(lines)


@GENTLE
@given(X12_KINDS, st.data())
def test_a_damaged_x12_interchange_costs_the_others_nothing(kind, data):
    check_damage(kind, data)


@GENTLE
@given(EDIFACT_KINDS, st.data())
def test_a_damaged_edifact_interchange_costs_the_others_nothing(kind, data):
    check_damage(kind, data)


@GENTLE
@given(st.binary(max_size=300), st.sampled_from([x12, edifact]))
def test_any_bytes_behind_an_opening_end_in_records(content, module):
    opening = invoice([("A", "1")])[:106] if module is x12 else b"UNB+UNOA:2+A+B+260301:1200+R1'"

    assert all(entry.broken or entry.left_out for entry in entries(opening + content))


# other readers agree


@GENTLE
@given(X12_KINDS, LINES, st.sampled_from([None, b"SE*", b"GE*1", b"IEA*1"]))
def test_pyx12_agrees_on_envelopes(kind, lines, broken):
    data = kind(lines)
    if broken is not None:
        data = data.replace(broken, broken + b"9")
    reader = X12Reader(io.StringIO(data.decode()))
    problems = [problem for _ in reader for problem in reader.pop_errors() if problem[0] in ("isa", "gs", "st")]

    assert bool(problems) is (broken is not None) is any(entry.broken for entry in entries(data))


@pytest.mark.filterwarnings("ignore:segments.xml not found")
@GENTLE
@given(EDIFACT_KINDS, LINES)
def test_pydifact_agrees_on_segments(kind, lines):
    data = kind(lines)
    codes = [segment.elements[2][0] for segment in Interchange.from_str(data.decode()).segments if segment.tag == "LIN"]

    assert codes == [code for code, _ in found(entries(data))]
