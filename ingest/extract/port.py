"""What every extractor gives: the document as blocks in reading order, and one text they lie in."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from foundation.errors import ExtractionFailed
from ingest.extract.reasons import Reason

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]

SEPARATOR = "\n\n"
"""Stands between two blocks in the document's text."""

MAX_CHARACTERS = 10_000_000
"""A longer text is no document; the limit also stops files that expand without end."""

_MAX_ANCHOR = 200
"""Characters; a longer one is no place that anybody links to."""


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list, table (Markdown) or code; `start` is its place in the document's text."""

    kind: BlockKind
    text: str
    level: int = 0
    """1 to 6 for headings, else 0."""
    page: int | None = None
    """Counted from 1, where the format has pages."""
    start: int = 0
    anchor: str | None = None
    """For headings of web pages and Markdown: what stands after `#` in an address that opens there."""

    @property
    def end(self) -> int:
        """The offset after the last character."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Document:
    """An extracted document: `text[block.start : block.end] == block.text` for each block."""

    title: str
    language: str | None
    """What the file itself declares (`sv`), if anything; what it is written in may differ."""
    media_type: str
    blocks: tuple[Block, ...]

    @property
    def text(self) -> str:
        """The whole text, blocks separated by an empty line."""
        return SEPARATOR.join(block.text for block in self.blocks)


class Extractor(Protocol):
    """Turns a file's content into a document. The name is only a last resort for the title.

    Raises:
        ExtractionFailed: with `reason`, one of `Reason`.
    """

    def __call__(self, content: bytes, name: str) -> Document: ...


def compose(title: str, media_type: str, blocks: Iterable[Block], *, language: str | None = None) -> Document:
    """Return the document with every block's place filled in; blocks without text are left out.

    Raises:
        ExtractionFailed: `no_text` when no block has text (`empty` for text files), `too_large` past
            `MAX_CHARACTERS`.
    """
    placed: list[Block] = []
    at = 0
    for block in blocks:
        text = clean(block.text)
        if not text.strip():
            continue
        anchor = block.anchor if len(block.anchor or "") <= _MAX_ANCHOR else None
        placed.append(replace(block, text=text, start=at, anchor=anchor))
        at += len(text) + len(SEPARATOR)
        if at > MAX_CHARACTERS:
            raise ExtractionFailed(reason=Reason.TOO_LARGE)
    if not placed:
        written = media_type in {"text/plain", "text/markdown", "text/csv"}
        raise ExtractionFailed(reason=Reason.EMPTY if written else Reason.NO_TEXT)
    return Document(
        " ".join(clean(title).split()), (language or "")[:2].lower() or None, media_type, tuple(placed)
    )


_CONTROLS = dict.fromkeys((*range(9), 11, *range(14, 32), 127, 173, 8203, 65279))
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000))  # lone surrogates: PostgreSQL and UTF-8 refuse them
_SPACES = {0x0C: "\n", 0xA0: " ", 0x202F: " ", 0x2028: "\n", 0x2029: "\n"}
_TABLE = {**_CONTROLS, **_SPACES}


def clean(text: str) -> str:
    """Return `text` without control characters, soft hyphens and trailing spaces.

    A no-break space becomes a plain one, so that `1 299 kr` is found however it was typed.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").translate(_TABLE).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")
