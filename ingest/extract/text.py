"""Plain text: paragraphs are separated by empty lines."""

import re
from collections.abc import Iterator
from pathlib import PurePath

from ingest.extract.detect import TEXT, decode
from ingest.extract.port import Block, Document, clean, compose

_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,3}[.)])\s+\S")


def extract(content: bytes, name: str) -> Document:
    """Return the text's paragraphs and lists; the title is its first line when that looks like one."""
    blocks = list(_blocks(clean(decode(content))))
    title = PurePath(name).stem
    if len(blocks) > 1 and _is_title(blocks[0].text):
        title = blocks[0].text
        blocks[0] = Block("heading", title, level=1)
    return compose(title, TEXT, blocks)


def _blocks(text: str) -> Iterator[Block]:
    for paragraph in re.split(r"\n\s*\n", text):
        lines = [line for line in paragraph.split("\n") if line.strip()]
        listed = bool(lines) and all(_BULLET.match(line) for line in lines)
        yield Block("list" if listed else "paragraph", "\n".join(lines))


def _is_title(text: str) -> bool:
    return len(text) <= 100 and "\n" not in text and not text.endswith((".", ",", ";"))
