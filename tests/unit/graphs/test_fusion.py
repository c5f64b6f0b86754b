"""What fused evidence prefers: levels count by language, crowded passages stand back."""

from uuid import uuid4

import pytest

from foundation.turns import Language
from graphs.retrieval.fusion import OWN_LANGUAGE, rank
from graphs.retrieval.signals import Asked, Compared
from graphs.retrieval.store import Candidate
from graphs.retrieval.weights import WEIGHTS

ASKED = Asked("Vad kostar frakten?", "sv", {"sv": 0.80, "en": 0.76}, {"sv": 0.84, "en": 0.81}, 0.04)


def compared(
    text: str, similarity: float, *, language: Language = "sv", crowding: float = 0.0, title: str = "Sida"
) -> Compared:
    candidate = Candidate(
        passage_id=uuid4(), source_id=uuid4(), version=1, title=title, heading="", page=None, text=text,
        language=language, opening=text, vector=None, cover=0.0,
    )  # fmt: skip
    return Compared(candidate, similarity, crowding)


def test_a_passage_in_another_language_is_compared_with_its_own_languages_level() -> None:
    found = rank(
        ASKED, [compared("Vi har tält.", 0.84), compared("Shipping is 49.", 0.83, language="en")], 8
    ).passages

    assert [each.language for each in found] == ["en", "sv"]
    assert [round(each.margin, 3) for each in found] == [0.02, 0.0]


def test_the_customers_language_comes_first_where_they_are_about_as_good() -> None:
    found = rank(
        ASKED, [compared("Shipping is 49.", 0.80, language="en"), compared("Frakt: 49 kr.", 0.84)], 8
    ).passages

    assert [each.language for each in found] == ["sv", "en"]


def test_a_passage_that_is_near_to_every_question_stands_back() -> None:
    found = rank(
        ASKED, [compared("Om oss.", 0.85, crowding=0.02), compared("Frakt: 49 kr.", 0.848)], 8
    ).passages

    assert found[0].text == "Frakt: 49 kr."
    assert found[1].score == pytest.approx(0.85 - 0.80 + WEIGHTS["crowding"] * 0.02 + 0.04 * OWN_LANGUAGE)
