"""Word documents: headings, paragraphs, lists and tables in document order; headers and footers left out.

The text is read from the XML and not from python-docx's `paragraph.text`, which leaves out tracked
insertions, content controls and text boxes.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePath

import docx
from docx.document import Document as DocxDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from foundation.errors import ExtractionFailed
from ingest.extract.detect import DOCX
from ingest.extract.docx_lists import Lists
from ingest.extract.docx_styles import Styles
from ingest.extract.markup import markdown_table
from ingest.extract.port import Block, Document, compose
from ingest.extract.reasons import Reason

_STRICT = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL = (
    (
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
)
_CONTAINERS = {qn(f"w:{name}") for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
_DROPPED = {qn(f"w:{name}") for name in ("del", "moveFrom", "rPr", "pPr", "instrText", "delText")} | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
}
_BREAKS = {qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:tab"): "\t", qn("w:noBreakHyphen"): "-"}
_TEXT_BOX = qn("w:txbxContent")


def extract(content: bytes, name: str) -> Document:
    """Return the document's blocks; footnotes follow at the end.

    Raises:
        ExtractionFailed: `damaged` when it is no Word document inside, `no_text` when it has only pictures.
    """
    try:
        opened = docx.Document(io.BytesIO(_transitional(content)))
    except (PackageNotFoundError, KeyError, ValueError, zipfile.BadZipFile, etree.XMLSyntaxError):
        raise ExtractionFailed(reason=Reason.DAMAGED) from None
    reader = _Reader(Styles(opened), Lists(opened))
    blocks = [*reader.blocks(opened.element.body), *reader.notes(opened)]
    return compose(_title(opened, blocks) or PurePath(name).stem, DOCX, _join_lists(blocks))


class _Reader:
    def __init__(self, styles: Styles, lists: Lists) -> None:
        self._styles = styles
        self._lists = lists

    def blocks(self, parent: etree._Element) -> Iterator[Block]:
        for child in parent:
            if child.tag == qn("w:p"):
                yield from self._paragraph(child)
            elif child.tag == qn("w:tbl"):
                yield from self._table(child)
            elif child.tag in _CONTAINERS:
                yield from self.blocks(child)

    def notes(self, document: DocxDocument) -> Iterator[Block]:
        for relation in document.part.rels.values():
            if relation.is_external or not relation.reltype.endswith(("/footnotes", "/endnotes")):
                continue
            root = etree.fromstring(relation.target_part.blob, etree.XMLParser(resolve_entities=False))
            for note in root:
                if note.get(qn("w:type")) is None:  # the others are separator lines
                    yield from self.blocks(note)

    def _paragraph(self, paragraph: etree._Element) -> Iterator[Block]:
        style = self._styles.of(paragraph)
        text = " ".join(_text(paragraph).split()) if style.level else _text(paragraph).strip()
        if text and not style.contents:
            marker = self._lists.marker(paragraph, style)
            if style.level:
                yield Block("heading", text, level=style.level)
            elif marker:
                yield Block("list", marker + " ".join(text.split()))
            else:
                yield Block("paragraph", text)
        for box in paragraph.iter(_TEXT_BOX):
            if not any(above.tag in _DROPPED for above in box.iterancestors()):
                yield from self.blocks(box)

    def _table(self, table: etree._Element) -> Iterator[Block]:
        rows = [[self._cell(cell) for cell in _cells(row)] for row in _descend(table, qn("w:tr"))]
        if max(map(len, rows), default=0) < 2:  # a frame around text, not a table
            for cell in table.iter(qn("w:tc")):
                yield from self.blocks(cell)
        else:
            yield Block("table", markdown_table(rows))

    def _cell(self, cell: etree._Element) -> str:
        merged = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        if merged is not None and merged.get(qn("w:val")) != "restart":
            return ""
        return " ".join(block.text for block in self.blocks(cell))


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for cell in _descend(row, qn("w:tc")):
        yield cell
        span = cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}")
        # A cell over several columns keeps the ones after it in their columns.
        for _ in range(1, min(int(span.get(qn("w:val"), "1")), 64) if span is not None else 1):
            yield etree.Element(qn("w:tc"))


def _descend(parent: etree._Element, tag: str) -> Iterator[etree._Element]:
    for child in parent:
        if child.tag == tag:
            yield child
        elif child.tag in _CONTAINERS:
            yield from _descend(child, tag)


def _text(element: etree._Element) -> str:
    parts: list[str] = []
    for child in element:
        if child.tag == qn("w:t"):
            parts.append(child.text or "")
        elif child.tag in _BREAKS:
            parts.append(_BREAKS[child.tag])
        elif child.tag not in _DROPPED and child.tag != _TEXT_BOX:
            parts.append(_text(child))
    return "".join(parts)


def _join_lists(blocks: list[Block]) -> Iterator[Block]:
    """Word has no lists, only paragraphs that look like items; neighbours become one list."""
    items: list[str] = []
    for block in blocks:
        if block.kind == "list":
            items.append(block.text)
            continue
        if items:
            yield Block("list", "\n".join(items))
            items = []
        yield block
    if items:
        yield Block("list", "\n".join(items))


def _title(document: DocxDocument, blocks: list[Block]) -> str:
    heading = next((block.text for block in blocks[:3] if block.kind == "heading" and block.level == 1), "")
    return heading or (document.core_properties.title or "").strip()


def _transitional(content: bytes) -> bytes:
    """Return the file with ISO "strict" names replaced by the ones python-docx knows, if it has any."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if _STRICT not in archive.read("_rels/.rels"):
            return content
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as rewritten:
            for info in archive.infolist():
                part = archive.read(info)
                for strict, transitional in _TRANSITIONAL:
                    part = part.replace(strict, transitional)
                rewritten.writestr(info.filename, part)
    return target.getvalue()
