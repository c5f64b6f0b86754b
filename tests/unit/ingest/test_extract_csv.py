"""Tables in text files are told by content, and read as questions with answers or as records."""

import pytest

from foundation.errors import ExtractionFailed
from ingest.chunk import chunk
from ingest.extract import Document, extract
from ingest.extract.detect import media_type_of

QUESTIONS = """Fråga,Svar,Kategori
Hur returnerar jag?,"Skicka tillbaka inom 60 dagar, fritt.

Spara kvittot.",Retur
"Vad kostar ""express""?",99 kr,
"""
READ = [
    ("heading", "Hur returnerar jag?"),
    ("paragraph", "Skicka tillbaka inom 60 dagar, fritt."),
    ("paragraph", "Spara kvittot."),
    ("paragraph", "Kategori: Retur"),
    ("heading", 'Vad kostar "express"?'),
    ("paragraph", "99 kr"),
]


def read(content: bytes) -> list[tuple[str, str]]:
    document = extract(content, "faq.txt")
    assert document.media_type == "text/csv"
    return [(block.kind, block.text) for block in document.blocks]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_questions_and_answers_in_any_encoding(encoding: str, end: str) -> None:
    assert read(QUESTIONS.replace("\n", end).encode(encoding)) == READ


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("declared", [True, False])
def test_the_separators_of_swedish_and_other_excel(delimiter: str, declared: bool) -> None:
    rows = [
        ("Title", "Body"),
        ("Returns, and refunds", "Within 60 days, free."),
        ("Express", "99 kr, next day"),
    ]
    text = "\n".join(delimiter.join(row) for row in rows)
    found = read((f"sep={delimiter}\n{text}" if declared else text).encode())
    assert found[:2] == [("heading", "Returns, and refunds"), ("paragraph", "Within 60 days, free.")]
    assert len(found) == 4


def test_answers_exported_as_html_keep_their_structure() -> None:
    assert read(b"question,answer\nHow?,<p>Like this:</p><ul><li>one</li><li>two</li></ul>\n") == [
        ("heading", "How?"),
        ("paragraph", "Like this:"),
        ("list", "- one\n- two"),
    ]


def test_questions_without_a_header_row() -> None:
    assert read("Hur gör jag?,Så här.\nVad kostar det?,Inget.\n".encode())[0] == ("heading", "Hur gör jag?")


def test_other_rows_are_records_with_their_names_beside_their_values() -> None:
    assert read("Tjänst;Pris;Tid\nVallning;249 kr;1 tim\nSlipning;449 kr;\n".encode()) == [
        ("paragraph", "Tjänst: Vallning\nPris: 249 kr\nTid: 1 tim"),
        ("paragraph", "Tjänst: Slipning\nPris: 449 kr"),
    ]


def test_a_question_heads_the_passage_of_its_answer() -> None:
    document: Document = extract(QUESTIONS.encode(), "faq.csv")
    passages = chunk(document, lambda _text: None, "sv")
    assert [each.heading for each in passages] == ["Hur returnerar jag?", 'Vad kostar "express"?']
    assert passages[0].text.endswith("Spara kvittot.\n\nKategori: Retur")


@pytest.mark.parametrize(
    "text",
    [
        "Hej, jag heter Anna\nJag bor i Åre, nära liften\n",
        "Vi har öppet måndag, tisdag och onsdag.\nPå torsdag, fredag och lördag är det stängt.\n",
        "Dear Anna,\nthank you for your order,\nBest regards,\n",
        "# Frakt\n\n- ombud, 49 kr\n- hem, 99 kr\n",
        "| Sätt | Pris |\n| --- | --- |\n| Ombud | 49 kr |\n",
        "a; b\nc; d\n",
        "1,5\n2,5\n",
        "En enda rad, med komma",
    ],
)
def test_prose_with_commas_is_no_table(text: str) -> None:
    assert media_type_of(text.encode()) in {"text/plain", "text/markdown"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'question,answer\nHow?,"never closed ' + b"x" * 200_000, "cell_too_large"),
        (b"question,answer\n" + b"How?,So.\n" * 3000 + b'Why?,"' + b"x\n" * 90_000, "cell_too_large"),
        (b"question,answer\n" + b"How?," + b"x" * 90_000 + b"\n", None),
    ],
)
def test_a_table_that_cannot_be_read_says_why(content: bytes, reason: str | None) -> None:
    if reason is None:
        assert extract(content, "x.csv").media_type == "text/csv"
        return
    with pytest.raises(ExtractionFailed) as caught:
        extract(content, "x.csv")
    assert caught.value.data["reason"] == reason
