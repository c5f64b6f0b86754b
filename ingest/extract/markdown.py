"""Markdown: rendered to HTML and read from there, so that embedded HTML needs no second reader."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePath

import yaml
from markdown_it import MarkdownIt

from ingest.extract.detect import MARKDOWN, decode
from ingest.extract.html import parse
from ingest.extract.markup import blocks_of
from ingest.extract.port import Block, Document, compose

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$\n?", re.M | re.S)
_LINK = re.compile(r"\[([^\]]+)\]\([^)\s]+\)")
_TEMPLATE_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{:[^{}\n]*\}", re.S)


def extract(content: bytes, name: str) -> Document:
    """Return the document; the title is that of the front matter, else the first heading, else the name."""
    text = decode(content).replace("\r\n", "\n")
    title, language = "", None
    matter = _FRONT_MATTER.match(text)
    if matter is not None:
        title, language = _front_matter(matter[1])
        # Only site generators read front matter, and their template tags are no text either.
        text = _TEMPLATE_TAG.sub("", text[matter.end() :])
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    blocks = _anchored(blocks_of(parse(f"<body>{rendered}</body>").find("body")))
    if not title:
        first = next((block for block in blocks if block.kind == "heading"), None)
        title = first.text if first is not None else PurePath(name).stem
    return compose(title, MARKDOWN, blocks, language=language)


def _anchored(blocks: list[Block]) -> list[Block]:
    """Give each heading the anchor that GitHub and most site generators make of its text."""
    seen: Counter[str] = Counter()
    anchored = []
    for block in blocks:
        if block.kind == "heading" and block.anchor is None:
            slug = re.sub(r"[^\w\- ]", "", _LINK.sub(r"\1", block.text).lower()).replace(" ", "-")
            again = f"-{seen[slug]}" if seen[slug] else ""
            seen[slug] += 1
            block = replace(block, anchor=f"{slug}{again}" if slug else None)  # noqa: PLW2901
        anchored.append(block)
    return anchored


def _front_matter(source: str) -> tuple[str, str | None]:
    try:
        values = yaml.safe_load(source)
    except yaml.YAMLError:
        return "", None
    if not isinstance(values, dict):
        return "", None
    title, language = values.get("title"), values.get("lang", values.get("language"))
    return str(title or ""), language if isinstance(language, str) else None
