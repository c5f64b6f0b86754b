"""PDF files, through pypdf."""

import io
import logging
from pathlib import PurePath

from pypdf import PasswordType, PdfReader
from pypdf.errors import LimitReachedError, PyPdfError

from foundation.errors import ExtractionFailed
from ingest.extract.detect import PDF
from ingest.extract.pdf_layout import blocks_of
from ingest.extract.pdf_lines import Line, lines_of, without_running_lines
from ingest.extract.port import MAX_CHARACTERS, Document, compose
from ingest.extract.reasons import Reason

_MAX_PAGES = 3_000
_PARSER_TROUBLE = (
    PyPdfError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    AssertionError,
    OSError,
)
"""What pypdf raises on broken files, besides its own errors."""

# It warns about every oddity of every file; what matters ends as a reason.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def extract(content: bytes, name: str) -> Document:
    """Return the document with page numbers; a page that cannot be read is left out if others can.

    Raises:
        ExtractionFailed: `password`, `damaged`, `no_text` (scanned) or `too_large`.
    """
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise ExtractionFailed(reason=Reason.PASSWORD)
        count = len(reader.pages)
    except _PARSER_TROUBLE:
        raise ExtractionFailed(reason=Reason.DAMAGED) from None
    if count > _MAX_PAGES:
        raise ExtractionFailed(reason=Reason.TOO_LARGE)
    blocks = blocks_of(without_running_lines(_pages(reader, count)))
    heading = next((block for block in blocks[:3] if block.kind == "heading" and block.level == 1), None)
    title = heading.text if heading is not None else _declared_title(reader)
    return compose(title or PurePath(name).stem, PDF, blocks, language=_language(reader))


def _pages(reader: PdfReader, count: int) -> list[list[Line]]:
    pages: list[list[Line]] = []
    characters = broken = 0
    for index in range(count):
        try:
            lines = lines_of(reader.pages[index], index + 1)
        except LimitReachedError:  # a stream that unpacks to something enormous
            raise ExtractionFailed(reason=Reason.TOO_LARGE) from None
        except _PARSER_TROUBLE:
            broken += 1
            continue
        characters += sum(len(line.text) for line in lines)
        if characters > MAX_CHARACTERS:
            raise ExtractionFailed(reason=Reason.TOO_LARGE)
        pages.append(lines)
    if broken and not characters:
        raise ExtractionFailed(reason=Reason.DAMAGED)
    return pages


def _declared_title(reader: PdfReader) -> str:
    try:
        return str((reader.metadata and reader.metadata.title) or "").strip()
    except _PARSER_TROUBLE:
        return ""


def _language(reader: PdfReader) -> str | None:
    try:
        language = reader.root_object.get("/Lang")
    except _PARSER_TROUBLE:
        return None
    return str(language) if language else None
