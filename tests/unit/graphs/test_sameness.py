"""Which questions one answer may serve. The similarities are those that the embedding model gives."""

import pytest

from graphs.sameness import same_question


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("Vad är slutbesked?", "Vad är ett slutbesked?", 0.997),
        ("Vad kostar frakten?", "vad kostar frakt", 0.96),
        ("Kan jag returnera en jacka?", "Kan jag returnera jackan?", 0.97),
        ("Vad kostar frakten?", "vad kostar frakten", 0.2),  # the same words
    ],
)
def test_the_same_question(one: str, other: str, similarity: float) -> None:
    assert same_question(one, other, similarity, "sv")
    assert same_question(other, one, similarity, "sv")


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("Vad kostar bygglov?", "Vad kostar bygglov + projektering?", 0.971),
        ("Kan jag bygga utan bygglov?", "Vad händer om jag bygger utan bygglov?", 0.976),
        ("När öppnar butiken?", "När stänger butiken?", 0.97),
        ("När kommer paketet?", "Var är paketet?", 0.95),
        ("Kan jag returnera underkläder?", "Kan jag inte returnera underkläder?", 0.98),
        ("Kan jag få tillbaka 100 kr?", "Kan jag få tillbaka 1000 kr?", 0.99),
        ("Vad kostar frakten?", "Vad kostar fraktavtalet i Norge?", 0.94),
        ("", "", 1.0),
        ("Vad kostar frakten?", "Hur länge dröjer frakten?", 0.95),
    ],
)
def test_questions_that_only_lie_near(one: str, other: str, similarity: float) -> None:
    assert not same_question(one, other, similarity, "sv")
    assert not same_question(other, one, similarity, "sv")
