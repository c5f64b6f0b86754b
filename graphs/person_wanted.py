"""Recognises a message that only asks for a person, or accepts the offer of one.

Phrases cover the whole message or it is a question: "Kan jag få prata med någon?" asks for a person, "Vem
pratar jag med om fakturan?" does not.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import yaml

from foundation.languages import LANGUAGES
from graphs.phrases import Phrase, covered, heads, tokens_of

_PATH: Final = Path(__file__).resolve().parents[1] / "configs" / "person_wanted.yaml"
_LONGEST_MESSAGE: Final = 16


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    """The phrases of one language."""

    asks: frozenset[Phrase]
    accepts: frozenset[Phrase]
    fillers: frozenset[Phrase]


def wants_person(text: str, *, offered: bool) -> bool:
    """Say whether a message, in any of our languages, wants nothing but a person.

    `offered`: one was offered right before, so that a yes says so, too.
    """
    said = tokens_of(text)
    if not said or len(said) > _LONGEST_MESSAGE:
        return False
    return any(_says(said, words, offered=offered) for words in _vocabularies())


def _says(said: Phrase, words: _Vocabulary, *, offered: bool) -> bool:
    """Say whether phrases cover all words, and one of them says it."""
    telling = words.asks | words.accepts if offered else words.asks

    def longest(rest: Phrase) -> tuple[int, bool | None]:
        known = (head for head in heads(rest) if head in telling or head in words.fillers)
        head = next(known, ())
        return len(head), True if head in telling else None

    return bool(covered(said, longest))


@functools.cache
def _vocabularies() -> tuple[_Vocabulary, ...]:
    data = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    return tuple(
        _Vocabulary(
            asks=_phrases(
                [
                    *map(" ".join, product(data[language]["verbs"], data[language]["people"])),
                    *data[language]["alone"],
                ]
            ),
            accepts=_phrases(data[language]["accepts"]),
            fillers=_phrases(data[language]["fillers"]),
        )
        for language in LANGUAGES
    )


def _phrases(texts: Sequence[str]) -> frozenset[Phrase]:
    return frozenset(map(tokens_of, texts))
