"""Amounts are found as people write them, and only the same said of other amounts is a contradiction."""

import pytest

from ingest.claims import claims, contradict


def amounts(text: str) -> set[tuple[str, float]]:
    return {amount for claim in claims(text) for amount in claim.amounts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Frakten inom Sverige kostar 49 kr.", {("kr", 49)}),
        ("Jackan Fjällbris kostar numera 1 299 kr.", {("kr", 1299)}),
        ("Vi lämnar alltid 12,5 procent rabatt till föreningar.", {("%", 12.5)}),
        ("Du har 60 dagars öppet köp från mottagen vara.", {("day", 60)}),
        ("You have 60 days to return your items.", {("day", 60)}),
        ("Butiken öppnar varje vardag kl. 06.45 under sommaren.", {("clock", 6.75)}),
        ("Ring oss på 08-123 45 67 om något är trasigt.", set()),
        ("Modellen heter Fjäll 300 och finns i butik.", set()),
        ("49 kr", set()),
    ],
)
def test_amounts_are_read(text: str, expected: set[tuple[str, float]]) -> None:
    assert amounts(text) == expected


def only(text: str) -> object:
    [claim] = claims(text)
    return claim


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (
            "Du har 60 dagars öppet köp från mottagen vara.",
            "Du har 30 dagars öppet köp från mottagen vara.",
            True,
        ),
        ("Du har 60 dagars öppet köp från mottagen vara.", "Öppet köp från mottagen vara: 60 dagar.", False),
        ("Frakten inom Sverige kostar 49 kr.", "Frakten inom Norge kostar alltid 149 kr plus tull.", False),
        (
            "Orders above 500 SEK ship free within Sweden.",
            "Orders above 800 SEK ship free within Sweden.",
            True,
        ),
        # Another unit is another subject; what only leaves something out says nothing against.
        ("Garantin gäller alla skor under 2 år.", "Garantin gäller alla skor upp till 900 kr.", False),
        (
            "Leveransen tar normalt sett 2 dagar eller 3 dagar.",
            "Leveransen tar normalt sett 3 dagar.",
            False,
        ),
    ],
)
def test_a_contradiction_says_the_same_of_other_amounts(one: str, other: str, expected: bool) -> None:
    assert contradict(only(one), only(other)) is expected  # type: ignore[arg-type]
    assert contradict(only(other), only(one)) is expected  # type: ignore[arg-type]
