"""What a Word paragraph's style says about it: heading level, list, table of contents."""

import re
from dataclasses import dataclass

from docx.document import Document as DocxDocument
from docx.oxml.ns import qn
from lxml import etree


@dataclass(frozen=True, slots=True)
class Style:
    """The part of a style that matters for the text."""

    level: int = 0
    """1 to 6 for headings, else 0."""
    listed: bool = False
    contents: bool = False
    """A line of the table of contents repeats a heading."""
    numbering: etree._Element | None = None
    """The style's own `w:numPr`."""


class Styles:
    """Looks styles up by paragraph, following what they are based on."""

    def __init__(self, document: DocxDocument) -> None:
        self._elements: dict[str, etree._Element] = {}
        self._known: dict[str, Style] = {}
        try:
            root = document.styles.element
        except KeyError:  # a file without a styles part
            return
        for element in root.iter(qn("w:style")):
            self._elements[element.get(qn("w:styleId"), "")] = element

    def of(self, paragraph: etree._Element) -> Style:
        """Return the paragraph's style, with its own outline level before the style's."""
        properties = paragraph.find(qn("w:pPr"))
        if properties is None:
            return Style()
        named = properties.find(qn("w:pStyle"))
        style = self._style(named.get(qn("w:val"), "")) if named is not None else Style()
        level = _outline(properties)
        return Style(level, style.listed, style.contents, style.numbering) if level else style

    def _style(self, style_id: str) -> Style:
        if style_id not in self._known:
            self._known[style_id] = self._read(style_id)
        return self._known[style_id]

    def _read(self, style_id: str) -> Style:
        level, listed, contents, numbering = 0, False, False, None
        seen: set[str] = set()
        while style_id in self._elements and style_id not in seen:
            seen.add(style_id)
            element = self._elements[style_id]
            # The name is English in every language's Word ("heading 1"); the id is translated ("Rubrik1").
            name_element = element.find(qn("w:name"))
            name = (name_element.get(qn("w:val"), "") if name_element is not None else "").lower()
            level = level or _level(name)
            listed = listed or name.startswith("list ")
            contents = contents or bool(re.match(r"toc \d|table of figures", name))
            properties = element.find(qn("w:pPr"))
            if properties is not None:
                level = level or _outline(properties)
                numbering = properties.find(qn("w:numPr")) if numbering is None else numbering
            based = element.find(qn("w:basedOn"))
            style_id = based.get(qn("w:val"), "") if based is not None else ""
        return Style(level, listed and name_is_item(level), contents, numbering)


def name_is_item(level: int) -> bool:
    """A style that is also a heading is no list item, however it is called."""
    return level == 0


def _level(name: str) -> int:
    if name == "title":
        return 1
    matched = re.fullmatch(r"heading ([1-9])", name)
    return min(int(matched[1]), 6) if matched else 0


def _outline(properties: etree._Element) -> int:
    outline = properties.find(qn("w:outlineLvl"))
    value = outline.get(qn("w:val"), "9") if outline is not None else "9"
    return min(int(value) + 1, 6) if value.isdigit() and int(value) < 9 else 0
