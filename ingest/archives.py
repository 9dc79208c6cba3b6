"""Unpack what senders pack: gzip files, and zip archives whose members are files of their own.

Nothing is ever written to disk, and a member's name never becomes a path: it is a name in messages and in the commit log.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from ingest.errors import FileUnreadable, printable
from ingest.limits import Limits, refuse_unpacked

_CHUNK = 2**20
_LONGEST_NAME = 300
_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


@dataclass(frozen=True)
class Member:
    """A file in a zip archive.

    Attributes:
        name: its path in the archive, with forward slashes and without signs that do harm; no two members have the same.
        position: where it stands in the archive's directory.
        refusal: why it is not taken.
    """

    name: str
    position: int
    refusal: FileUnreadable | None = None


def is_zip(file_name: str) -> bool:
    """Whether a file is taken as an archive of files."""
    return file_name.lower().endswith(".zip")


def gunzip(packed: IO[bytes], limits: Limits) -> Iterator[bytes]:
    """The content of a gzip file, also of several that were joined, piece by piece.

    Raises:
        FileUnreadable: it is truncated, damaged or no gzip file, or unpacks beyond the limits.
    """
    unpacked = 0
    try:
        with gzip.GzipFile(fileobj=packed) as stream:
            while chunk := stream.read(_CHUNK):
                unpacked += len(chunk)
                refuse_unpacked(unpacked, packed.tell(), limits)
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileUnreadable(
            "compression", f"cannot be unpacked ({error}): it is truncated or no gzip file; send it again"
        ) from error


def members(path: Path, limits: Limits) -> list[Member]:
    """The files in a zip archive, in the order of its directory; folders and hidden files are passed over.

    Raises:
        FileUnreadable: it is no whole archive, is empty, or declares more than the limits allow.
    """
    found = [
        (position, entry, entry.filename.replace("\\", "/"))
        for position, entry in enumerate(_directory(path).infolist())
        if not entry.is_dir() and not entry.filename.replace("\\", "/").rpartition("/")[2].startswith(".")
    ]
    if not found:
        raise FileUnreadable("archive", "is an archive without a file in it; ask the sender for it again")
    if len(found) > limits.members:
        raise FileUnreadable(
            "limits",
            f"is an archive of {len(found)} files, more than {limits.members}; have it sent in parts, or raise the limit members",
        )
    declared = sum(entry.file_size for _, entry, _ in found)
    refuse_unpacked(declared, sum(entry.compress_size for _, entry, _ in found), limits)
    names = [_plain(name) for _, _, name in found]
    times = Counter(names)
    listed: dict[str, Member] = {}
    for plain, (position, entry, name) in zip(names, found, strict=True):
        problem = _problem(entry, name, times[plain])
        listed.setdefault(plain, Member(plain, position, FileUnreadable("archive", problem) if problem else None))
    return list(listed.values())


def bundle(files: Mapping[str, bytes]) -> bytes:
    """Files that are read together, as one: equal files give equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return packed.getvalue()


def unbundled(data: bytes) -> dict[str, bytes]:
    """The files of a bundle.

    Raises:
        FileUnreadable: it is none of ours.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise FileUnreadable("archive", "is an archive under another name; have it sent as .zip")
            return {name: archive.read(name) for name in archive.namelist()}
    # NotImplementedError is zipfile's own word for a method or version that it does not know
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise FileUnreadable("archive", f"is no table, and no archive that can be read ({error})") from error


def read_member(path: Path, position: int, limits: Limits) -> Iterator[bytes]:
    """The content of a member, piece by piece. More than the directory declares is never unpacked.

    Raises:
        FileUnreadable: it is damaged, or unpacks beyond the limits.
    """
    directory = _directory(path)
    entry = directory.infolist()[position]
    try:
        refuse_unpacked(entry.file_size, entry.compress_size, limits)
        with directory.open(entry) as stream:
            yield from _chunks(stream)
    # NotImplementedError is zipfile's own word for a method or version that it does not know
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise FileUnreadable(
            "archive", f"cannot be unpacked ({printable(str(error))}): the archive is damaged; send it again"
        ) from error


def digest(path: Path, before: bytes = b"") -> str:
    """SHA-256 of some bytes and a file's, read piece by piece."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.sha256(before)).hexdigest()


def _problem(entry: zipfile.ZipInfo, name: str, times: int) -> str | None:
    parts = name.split("/")
    if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "its name leads out of the archive; have the archive packed again with plain names"
    if not name.isprintable() or len(name) > _LONGEST_NAME:
        return "its name holds control characters or is too long; have the archive packed again with plain names"
    if times > 1:
        return f"stands {times} times in the archive; ask the sender which one counts"
    if is_zip(name):
        return "is an archive within an archive; have its files sent in one archive"
    if entry.flag_bits & _ENCRYPTED:
        return "is encrypted; have it sent without a password"
    if entry.compress_type not in _METHODS:
        return f"is packed by method {entry.compress_type}, which is not known here; have it packed the ordinary way (deflate)"
    return None


def _plain(name: str) -> str:
    """A member's name without steps out of the archive; a long one is cut and keeps its digest, so that names stay different."""
    plain = printable("/".join("%2E%2E" if step == ".." else step or "%2F" for step in name.split("/")))
    if len(plain) > _LONGEST_NAME:
        plain = f"{plain[:100]}…{hashlib.sha256(plain.encode()).hexdigest()[:16]}"
    return plain


def _directory(path: Path) -> zipfile.ZipFile:
    stat = path.stat()
    return _opened(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _opened(path: Path, modified: int, size: int) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    # NotImplementedError is zipfile's own word for a method or version that it does not know
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OverflowError) as error:
        raise FileUnreadable("archive", f"is no whole zip archive ({printable(str(error))}); send it again") from error


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk
