"""Web pages: the main content, found by trafilatura, without menus and footers."""

from copy import deepcopy
from dataclasses import replace
from pathlib import PurePath

import lxml.html
import trafilatura
from lxml.html import HtmlElement

from foundation.errors import ExtractionFailed
from ingest.extract.detect import HTML, decode
from ingest.extract.hidden import drop_hidden
from ingest.extract.markup import anchor_of, blocks_of, headings_of
from ingest.extract.port import Block, Document, compose
from ingest.extract.reasons import Reason

_FURNITURE = (
    "//nav | //header | //footer | //aside | //*[@role='navigation' or @role='banner' or @role='contentinfo']"
)


def extract(content: bytes, name: str) -> Document:
    """Return the page's main content; a page too small for trafilatura gives all but its furniture.

    Raises:
        ExtractionFailed: `no_text`, also for pages that only a browser's scripts would fill.
    """
    page = parse(decode(content))
    drop_hidden(page)
    title = _title(page) or PurePath(name).stem
    language = page.get("lang")
    blocks = _anchored(_main_content(page), page) or _all_but_furniture(page)
    return compose(title, HTML, blocks, language=language)


def parse(text: str) -> HtmlElement:
    """Return the root element of an HTML text."""
    # The parser refuses a declared encoding in a text that is already decoded.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    root = lxml.html.document_fromstring(
        text.encode("utf-8", errors="replace"), parser=parser, ensure_head_body=True
    )
    if not isinstance(root, HtmlElement):
        raise ExtractionFailed(reason=Reason.DAMAGED)
    return root


def _main_content(page: HtmlElement) -> list[Block]:
    found = trafilatura.extract(
        deepcopy(page), output_format="html", include_tables=True, include_comments=False, include_links=False
    )
    if not found:
        return []
    return blocks_of(parse(found).find("body"))


def _anchored(blocks: list[Block], page: HtmlElement) -> list[Block]:
    """Give the headings their anchors back, which trafilatura drops: same text, same order."""
    known = [(_letters(heading.text_content()), anchor_of(heading)) for heading in headings_of(page)]
    at, anchored = 0, []
    for block in blocks:
        if block.kind == "heading":
            own = _letters(block.text)
            found = next((index for index in range(at, len(known)) if known[index][0] == own), None)
            if found is not None:
                block, at = replace(block, anchor=known[found][1]), found + 1  # noqa: PLW2901
        anchored.append(block)
    return anchored


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def _all_but_furniture(page: HtmlElement) -> list[Block]:
    for element in page.xpath(_FURNITURE):
        element.drop_tree()
    return blocks_of(page.find("body"))


def _title(page: HtmlElement) -> str:
    heading = page.find(".//h1")
    shown = " ".join(heading.text_content().split()) if heading is not None else ""
    named = " ".join((page.findtext(".//title") or "").split())
    # `Leverans | Företaget AB` says less than the heading people see.
    return shown if 0 < len(shown) <= 200 and (not named or shown in named) else named or shown[:200]
