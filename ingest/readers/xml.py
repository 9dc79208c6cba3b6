"""XML that senders write, read safely and one repeated element at a time.

A tolerant scan cuts the file into its repeated elements (a Tally voucher, a POSLog transaction, an IDoc) without parsing it; each is then parsed
alone. So an element that is not well-formed costs only itself, a file that was cut short gives all its whole elements, and memory holds one
element at a time. No DTD is read, no entity is expanded, nothing is fetched.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from lxml import etree

from ingest.errors import FileUnreadable
from ingest.limits import DEFAULT, Limits
from ingest.readers.framed import Broken, Entry

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,9})|([0-9]{1,9}));")
_PREFIX = re.compile(rb"[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]")
_NAMESPACE = re.compile(rb"""\sxmlns(?::([\w.-]+))?\s*=\s*("[^"<]*"|'[^'<]*')""")
_ROOT = re.compile(rb"<([A-Za-z_][\w.:-]*)")
_COMMENT = re.compile(rb"<!--(?:[^-]|-(?!-))*+-->")
_RAW_BYTES = 64 * 1024
"""Text of a refused stretch that is kept with it; its byte range says where the rest stands."""


@dataclass(frozen=True)
class Item:
    """One item of an element: the XML element, the line where it begins, and its text as in the file."""

    element: etree._Element
    line: int
    text: str


@dataclass(frozen=True)
class Piece:
    """One repeated element of a file, parsed.

    Attributes:
        line: line of its start tag, 1-based.
        start, end: its bytes in the file, from 0, end exclusive.
        text: its text as in the file.
        items: the elements in it that are counted, in the order of the file.
    """

    element: etree._Element
    line: int
    start: int
    end: int
    text: str
    items: tuple[Item, ...]


def pieces(
    data: bytes,
    names: Sequence[str],
    items: Sequence[str],
    *,
    roots: Sequence[str] = (),
    numbers: Sequence[str] = (),
    encoding: str = "utf-8",
    limits: Limits = DEFAULT,
) -> Iterator[Piece | Broken]:
    """The repeated elements of a file in their order; for each stretch that cannot be read, one `Broken` per item that can be counted in it,
    and for the rest of a file that was cut short one.

    Names are local names, compared without case; any namespace prefix is accepted.

    Args:
        names: the repeated elements. None stands inside another of its own name; one inside another of theirs belongs to that one.
        items: the elements inside them that are records.
        roots: what the outermost element of a file without any repeated element may be; any, where none is given.
        numbers: elements or attributes that tell a repeated element from the others, for messages.
        encoding: the profile's encoding; a byte order mark and the bytes themselves are believed before it, and it before the declaration
            inside the file unless it is the default, UTF-8.

    Raises:
        FileUnreadable: the file declares entities, is in no known encoding, or is no XML with such elements.
    """
    yield from _Scan(data, names, items, roots, numbers, encoding, limits).run()


def refused(broken: Broken) -> Entry:
    """A broken stretch as the entry of a reader."""
    return Entry({}, broken.line, broken.raw, broken=broken)


def local_name(element: etree._Element) -> str:
    """Name of an element without its namespace, in upper case."""
    return _upper(element.tag)


def text_of(element: etree._Element | None) -> str | None:
    """Text inside an element without blanks around it; None where there is none."""
    if element is None or element.text is None:
        return None
    return element.text.strip() or None


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element below along a path of local names in upper case."""
    for name in path:
        if element is None:
            return None
        element = next((inner for inner in element if local_name(inner) == name), None)
    return element


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Elements directly below of a local name in upper case."""
    return [inner for inner in element if local_name(inner) == name]


@cache
def _upper(tag: str) -> str:
    return tag.rpartition("}")[2].upper()


