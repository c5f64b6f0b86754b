"""Render the demo tenant's PDF and DOCX documents from their Markdown masters.

Reads every ``configs/demo/masters/*.md`` (YAML front matter followed by a small
Markdown subset: headings, paragraphs, lists, pipe tables, bold and italics) and
writes the file named by ``output`` to ``configs/demo/knowledge/``. The output is
deterministic: rendering twice gives byte-identical files.

Run from the repository root::

    python tests/tools/render_demo.py
"""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import yaml
from docx import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

ROOT = Path(__file__).resolve().parents[2]
MASTERS = ROOT / "configs" / "demo" / "masters"
KNOWLEDGE = ROOT / "configs" / "demo" / "knowledge"

AUTHOR = "Fjällglöd Friluft AB"
ZIP_TIME = (2026, 1, 1, 0, 0, 0)
INLINE = re.compile(r"(\*\*.+?\*\*|\*.+?\*)")
PAGE_WORDS = {"sv": ("Sida", "av"), "en": ("Page", "of")}

BlockKind = Literal["heading", "paragraph", "bullet", "number", "table"]


@dataclass(frozen=True)
class Block:
    """One block of a master: text with a level, or the rows of a table."""

    kind: BlockKind
    text: str = ""
    level: int = 0
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Master:
    """A parsed master document."""

    output: str
    title: str
    language: str
    date: dt.date
    header: str
    footer: str
    blocks: tuple[Block, ...]


def parse_master(path: Path) -> Master:
    """Split a master into front matter and blocks."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    meta: dict[str, Any] = yaml.safe_load(front)
    return Master(
        output=meta["output"],
        title=meta["title"],
        language=meta["language"],
        date=meta["date"],
        header=meta["header"],
        footer=meta["footer"],
        blocks=tuple(parse_blocks(body)),
    )


def parse_blocks(body: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown body; each list item is its own block."""
    table: list[tuple[str, ...]] = []
    for raw in [*body.splitlines(), ""]:
        line = raw.strip()
        if line.startswith("|"):
            cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
            if not all(set(cell) <= set("-: ") for cell in cells):
                table.append(cells)
            continue
        if table:
            yield Block("table", rows=tuple(table))
            table = []
        if not line:
            continue
        if match := re.match(r"(#+) (.*)", line):
            yield Block("heading", match[2], level=len(match[1]))
        elif line.startswith("- "):
            yield Block("bullet", line[2:])
        elif match := re.match(r"(\d+)\. (.*)", line):
            yield Block("number", match[2], level=int(match[1]))
        else:
            yield Block("paragraph", line)


