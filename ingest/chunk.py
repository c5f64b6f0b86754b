"""Cut a document into passages along its structure.

A passage never crosses a heading. Lists and tables are torn only when they are too long, and then between
items and rows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from foundation.turns import Language
from ingest.extract.port import SEPARATOR, Block, Document

TARGET = 200
"""Tokens a passage aims at; several short blocks are put together up to here."""
LIMIT = 280
"""Estimated tokens no passage exceeds."""
_MAX_COUNTED = 320
"""Tokens of a passage as the model itself counts them: it sees 512, prefix and all."""
_MAX_PREFIX = 80
"""Tokens of title and headings in front of the embedded text."""
_DETECTABLE = 60
"""Characters from which a passage's own language can be told."""

Detect = Callable[[str], Language | None]
"""Returns the language of a text, None when it is not clear."""
Count = Callable[[str], int]
"""Returns how many tokens a model makes of a text."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”»)]?\s+(?=[^a-zåäöæø\s])|\n")
_LINK = re.compile(r"\[([^\]]+)\]\((?:https?://|mailto:)[^)\s]+\)")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage. `document.text[start:end]` is its source; `text` is that, after a torn table's header."""

    ordinal: int
    text: str
    heading: str
    """The headings above it, from the outermost in, joined by ` > `."""
    page: int | None
    start: int
    end: int
    language: Language
    anchor: str | None = None
    """Of the nearest heading above it that has one; an address ending in `#anchor` opens there."""
    paragraph: int | None = None
    """The number (from 1) of its first paragraph, list, table or code on its page, or under its heading where
    there are no pages. Its further ones stand after empty lines; None where those would not tell.
    """


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    start: int
    end: int
    page: int | None
    leads: bool = False
    """Introduces what follows (`You need:`) and should stand with it."""
    whole: bool = True
    """False for the parts of a torn block, which are passages of their own."""
    paragraph: int | None = None


def tokens(text: str) -> int:
    """Return about how many tokens the model makes of words; bytes, so that Greek or Thai weigh more.

    Counting with the model takes half a millisecond a passage, and cutting counts many times. Of tables and
    codes the model makes up to twice as many: `chunk` holds what it has cut against the model's own count.
    """
    return int(len(text.encode()) / 3.6) + 1


def chunk(document: Document, detect: Detect, fallback: Language, count: Count = tokens) -> list[Chunk]:
    """Return the document's passages in order; `fallback` is used where no language can be told.

    With the model's own `count`, called once a passage, also what the estimate is wrong about (codes, words
    of no language) is cut so that the model sees all of it.
    """
    language = detect(document.text[:6000]) or fallback
    chunks: list[Chunk] = []
    on_page: dict[int, int] = {}
    for path, blocks in _sections(document):
        heading = " > ".join(above.text for above in path)
        # A heading that stands alone is a passage, and its own anchor leads to it.
        anchors = [block.anchor for block in [*path, *blocks] if block.anchor]
        packed = _packed(list(_numbered(blocks, on_page)))
        for piece in (part for whole in packed for part in _fitting(whole, count)):
            own = detect(piece.text) if len(piece.text) >= _DETECTABLE else None
            chunks.append(
                Chunk(
                    len(chunks),
                    piece.text,
                    heading,
                    piece.page,
                    piece.start,
                    piece.end,
                    own or language,
                    anchors[-1] if anchors else None,
                    piece.paragraph,
                )
            )
    return chunks


def embedded_text(title: str, chunk: Chunk) -> str:
    """Return what the model is to see: title and headings first, links without their targets."""
    return seen_by_model(title, chunk.heading, chunk.text)


