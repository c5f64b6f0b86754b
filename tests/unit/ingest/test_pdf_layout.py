"""Lines become headings, lists and paragraphs by size, weight and place."""

from ingest.extract.pdf_layout import blocks_of
from ingest.extract.pdf_lines import Line


def lines(*rows: tuple[str, float, bool]) -> list[Line]:
    """Return one line below the other, 30 points apart, so that each is a row of its own."""
    return [
        Line(text, x=70, y=700 - 30 * index, size=size, bold=bold, page=1)
        for index, (text, size, bold) in enumerate(rows)
    ]


def read(*rows: tuple[str, float, bool]) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, block.text) for block in blocks_of(lines(*rows))]


BODY = ("Du kan lämna tillbaka varan så länge den är oanvänd och du har kvittot kvar.", 10.0, False)


def test_a_numbered_line_that_is_large_and_bold_is_a_heading_below_the_title() -> None:
    assert read(
        ("Köpvillkor", 18.0, True),
        ("1. Öppet köp i 60 dagar", 14.0, True),
        BODY,
        ("2. Reklamation", 14.0, True),
        BODY,
    ) == [
        ("heading", 1, "Köpvillkor"),
        ("heading", 2, "1. Öppet köp i 60 dagar"),
        ("paragraph", 0, BODY[0]),
        ("heading", 2, "2. Reklamation"),
        ("paragraph", 0, BODY[0]),
    ]


def test_other_numbered_lines_are_items_also_when_bold_or_large() -> None:
    for size, bold in ((10.0, False), (10.0, True), (14.0, False)):
        found = read(BODY, BODY, ("1. Packa varan väl", size, bold), ("2. Lämna den hos ombudet", size, bold))
        assert found[-1] == ("list", 0, "1. Packa varan väl\n2. Lämna den hos ombudet")


def test_a_large_bold_bullet_stays_an_item() -> None:
    assert read(BODY, BODY, ("• Packa varan väl", 14.0, True))[-1] == ("list", 0, "- Packa varan väl")
