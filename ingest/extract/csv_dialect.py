"""Tell a table in a text file (CSV) from prose, and how it is written."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SAMPLE = 20_000
"""Characters looked at."""
_MAX_CELL = 100_000
"""Characters of one cell; a longer one is nearly always a quotation mark that was never closed."""
_DECLARED = re.compile(r"\A\s*sep=([,;\t|])[ \t]*\r?\n", re.I)
_QUESTIONS = (
    "question",
    "q",
    "fråga",
    "fraga",
    "frågor",
    "rubrik",
    "title",
    "titel",
    "heading",
    "subject",
    "ämne",
)
_ANSWERS = (
    "answer",
    "a",
    "svar",
    "text",
    "body",
    "innehåll",
    "content",
    "brödtext",
    "description",
    "beskrivning",
)


class CellTooLarge(ValueError):
    """A cell is longer than 100,000 characters."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written; `question` and `answer` are columns, counted from 0, where there are such."""

    delimiter: str
    headed: bool
    question: int | None = None
    answer: int | None = None


def dialect_of(text: str) -> Dialect | None:
    """Return how the table in `text` is written; None when it is none, as prose with commas."""
    declared = _DECLARED.match(text)
    for delimiter in declared[1] if declared is not None else ";\t,":
        try:
            rows = list(_rows(_body(text)[:_SAMPLE], delimiter))
        except CellTooLarge:
            continue
        # The sample may end in the middle of a row.
        whole = rows[:-1] if len(text) > _SAMPLE and len(rows) > 2 else rows
        dialect = _judged(whole, delimiter)
        if dialect is not None:
            return dialect
    return None


def rows_of(text: str, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the table's rows without the empty ones, the header included.

    Raises:
        CellTooLarge: for a cell of more than 100,000 characters.
    """
    return _rows(_body(text), dialect.delimiter)


def _body(text: str) -> str:
    return _DECLARED.sub("", text, count=1)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(len(cell) > _MAX_CELL for cell in row):
                raise CellTooLarge
            if any(cell.strip() for cell in row):
                yield row
    except csv.Error as error:
        raise CellTooLarge from error


def _judged(rows: Sequence[list[str]], delimiter: str) -> Dialect | None:
    if len(rows) < 2 or len(rows[0]) < 2:
        return None
    names = [cell.strip().lower() for cell in rows[0]]
    question = next((names.index(name) for name in _QUESTIONS if name in names), None)
    answer = next((names.index(name) for name in _ANSWERS if name in names), None)
    if question is not None and answer is not None:
        return Dialect(delimiter, True, question, answer)
    if not _is_regular(rows, delimiter):
        return None
    asked = sum(row[0].rstrip().endswith("?") for row in rows)
    if rows[0][0].rstrip().endswith("?") and asked >= 0.6 * len(rows):
        return Dialect(delimiter, False, 0, 1)
    return Dialect(delimiter, True) if _is_header(rows[0]) else None


def _is_regular(rows: Sequence[list[str]], delimiter: str) -> bool:
    """Rows of one width; and in prose, unlike in tables, a space follows a comma."""
    equal = sum(len(row) == len(rows[0]) for row in rows)
    inner = [cell for row in rows for cell in row[1:]]
    spaced = 0 if delimiter == "\t" else sum(cell.startswith(" ") for cell in inner)
    return equal >= 0.95 * len(rows) and spaced <= 0.1 * len(inner)


def _is_header(row: Sequence[str]) -> bool:
    names = [cell.strip() for cell in row]
    return len({*names}) == len(names) and all(
        0 < len(name) <= 60 and name[0].isalpha() and not name.endswith((".", "!", ",")) for name in names
    )
