"""Fixed width: fields at their places, lines of several kinds, and a trailer that must agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.profiles import FixedWidth, Reading
from ingest.readers import read

ENVELOPE = {"type": [1, 1], "records": ["D"], "header": ["H"], "trailer": ["T"], "left_out": ["X"], "count": [2, 3]}


def framed(text: str | bytes, fields: dict, encoding: str = "utf-8", title_rows: int = 0, **form):
    reading = Reading(
        files=("*",),
        format="fixed_width",
        encoding=encoding,
        title_rows=title_rows,
        fixed_width={"fields": fields, **form},
    )
    return read(text if isinstance(text, bytes) else text.encode(encoding), "x.txt", reading)


def rules(found) -> dict[int, str]:
    return {index: broken.rule for index, broken in found.broken.items()}


def test_fields_stand_one_after_the_other_or_where_the_profile_says():
    found = framed("ABC12xxZ\r\nDE  3yy \n", {"code": 3, "qty": 2, "filler": 2, "flag": [8, 1]})

    assert found.header == ("code", "qty", "flag")
    assert found.cells.rows() == [("ABC", "12", "Z"), ("DE ", " 3", " ")]
    assert (found.lines, found.raws([0, 1])) == ([1, 2], ["ABC12xxZ", "DE  3yy "])


def test_places_are_counted_in_signs_after_decoding():
    assert framed("Café1\n", {"name": 4, "qty": 1}, "cp1252").cells.rows() == [("Café", "1")]
    assert framed("Café1\n", {"name": 4, "qty": 1}, "utf-8").cells.rows() == [("Café", "1")]


def test_a_line_that_is_too_short_or_too_long_is_rejected_with_its_text():
    found = framed("AB12\nAB1\nAB123\nAB12  \n\n", {"code": 2, "qty": 2})

    assert rules(found) == {1: "width", 2: "width"}
    assert (found.broken[1].raw, found.broken[1].line) == ("AB1", 2)
    assert found.broken[2].problem == "has 5 signs, more than the 4 that the profile says"
    assert found.cells.rows()[0::3] == [("AB", "12"), ("AB", "12")]


def test_lines_whose_trailing_blanks_were_cut_off_may_be_declared():
    found = framed("AB12\nAB1\n", {"code": 2, "qty": 2}, trimmed=True)

    assert (rules(found), found.cells.rows()) == ({}, [("AB", "12"), ("AB", "1")])


def test_kinds_of_line_are_told_apart_by_their_mark():
    found = framed("H\nDA\nXB\nDC\nQD\nT004\n", {"code": [2, 1]}, **ENVELOPE)

    assert found.totals == {0, 5}
    assert found.left_out == {2: "record type X"}
    assert rules(found) == {4: "record_type"}
    assert found.broken[4].problem == 'its type "Q" is none of D, X'


def test_a_trailer_that_does_not_agree_costs_its_own_envelope_only():
    found = framed("H\nDA\nDB\nT003\nH\nDC\nT001\n", {"code": [2, 1]}, **ENVELOPE)

    assert rules(found) == {1: "control_count", 2: "control_count"}
    assert found.broken[1].problem == 'the trailer in line 4 states "003" records, there are 2'
    assert found.cells.rows()[5] == ("C",)


@pytest.mark.parametrize("text", ["H\nDA\nDB\n", "DA\nDB\nH\nT000\n", "H\nDA\nDB\nTxyz\n"])
def test_records_without_a_sound_trailer_are_rejected(text):
    assert sorted(set(rules(framed(text, {"code": [2, 1]}, **ENVELOPE)).values())) == ["control_count"]


def test_a_trailer_that_counts_records_which_are_not_there_is_itself_rejected():
    found = framed("H\nT005\n", {"code": [2, 1]}, **ENVELOPE)

    assert (rules(found), found.totals) == ({1: "control_count"}, {0})


def test_an_empty_envelope_that_says_so_is_fine():
    found = framed("H\nT000\n", {"code": [2, 1]}, **ENVELOPE)

    assert (rules(found), found.totals) == ({}, {0, 1})


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_a_file_without_a_line_is_refused(text):
    with pytest.raises(FileUnreadable, match="empty"):
        framed(text, {"code": 1})


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"fields": {}}, "names no field"),
        ({"fields": {"a": 0}}, "greater than or equal to 1"),
        ({"fields": {"a": [1]}}, "valid dictionary"),
        ({"fields": {"a": 1}, "records": ["D"]}, "`type` must say"),
        ({"fields": {"a": 1}, "type": [1, 1], "count": [2, 3]}, "`count` needs `trailer`"),
    ],
)
def test_places_that_make_no_sense_are_refused(form, says):
    with pytest.raises(ValueError, match=says):
        FixedWidth.model_validate(form)


def test_a_field_that_a_setting_names_must_have_a_place():
    with pytest.raises(ValueError, match="unknown key `qtty`, did you mean `qty`"):
        Reading(files=("*",), format="fixed_width", fixed_width={"fields": {"qty": 2}}, columns={"qty": "qtty"})
    with pytest.raises(ValueError, match="go together"):
        Reading(files=("*",), format="fixed_width")


@given(st.lists(st.text(alphabet="HDTX 0123A\n\r", max_size=6).map(lambda text: text.replace("\n", "")), max_size=8))
def test_every_line_is_one_entry_whatever_it_holds(lines):
    text = "DA\n" + "".join(line + "\n" for line in lines)

    found = framed(text, {"code": [2, 1]}, **ENVELOPE)

    assert found.entries == text.count("\n")
    assert not found.totals & found.broken.keys()
