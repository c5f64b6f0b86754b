"""Documents built for tests."""

import io

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

HEADER = "Fjällglöd AB – Kund"
PRICES = [["Tjänst", "Pris", "Tid"], ["Vallning", "249 kr", "1 tim"], ["Slipning", "449 kr", "2 tim"]]


def pdf() -> bytes:
    """Two pages with running header and footer, headings, a table, a list and a paragraph over both pages."""
    target = io.BytesIO()
    styles = getSampleStyleSheet()

    def frame(canvas: Canvas, _document: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(70, A4[1] - 30, HEADER)
        canvas.drawString(70, 30, f"Sida {canvas.getPageNumber()} av 2")

    story = [
        Paragraph("Verkstad", styles["Title"]),
        Paragraph("Priser", styles["Heading2"]),
        Paragraph(
            "Alla priser gäller från den 1 februari och ingår i verk- samhetens prislista.",
            styles["BodyText"],
        ),
        Spacer(1, 12),
        Table(PRICES),
        Spacer(1, 12),
        Paragraph("Tider", styles["Heading2"]),
        Paragraph("Hämta senast kl. 18 på vardagar", styles["BodyText"]),
        PageBreak(),
        Paragraph("annars ligger cykeln kvar till nästa dag.", styles["BodyText"]),
        Paragraph("Service görs i Åre.", styles["BodyText"]),
    ]
    SimpleDocTemplate(target, pagesize=A4, title="Wrong title").build(
        story, onFirstPage=frame, onLaterPages=frame
    )
    return target.getvalue()


def scanned_pdf() -> bytes:
    """A page with a drawing and no text."""
    target = io.BytesIO()
    canvas = Canvas(target)
    canvas.rect(50, 50, 200, 200)
    canvas.showPage()
    canvas.save()
    return target.getvalue()


def locked_pdf() -> bytes:
    """A PDF that asks for a password."""
    target = io.BytesIO()
    canvas = Canvas(target, encrypt="secret")
    canvas.drawString(50, 50, "Hemligt")
    canvas.save()
    return target.getvalue()


def word() -> bytes:
    """A Word file with header, footer, headings, lists and a table between two paragraphs."""
    document = docx.Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = HEADER
    section.footer.paragraphs[0].text = "Sida 1"
    document.add_heading("Kurser", 0)
    document.add_heading("Avbokning", 1)
    document.add_paragraph("Före tabellen.")
    table = document.add_table(rows=0, cols=3)
    for row in PRICES:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph("Efter tabellen.")
    document.add_paragraph("Mer än 14 dagar: allt tillbaka.", style="List Bullet")
    document.add_paragraph("Senare: inget.", style="List Bullet")
    document.add_paragraph("Boka.", style="List Number")
    document.add_paragraph("Betala.", style="List Number")
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


PAGE = """<!doctype html><html lang="sv"><head><title>Frakt | Fjällglöd AB</title></head><body>
<nav><a href="/">Hem</a> <a href="/varukorg">Varukorg</a></nav>
<main><article><h1>Frakt</h1>
<p>Vi skickar paket från lagret i Åre alla vardagar,
och du får ett meddelande när paketet är på väg.</p>
<h2>Priser</h2>
<p>Priserna beror på vikt och mått, och du ser dem i kassan innan du betalar för din beställning.</p>
<table><tr><th>Sätt</th><th>Pris</th></tr><tr><td>Ombud</td><td>49 kr</td></tr>
<tr><td>Hem</td><td>99 kr</td></tr>
</table>
<ul><li>Ta med legitimation när du hämtar paketet.</li>
<li>Paketet ligger kvar i 14 dagar hos ombudet.</li></ul>
</article></main>
<footer>© Fjällglöd AB, org.nr 556000-0000. Vi använder kakor.</footer></body></html>""".encode()