def seen_by_model(title: str, heading: str, text: str) -> str:
    """Return the same for a passage that is stored already."""
    headings = [part for part in heading.split(" > ") if part and part != title]
    prefix = " > ".join([title, *headings]) if title else " > ".join(headings)
    while tokens(prefix) > _MAX_PREFIX:
        prefix = prefix[: len(prefix) * 3 // 4].rstrip()
    plain = _LINK.sub(r"\1", text)
    return f"{prefix}\n{plain}" if prefix else plain


def _sections(document: Document) -> Iterator[tuple[list[Block], list[Block]]]:
    """Yield each run of blocks under the same headings; a heading with nothing under it is its own text."""
    path: list[Block] = []
    blocks: list[Block] = []
    bare: list[Block] = []
    for block in document.blocks:
        if block.kind != "heading":
            blocks.append(block)
            bare = []
            continue
        if blocks:
            yield path, blocks
            blocks = []
        if bare and bare[-1].level >= block.level and bare[-1].text != document.title:
            yield path[:-1], [bare[-1]]
        path = [*(above for above in path if above.level < block.level), block]
        bare = [block]
    if blocks or bare:
        yield (path, blocks) if blocks else (path[:-1], bare)


def _numbered(blocks: Sequence[Block], on_page: dict[int, int]) -> Iterator[_Piece]:
    """Yield the pieces of a section's blocks; `on_page` counts the blocks of each page, over sections."""
    here = 0
    for block in blocks:
        if block.kind == "heading":
            yield from _pieces(block)
            continue
        here += 1
        number = here
        if block.page is not None:
            number = on_page[block.page] = on_page.get(block.page, 0) + 1
        told = None if SEPARATOR in block.text else number
        yield from (replace(piece, paragraph=told) for piece in _pieces(block))


def _packed(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """Put neighbours together while they fit the target; an introduction moves to what it introduces."""
    run: list[_Piece] = []
    for piece in pieces:
        size = sum(tokens(each.text) for each in run) + tokens(piece.text)
        if run and (size > TARGET or not piece.whole or not run[-1].whole):
            lead = run.pop() if run[-1].leads and tokens(run[-1].text) + tokens(piece.text) <= LIMIT else None
            if run:
                yield _merged(run)
            run = [lead] if lead is not None else []
        run.append(piece)
    if run:
        yield _merged(run)


def _fitting(piece: _Piece, count: Count) -> Iterator[_Piece]:
    """Yield the piece, or its halves while they are too long for the model."""
    length = piece.end - piece.start
    if length < 2 or count(piece.text) <= _MAX_COUNTED:
        yield piece
        return
    repeated, source = piece.text[: len(piece.text) - length], piece.text[len(piece.text) - length :]
    space = source.rfind(" ", length // 4, length // 2)
    cut = space if space > 0 else length // 2
    yield from _fitting(replace(piece, text=repeated + source[:cut], end=piece.start + cut), count)
    told = None if piece.paragraph is None else piece.paragraph + source[:cut].count(SEPARATOR)
    yield from _fitting(replace(piece, text=source[cut:], start=piece.start + cut, paragraph=told), count)


def _merged(run: Sequence[_Piece]) -> _Piece:
    text = SEPARATOR.join(piece.text for piece in run)
    told = all(piece.paragraph is not None and piece.page == run[0].page for piece in run)
    return replace(
        run[0],
        text=text,
        end=run[-1].end,
        whole=all(piece.whole for piece in run),
        paragraph=run[0].paragraph if told else None,
    )


def _pieces(block: Block) -> Iterator[_Piece]:
    if tokens(block.text) <= LIMIT - 40:
        leads = block.kind == "paragraph" and block.text.endswith(":") and len(block.text) < 400
        yield _Piece(block.text, block.start, block.end, block.page, leads=leads)
    elif block.kind == "table":
        yield from _torn_table(block)
    elif block.kind in {"list", "code"}:
        spans = _lines(block.text, 0)
        yield from _grouped(
            block, [part for span in spans for part in _within_limit(block.text, *span)], overlap=False
        )
    else:
        yield from _grouped(block, list(_sentences(block.text)), overlap=True)


def _torn_table(block: Block) -> Iterator[_Piece]:
    header_end = block.text.find("\n", block.text.find("\n") + 1)
    header = (
        block.text[: header_end + 1]
        if header_end > 0 and tokens(block.text[:header_end]) < LIMIT // 2
        else ""
    )
    budget = LIMIT - 40 - tokens(header)
    rows = [
        part for span in _lines(block.text, len(header)) for part in _within_limit(block.text, *span, budget)
    ]
    for index, (start, end) in enumerate(_groups(block.text, rows, budget)):
        begin = 0 if index == 0 else start
        text = block.text[begin:end] if index == 0 else header + block.text[start:end]
        yield _Piece(text, block.start + begin, block.start + end, block.page, whole=False)


def _grouped(block: Block, spans: Sequence[tuple[int, int]], *, overlap: bool) -> Iterator[_Piece]:
    before: tuple[int, int] | None = None
    for start, end in _groups(block.text, spans, TARGET - 20):
        begin = start
        if overlap and before is not None:
            last = max((span for span in spans if span[1] <= start), default=None)
            # The sentence before helps to understand `it` and `this`; a long one costs more than it gives.
            if last is not None and tokens(block.text[slice(*last)]) <= 40:
                begin = last[0]
        yield _Piece(block.text[begin:end], block.start + begin, block.start + end, block.page, whole=False)
        before = start, end


def _groups(text: str, spans: Sequence[tuple[int, int]], budget: int) -> Iterator[tuple[int, int]]:
    start = end = -1
    for span in spans:
        if start >= 0 and tokens(text[start : span[1]]) > budget:
            yield start, end
            start = -1
        start, end = (span[0] if start < 0 else start), span[1]
    if start >= 0:
        yield start, end


def _lines(text: str, start: int) -> list[tuple[int, int]]:
    spans = []
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        if text[start:end].strip():
            spans.append((start, end))
        start = end + 1
    return spans


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for gap in _SENTENCE_END.finditer(text):
        yield from _within_limit(text, start, gap.start())
        start = gap.end()
    yield from _within_limit(text, start, len(text))


def _within_limit(text: str, start: int, end: int, budget: int = TARGET) -> Iterator[tuple[int, int]]:
    """Yield the span, cut between words (or anywhere, if need be) while it is too long."""
    while tokens(text[start:end]) > budget:
        cut = start + max(len(text[start:end].encode()[: int(budget * 3.6)].decode(errors="ignore")) - 1, 1)
        space = text.rfind(" ", start + 1, cut)
        cut = space if space > start + (cut - start) // 2 else cut
        yield start, cut
        start = cut + (text[cut : cut + 1] == " ")
    if text[start:end].strip():
        yield start, end
