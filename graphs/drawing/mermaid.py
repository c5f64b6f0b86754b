"""A graph as Mermaid text, which many Markdown viewers draw."""

from collections.abc import Iterator
from typing import Final

from graphs.drawing.sketch import ENDS, Sketch

_ENTITIES: Final = {ord(character): f"#{ord(character)};" for character in '#"<>&\\'}
"""For what could end a text or begin a tag."""


def mermaid(sketch: Sketch) -> str:
    """Return a flowchart."""
    return "\n".join(_lines(sketch)) + "\n"


def _lines(sketch: Sketch) -> Iterator[str]:
    yield from ("---", f'title: "{_harmless(sketch.title)}"', "---", "flowchart TD")
    # Numbers, since names may be words of Mermaid's own, as `end` is.
    ids = {box.name: f"n{at}" for at, box in enumerate(sketch.boxes)}
    for box in sketch.boxes:
        text = _harmless(box.name) + (f"<br/>{_harmless(box.note)}" if box.note else "")
        before, after = ("([", "])") if box.name in ENDS else ("(", ")")
        yield f'  {ids[box.name]}{before}"{text}"{after}'
    for arrow in sketch.arrows:
        label = f'|"{_harmless(arrow.label)}"|' if arrow.label else ""
        yield f"  {ids[arrow.source]} -->{label} {ids[arrow.target]}"


def _harmless(text: str) -> str:
    return text.translate(_ENTITIES)
