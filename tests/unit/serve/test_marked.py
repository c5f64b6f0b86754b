"""The paragraph that was quoted, in the page behind a citation."""

import pytest

from graphs.passages import Passage
from serve.marked import marked, text_fragment
from tests.unit.graphs.fakes import passage

TEXT = """Frakt och retur:

Vi skickar varje dag. Frakten kostar 49 kr.

- Byten är **fria**.
- Returer kostar 39 kr.

| Land | Pris |
| --- | --- |
| Sverige | 49 kr |
| Norge | 79 kr |"""


@pytest.mark.parametrize(
    ("quote", "html"),
    [
        ("Frakten kostar 49 kr.", '<p id="quote">Vi skickar varje dag. Frakten kostar 49 kr.</p>'),
        ("- Returer kostar", '<li id="quote">Returer kostar 39 kr.</li>'),
        ("| Norge | 79 kr |", '<tr id="quote">\n<td>Norge</td>'),
    ],
)
def test_the_innermost_block_with_the_quote_is_marked(quote: str, html: str) -> None:
    page = marked(TEXT, quote)
    assert html in page
    assert page.count('id="quote"') == 1


def test_a_quote_that_is_not_there_marks_the_whole_passage() -> None:
    assert marked("En mening.", "Något annat") == '<div id="quote"><p>En mening.</p>\n</div>'
    assert "quote" not in marked("En mening.", "")


@pytest.mark.parametrize(
    ("text", "quote", "fragment"),
    [
        (TEXT, "Vi skickar", ":~:text=Vi%20skickar%20varje%20dag."),
        (TEXT, "- Byten", ":~:text=Byten%20%C3%A4r%20fria."),
        (TEXT, "| Norge", ":~:text=Norge"),
        (
            "Läs [villkoren](https://x.se/a) e-post, nu.",
            "Läs",
            ":~:text=L%C3%A4s%20villkoren%20e%2Dpost%2C%20nu.",
        ),
        ("a b c d e f g h i j k l m n. Mer.", "a b", ":~:text=a%20b%20c%20d%20e%20f,i%20j%20k%20l%20m%20n."),
        (TEXT, "Inte där", ""),
        (TEXT, "", ""),
    ],
)
def test_a_browser_is_told_where_to_go_on_a_page_of_its_own(text: str, quote: str, fragment: str) -> None:
    assert text_fragment(text, quote) == fragment


def _begins(paragraph: int | None) -> Passage:
    return passage(TEXT).model_copy(update={"paragraph": paragraph})


def test_a_quotes_paragraph_is_counted_from_the_passages_first() -> None:
    assert _begins(4).paragraph_of("Vi skickar varje dag.") == 5
    assert _begins(4).paragraph_of("| Norge | 79…") == 7
    assert _begins(4).paragraph_of("Något annat") is None
    assert _begins(None).paragraph_of("Vi skickar varje dag.") is None
