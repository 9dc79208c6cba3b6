"""Readers: from the bytes of a file to records of text."""

from ingest.errors import FileUnreadable
from ingest.profiles import Reading
from ingest.readers import delimited, excel
from ingest.readers.framed import Broken, Framed, column_names

__all__ = ["Broken", "Framed", "column_names", "read"]


def read(data: bytes, file_name: str, reading: Reading) -> Framed:
    """Frame the records of a file in the format that the profile declares.

    Raises:
        FileUnreadable: the file cannot be read at all.
    """
    if not data:
        raise FileUnreadable("empty_file", "is empty (0 bytes); ask the sender for it again")
    data = delimited.decompress(data, file_name)
    if reading.format == "xlsx":
        return excel.frame(data, reading)
    return delimited.frame(delimited.to_utf8(data, reading.encoding), reading)
