"""Numbers written as words."""

import pytest

from foundation.turns import Language
from graphs.spelled import spelled


@pytest.mark.parametrize(
    ("language", "text", "values"),
    [
        ("sv", "tjugofem dagar", [25]),
        ("sv", "tvåhundrafemtio eller ett hundra femtio", [250, 150]),
        ("sv", "ettusen kronor", [1000]),
        ("sv", "mellan trettio och fyrtio", [30, 40]),
        ("en", "twenty-five or two hundred and fifty", [25, 250]),
        ("en", "five thousand dollars", [5000]),
        ("en", "two and fifty, three five", [2, 50, 3, 5]),
        ("en", "a hundred and more", [100]),
        ("nb", "to tusen fem hundre og femogtjue", [2525]),
        ("da", "femogtyve dage, to hundrede og fem", [25, 205]),
        ("fi", "kaksikymmentäviisi tai kolmesataa", [25, 300]),
    ],
)
def test_words_that_make_one_number_are_one(language: Language, text: str, values: list[int]) -> None:
    assert [number.value for number in spelled(text, language)] == values


@pytest.mark.parametrize(
    ("language", "text"), [("sv", "entre och sexa"), ("en", "often a tent, someone"), ("fi", "satama")]
)
def test_words_that_only_begin_like_numbers_are_none(language: Language, text: str) -> None:
    assert list(spelled(text, language)) == []


def test_a_number_says_where_it_stands() -> None:
    text = "om tjugofem dagar"
    [number] = spelled(text, "sv")

    assert text[number.start : number.end] == "tjugofem"
