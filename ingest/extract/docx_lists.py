"""Which Word paragraphs are list items, and with which marker."""

from collections import defaultdict

from docx.document import Document as DocxDocument
from docx.oxml.ns import qn
from lxml import etree

from ingest.extract.docx_styles import Style


class Lists:
    """Counts numbered items as Word does: per list and level, deeper levels restarting."""

    def __init__(self, document: DocxDocument) -> None:
        self._formats: dict[tuple[str, int], str] = {}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        try:
            root = document.part.numbering_part.element
        except (KeyError, NotImplementedError):  # no lists in this file
            return
        levels: dict[str, dict[int, str]] = {}
        for abstract in root.iter(qn("w:abstractNum")):
            levels[abstract.get(qn("w:abstractNumId"), "")] = {
                _number(level.get(qn("w:ilvl"))): _value(level.find(qn("w:numFmt"))) or "decimal"
                for level in abstract.iter(qn("w:lvl"))
            }
        for number in root.iter(qn("w:num")):
            abstract_id = _value(number.find(qn("w:abstractNumId")))
            for level, form in levels.get(abstract_id, {}).items():
                self._formats[number.get(qn("w:numId"), ""), level] = form

    def marker(self, paragraph: etree._Element, style: Style) -> str:
        """Return the indent and marker of a list item (`  - `, `3. `); empty for other paragraphs."""
        own = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
        numbering = own if own is not None else style.numbering
        if numbering is None or style.level:
            return "- " if style.listed else ""
        list_id = _value(numbering.find(qn("w:numId")))
        level = min(_number(_value(numbering.find(qn("w:ilvl")))), 8)
        if list_id == "0":  # Word's way of taking a paragraph out of its list
            return ""
        form = self._formats.get((list_id, level), "bullet")
        if form == "none":
            return ""
        if form == "bullet":
            return "  " * level + "- "
        counts = self._counts[list_id]
        counts[level] = counts.get(level, 0) + 1
        for deeper in [known for known in counts if known > level]:
            del counts[deeper]
        return f"{'  ' * level}{counts[level]}. "


def _value(element: etree._Element | None) -> str:
    return element.get(qn("w:val"), "") if element is not None else ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
