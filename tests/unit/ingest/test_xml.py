"""Safe XML: cut into its repeated elements, each read or refused alone."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileUnreadable
from ingest.limits import Limits
from ingest.readers.framed import Broken
from ingest.readers.xml import Piece, pieces

TWO = b'<E>\n<V no="1"><I>a</I><I>b</I></V>\n<V no="2"><I>c</I></V>\n</E>'


def read(data: bytes, encoding: str = "utf-8", **limits: int) -> list[Piece | Broken]:
    return list(pieces(data, ["V"], ["I"], roots=["E"], numbers=["no"], encoding=encoding, limits=Limits(**limits)))


def values(found: Sequence[Piece | Broken]) -> list[str | None]:
    return [item.element.text for piece in found if isinstance(piece, Piece) for item in piece.items]


def problems(found: Sequence[Piece | Broken]) -> list[tuple[str, int, str]]:
    return [(piece.rule, piece.line, piece.raw) for piece in found if isinstance(piece, Broken)]


def test_each_item_has_its_line_and_its_text():
    found = [item for piece in read(TWO) if isinstance(piece, Piece) for item in piece.items]

    assert [(item.line, item.text) for item in found] == [(2, "<I>a</I>"), (2, "<I>b</I>"), (3, "<I>c</I>")]


def test_a_malformed_element_costs_only_itself_and_counts_its_items():
    found = read(TWO.replace(b"<I>b</I>", b"<I>b</J>"))

    assert values(found) == ["c"]
    assert problems(found) == [("xml", 2, "<I>a</I>"), ("xml", 2, "<I>b</J></V>")]
    broken = found[0]
    assert isinstance(broken, Broken)
    assert broken.problem.startswith("the element no 1 in bytes 4 to 34 is not well-formed XML")


def test_an_unescaped_ampersand_costs_only_its_element():
    assert values(read(TWO.replace(b"<I>c<", b"<I>M & M<"))) == ["a", "b"]


@pytest.mark.parametrize(("lost", "instead"), [(b'<V no="1">', b'<W no="1">'), (b"</V>\n<V", b"</W>\n<V")])
def test_a_lost_tag_of_an_element_costs_only_its_items(lost, instead):
    found = read(TWO.replace(lost, instead))

    assert values(found) == ["c"]
    assert [rule for rule, _, _ in problems(found)] == ["xml", "xml"]


def test_items_outside_any_element_are_refused_not_lost():
    found = read(TWO.replace(b'<V no="1">', b"<W>").replace(b"b</I></V>", b"b</I></W>"))

    assert values(found) == ["c"]
    assert len(problems(found)) == 2


def test_of_a_file_cut_short_the_whole_elements_are_read_and_the_rest_is_one_stretch():
    found = read(TWO[:-13])

    assert values(found) == ["a", "b"]
    assert problems(found) == [("truncated", 3, '<V no="2"><I>c')]


def test_a_file_cut_short_between_elements_is_not_taken_for_whole():
    found = read(TWO.removesuffix(b"</E>"))

    assert values(found) == ["a", "b", "c"]
    assert [rule for rule, _, _ in problems(found)] == ["truncated"]


@pytest.mark.parametrize(
    "reference", [b"&#4;", b"&#x4;", b"&#x1F;", b"\x04", b"&#xFFFF;", b"&#xD800;", b"\xef\xbf\xbf"]
)
def test_characters_that_xml_does_not_allow_are_taken_out(reference):
    assert values(read(TWO.replace(b"<I>a<", b"<I>" + reference + b" a<")))[0] == " a"


@pytest.mark.parametrize("reference", [b"&#233;", b"&#xE9;", "é".encode()])
def test_characters_that_xml_allows_stay(reference):
    assert values(read(TWO.replace(b"<I>a<", b"<I>" + reference + b"<")))[0] == "é"


@pytest.mark.parametrize("declared", ["utf-8", "UTF-16", "windows-1252"])
@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_bytes_are_believed_before_the_declaration(codec, declared):
    if codec == "utf-16-be" and declared == "windows-1252":
        declared = "utf-16"
    text = f'<?xml version="1.0" encoding="{declared}"?>' + TWO.decode().replace("<I>a<", "<I>é<")

    assert values(read(text.encode(codec))) == ["é", "b", "c"]


def test_a_declared_encoding_is_used_where_the_bytes_do_not_tell():
    assert values(read(b'<?xml version="1.0" encoding="windows-1252"?>' + TWO.replace(b"c<", b"\xe9<")))[-1] == "é"


def test_the_profile_encoding_beats_the_declaration():
    data = b'<?xml version="1.0" encoding="utf-8"?>' + TWO.replace(b"c<", b"\xe9<")

    assert values(read(data, "cp1252"))[-1] == "é"


def test_bytes_that_are_no_text_cost_only_their_element():
    found = read(TWO.replace(b"c<", b"\xe9<"))

    assert values(found) == ["a", "b"]
    assert problems(found) == [("encoding", 3, "<I>\\xe9</I></V>")]


def test_byte_ranges_are_those_of_the_file_in_utf_16():
    data = "é".join(["<E><V><I>", "</I></V><V><I></J></V></E>"]).encode("utf-16")

    broken = read(data)[1]

    assert isinstance(broken, Broken)
    start = data.index("<V><I></J>".encode("utf-16-le"))
    assert f"bytes {start} to {start + 28} " in broken.problem


def test_prefixes_declared_outside_or_nowhere_do_no_harm():
    found = read(b'<x:E xmlns:x="urn:x"><x:V><x:I y:z="1">a</x:I></x:V></x:E>')

    assert values(found) == ["a"]


def test_commented_elements_do_not_count_and_a_stray_comment_sign_hides_nothing():
    assert values(read(TWO.replace(b'<V no="2">', b'<!-- <V><I>x</I></V> --><V no="2">'))) == ["a", "b", "c"]
    assert "c" in values(read(TWO.replace(b"<E>", b"<E><!-- ").replace(b"</E>", b"<!-- end --></E>")))


def test_names_inside_character_data_are_text():
    found = read(TWO.replace(b"<I>a<", b"<I><![CDATA[</V><V><I>]]><"))

    assert values(found) == ["</V><V><I>", "b", "c"]
    assert problems(found) == []


@pytest.mark.parametrize(
    ("inside", "rule"), [(b"<a>" * 100 + b"</a>" * 100, "xml_depth"), (b"<a></b>", "xml"), (b"\xff", "encoding")]
)
def test_a_file_without_elements_that_cannot_be_read_is_not_taken_for_empty(inside, rule):
    assert [rule for rule, _, _ in problems(read(b"<E>" + inside + b"</E>", xml_depth=50))] == [rule]


LAUGHS = b"<!DOCTYPE E [" + b"".join(
    b'<!ENTITY l%d "%s">' % (level, b"&l%d;" % (level - 1) * 10 if level else b"ha") for level in range(12)
)


@pytest.mark.parametrize(
    "data",
    [
        LAUGHS + b"]>" + TWO.replace(b"<I>a<", b"<I>&l11;<"),
        b'<!DOCTYPE E [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + TWO.replace(b"<I>a<", b"<I>&f;<"),
        b'<!DOCTYPE E [<!ENTITY % f SYSTEM "http://127.0.0.1:9/x.dtd">%f;]>' + TWO,
        ('<!DOCTYPE E [<!ENTITY f "x">]>' + TWO.decode()).encode("utf-16"),
    ],
)
def test_entities_are_refused_at_once(data):
    began = time.process_time()

    with pytest.raises(FileUnreadable) as refusal:
        read(data)

    assert refusal.value.rule == "xml_entities"
    assert time.process_time() - began < 1


def test_a_dtd_without_entities_is_passed_over():
    assert values(read(b'<!DOCTYPE E SYSTEM "e.dtd">' + TWO)) == ["a", "b", "c"]


@pytest.mark.parametrize("depth", [63, 300, 200_000])
def test_an_element_too_deep_is_refused_alone(depth):
    found = read(TWO.replace(b"<I>c</I>", b"<a>" * depth + b"</a>" * depth + b"<I>c</I>"), xml_depth=63)

    assert values(found) == ["a", "b"]
    assert [rule for rule, _, _ in problems(found)] == ["xml_depth"]


def test_an_element_too_long_is_refused_alone():
    found = read(TWO.replace(b"<I>c<", b"<I>" + b"c" * 1000 + b"<"), line_bytes=500)

    assert values(found) == ["a", "b"]
    assert [rule for rule, _, _ in problems(found)] == ["xml_size"]


@pytest.mark.parametrize("data", [b"hello", b"<html><body>Error 500</body></html>", b"\x00\x01\x02"])
def test_what_is_no_such_xml_is_refused_as_a_whole(data):
    with pytest.raises(FileUnreadable) as refusal:
        read(data)

    assert refusal.value.rule == "xml"


@pytest.mark.parametrize("data", [b"<E/>", b"<E></E>", b"<?xml version='1.0'?>\n<!-- none -->\n<E>\n</E>\n"])
def test_a_whole_file_without_elements_is_empty(data):
    assert read(data) == []


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=3), max_size=4), st.data())
def test_a_damaged_byte_loses_no_other_element(vouchers, data):
    written = ["<V>" + "".join(f"<I>{_escaped(text)}</I>" for text in items) + "</V>" for items in vouchers]
    whole = ("<E>\n" + "\n".join(written) + "\n</E>").encode()
    expected = values(read(whole))
    assert len(expected) == sum(map(len, vouchers))
    position = data.draw(st.integers(0, len(whole) - 1))

    try:
        found = read(whole[:position] + data.draw(st.binary(max_size=2)) + whole[position + 1 :])
    except FileUnreadable:
        return

    at = 4
    for items, text in zip(vouchers, written, strict=True):
        end = at + len(text.encode())
        if items and not at - 2 <= position <= end + 1:
            assert any(_holds(found, text, items))
        at = end + 1


def _escaped(text: str) -> str:
    text = "".join(sign for sign in text if sign >= " " and sign not in "\ufffe\uffff")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _holds(found: Sequence[Piece | Broken], text: str, items: Sequence[str]) -> list[bool]:
    return [isinstance(piece, Piece) and piece.text == text and len(piece.items) == len(items) for piece in found]
