"""Tables in text files (CSV): questions with their answers, or records.

A row without a question becomes lines of `Column: value` and not a row of a Markdown table: cut into
passages, each value still stands beside its name, for the search as for whoever reads the citation.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from foundation.errors import ExtractionFailed
from ingest.extract.csv_dialect import CellTooLarge, Dialect, dialect_of, rows_of
from ingest.extract.detect import CSV, decode
from ingest.extract.html import parse
from ingest.extract.markup import blocks_of
from ingest.extract.port import Block, Document, compose
from ingest.extract.reasons import Reason

_TAG = re.compile(r"</(?:p|div|li|ul|ol|a|b|strong|span|h[1-6])\s*>|<br\s*/?>", re.I)


def extract(content: bytes, name: str) -> Document:
    """Return a heading and its text for each question, or a paragraph for each record.

    Raises:
        ExtractionFailed: `cell_too_large`, `empty` or `too_large`.
    """
    text = decode(content)
    dialect = dialect_of(text)
    if dialect is None:
        raise ExtractionFailed(reason=Reason.DAMAGED)
    try:
        return compose(PurePath(name).stem, CSV, _blocks(text, dialect))
    except CellTooLarge:
        raise ExtractionFailed(reason=Reason.CELL_TOO_LARGE) from None


def _blocks(text: str, dialect: Dialect) -> Iterator[Block]:
    rows = rows_of(text, dialect)
    names = [" ".join(cell.split()) for cell in next(rows)] if dialect.headed else []
    if not dialect.headed:
        rows = rows_of(text, dialect)
    for row in rows:
        if dialect.question is None or dialect.answer is None:
            yield Block("paragraph", _record(names, row))
        else:
            yield from _answered(names, row, dialect.question, dialect.answer)


def _answered(names: Sequence[str], row: Sequence[str], question: int, answer: int) -> Iterator[Block]:
    asked, told = (row[at] if at < len(row) else "" for at in (question, answer))
    yield Block("heading", " ".join(asked.split()), level=1)
    if _TAG.search(told):  # as help centres export it
        yield from blocks_of(parse(f"<body>{told}</body>").find("body"))
    else:
        yield from (Block("paragraph", part) for part in re.split(r"\n\s*\n", told))
    others = ["" if at in {question, answer} else cell for at, cell in enumerate(row)]
    yield Block("paragraph", _record(names, others))


def _record(names: Sequence[str], row: Sequence[str]) -> str:
    labels = [*names, *[""] * (len(row) - len(names))]
    filled = ((label, " ".join(cell.split())) for label, cell in zip(labels, row, strict=False))
    return "\n".join(f"{label}: {cell}" if label else cell for label, cell in filled if cell)
