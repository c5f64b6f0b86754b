"""A graph as an SVG of its own: no script, no font, no address, readable in light and dark."""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from graphs.drawing.layout import BOX, LABEL, LOOP, MARGIN, Layout, PlacedArrow, PlacedBox, Point, lay_out
from graphs.drawing.sketch import ENDS, Sketch

_STYLE: Final = """\
    .page, .under { fill: #ffffff } .box { fill: #f2f7f5; stroke: #24604f; stroke-width: 1.5 }
    .end { fill: #24604f; stroke: #24604f } text { fill: #1d2a26; text-anchor: middle }
    .title { text-anchor: start; font-weight: 600 } .name { font-weight: 600 }
    .end-name { fill: #ffffff; font-weight: 600 }
    .note, .label { fill: #55645e; font-size: 12px }
    .way { stroke: #24604f; stroke-width: 1.5; fill: none; marker-end: url(#head) } .head { fill: #24604f }
    @media (prefers-color-scheme: dark) {
      .page, .under { fill: #141b19 } .box { fill: #1d2825; stroke: #6fc2a8 }
      .end { fill: #6fc2a8; stroke: #6fc2a8 } text { fill: #e4ece9 } .end-name { fill: #10201b }
      .note, .label { fill: #a7b5af } .way { stroke: #6fc2a8 } .head { fill: #6fc2a8 }
    }"""


def svg(sketch: Sketch) -> str:
    """Return the drawing as a file's text; the same for the same sketch."""
    return "\n".join(_lines(lay_out(sketch))) + "\n"


def _lines(layout: Layout) -> Iterator[str]:
    size = f"{_n(layout.width)} {_n(layout.height)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{_n(layout.width)}" role="img"'
        ' aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="14">'
    )
    yield f'  <title id="t">{escape(layout.title)}</title>'
    yield f'  <desc id="d">{escape(_in_words(layout))}</desc>'
    yield f"  <style>\n{_STYLE}\n  </style>"
    yield (
        '  <defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
        ' markerUnits="userSpaceOnUse" orient="auto"><path class="head" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    yield '  <rect class="page" width="100%" height="100%"/>'
    yield _text("title", (MARGIN, MARGIN + 10), layout.title)
    arrows = (*layout.arrows, *layout.loops)
    yield from (_way(arrow) for arrow in layout.arrows)
    yield from (_loop(arrow) for arrow in layout.loops)
    for arrow in arrows:
        yield from _label(arrow)
    for box in layout.boxes:
        yield from _box(box)
    yield "</svg>"


def _in_words(layout: Layout) -> str:
    arrows = [placed.arrow for placed in (*layout.arrows, *layout.loops)]
    said = (f"{a.source} to {a.target}{f' when {a.label}' if a.label else ''}" for a in arrows)
    return f"The way of a turn: {'; '.join(said)}."


def _way(placed: PlacedArrow) -> str:
    """Turn between rows and go straight through them."""
    (x, y), *rest = placed.points
    path = [f"M{_n(x)} {_n(y)}"]
    for step, (to_x, to_y) in enumerate(rest):
        if step % 2 == 0:
            middle = (y + to_y) / 2
            path.append(f"C{_n(x)} {_n(middle)} {_n(to_x)} {_n(middle)} {_n(to_x)} {_n(to_y)}")
        else:
            path.append(f"V{_n(to_y)}")
        x, y = to_x, to_y
    return f'  <path class="way" d="{"".join(path)}"/>'


def _loop(placed: PlacedArrow) -> str:
    (x, y), (_, end) = placed.points
    out = _n(x + LOOP)
    curve = f"C{out} {_n(y - 12)} {out} {_n(end + 12)} {_n(x)} {_n(end)}"
    return f'  <path class="way" d="M{_n(x)} {_n(y)}{curve}"/>'


def _label(placed: PlacedArrow) -> Iterator[str]:
    if placed.arrow.label:
        x, y = placed.label
        left, top = x - placed.label_width / 2, y - LABEL / 2
        size = f'width="{_n(placed.label_width)}" height="{_n(LABEL)}"'
        yield f'  <rect class="under" x="{_n(left)}" y="{_n(top)}" {size}/>'
        yield _text("label", (x, y + 4), placed.arrow.label)


def _box(placed: PlacedBox) -> Iterator[str]:
    (x, y), end = placed.middle, placed.box.name in ENDS
    place = f'x="{_n(x - placed.width / 2)}" y="{_n(y - BOX / 2)}"'
    size = f'width="{_n(placed.width)}" height="{_n(BOX)}" rx="{_n(BOX / 2) if end else 9}"'
    yield f'  <rect class="{"end" if end else "box"}" {place} {size}/>'
    note = placed.box.note
    yield _text("end-name" if end else "name", (x, y - 3 if note else y + 5), placed.box.name)
    if note:
        yield _text("note", (x, y + 14), note)


def _text(kind: str, at: Point, text: str) -> str:
    return f'  <text class="{kind}" x="{_n(at[0])}" y="{_n(at[1])}">{escape(text)}</text>'


def _n(number: float) -> str:
    """Write a number with one decimal at most."""
    return f"{number:.1f}".removesuffix(".0")
