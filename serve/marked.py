"""A passage as HTML, in which the paragraph that holds a quote is marked."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.token import Token

_MARKED: Final = frozenset(
    {"paragraph_open", "list_item_open", "tr_open", "heading_open", "fence", "code_block"}
)
_SYNTAX: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*_`|#]+")
_LEAD: Final = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_WORDS: Final = 6
"""Words of each end of a long quote in a text fragment; what is marked up in between does not matter."""

markdown: Final = MarkdownIt("commonmark", {"html": False}).enable("table")


def marked(text: str, quoted: str) -> str:
    """Return a passage's Markdown as HTML; the paragraph, list item or row with the quote has `id="quote"`.

    Where the quote cannot be found all of it has.
    """
    if not quoted:
        return str(markdown.render(text))
    tokens = markdown.parse(text)
    at = text.find(quoted)
    holder = _holder(tokens, text.count("\n", 0, at)) if at >= 0 else None
    if holder is not None:
        holder.attrSet("id", "quote")
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    return html if holder is not None else f'<div id="quote">{html}</div>'


def text_fragment(text: str, quoted: str) -> str:
    """Return what makes a browser go to a quote on a page of its own: `:~:text=…`; empty without a quote.

    `quoted` is the beginning of a sentence of `text`; the fragment spans the rest of its line's sentence too.
    """
    at = text.find(quoted) if quoted else -1
    if at < 0:
        return ""
    line = text[at : text.find("\n", at)] if "\n" in text[at:] else text[at:]
    end = re.search(r"[.!?…](?=\s|$)", line[len(quoted) - 1 :])
    said = line[: len(quoted) - 1 + end.end()] if end else line
    if said.startswith("|"):  # a row: its cells are no running text on the page
        said = next((cell for cell in said.split("|") if any(map(str.isalnum, cell))), "")
    words = _SYNTAX.sub(lambda match: match[1] or "", _LEAD.sub("", said)).split()
    if not words:
        return ""
    ends = [words] if len(words) <= 2 * _WORDS else [words[:_WORDS], words[-_WORDS:]]
    return ":~:text=" + ",".join(_encoded(" ".join(each)) for each in ends)


def _holder(tokens: Sequence[Token], line: int) -> Token | None:
    """Return the innermost block that is shown and has this line."""
    holders = [
        token
        for token in tokens
        if token.type in _MARKED and not token.hidden and token.map and token.map[0] <= line < token.map[1]
    ]
    return min(reversed(holders), key=_lines, default=None)


def _lines(token: Token) -> int:
    return token.map[1] - token.map[0] if token.map else 0


def _encoded(text: str) -> str:
    # A hyphen would end a prefix or begin a suffix.
    return quote(text, safe="").replace("-", "%2D")