class _Scan:
    """One pass over a file's bytes."""

    def __init__(
        self,
        data: bytes,
        names: Sequence[str],
        items: Sequence[str],
        roots: Sequence[str],
        numbers: Sequence[str],
        encoding: str,
        limits: Limits,
    ) -> None:
        self.codec, self.bom = _encoding(data, encoding)
        self.is_ascii_like = _is_ascii_like(self.codec)
        self.data = data[self.bom :] if self.is_ascii_like else _transcoded(data[self.bom :], self.codec)
        self.limits = limits
        self.names = ", ".join(f"<{name}>" for name in names)
        self.tokens = re.compile(rb"<!--|<!\[CDATA\[|" + _tag(names), re.IGNORECASE)
        self.item = re.compile(_tag(items), re.IGNORECASE)
        self.item_names = frozenset(name.upper() for name in items)
        self.roots = frozenset(name.upper().encode() for name in roots)
        self.numbers = [(name, re.compile(_valued(name), re.IGNORECASE)) for name in numbers]
        self.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        self.too_deep = etree.XPath(f"boolean(/*{'/*' * (limits.xml_depth + 1)})")
        self.namespaces: dict[bytes, bytes] = {}
        self.line, self.line_at = 1, 0
        self.offset, self.offset_at = self.bom, 0

    def run(self) -> Iterator[Piece | Broken]:
        """All elements and broken stretches, in order."""
        opened: int | None = None
        done = 0
        found = False
        root: bytes | None = None
        for is_end, is_whole, start, end in self._tags():
            if opened is None and not is_end:
                if not found:
                    root = self._root(self.data[:start])
                found = True
                yield from self._between(done, start)
                opened = start
                if is_whole:
                    yield from self._element(start, end)
                    opened, done = None, end
            elif opened is not None and is_end:
                yield from self._element(opened, end)
                opened, done = None, end
            elif opened is not None:
                yield from self._broken(opened, start, "xml", "is not closed before the next one begins")
                opened, done = start, start
                if is_whole:
                    yield from self._element(start, end)
                    opened, done = None, end
            else:
                found = True
                yield from self._broken(done, end, "xml", "has no start tag that can be read")
                done = end
        length = len(self.data)
        if not found:
            yield from self._nothing()
        elif opened is not None:
            yield from self._broken(opened, length, "truncated", "is not closed: the file ends inside it")
        else:
            yield from self._tail(done, length, root)

    def _tags(self) -> Iterator[tuple[bool, bool, int, int]]:
        """Start and end tags of the outer repeated elements, outside comments and CDATA: (is an end tag, is empty, from, to)."""
        data, position = self.data, 0
        inside: bytes | None = None
        while (token := self.tokens.search(data, position)) is not None:
            position = token.end()
            if token.group().startswith(b"<!-"):
                close = data.find(b"--", position)
                if close >= 0 and data[close + 2 : close + 3] == b">":
                    position = close + 3
            elif token.group().startswith(b"<!"):
                following = data.find(b"<![CDATA[", position)
                close = data.find(b"]]>", position, following if following >= 0 else len(data))
                if close >= 0:
                    position = close + 3
            else:
                name, is_end = token["name"].upper(), token["end"] == b"/"
                if inside not in (None, name):
                    continue
                is_whole = (token["rest"] or b"").endswith(b"/>")
                inside = None if is_end or is_whole else name
                yield is_end, is_whole, token.start(), token.end()

    def _element(self, start: int, end: int) -> Iterator[Piece | Broken]:
        if end - start > self.limits.line_bytes:
            yield from self._broken(start, end, "xml_size", f"is longer than {self.limits.line_bytes} bytes")
            return
        original = self.data[start:end]
        try:
            text = self._text(original)
        except UnicodeDecodeError as error:
            problem = f"is not written in {self.codec} (byte {self._offset(start + error.start)})"
            yield from self._broken(start, end, "encoding", problem)
            return
        source = original if self.codec == "utf-8" or not self.is_ascii_like else text.encode()
        try:
            wrapper = etree.fromstring(self._wrapped(_scrubbed(source)), self.parser)
        except etree.XMLSyntaxError as error:
            problem = re.sub(r",? line \d+(, column \d+)?", "", error.msg or "no reason given")
            rule = "xml_depth" if "depth" in problem else "xml"
            yield from self._broken(start, end, rule, f"is not well-formed XML ({problem})")
            return
        if self.too_deep(wrapper):
            yield from self._broken(
                start, end, "xml_depth", f"has elements more than {self.limits.xml_depth} deep inside each other"
            )
            return
        line = self._line(start)
        yield Piece(
            wrapper[0], line, self._offset(start), self._offset(end), text, self._items(wrapper[0], original, line)
        )

    def _items(self, element: etree._Element, source: bytes, line: int) -> tuple[Item, ...]:
        found = [inner for inner in element.iter() if local_name(inner) in self.item_names]
        starts = [tag for tag in self.item.finditer(source) if not tag["end"]]
        if len(starts) != len(found):
            return tuple(Item(inner, line, etree.tostring(inner, encoding="unicode").strip()) for inner in found)
        items = []
        counted = 0
        ends = [*(tag.start() for tag in starts[1:]), len(source)]
        for inner, tag, end in zip(found, starts, ends, strict=False):
            line += source.count(b"\n", counted, tag.start())
            counted = tag.start()
            items.append(Item(inner, line, self._text(self._until_closed(source[tag.start() : end], tag))))
        return tuple(items)

    def _until_closed(self, text: bytes, tag: re.Match[bytes]) -> bytes:
        """An item's text without what follows its end."""
        if (tag["rest"] or b"").endswith(b"/>"):
            return text[: tag.end() - tag.start()]
        closing = next((end for end in self.item.finditer(text) if end["end"]), None)
        return text[: closing.end()] if closing else text

    def _text(self, source: bytes, errors: str = "strict") -> str:
        return source.decode(self.codec if self.is_ascii_like else "utf-8", errors)

    def _wrapped(self, source: bytes) -> bytes:
        """The element inside another one that declares the prefixes which the file declares further out, or forgot to."""
        prefixes = set(_PREFIX.findall(source)) - {b"xml", b"xmlns"}
        declared = {prefix: uri for prefix, uri in self.namespaces.items() if not prefix or prefix in prefixes}
        for prefix in prefixes - declared.keys():
            declared[prefix] = b'"' + prefix + b'"'
        attributes = b"".join(
            b" xmlns" + (b":" + prefix if prefix else b"") + b"=" + uri for prefix, uri in declared.items()
        )
        return b"<_" + attributes + b">" + source + b"</_>"

    def _between(self, start: int, end: int) -> Iterator[Broken]:
        """What stands between two repeated elements: nothing that counts, unless the tags around it are lost."""
        stretch = _COMMENT.sub(b"", self.data[start:end])
        if b"<!ENTITY" in stretch.upper():
            raise FileUnreadable(
                "xml_entities",
                "declares XML entities, which are never expanded; ask the sender for a file without a DTD",
                line=self._line(start),
            )
        for match in _NAMESPACE.finditer(stretch):
            if len(match.group(2)) > len('""'):
                self.namespaces[match.group(1) or b""] = match.group(2)
        if self.item.search(stretch):
            yield from self._broken(start, end, "xml", f"stands in none of {self.names}")

    def _tail(self, start: int, end: int, root: bytes | None) -> Iterator[Broken]:
        yield from self._between(start, end)
        closed = rb"</%b\s*>|<%b\b[^<>]*/>" % ((re.escape(root),) * 2) if root is not None else b""
        if root is not None and not re.search(closed, self.data[start:end]):
            name = root.decode("ascii", "replace")
            yield from self._broken(start, end, "truncated", f"ends the file, and <{name}> is never closed")

    def _root(self, head: bytes) -> bytes | None:
        found = _ROOT.search(_COMMENT.sub(b"", head))
        return found.group(1) if found else None

    def _nothing(self) -> Iterator[Broken]:
        root = self._root(self.data)
        if root is None:
            raise FileUnreadable("xml", "is no XML; ask the sender for it again, or state the right `format`")
        if self.roots and root.rpartition(b":")[2].upper() not in self.roots:
            raise FileUnreadable(
                "xml",
                f"begins with <{root.decode()}> and has none of {self.names}; ask the sender for the right file, "
                "or state the right `format`",
                value=root.decode(),
            )
        yield from self._tail(0, len(self.data), root)

    def _broken(self, start: int, end: int, rule: str, problem: str) -> Iterator[Broken]:
        """One broken record for each item that can be counted in a stretch, at least one; what was cut short is one."""
        stretch = memoryview(self.data)[start:end]
        places = [tag.start() for tag in self.item.finditer(stretch) if not tag["end"] and rule != "truncated"]
        head = bytes(stretch[:_RAW_BYTES])
        known = [
            f"{name} {found.group(1).decode('utf-8', 'replace').strip()}"
            for name, pattern in self.numbers
            if (found := pattern.search(head))
        ]
        which = f"the element {', '.join(known)}" if known else "the stretch"
        message = f"{which} in bytes {self._offset(start)} to {self._offset(end)} {problem}"
        for first, last in zip(places or [0], [*places[1:], end - start], strict=True):
            raw = bytes(stretch[first : min(last, first + _RAW_BYTES)])
            yield Broken(rule, self._line(start + first), self._text(raw, "backslashreplace"), message)

    def _line(self, position: int) -> int:
        self.line += self.data.count(b"\n", self.line_at, position)
        self.line_at = max(self.line_at, position)
        return self.line

    def _offset(self, position: int) -> int:
        """Where a position of the scanned bytes stands in the file itself."""
        if self.is_ascii_like:
            return self.bom + position
        if position < self.offset_at:
            self.offset, self.offset_at = self.bom, 0
        passed = self.data[self.offset_at : position].decode("utf-8", "surrogatepass")
        self.offset += len(passed.encode(self.codec, "surrogatepass" if _is_wide(self.codec) else "strict"))
        self.offset_at = position
        return self.offset


