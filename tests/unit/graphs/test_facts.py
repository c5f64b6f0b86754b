"""What can be checked to the letter, however it is written."""

import pytest

from foundation.turns import Language
from graphs.facts import facts


def stands(said: str, source: str, language: Language = "sv") -> bool:
    """Say whether all facts of what is said stand in the source."""
    found = facts(said, language)
    assert found
    return all(fact.stands_in(facts(source, language)) for fact in found)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("USD450", "$450"),
        ("US$450", "450 dollars"),
        ("1,5 miljoner kronor", "1 500 000 kr"),
        ("2 mkr", "2 miljoner kr"),
        ("25 tkr", "25 000 kr"),
        ("$5k", "$5,000"),
        ("version 10.5.1", "10.5.1"),
        ("kl. 18:00", "kl. 18"),
        ("tjugofem dagar", "25 dagar"),
        ("en vecka", "1 vecka"),
        ("koden HOST-25", "host25"),
        ("https://butiken.xyz/a", "butiken.xyz/a"),
        ("people under 18 may not enter", "under 18 år"),
        ("free shipping", "fri frakt över 799 kr"),
        ("at no extra cost", "utan kostnad"),
        ("A1-intyg", "an A1 certificate"),
        ("200 Bq/m3", "200 Bq/m³"),
        ("18 May 2026", "2026-05-18"),
    ],
)
def test_the_same_in_another_form_stands(said: str, source: str) -> None:
    assert stands(said, source)


@pytest.mark.parametrize(
    ("said", "source"),
    [
        ("5 miljoner kr", "5 kr"),
        ("den 18 maj", "people under 18 may not enter"),
        ("utan kostnad", "mot en avgift"),
        ("fri frakt", "frakt 49 kr"),
        ("A2-intyg", "A1 certificate"),
        ("5 thousand dollars", "5 dollars"),
        ("10.5.1", "10.5.2 och 1051"),
        ("pris:kr.450", "40 kr"),
        ("1,2,450", "1,2"),
        ("kl. 18:00", "18 år"),
        ("tjugofem dagar", "20 dagar, 5 dagar"),
        ("ett år", "en vecka"),
        ("SOMMAR25", "25 och sommar"),
        ("hjalp.online", "hjalp.se"),
        ("bit.ly/3xY", "bit.ly/3xZ"),
        ("ftp://filer.se/x", "filer.se/y"),
    ],
)
def test_what_differs_does_not_stand(said: str, source: str) -> None:
    assert not stands(said, source)


@pytest.mark.parametrize(
    "text", ["du är fri att välja", "t.ex. detta, bl.a. det", "Slut.Nästa mening", "art.nr saknas", "en bil"]
)
def test_abbreviations_and_articles_are_no_facts(text: str) -> None:
    assert facts(text, "sv") == frozenset()
