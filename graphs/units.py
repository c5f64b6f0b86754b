"""Cuts a stream of text into units: a sentence, a heading, a list item, a whole table or a whole code fence.

Every decision waits until enough has been seen for it to be final, so any chunking gives the same units. A
unit owns the white space before it (`lead`): leads and texts joined give the text back, less trailing space.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from graphs.abbreviations import ends_sentence

LONG: Final = 400
"""Characters; a longer unit of prose is cut at a clause."""
TOO_LONG: Final = 1500
"""Characters; a longer unit is withheld."""

Kind = Literal["prose", "item", "heading", "table", "fence"]

_LOOKAHEAD: Final = 8
_FENCE: Final = re.compile(r"```|~~~")
_HEADING: Final = re.compile(r"#{1,6}\s")
_ITEM: Final = re.compile(r"(?:[-*+•]|\d{1,3}[.)])\s")
_FENCE_CLOSE: Final = re.compile(r"\n[ \t]*(?:```+|~~~+)[ \t]*(?=\n|\Z)")
_CITATIONS: Final = re.compile(r"(?:[ \t]*\n?[ \t]*\[\d{1,3}(?:,\s*\d{1,3})*\](?!\())*")
_PARTIAL_CITATION: Final = re.compile(r"\s*\[[\d,\s]*\Z")
_BREAK: Final = re.compile(
    r"(?P<end>[.!?…]+[\"'”’»)*_]*)"
    r"|(?P<clause>[,;:][\"'”’»)*_]*(?=\s)|\s[–—-](?=\s))"
)
_LINK_TEXT: Final = re.compile(r"\[[^\]]*\Z|\]\([^)\s]*\Z")
_Wait = Literal["wait"]


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit; `lead` is the white space before it, line breaks and indentation included."""

    lead: str
    text: str
    kind: Kind

    @property
    def too_long(self) -> bool:
        return len(self.text) > TOO_LONG


class Splitter:
    """Takes pieces of any size and gives back the units that are certain."""

    def __init__(self) -> None:
        self._buffer = ""
        self._first = True

    def feed(self, piece: str) -> list[Unit]:
        """Add a piece; return the units it completes, in order."""
        self._buffer += piece.replace("\r", "")
        return list(self._units(final=False))

    def close(self) -> list[Unit]:
        """Return the units that are left; the text is complete."""
        return list(self._units(final=True))

    def _units(self, *, final: bool) -> Iterator[Unit]:
        while True:
            body = self._buffer.lstrip()
            if not body:
                return
            lead = self._buffer[: len(self._buffer) - len(body)]
            kind = _kind(body, final=final) if self._first or "\n" in lead else "prose"
            cut = _cut(body, kind, final=final) if kind else None
            if kind is None or cut is None:
                return
            self._first = False
            text = body[:cut].rstrip()
            self._buffer = body[len(text) :]
            yield Unit(lead, text, kind)


def units(text: str) -> list[Unit]:
    """Return the units of a whole text."""
    splitter = Splitter()
    return [*splitter.feed(text), *splitter.close()]


def split(text: str) -> list[str]:
    """Return the texts of a whole text's units, without the white space between them."""
    return [unit.text for unit in units(text)]


def _kind(line: str, *, final: bool) -> Kind | None:
    """Say what begins at a line's first character; None: more must be seen."""
    if not final and len(line) < _LOOKAHEAD and "\n" not in line:
        return None
    for kind, pattern in (("fence", _FENCE), ("heading", _HEADING), ("item", _ITEM)):
        if pattern.match(line):
            return kind  # type: ignore[return-value] # the pairs above are kinds
    return "table" if line.startswith("|") else "prose"


def _cut(body: str, kind: Kind, *, final: bool) -> int | None:
    """Return where the unit at the beginning of `body` ends; None: more must be seen."""
    if kind == "fence":
        return _fence_end(body, final=final)
    end, known = _block_end(body, kind, final=final)
    if kind == "table":
        return end
    return _prose_cut(body[:known], end, sentences=kind == "prose", final=final)


def _fence_end(body: str, *, final: bool) -> int | None:
    for match in _FENCE_CLOSE.finditer(body):
        if match.end() < len(body) or final:
            return match.end()
    return len(body) if final else None


def _block_end(body: str, kind: Kind, *, final: bool) -> tuple[int | None, int]:
    """Return the line break (or end) at which a table, item, heading or paragraph is over, None as long as it
    is not known, and how much of the body surely belongs to it: a line that has just begun may be anything.
    """
    at = body.find("\n")
    while at >= 0:
        if kind in ("item", "heading"):
            return at, at
        following = body[at + 1 :].lstrip(" \t")
        if not following and not final:
            return None, at
        begins = _kind(following, final=final) if following else "prose"
        if begins is None:
            return None, at
        same = begins == kind and not following.startswith("\n") and following
        if not same:
            return at, at
        at = body.find("\n", at + 1)
    return (len(body) if final else None), len(body)


def _prose_cut(region: str, block_end: int | None, *, sentences: bool, final: bool) -> int | None:
    """Return the first sentence's end within the block; beyond `LONG` characters, a clause's."""
    whole = final or block_end is not None
    clause: int | None = None
    for found in _BREAK.finditer(region):
        if found["clause"]:
            if not _balanced(region[: found.end()]):
                continue
            if found.end() > LONG:
                return clause or found.end()
            clause = found.end()
        elif sentences:
            verdict = _sentence_end(region, found, whole=whole)
            if verdict == "wait":
                return None
            if verdict is not None:
                return verdict if verdict <= LONG else clause or verdict
    if len(region) > LONG and clause:
        return clause
    return block_end


def _sentence_end(region: str, found: re.Match[str], *, whole: bool) -> int | _Wait | None:
    """Return where the sentence with this terminator ends; None: it does not end here."""
    citations = _CITATIONS.match(region, found.end())
    end = citations.end() if citations else found.end()
    rest = region[end:]
    following = rest.lstrip()
    if not following or _PARTIAL_CITATION.match(rest):
        return None if whole else "wait"
    if following == rest or not _balanced(region[:end]):
        return None
    cited = end > found.end()
    if cited or ends_sentence(region[: found.end()], following[0]):
        return end
    return None


def _balanced(text: str) -> bool:
    """Say whether inline Markdown (bold, code, links) is closed at the end of `text`."""
    return text.count("**") % 2 == 0 and text.count("`") % 2 == 0 and not _LINK_TEXT.search(text)
