"""HTML elements to blocks; Markdown comes this way too, once rendered."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml.html import HtmlElement

from ingest.extract.hidden import is_hidden
from ingest.extract.port import Block, BlockKind

_SKIPPED = {
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "iframe",
    "object",
    "head",
    "form",
    "button",
    "select",
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INLINE = {
    *(
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
    ),
    *(
        "label",
        "mark",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
    ),
    *("br", "wbr", "picture", "source", "input"),
}
_MAX_DEPTH = 200


def blocks_of(element: HtmlElement) -> list[Block]:
    """Return the blocks inside `element`; scripts, forms and hidden parts are left out."""
    walk = _Walk()
    walk.element(element, 0)
    walk.flush()
    return walk.blocks


def headings_of(element: HtmlElement) -> Iterator[HtmlElement]:
    """Yield the heading elements inside `element` in document order."""
    yield from element.iter(*_HEADINGS)


def anchor_of(heading: HtmlElement) -> str | None:
    """Return what opens a page at this heading: its id, that of an anchor in it, or of its section."""
    for element in (heading, *heading.iterdescendants("a", "span")):
        anchor = element.get("id") or (element.get("name") if element.tag == "a" else None)
        if anchor and anchor.strip():
            return str(anchor).strip()
    parent = heading.getparent()
    opens = parent is not None and parent.tag in {"section", "article", "div"} and parent[0] is heading
    return ((parent.get("id") or "").strip() or None) if opens else None


def markdown_table(rows: Iterable[list[str]]) -> str:
    """Return a Markdown table whose first row is the header; rows without text are left out."""
    filled = [[_cell(cell) for cell in row] for row in rows]
    filled = [row for row in filled if any(row)]
    if not filled:
        return ""
    width = max(map(len, filled))
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


@dataclass(slots=True)
class _Walk:
    blocks: list[Block] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    """Inline text since the last block: text beside elements is a paragraph of its own."""

    def flush(self) -> None:
        self.add("paragraph", _inline_text("".join(self.run)))
        self.run.clear()

    def add(self, kind: BlockKind, text: str, level: int = 0, anchor: str | None = None) -> None:
        if text.strip():
            self.blocks.append(Block(kind, text, level, anchor=anchor))

    def children(self, element: HtmlElement, depth: int) -> None:
        self.run.append(element.text or "")
        for child in element:
            self.element(child, depth + 1)
            self.run.append(child.tail or "")

    def element(self, element: HtmlElement, depth: int) -> None:
        tag = element.tag
        if not isinstance(tag, str) or tag in _SKIPPED or is_hidden(element) or depth > _MAX_DEPTH:
            return
        if tag in _INLINE and not _holds_blocks(element):
            self.run.append(_inline(element))
            return
        self.flush()
        if tag in _HEADINGS:
            text = _inline_text(_inline(element)).replace("\n", " ")
            self.add("heading", text, _HEADINGS[tag], anchor_of(element))
        elif tag in {"ul", "ol"}:
            self.add("list", "\n".join(_items(element)))
        elif tag == "dl":
            self.add("list", "\n".join(_definitions(element)))
        elif tag == "table" and not _is_layout(element):
            self.add("table", markdown_table(_rows(element)))
        elif tag == "pre":
            self.add("code", "```\n" + element.text_content().strip("\n") + "\n```")
        else:
            self.children(element, depth)
            self.flush()


def _holds_blocks(element: HtmlElement) -> bool:
    return any(isinstance(inner.tag, str) and inner.tag not in _INLINE for inner in element.iterdescendants())


def _inline(element: HtmlElement) -> str:
    """Return the element's text in one piece; absolute links stay, since an answer may cite them."""
    if element.tag in {"br", "wbr"}:
        return "\x1e" if element.tag == "br" else ""
    if element.tag in _SKIPPED or not isinstance(element.tag, str) or is_hidden(element):
        return ""
    parts = [element.text or ""]
    for child in element:
        parts.append(_inline(child))
        if child.tag not in _INLINE:
            parts.append(" ")
        parts.append(child.tail or "")
    text = "".join(parts)
    if element.tag == "a":
        return _link(text, element.get("href") or "")
    return text


def _link(text: str, target: str) -> str:
    label = " ".join(text.replace("\x1e", " ").split())
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", target).rstrip("/")
    if not label or not re.match(r"(?:https?://|mailto:)\S+$", target) or bare in label:
        return text
    before, after = re.match(r"\s*", text)[0], re.search(r"\s*$", text)[0]  # type: ignore[index]
    return f"{before}[{label}]({target}){after}"


def _inline_text(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\x1e"))
    return "\n".join(line for line in lines if line)


def _items(element: HtmlElement, depth: int = 0) -> Iterator[str]:
    number = int(element.get("start") or 1) if (element.get("start") or "1").isdigit() else 1
    for item in element:
        if item.tag in {"ul", "ol"}:  # malformed but common: a list directly inside a list
            yield from _items(item, depth + 1)
            continue
        if item.tag != "li":
            continue
        own = [item.text or ""]
        nested: list[HtmlElement] = []
        for child in item:
            if child.tag in {"ul", "ol"}:
                nested.append(child)
            else:
                own += ["" if child.tag in _INLINE else " ", _inline(child)]
            own += ["" if child.tag in _INLINE else " ", child.tail or ""]
        text = _inline_text("".join(own)).replace("\n", " ")
        marker = f"{number}." if element.tag == "ol" else "-"
        if text:
            yield f"{'  ' * depth}{marker} {text}"
            number += 1
        if depth < _MAX_DEPTH:
            for inner in nested:
                yield from _items(inner, depth + 1)


def _definitions(element: HtmlElement) -> Iterator[str]:
    term = ""
    for child in element.iter("dt", "dd"):
        text = _inline_text(_inline(child)).replace("\n", " ")
        if child.tag == "dt":
            term = text
        else:
            yield f"- {term}: {text}" if term else f"- {text}"


def _is_layout(table: HtmlElement) -> bool:
    """A table of one column, or one that holds headings or tables, only arranges the page."""
    widths = [len([cell for cell in row if cell.tag in {"td", "th"}]) for row in table.iter("tr")]
    return max(widths, default=0) < 2 or next(table.iterdescendants("table", "h1", "h2"), None) is not None


def _rows(table: HtmlElement) -> Iterator[list[str]]:
    for row in table.iter("tr"):
        yield [_inline_text(_inline(cell)) for cell in row if cell.tag in {"td", "th"}]
