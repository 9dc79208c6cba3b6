"""JSON: one object per line or in an array, numbers as they are written, and one bad record costs one record."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.profiles import Reading
from ingest.readers import read

READING = Reading(files=("*",), format="jsonl")


def framed(text: str | bytes, limits: Limits | None = None):
    return read(text if isinstance(text, bytes) else text.encode(), "x.jsonl", READING, limits or Limits())


def records(found) -> list[dict[str, str]]:
    rows = [dict(zip(found.header, row, strict=True)) for row in found.cells.rows()]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


def test_each_line_is_a_record_and_nested_keys_have_dots():
    found = framed('{"id": "A", "customer": {"code": "007", "geo": {"lat": 1.50}}}\r\n\n{"id": "B", "note": null}\n')

    assert found.header == ("id", "customer.code", "customer.geo.lat", "note")
    assert records(found) == [{"id": "A", "customer.code": "007", "customer.geo.lat": "1.50"}, {}, {"id": "B"}]
    assert (found.lines, found.raws([2])) == ([1, 2, 3], ['{"id": "B", "note": null}'])


def test_values_become_text_without_loss():
    found = framed(
        '{"n": 12345678901234567890.10, "e": 1.5E+3, "t": true, "f": false, "l": [1.10, "x", {"a": 2.0}], "big": 1e999}\n'
    )

    assert records(found) == [
        {
            "n": "12345678901234567890.10",
            "e": "1500",
            "t": "true",
            "f": "false",
            "l": '[1.10,"x",{"a":2.0}]',
            "big": "1e999",
        }
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"a": 1', "Expecting"),
        ("[1, 2]", "no object"),
        ('"text"', "no object"),
        ("12", "no object"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1, "a": 2}', 'names the key "a" twice'),
        ('{"a": {"b": 1}, "a.b": 2}', 'names the key "a.b" twice'),
        ('{"a": "\\ud800"}', "no text can hold"),
        ('{"a": "x\\u0000"}', "no text can hold"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_read_is_one_reject(line, says):
    found = framed('{"a": 1}\n' + line + '\n{"a": 3}\n')

    assert list(found.broken) == [1]
    assert (found.broken[1].rule, found.broken[1].line, found.broken[1].raw) == ("json", 2, line)
    assert says in found.broken[1].problem
    assert records(found)[0::2] == [{"a": "1"}, {"a": "3"}]


def test_an_array_is_read_element_by_element():
    found = framed('\n[\n  {"a": 1,\n   "b": "x"},\n  7,\n  {"a": 2}\n]\n')

    assert records(found) == [{"a": "1", "b": "x"}, {}, {"a": "2"}]
    assert (found.lines, list(found.broken)) == ([3, 5, 6], [1])
    assert found.raws([0]) == ['{"a": 1,\n   "b": "x"}']


@pytest.mark.parametrize(
    ("text", "good", "raw", "says"),
    [
        ('[{"a": 1}, {"a": 2}', 1, '{"a": 2}', "no comma and no end"),
        ('[{"a": 1}, {"a": ', 1, '{"a": ', "bytes 12 to 17"),
        ('[{"a": 1},', 1, "", "Expecting value"),
        ('[{"a": 0}, {"a": 1} {"a": 2}]', 1, '{"a": 1} {"a": 2}]', "no comma"),
        ('[{"a": 1}] x', 1, "x", "behind the end"),
    ],
)
def test_what_is_damaged_in_an_array_is_one_reject_to_its_end(text, good, raw, says):
    found = framed(text)

    assert (found.entries, list(found.broken)) == (good + 1, [good])
    assert found.broken[good].raw == raw
    assert says in found.broken[good].problem


@pytest.mark.parametrize("text", ["", " \n ", "[]", "[ ]\n"])
def test_a_file_without_a_record_is_refused(text):
    with pytest.raises(FileUnreadable, match="empty"):
        framed(text)


def test_a_file_without_a_readable_record_is_refused_with_their_number():
    with pytest.raises(FileUnreadable, match="line 2: it is no JSON") as refused:
        framed("\na;b\n1;2\n")

    assert (refused.value.rule, refused.value.records, refused.value.blank) == ("json", 2, 1)


def test_too_many_keys_are_refused():
    with pytest.raises(FileUnreadable, match="11 columns, more than 10"):
        framed(json.dumps({str(n): n for n in range(11)}), Limits(columns=10))


def test_a_long_array_on_one_line_is_no_long_line():
    text = json.dumps([{"a": n} for n in range(100)])

    assert framed(text, Limits(line_bytes=50)).entries == 100
    with pytest.raises(FileUnreadable, match="longer than 50 bytes"):
        framed('{"a": "' + "x" * 60 + '"}', Limits(line_bytes=50))


def test_decisions_lie_in_the_folder_of_their_profile_and_grow(landing):
    line = '{"decision_id": "%s", "decided_at": "2026-03-02T15:00:00+05:30", "decided_by": "asha", "kind": "COMMENT", "subject": "x", "reason": "y"}\n'
    landing.put("decisions/2026-03-02.jsonl", line % "1")
    landing.run()
    landing.put("decisions/2026-03-02.jsonl", line % "1" + line % "2")
    landing.run()

    rows = landing.rows("decision")
    assert rows["decision_id"].to_list() == ["1", "1", "2"]
    assert rows["decided_at"].unique().to_list() == [datetime(2026, 3, 2, 9, 30)]
    assert rows["_sender"].unique().to_list() == ["DECISIONS"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='aé" \n\u2028{}[],:'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="ab.", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), max_size=5))
def test_lines_and_an_array_of_the_same_objects_give_the_same(objects):
    objects = [{"z": 1}, *objects]
    lines = "".join(json.dumps(item) + "\n" for item in objects)
    array = json.dumps(objects, indent=1)

    one, other = framed(lines), framed(array)

    assert (one.header, records(one)) == (other.header, records(other))
    assert one.broken.keys() == other.broken.keys()


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_a_number_keeps_its_value(value):
    (record,) = records(framed(f'{{"n": {value}}}'))

    assert Decimal(record["n"]) == value


@given(st.text(alphabet='{}[],:"a1 \n\\', max_size=30))
def test_every_line_is_one_entry_whatever_it_holds(body):
    text = '{"a": 1}\n' + body

    assert framed(text).entries == len(text.removesuffix("\n").split("\n"))
