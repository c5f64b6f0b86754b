"""Reading documents: `extract` is the door; one file per format behind it."""

import structlog

from foundation.errors import ExtractionFailed
from ingest.extract import csv, detect, docx, html, markdown, pdf, text
from ingest.extract.port import Block, BlockKind, Document, Extractor
from ingest.extract.reasons import Reason, sentence

__all__ = ["Block", "BlockKind", "Document", "Reason", "extract", "sentence"]

_log = structlog.get_logger()

_EXTRACTORS: dict[detect.MediaType, Extractor] = {
    detect.PDF: pdf.extract,
    detect.DOCX: docx.extract,
    detect.HTML: html.extract,
    detect.MARKDOWN: markdown.extract,
    detect.CSV: csv.extract,
    detect.TEXT: text.extract,
}


def extract(content: bytes, name: str) -> Document:
    """Return the document in `content`; `name` is only a last resort for the title.

    Blocks for as long as it takes: run it in a worker process with a time limit.

    Raises:
        ExtractionFailed: with `reason`, one of `Reason`; nothing else is ever raised for any content.
    """
    try:
        return _EXTRACTORS[detect.media_type_of(content)](content, name)
    except ExtractionFailed:
        raise
    except (MemoryError, RecursionError):
        raise ExtractionFailed(reason=Reason.TOO_DEMANDING) from None
    except Exception as error:  # noqa: BLE001 - parsers raise whatever they stumble over in a broken file
        # Not the traceback: a tenant's text could stand in it.
        _log.warning("extraction failed", size=len(content), error=type(error).__name__)
        raise ExtractionFailed(reason=Reason.DAMAGED) from None
