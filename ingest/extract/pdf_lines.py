"""A PDF page as lines of text with their places; running headers, footers and page numbers taken out."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pypdf import PageObject

from ingest.extract.pdf_paint import Paint

_EDGE = 0.1
"""Headers and footers lie in this share of the page's height, at the top and at the bottom."""
_BESIDE = 20
"""Points outside the page from which text is not on it."""
_TINY = 2.0
"""Points; smaller text is not meant for eyes where the page has text of `_SMALLEST` or more."""
_SMALLEST = 5.0
_PAGE_NUMBER = re.compile(
    r"\W*(?:(?:page|sida|sid|side|sivu|s|p)\b\.?\s*)?\d{1,4}(?:\s*(?:/|of|av|\()\s*\d{1,4}\)?)?\W*", re.I
)
# Some writers' bullets come out as symbol-font or control codes.
MARKER = re.compile(r"(?:[•◦▪■●○–\-*·‣⁃\uf0b7\uf0a7\x7f\x95]|\d{1,3}[.)]|[a-z][.)])(?=\s|$)")
"""How a list item begins."""
_WIDTHS = {
    **dict.fromkeys("ijl.,:;'|!I", 0.25),
    **dict.fromkeys(' ftr()[]-/"', 0.32),
    **dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZÅÄÖÆØ", 0.68),
    **dict.fromkeys("mwMW@%—…", 0.85),
}
"""Characters' usual widths in units of the font size; real widths would mean reading every font."""


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of text on one baseline. Lengths are in points; `y` grows upwards."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    page: int
    edge: bool = False
    """Lies where headers and footers lie."""

    @property
    def end(self) -> float:
        """Where the text ends, roughly."""
        return self.x + self.size * sum(_WIDTHS.get(character, 0.53) for character in self.text)


def lines_of(page: PageObject, number: int) -> list[Line]:
    """Return the page's lines in the order in which they were drawn, which is reading order in most files.

    Left out is what nobody sees: beside the page, too small to read, or white on nothing.
    """
    paint = Paint(images=_images(page))
    lines = _drawn(page, number, paint)
    if paint.doubted:
        # Scanners' programs write the text first and the picture over it: look again.
        again = Paint(images=paint.images, boxes=paint.boxes, everywhere=paint.everywhere)
        lines = _drawn(page, number, again)
    return [replace(line, text=" ".join(line.text.split())) for line in _readable(lines)]


def _images(page: PageObject) -> frozenset[str]:
    """Return the names of the page's pictures."""
    resources = page.get("/Resources")
    named = resources.get_object().get("/XObject") if resources is not None else None
    if named is None:
        return frozenset()
    return frozenset(
        str(name)
        for name, drawn in named.get_object().items()
        if drawn.get_object().get("/Subtype") == "/Image"
    )


def _drawn(page: PageObject, number: int, paint: Paint) -> list[Line]:
    lines: list[Line] = []
    box = page.mediabox
    low, high = float(box.bottom), float(box.top)

    def visit(text: str, cm: Sequence[float], tm: Sequence[float], font: object, size: float) -> None:
        needs_ground = paint.flush()
        if not text.strip():
            return
        at = _point(cm, tm)
        if (needs_ground and not paint.lies_behind(*at)) or _is_beside(at, page):
            return
        x, y, scale = _place(cm, tm)
        size = abs(size) * scale or 1.0
        bold = "bold" in str(font.get("/BaseFont", "") if isinstance(font, dict) else "").lower()
        edge = min(y - low, high - y) < _EDGE * (high - low)
        for index, part in enumerate(text.strip("\n").split("\n")):
            # Several lines in one piece: their places are not told, but the leading is about 1.2.
            line = Line(part, x, y - index * size * 1.2, size, bold, number, edge)
            if index == 0 and lines and _continues(lines[-1], line):
                lines[-1] = _append(lines[-1], line)
            elif part.strip():
                lines.append(line)

    page.extract_text(visitor_operand_before=paint.operate, visitor_text=visit)
    return lines


def without_running_lines(pages: Iterable[list[Line]]) -> list[Line]:
    """Return all lines but page numbers and those that repeat at the same edge place on other pages."""
    pages = list(pages)
    seen = Counter(key for page in pages for key in {_edge_key(line) for line in page if line.edge})
    often = max(2, math.ceil(0.3 * len(pages)))
    kept: list[Line] = []
    for page in pages:
        own = [line for line in page if not (line.edge and seen[_edge_key(line)] >= often)]
        # A page with nothing else on it says something after all.
        kept += [line for line in own or page if not (line.edge and _PAGE_NUMBER.fullmatch(line.text))]
    return kept


def _edge_key(line: Line) -> tuple[str, int]:
    return re.sub(r"\d+", "#", line.text), round(line.y / 4)


def _readable(lines: list[Line]) -> list[Line]:
    """Return the lines without those too small to read, on a page that has others."""
    if max((line.size for line in lines), default=0) < _SMALLEST:
        return lines  # sizes are not always told
    return [line for line in lines if line.size >= _TINY]


def _is_beside(at: tuple[float, float], page: PageObject) -> bool:
    """Say whether text begins so far outside the page's visible part that none of it can be read."""
    box = page.cropbox
    x, y = at
    # A line may begin far to the left, or below a page that is turned, and still run into it.
    return (
        not float(box.left) - float(box.width) <= x <= float(box.right) + _BESIDE
        or not float(box.bottom) - _BESIDE <= y <= float(box.top) + _BESIDE
    )


def _point(cm: Sequence[float], tm: Sequence[float]) -> tuple[float, float]:
    """Return where text begins on the page."""
    return tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]


def _place(cm: Sequence[float], tm: Sequence[float]) -> tuple[float, float, float]:
    """Return x, y along the text's own direction (so that rotated pages read alike), and the scale."""
    a, b = tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3]
    x, y = _point(cm, tm)
    scale = math.hypot(a, b)
    if scale == 0 or (abs(b) < 1e-6 and a > 0):
        return x, y, scale
    return (x * a + y * b) / scale, (y * a - x * b) / scale, scale


def _continues(before: Line, line: Line) -> bool:
    same_baseline = abs(before.y - line.y) < 0.4 * max(before.size, line.size)
    near = before.x <= line.x <= before.end + 0.6 * line.size
    # A list marker stays apart: it stands in the margin of its item's lines.
    return same_baseline and near and not MARKER.fullmatch(before.text.strip())


def _append(before: Line, line: Line) -> Line:
    gap = (
        line.x - before.end > 0.5 * line.size
        and not before.text.endswith(" ")
        and not line.text.startswith(" ")
    )
    text = before.text + (" " if gap else "") + line.text
    size = before.size if len(before.text) >= len(line.text) else line.size
    return replace(before, text=text, size=size, bold=before.bold and line.bold)