def _tag(names: Sequence[str]) -> bytes:
    """A pattern for start and end tags of some local names; `rest` is there where the tag is whole."""
    any_name = "|".join(re.escape(name) for name in names)
    return rf"""<(?P<end>/?)(?:[\w.-]+:)?(?P<name>{any_name})(?=[\s/>])(?P<rest>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+>)?""".encode()


def _valued(name: str) -> bytes:
    """A pattern for an element or attribute with its value."""
    return rf"""\b{re.escape(name)}(?:[^<>]*>|\s*=\s*["'])\s*([^<>"'\s][^<>"']{{0,79}})""".encode()


def _encoding(data: bytes, stated: str) -> tuple[str, int]:
    """The codec of a file and the length of its byte order mark: by its bytes, else as the profile states, else as it declares itself."""
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return codec, len(bom)
    start = data[:200]
    if start[1::2].count(0) > len(start) // 4:
        return "utf-16-le", 0
    if start[0::2].count(0) > len(start) // 4:
        return "utf-16-be", 0
    if codecs.lookup(stated).name != "utf-8":
        return ("utf-8" if _is_wide(stated) else stated), 0
    declared = _DECLARED.match(data)
    if declared is not None:
        name = declared.group(1).decode("ascii")
        try:
            codec = codecs.lookup(name).name
        except LookupError as error:
            raise FileUnreadable(
                "encoding", f"declares the encoding {name!r}, which is not known; state `encoding` in the profile"
            ) from error
        if _is_ascii_like(codec):
            return codec, 0
    return "utf-8", 0


