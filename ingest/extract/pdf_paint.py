"""What of a PDF page's text can be seen: white and invisible text needs something behind it.

White letters on a coloured bar are a heading, and invisible ones over a picture are what a scanner read; on
bare paper both are text that only machines find. Transparency and text under later drawings are not judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""
Matrix = Sequence[float]

_SHOWS: Final = frozenset({b"Tj", b"TJ", b"'", b'"'})
_FILLS: Final = frozenset({b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"})
_ENDS_PATH: Final = _FILLS | {b"n", b"S", b"s"}
_COLOURS: Final = frozenset({b"g", b"rg", b"k", b"sc", b"scn"})
_INVISIBLE: Final = 3
"""The text rendering mode that neither fills nor strokes."""
_WHITE: Final = 0.97
_UNIT: Final = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class _State:
    white: bool = False
    mode: int = 0


@dataclass(slots=True)
class Paint:
    """Follows a page's operators: what is painted where, and how the text between two flushes is shown."""

    images: frozenset[str] = frozenset()
    """The names of the page's pictures; what else it places may paint anywhere."""
    boxes: list[Box] = field(default_factory=list)
    everywhere: bool = False
    """Something was painted whose place is not known: a shading, a form."""
    doubted: bool = False
    """Whether nothing lay behind a point that was asked for."""
    _state: _State = _State()
    _stack: list[_State] = field(default_factory=list)
    _path: list[Box] = field(default_factory=list)
    _shown: list[bool] = field(default_factory=list)
    """Of each piece of text since the last flush, whether it shows on bare paper."""

    def operate(self, operator: bytes, operands: Sequence[Any], cm: Matrix, _tm: Matrix) -> None:
        """Take note of one operator, before the reader carries it out."""
        if operator in _SHOWS:
            self._shown.append(not (self._state.white or self._state.mode == _INVISIBLE))
        elif operator == b"q":
            self._stack.append(self._state)
        elif operator == b"Q":
            self._state = self._stack.pop() if self._stack else self._state
        elif operator == b"Tr" and operands:
            self._state = replace(self._state, mode=int(operands[0]))
        elif operator in _COLOURS or operator == b"cs":
            self._state = replace(self._state, white=_is_white(operator, operands))
        elif operator in (b"sh", b"BI", b"INLINE IMAGE"):
            self.everywhere = True
        elif operator == b"Do" and operands and str(operands[0]) in self.images:
            self.boxes.append(_placed(_UNIT, cm))
        elif operator == b"Do":
            self.everywhere = True
        else:
            self._draw(operator, operands, cm)

    def flush(self) -> bool:
        """Return whether all text since the last flush needs something behind it to be seen."""
        hidden = bool(self._shown) and not any(self._shown)
        self._shown.clear()
        return hidden

    def lies_behind(self, x: float, y: float) -> bool:
        """Say whether something that is not white was painted at a point so far."""
        found = self.everywhere or any(
            left <= x <= right and bottom <= y <= top for left, bottom, right, top in self.boxes
        )
        self.doubted = self.doubted or not found
        return found

    def _draw(self, operator: bytes, operands: Sequence[Any], cm: Matrix) -> None:
        if operator == b"re" and len(operands) == 4:
            x, y, width, height = (float(each) for each in operands)
            self._path.append(_placed((x, y, x + width, y + height), cm))
        elif operator in (b"m", b"l", b"c", b"v", b"y") and len(operands) >= 2:
            x, y = float(operands[-2]), float(operands[-1])
            self._path.append(_placed((x, y, x, y), cm))
        elif operator in _ENDS_PATH:
            if operator in _FILLS and self._path and not self._state.white:
                lefts, bottoms, rights, tops = zip(*self._path, strict=True)
                self.boxes.append((min(lefts), min(bottoms), max(rights), max(tops)))
            self._path.clear()


def _is_white(operator: bytes, operands: Sequence[Any]) -> bool:
    """Say whether a fill colour is white; a pattern is not, nor is a new space's first colour."""
    try:
        values = [float(each) for each in operands]
    except (TypeError, ValueError):
        return False
    if operator == b"k" or len(values) == 4:
        return max(values) <= 1 - _WHITE
    # One value in a colour space of its own (a spot colour) is full ink at 1.
    return bool(values) and min(values) >= _WHITE and (operator in (b"g", b"rg") or len(values) == 3)


def _placed(box: Box, cm: Matrix) -> Box:
    left, bottom, right, top = box
    xs = [x * cm[0] + y * cm[2] + cm[4] for x in (left, right) for y in (bottom, top)]
    ys = [x * cm[1] + y * cm[3] + cm[5] for x in (left, right) for y in (bottom, top)]
    return min(xs), min(ys), max(xs), max(ys)
