"""Decide what a file is by its content; names and declared types lie."""

import io
import os
import re
import zipfile
from typing import BinaryIO, Literal

from foundation.errors import ExtractionFailed
from ingest.extract.csv_dialect import dialect_of
from ingest.extract.reasons import Reason

MediaType = Literal[
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/html",
    "text/markdown",
    "text/csv",
    "text/plain",
]

PDF: MediaType = "application/pdf"
DOCX: MediaType = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML: MediaType = "text/html"
MARKDOWN: MediaType = "text/markdown"
CSV: MediaType = "text/csv"
TEXT: MediaType = "text/plain"

_MAX_UNPACKED = 300_000_000
"""Bytes a Word file may unpack to, and how many times its own size once that matters."""
_MAX_RATIO = 200
_HEAD = 1_000_000
"""Bytes of a file that show what text it is."""
_PART = 256 * 1024
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

_HTML_START = re.compile(r"(?:\s|<!--.*?-->|<\?xml.*?\?>)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_HTML_TAG = re.compile(r"</(?:p|div|li|ul|h[1-6]|td|section|article)\s*>", re.I)
_MARKDOWN = re.compile(
    r"^(?:#{1,6} \S|```|~~~|[-*+] \S|\d{1,3}\. \S|> \S|\|.+\||.*\[[^\]\n]+\]\([^)\s]+\)|.*\*\*\S)", re.M
)
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n.*?^---[ \t]*$", re.M | re.S)
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w-]+)", re.I)
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def media_type_of(content: bytes) -> MediaType:
    """Return what `content` is.

    Raises:
        ExtractionFailed: `empty`, `unsupported`, `password` (an encrypted Office file), `damaged` or
            `too_large` (an archive that unpacks to something enormous).
    """
    if not content.strip():
        raise ExtractionFailed(reason=Reason.EMPTY)
    if b"%PDF-" in content[:1024]:
        return PDF
    if content.startswith(_ZIP):
        return _zip_type(io.BytesIO(content))
    if content.startswith(_OLE):
        raise _old_office(io.BytesIO(content))
    return _text_type(decode(content))


def media_type_of_file(file: BinaryIO) -> MediaType:
    """Return what a file is, as `media_type_of` does, without reading more than its beginning into memory.

    Raises:
        ExtractionFailed: as `media_type_of`.
    """
    file.seek(0)
    head = file.read(_HEAD)
    if head.startswith(_ZIP):
        return _zip_type(file)
    if head.startswith(_OLE):
        raise _old_office(file)
    if len(head) == _HEAD:
        head = head[: head.rfind(b"\n") + 1] or head  # no character is to be cut in two
    if not head.strip():
        file.seek(0)
        head = file.read()  # a text behind a megabyte of nothing, which nobody writes but in order to fool us
    return media_type_of(head)


def _old_office(file: BinaryIO) -> ExtractionFailed:
    """An old Office file; an encrypted .docx is wrapped in the same container."""
    file.seek(0)
    last = b""
    while part := file.read(_PART):
        if _ENCRYPTED in last + part:
            return ExtractionFailed(reason=Reason.PASSWORD)
        last = part[-len(_ENCRYPTED) :]
    return ExtractionFailed(reason=Reason.UNSUPPORTED)


def decode(content: bytes) -> str:
    """Return the text of a text file: by its byte order mark, as UTF-8, as it declares, else as Windows-1252.

    Raises:
        ExtractionFailed: `unsupported` for binary content.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    if b"\x00" in content[:4096]:
        raise ExtractionFailed(reason=Reason.UNSUPPORTED)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = _decode_declared(content)
    controls = sum(character < " " and character not in "\t\n\r\f\x1b" for character in text[:4096])
    if controls > len(text[:4096]) * 0.02:
        raise ExtractionFailed(reason=Reason.UNSUPPORTED)
    return text


def _decode_declared(content: bytes) -> str:
    declared = _META_CHARSET.search(content[:4096])
    if declared is not None:
        try:
            return content.decode(declared[1].decode("ascii"), errors="replace")
        except (LookupError, UnicodeError):
            pass
    # Mostly valid UTF-8 with a few broken bytes (a page cut in the middle) is still UTF-8.
    text = content.decode("utf-8", errors="replace")
    if text.count("�") <= len(text) * 0.001:
        return text
    return content.decode("cp1252", errors="replace")


def _text_type(text: str) -> MediaType:
    if not text.strip():
        raise ExtractionFailed(reason=Reason.EMPTY)
    head = text[:20_000]
    if _FRONT_MATTER.match(head):
        return MARKDOWN
    if _HTML_START.match(head):
        return HTML
    if len(_HTML_TAG.findall(head)) >= 2 and head.lstrip().startswith("<"):
        return HTML
    # Before Markdown, which the text inside a cell may well be.
    if dialect_of(text) is not None:
        return CSV
    return MARKDOWN if _MARKDOWN.search(head) else TEXT


def _zip_type(file: BinaryIO) -> MediaType:
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise ExtractionFailed(reason=Reason.DAMAGED) from None
    unpacked = sum(info.file_size for info in infos)
    if unpacked > _MAX_UNPACKED or (unpacked > 50_000_000 and unpacked > size * _MAX_RATIO):
        raise ExtractionFailed(reason=Reason.TOO_LARGE)
    names = {info.filename for info in infos}
    if not any(name.startswith("word/") for name in names):
        raise ExtractionFailed(reason=Reason.UNSUPPORTED)
    if any(info.flag_bits & 1 for info in infos):
        raise ExtractionFailed(reason=Reason.PASSWORD)
    return DOCX