def _is_wide(codec: str) -> bool:
    return codecs.lookup(codec).name.startswith(("utf-16", "utf-32"))


def _is_ascii_like(codec: str) -> bool:
    try:
        return "<A>".encode(codec) == b"<A>"
    except (LookupError, UnicodeError):
        return False


def _transcoded(data: bytes, codec: str) -> bytes:
    """Bytes in UTF-8. Half a character at the end is cut off with the truncated element that it stands in."""
    try:
        if _is_wide(codec):
            whole = data[: len(data) - len(data) % (2 if "16" in codec else 4)]
            return whole.decode(codec, "surrogatepass").encode("utf-8", "surrogatepass")
        return data.decode(codec).encode()
    except UnicodeError as error:
        raise FileUnreadable("encoding", f"is not written in {codec} ({error}); state the right `encoding`") from error


def _scrubbed(source: bytes) -> bytes:
    """XML without the characters that XML does not allow, raw or as references: Tally writes `&#4;` before its own reserved names."""
    if b"&#" in source:
        source = _REFERENCE.sub(_allowed, source)
    return source.translate(None, _CONTROLS).replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")


def _allowed(match: re.Match[bytes]) -> bytes:
    code = int(match.group(1), 16) if match.group(1) else int(match.group(2))
    allowed = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
    return match.group() if allowed else b""
