"""Lines of a PDF to blocks: paragraphs, headings (by size and weight), lists and tables (by place)."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ingest.extract.markup import markdown_table
from ingest.extract.pdf_lines import MARKER, Line
from ingest.extract.port import Block

_NUMBER = re.compile(r"\d{1,3}[.)]")
_LARGER = 1.12
"""How much larger than the body text a heading is set."""


@dataclass(slots=True)
class _Row:
    """Cells side by side, each of one or more lines. A paragraph is a row with one cell."""

    cells: list[list[Line]] = field(default_factory=list)

    @property
    def first(self) -> Line:
        return self.cells[0][0]

    @property
    def last(self) -> Line:
        return self.cells[-1][-1]

    @property
    def bottom(self) -> float:
        return min(line.y for cell in self.cells for line in cell)

    def texts(self) -> list[str]:
        return [join_lines([line.text for line in cell]) for cell in self.cells]

    def is_item(self) -> bool:
        return bool(MARKER.match(self.first.text)) and (
            len(self.cells) == 1 or (len(self.cells) == 2 and len(self.first.text) <= 4)
        )


def blocks_of(lines: Sequence[Line]) -> list[Block]:
    """Return the blocks of the whole document, joined over page breaks where text clearly goes on."""
    if not lines:
        return []
    body = _body_size(lines)
    rows = list(_rows(lines, _leading(lines)))
    levels = _heading_levels(rows, body)
    return _joined(_blocks(rows, body, levels))


def join_lines(lines: Sequence[str]) -> str:
    """Return a paragraph's lines as one text; a word hyphenated at a line's end is put together again."""
    text = ""
    for line in lines:
        if re.search(r"[^\W\d_]{2}[-\xad]$", text) and re.match(r"[a-zà-ÿ]", line):
            # `e-post` and `av- och` keep theirs; the rest is hyphenation.
            keep = re.match(r"(?:och|eller|and|or|to|till)\b", line)
            text = f"{text} {line}" if keep else text[:-1] + line
        else:
            text = f"{text} {line}" if text else line
    return text


def _body_size(lines: Sequence[Line]) -> float:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[round(line.size * 2) / 2] += len(line.text)
    return weights.most_common(1)[0][0]


def _leading(lines: Sequence[Line]) -> float:
    """Return the usual distance between two lines of a paragraph, in font sizes."""
    gaps: Counter[float] = Counter()
    for before, line in pairwise(lines):
        gap = (before.y - line.y) / line.size
        if before.page == line.page and abs(before.x - line.x) < 1 and 0.9 <= gap <= 1.6:
            gaps[round(gap * 20) / 20] += 1
    return gaps.most_common(1)[0][0] if gaps else 1.25


def _rows(lines: Sequence[Line], leading: float) -> Iterator[_Row]:
    row = _Row()
    for line in lines:
        if not row.cells:
            row.cells.append([line])
        elif _goes_on(row, line, leading):
            row.cells[-1].append(line)
        elif _stands_beside(row, line):
            row.cells.append([line])
        else:
            yield row
            row = _Row([[line]])
    yield row


def _goes_on(row: _Row, line: Line, leading: float) -> bool:
    before = row.last
    gap = (before.y - line.y) / line.size
    return (
        before.page == line.page
        and abs(before.size - line.size) < 0.6
        and (before.bold == line.bold or row.is_item())
        and 0.5 < gap <= leading * 1.15
        and _in_column(row, line)
        and not MARKER.match(line.text)
    )


def _in_column(row: _Row, line: Line) -> bool:
    shift = line.x - row.last.x
    if abs(shift) < 2:
        return True
    if row.is_item():  # an item's further lines stand under its text, not under its marker
        return abs(shift) < line.size or (len(row.cells) == 1 and 0 < shift < 3 * line.size)
    indented_first_line = len(row.cells) == 1 and len(row.cells[0]) == 1
    return indented_first_line and -3 * line.size < shift < 0


def _stands_beside(row: _Row, line: Line) -> bool:
    top, slack = row.first.y, 0.6 * line.size
    return (
        row.first.page == line.page
        and line.x > row.last.x + 2
        and row.bottom - slack <= line.y <= top + slack
    )


def _heading_levels(rows: Sequence[_Row], body: float) -> dict[float, int]:
    sizes = sorted({round(row.first.size) for row in rows if _is_heading(row, body)}, reverse=True)
    return {size: min(index + 1, 6) for index, size in enumerate(sizes)}


def _is_heading(row: _Row, body: float) -> bool:
    if len(row.cells) != 1 or len(row.cells[0]) > 3:
        return False
    text = " ".join(row.texts())
    if not 1 < len(text) <= 160 or not any(character.isalpha() for character in text):
        return False
    larger = row.first.size >= body * _LARGER
    bold = all(line.bold for line in row.cells[0]) and row.first.size >= body * 0.95
    return (larger or bold) and not text.endswith((".", ",", ";", ":")) and not _is_item(row, body)


def _is_item(row: _Row, body: float) -> bool:
    """Tell a list item from a numbered heading, which is set larger and bold: `1. Open for 60 days`."""
    heading = (
        len(row.cells) == 1
        and _NUMBER.match(row.first.text)
        and row.first.size >= body * _LARGER
        and all(line.bold for line in row.cells[0])
    )
    return row.is_item() and not heading


def _blocks(rows: Sequence[_Row], body: float, levels: dict[float, int]) -> Iterator[Block]:
    index = 0
    while index < len(rows):
        row = rows[index]
        page = row.first.page
        taken = _take(rows, index, lambda each: _is_item(each, body))
        table = _take(rows, index, lambda each: len(each.cells) > 1 and not each.is_item())
        if taken:
            yield Block("list", "\n".join(_item(each) for each in rows[index : index + taken]), page=page)
        elif table > 1:
            yield Block("table", _table(rows[index : index + table]), page=page)
        elif _is_heading(row, body):
            yield Block("heading", " ".join(row.texts()), level=levels[round(row.first.size)], page=page)
        elif all(len(cell) == 1 for cell in row.cells):  # one line with gaps in it
            yield Block("paragraph", " ".join(row.texts()), page=page)
        else:  # columns of text
            for text in row.texts():
                yield Block("paragraph", text, page=page)
        index += max(taken, table if table > 1 else 0, 1)


def _take(rows: Sequence[_Row], start: int, test: Callable[[_Row], bool]) -> int:
    end = start
    while end < len(rows) and test(rows[end]) and rows[end].first.page == rows[start].first.page:
        end += 1
    return end - start


def _item(row: _Row) -> str:
    text = " ".join(row.texts())
    marker = MARKER.match(text)
    if marker is None or _NUMBER.fullmatch(marker[0]) or marker[0][0].isalpha():
        return text
    return f"- {text[marker.end() :].strip()}"


def _table(rows: Sequence[_Row]) -> str:
    widest = max(rows, key=lambda row: len(row.cells))
    columns = [(cell[0].x + max(line.end for line in cell)) / 2 for cell in widest.cells]
    table = []
    for row in rows:
        cells = [""] * len(columns)
        if len(row.cells) == len(columns):
            cells = row.texts()
        else:  # an empty cell draws nothing: find each cell's column by its middle
            for cell, text in zip(row.cells, row.texts(), strict=True):
                middle = (cell[0].x + max(line.end for line in cell)) / 2
                at = min(range(len(columns)), key=lambda column: abs(columns[column] - middle))
                cells[at] = f"{cells[at]} {text}".strip()
        table.append(cells)
    return markdown_table(table)


def _joined(blocks: Iterator[Block]) -> list[Block]:
    joined: list[Block] = []
    for block in blocks:
        before = joined[-1] if joined else None
        if before is not None and before.page != block.page and before.kind == block.kind:
            if (
                block.kind == "paragraph"
                and not before.text.endswith((".", "!", "?", ":"))
                and block.text[:1].islower()
            ):
                joined[-1] = Block("paragraph", join_lines([before.text, block.text]), page=before.page)
                continue
            if block.kind == "table" and _width(before) == _width(block):
                joined[-1] = Block("table", _continued(before.text, block.text), page=before.page)
                continue
        joined.append(block)
    return joined


def _width(table: Block) -> int:
    return table.text.partition("\n")[0].count(" | ")


def _continued(before: str, after: str) -> str:
    rows = after.split("\n")
    rows = rows[2:] if rows[0] == before.partition("\n")[0] else [rows[0], *rows[2:]]
    return "\n".join([before, *rows])
