"""Documents become blocks: what people wrote, in their order, without the page's furniture."""

import contextlib
import gzip
import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ExtractionFailed
from ingest.extract import Document, Reason, extract, sentence
from tests.unit.ingest import files

DATA = Path(__file__).parents[4] / "shared" / "data"
TABLE = """\
| Tjänst | Pris | Tid |
| --- | --- | --- |
| Vallning | 249 kr | 1 tim |
| Slipning | 449 kr | 2 tim |"""


def blocks(document: Document) -> list[tuple[str, str]]:
    text = document.text
    assert all(text[block.start : block.end] == block.text for block in document.blocks)
    return [(block.kind, block.text) for block in document.blocks]


def reason_of(content: bytes) -> str:
    with pytest.raises(ExtractionFailed) as caught:
        extract(content, "file")
    assert sentence(str(caught.value.data["reason"]), "sv") != sentence(
        str(caught.value.data["reason"]), "en"
    )
    return str(caught.value.data["reason"])


def test_a_pdf_keeps_headings_tables_and_pages_and_loses_its_furniture() -> None:
    document = extract(files.pdf(), "verkstad.pdf")
    assert document.title == "Verkstad"
    assert blocks(document) == [
        ("heading", "Verkstad"),
        ("heading", "Priser"),
        ("paragraph", "Alla priser gäller från den 1 februari och ingår i verk- samhetens prislista."),
        ("table", TABLE),
        ("heading", "Tider"),
        ("paragraph", "Hämta senast kl. 18 på vardagar annars ligger cykeln kvar till nästa dag."),
        ("paragraph", "Service görs i Åre."),
    ]
    assert [block.page for block in document.blocks] == [1, 1, 1, 1, 1, 1, 2]


def test_a_word_file_keeps_document_order_lists_and_tables() -> None:
    document = extract(files.word(), "kurser.docx")
    assert document.title == "Kurser"
    assert blocks(document) == [
        ("heading", "Kurser"),
        ("heading", "Avbokning"),
        ("paragraph", "Före tabellen."),
        ("table", TABLE),
        ("paragraph", "Efter tabellen."),
        ("list", "- Mer än 14 dagar: allt tillbaka.\n- Senare: inget.\n1. Boka.\n2. Betala."),
    ]


def test_a_web_page_is_read_without_menu_and_footer() -> None:
    document = extract(files.PAGE, "frakt.html")
    assert (document.title, document.language) == ("Frakt", "sv")
    assert ("table", "| Sätt | Pris |\n| --- | --- |\n| Ombud | 49 kr |\n| Hem | 99 kr |") in blocks(document)
    assert ("heading", "Priser") in blocks(document)
    assert "- Paketet ligger kvar i 14 dagar hos ombudet." in document.text
    assert "Varukorg" not in document.text
    assert "kakor" not in document.text


def test_markdown_with_front_matter_html_and_templates() -> None:
    source = (
        "---\ntitle: Frakt\nlang: sv\n---\n# Rubrik\n\nSe [villkoren](https://a.example/v) och "
        "[köp](/kop){:target=x}. {{ site.name }}\n\n<p>Rad ett<br>rad två</p>\n\n"
        "- a\n  - b\n1. c\n\n```\nx  y\n```\n"
    )
    document = extract(source.encode(), "x.md")
    assert (document.title, document.language) == ("Frakt", "sv")
    assert blocks(document) == [
        ("heading", "Rubrik"),
        ("paragraph", "Se [villkoren](https://a.example/v) och köp."),
        ("paragraph", "Rad ett\nrad två"),
        ("list", "- a\n  - b"),
        ("list", "1. c"),
        ("code", "```\nx  y\n```"),
    ]


def test_the_type_is_told_by_content_and_not_by_name() -> None:
    assert extract(files.word(), "kurser.pdf").media_type.endswith("wordprocessingml.document")
    assert (
        extract("Hej på dig.\n\nVi har öppet.".encode("cp1252"), "x.pdf").text
        == "Hej på dig.\n\nVi har öppet."
    )
    assert extract("Hej på dig.".encode("utf-16"), "x").text == "Hej på dig."


def bomb() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * 60_000_000)
    return target.getvalue()


def spreadsheet() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY),
        (b" \n\t", Reason.EMPTY),
        (b"---\nlayout: redirect\n---\n", Reason.EMPTY),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", Reason.UNSUPPORTED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, Reason.UNSUPPORTED),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), Reason.PASSWORD),
        (spreadsheet(), Reason.UNSUPPORTED),
        (bomb(), Reason.TOO_LARGE),
        (files.word()[:2000], Reason.DAMAGED),
        (files.pdf()[:700], Reason.DAMAGED),
        (files.scanned_pdf(), Reason.NO_TEXT),
        (files.locked_pdf(), Reason.PASSWORD),
        (b"<html><body><script>render()</script></body></html>", Reason.NO_TEXT),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, reason: Reason) -> None:
    assert reason_of(content) == reason


def test_every_reason_has_a_sentence_and_an_unknown_one_too() -> None:
    assert all(sentence(reason, language) for reason in Reason for language in ("sv", "en"))
    assert sentence("from an older version", "en") == sentence(Reason.INTERNAL, "en")


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([files.pdf(), files.word(), files.PAGE]), st.data())
def test_damaged_bytes_give_a_document_or_a_reason(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    damage = data.draw(st.binary(min_size=1, max_size=30))
    with contextlib.suppress(ExtractionFailed):
        blocks(extract(content[:at] + damage + content[at + len(damage) :], "x"))


@pytest.mark.parametrize(("kind", "at_least"), [("pdf", 54), ("docx", 27), ("html", 240)])
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
def test_real_files_give_a_text_or_a_reason_and_never_a_crash(kind: str, at_least: int) -> None:
    outcomes: Counter[str] = Counter()
    for path in sorted((DATA / kind).rglob("*")):
        if not path.is_file() or path.suffix in {".json", ".txt"}:
            continue
        content = path.read_bytes()
        try:
            blocks(extract(gzip.decompress(content) if path.suffix == ".gz" else content, path.name))
            outcomes["text"] += 1
        except ExtractionFailed as failure:
            outcomes[str(failure.data["reason"])] += 1
    print(kind, dict(outcomes))
    assert outcomes["text"] >= at_least, outcomes
