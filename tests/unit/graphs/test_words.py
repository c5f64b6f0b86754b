"""How much of one word is in another: inflection and compounds, without a dictionary."""

import pytest

from graphs.words import akin, matched, negated


@pytest.mark.parametrize(
    ("asked", "word"),
    [("frakten", "frakt"), ("kostar", "kostnad"), ("temperaturen", "temperaturer"), ("sko", "skor")],
)
def test_endings_do_not_count(asked: str, word: str) -> None:
    assert akin(asked, word) == 1.0


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ("frakten", "fraktpriser"),
        ("frakten", "hemfrakt"),
        ("fraktkostnad", "kostnader"),
        ("batchnummer", "batch"),
        ("kurs", "lavinkursen"),
    ],
)
def test_a_part_of_a_compound_counts_in_part(asked: str, word: str) -> None:
    assert 0.0 < akin(asked, word) < 1.0


@pytest.mark.parametrize(
    ("asked", "word"),
    [("car", "card"), ("ski", "skill"), ("store", "stove"), ("400", "4000"), ("hus", "gata")],
)
def test_other_words_are_other_words(asked: str, word: str) -> None:
    assert akin(asked, word) == 0.0


def test_each_word_asked_takes_its_best_match() -> None:
    assert matched(["frakten", "ombud"], ["fraktpriser", "frakt"]) == {"frakten": 1.0, "ombud": 0.0}


def test_an_article_and_an_article_number_deny_nothing() -> None:
    assert not negated("Vi tar en avgift.", "sv")
    assert negated("En tule.", "fi")
    assert not negated("Art. no. 61010, price SEK 149", "en")
    assert negated("No returns.", "en")