def inline_runs(text: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield ``(text, bold, italic)`` runs."""
    for part in INLINE.split(text):
        if part.startswith("**") and part.endswith("**") and len(part) > 4:
            yield part[2:-2], True, False
        elif part.startswith("*") and part.endswith("*") and len(part) > 2:
            yield part[1:-1], False, True
        elif part:
            yield part, False, False


# --- PDF -----------------------------------------------------------------------------


def pdf_markup(text: str) -> str:
    """Turn inline Markdown into reportlab paragraph markup."""
    out: list[str] = []
    for run, bold, italic in inline_runs(text):
        safe = escape(run, quote=False)
        out.append(f"<b>{safe}</b>" if bold else f"<i>{safe}</i>" if italic else safe)
    return "".join(out)


def draw_frame(canvas: Any, master: Master, total: int) -> None:
    """Draw the running header and the "page n of m" footer on the current page."""
    page_word, of_word = PAGE_WORDS[master.language]
    left, right = 25 * mm, A4[0] - 25 * mm
    canvas.setFont("Helvetica", 8)
    canvas.drawString(left, A4[1] - 14 * mm, master.header)
    canvas.drawRightString(right, A4[1] - 14 * mm, master.date.isoformat())
    canvas.drawString(left, 12 * mm, master.footer)
    canvas.drawRightString(right, 12 * mm, f"{page_word} {canvas.getPageNumber()} {of_word} {total}")


def pdf_table(rows: tuple[tuple[str, ...], ...], style: ParagraphStyle, width: float) -> Table:
    """Lay out a table with column widths that follow the longest cell."""
    longest = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    weights = [min(max(n, 8), 40) for n in longest]
    table = Table(
        [[Paragraph(pdf_markup(cell), style) for cell in row] for row in rows],
        colWidths=[width * w / sum(weights) for w in weights],
        repeatRows=1,
    )
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, colors.grey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#f3e3d3")),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return table


def pdf_story(master: Master, width: float) -> list[Flowable]:
    """Return the flowables of a master."""
    base = getSampleStyleSheet()
    text = ParagraphStyle("text", parent=base["BodyText"], fontSize=11, leading=15.5, spaceAfter=5)
    cell = ParagraphStyle("cell", parent=base["BodyText"], fontSize=9.5, leading=12, spaceBefore=0)
    item = ParagraphStyle("item", parent=text, leftIndent=16, bulletIndent=4, spaceAfter=2)
    story: list[Flowable] = []
    for block in master.blocks:
        if block.kind == "table":
            story += [pdf_table(block.rows, cell, width), Spacer(1, 8)]
        elif block.kind == "heading":
            story.append(Paragraph(pdf_markup(block.text), base[f"Heading{block.level}"]))
        elif block.kind == "paragraph":
            story.append(Paragraph(pdf_markup(block.text), text))
        else:
            bullet = "•" if block.kind == "bullet" else f"{block.level}."
            story.append(Paragraph(pdf_markup(block.text), item, bulletText=bullet))
    return story


def render_pdf(master: Master, target: Path) -> None:
    """Write ``master`` as an A4 PDF; the first pass only counts the pages."""
    total = 0
    for output in (io.BytesIO(), str(target)):
        document = SimpleDocTemplate(
            output,
            pagesize=A4,
            leftMargin=25 * mm,
            rightMargin=25 * mm,
            topMargin=24 * mm,
            bottomMargin=24 * mm,
            title=master.title,
            author=AUTHOR,
            lang=master.language,
            invariant=1,
        )

        def on_page(canvas: Any, _document: Any, pages: int = total) -> None:
            draw_frame(canvas, master, pages)

        document.build(pdf_story(master, document.width), on_page, on_page)
        total = document.page


# --- DOCX ----------------------------------------------------------------------------


def add_field(paragraph: Any, instruction: str) -> None:
    """Append a simple Word field (for example ``PAGE``) to a paragraph."""
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), instruction)
    run = OxmlElement("w:r")
    value = OxmlElement("w:t")
    value.text = "1"
    run.append(value)
    field.append(run)
    paragraph._p.append(field)


def add_runs(paragraph: Any, text: str) -> None:
    """Append inline Markdown to a Word paragraph."""
    for content, bold, italic in inline_runs(text):
        run = paragraph.add_run(content)
        run.bold, run.italic = bold or None, italic or None


def render_docx(master: Master, target: Path) -> None:
    """Write ``master`` as a Word document with header, footer, lists and tables."""
    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.language = master.title, AUTHOR, master.language
    properties.last_modified_by, properties.revision, properties.comments = AUTHOR, 1, ""
    properties.created = properties.modified = dt.datetime.combine(master.date, dt.time())

    section = document.sections[0]
    section.header.paragraphs[0].text = f"{master.header}\t\t{master.date.isoformat()}"
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    page_word, of_word = PAGE_WORDS[master.language]
    footer.add_run(f"{master.footer} · {page_word} ")
    add_field(footer, "PAGE")
    footer.add_run(f" {of_word} ")
    add_field(footer, "NUMPAGES")

    for block in master.blocks:
        if block.kind == "table":
            table = document.add_table(len(block.rows), len(block.rows[0]), style="Table Grid")
            for row, values in zip(table.rows, block.rows, strict=True):
                for cell, value in zip(row.cells, values, strict=True):
                    add_runs(cell.paragraphs[0], value)
        elif block.kind == "heading":
            document.add_heading(block.text, level=block.level)
        elif block.kind == "paragraph":
            add_runs(document.add_paragraph(), block.text)
        else:
            style = "List Bullet" if block.kind == "bullet" else "List Number"
            add_runs(document.add_paragraph(style=style), block.text)

    buffer = io.BytesIO()
    document.save(buffer)
    write_stable_zip(buffer, target)


def write_stable_zip(source: io.BytesIO, target: Path) -> None:
    """Copy a zip archive to ``target`` with a fixed timestamp on every member."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(name))


def main() -> None:
    """Render every master to ``configs/demo/knowledge/``."""
    KNOWLEDGE.mkdir(parents=True, exist_ok=True)
    for path in sorted(MASTERS.glob("*.md")):
        master = parse_master(path)
        target = KNOWLEDGE / master.output
        if target.suffix == ".pdf":
            render_pdf(master, target)
        elif target.suffix == ".docx":
            render_docx(master, target)
        else:
            raise ValueError(f"{path.name}: unsupported output {master.output!r}")
        print(f"{path.name} -> {master.output}")


if __name__ == "__main__":
    main()
