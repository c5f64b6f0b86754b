"""Whether two questions ask the same, so that one answer fits both.

Vectors alone cannot tell: "How long does a kitchen renovation take?" and the same of a bathroom lie at .96,
"What does a permit cost?" and "What do permit and design cost?" at .97, while a customer's own words for a
question lie at .88 to .94. So nearness only lets a pair in; then every meaningful word of each must be in
the other, at least as a part, with the same numbers, the same kind of thing asked for, and the same yes or
no.
"""

from typing import Final

from foundation.turns import Language
from graphs.kinds import asked_for
from graphs.words import STOP, matched, negated, words

NEAR: Final = 0.92
"""Cosine of the query vectors below which two questions are never the same."""
_PART: Final = 0.6


def normal(text: str) -> str:
    """Return a question without capitals, punctuation and spare spaces."""
    return " ".join(words(text))


def same_question(one: str, other: str, similarity: float, language: Language) -> bool:
    """Say whether two questions in a language ask the same; `similarity` is that of their query vectors."""
    if normal(one) == normal(other):
        return bool(normal(one))
    first, second = _meaning(one), _meaning(other)
    return (
        similarity >= NEAR
        and bool(first)
        and _numbers(one) == _numbers(other)
        and asked_for(one) == asked_for(other)
        and negated(one, language) == negated(other, language)
        and _within(first, second)
        and _within(second, first)
    )


def _meaning(text: str) -> list[str]:
    return [word for word in words(text) if word not in STOP and len(word) > 1]


def _numbers(text: str) -> list[str]:
    return sorted(word for word in words(text) if any(character.isdigit() for character in word))


def _within(asked: list[str], there: list[str]) -> bool:
    return all(share >= _PART for share in matched(asked, there).values())
