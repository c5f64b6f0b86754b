"""Telling the five languages apart, and what happens when that is unclear."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from foundation.languages import CLEAR, choose, detect


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hur lång är returtiden hos er?", "sv"),
        ("Kan jag ångra mitt köp?", "sv"),
        ("How long do I have to return it?", "en"),
        ("Where is my order?", "en"),
        ("Hei, kan jeg få pengene tilbake?", "nb"),
        ("Hva koster frakten til Norge?", "nb"),
        ("Hej, kan jeg få pengene tilbage?", "da"),
        ("Hvad koster fragten til Danmark?", "da"),
        ("Kuinka pitkä palautusaika on?", "fi"),
        ("Missä tilaukseni on?", "fi"),
    ],
)
def test_a_whole_question_is_clear(text: str, language: str) -> None:
    found = detect(text)
    assert found.language == language
    assert found.confidence >= CLEAR


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the comfort temperature of the Glöd Snö 700?", "en"),
        ("Do you sell Fjällräven Kånken?", "en"),
        ("Hello! Is the Höga Kusten jacket waterproof?", "en"),
        ("Har ni någon The North Face Summit Series i lager?", "sv"),
        ("VAD KOSTAR FRAKTEN TILL NORGE?", "sv"),
    ],
)
def test_names_do_not_decide(text: str, language: str) -> None:
    assert choose(text, conversation=None, default="fi") == language


@pytest.mark.parametrize("text", ["", "12345", "iPhone 15", "https://shop.se/returns", "retur", "😊"])
def test_what_is_unclear_keeps_the_conversations_language(text: str) -> None:
    assert choose(text, conversation="fi", default="sv") == "fi"
    assert choose(text, conversation=None, default="nb") == "nb"


def test_a_clear_text_changes_the_language() -> None:
    assert choose("Where is my order, please?", conversation="sv", default="sv") == "en"


def test_many_threads_may_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: detect("Where is my order?").language, range(64))) == {"en"}
