"""A citation can open a page where its passage begins."""

from ingest.chunk import chunk
from ingest.extract import extract
from ingest.extract.html import parse
from ingest.extract.markup import blocks_of
from tests.unit.ingest import files


def anchors(content: bytes) -> list[tuple[str, str | None]]:
    return [(block.text, block.anchor) for block in extract(content, "x").blocks if block.kind == "heading"]


def test_a_web_pages_headings_keep_their_ids() -> None:
    page = files.PAGE.replace(b"<h2>Priser", b'<h2 id="priser">Priser')
    assert anchors(page) == [("Frakt", None), ("Priser", "priser")]


def test_an_anchor_in_the_heading_or_on_its_section_counts_too() -> None:
    small = b'<html><body><h1><a name="a"></a>A</h1><p>x</p><section id="b"><h2>B</h2><p>y</p></section>'
    small += b'<div id="c"><p>z</p><h2>C</h2><p>w</p></div></body></html>'
    read = blocks_of(parse(small.decode()).find("body"))
    headings = [(block.text, block.anchor) for block in read if block.kind == "heading"]
    assert headings == [("A", "a"), ("B", "b"), ("C", None)]


def test_markdown_headings_have_the_slugs_that_sites_give_them() -> None:
    source = (
        "# Öppet köp & retur!\n\nText.\n\n## Pris\n\nx\n\n## Pris\n\ny\n\n## [Mer](https://a.example)\n\nz\n"
    )
    assert [anchor for _, anchor in anchors(source.encode())] == ["öppet-köp--retur", "pris", "pris-1", "mer"]


def test_a_passage_carries_the_nearest_anchor() -> None:
    source = "Intro text.\n\n# A\n\none\n\n## B\n\ntwo\n"
    passages = chunk(extract(source.encode(), "x.md"), lambda _text: None, "en")
    assert [(each.text, each.anchor) for each in passages] == [
        ("Intro text.", None),
        ("one", "a"),
        ("two", "b"),
    ]


def test_an_absurd_anchor_is_left_out() -> None:
    page = files.PAGE.replace(b"<h2>Priser", b'<h2 id="' + b"x" * 5000 + b'">Priser')
    assert anchors(page) == [("Frakt", None), ("Priser", None)]
