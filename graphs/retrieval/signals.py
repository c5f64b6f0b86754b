"""What speaks for a passage, as numbers a learned ranking weighs. Pure: values in, values out.

Similarities are counted in the embedder's own spread (`Background.spread`), so that the weights mean about
the same with another embedding model.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foundation.clients.embedding.port import Vectors
from foundation.turns import Language
from graphs.retrieval.store import Candidate
from graphs.retrieval.words import content_words

_SHORT, _LONG = 12, 100
_IDENTIFIER = re.compile(r"[^\W_]*\d[^\W_]*(?:-[^\W_]+)*")

LEARNED: tuple[str, ...] = (
    "adapted",
    "crowding",
    "words_lead",
    "crowding_long",
    "bm25_long",
    "length_long",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the question before passages are compared with it."""

    text: str
    language: Language
    levels: Mapping[Language, float]
    """Mean similarity to the bank, by the passages' language: the zero of `Passage.score`."""
    elsewhere: Mapping[Language, float]
    """Similarity to the nearest question of elsewhere: the zero of `Passage.margin`."""
    spread: float
    """Standard deviation of the embedder's similarities (`Background.spread`)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A candidate, its similarity with the question, and how crowded it lies (`Background.crowding`)."""

    candidate: Candidate
    similarity: float
    crowding: float
    adapted: float = 0.0
    """What the adapter adds to the similarity, above what it adds to any passage of the language."""


def signals(asked: Asked, found: Sequence[Compared]) -> list[dict[str, float]]:
    """Return the signals of each candidate, in order, by the names of `LEARNED`.

    adapted: how much nearer the passage is for the adapter than for the embedder alone, in spreads. crowding:
    what it has in common with any question, in spreads. words_lead: the share of the question's weight of
    words that it has, squared, as far as words single out few passages. The last three count as far as the
    question is long, 0 up to twelve words of meaning, 1 from a hundred: bm25 is of the best one's, length the
    text's, logarithmic. In a short question plain BM25 was measured to hurt.
    """
    if not found:
        return []
    covers = np.array([each.candidate.cover for each in found])
    best = max((each.candidate.bm25 for each in found), default=0.0) or 1.0
    crowding = np.array([each.crowding for each in found]) / asked.spread
    bm25 = np.array([each.candidate.bm25 for each in found]) / best
    length = np.array([math.log1p(len(each.candidate.text)) for each in found])
    long = _longness(asked.text)
    columns = {
        "adapted": np.array([each.adapted for each in found]) / asked.spread,
        "crowding": crowding,
        "words_lead": (lead(covers) * covers) ** 2,
        "crowding_long": long * crowding,
        "bm25_long": long * bm25,
        "length_long": long * length,
    }
    return [{name: float(columns[name][row]) for name in LEARNED} for row in range(len(found))]


def _longness(question: str) -> float:
    count = max(1, len(content_words(question)))
    return min(1.0, max(0.0, math.log(count / _SHORT) / math.log(_LONG / _SHORT)))


def lead(values: Vectors) -> float:
    """Return how far the best lies above the sixth best."""
    ordered = np.sort(values)[::-1]
    return float(ordered[0] - (ordered[5] if len(ordered) > 5 else 0.0)) if len(ordered) else 0.0


def identifiers(text: str) -> frozenset[str]:
    """Return codes, model names and long numbers: three characters or more, with a digit."""
    return frozenset(word for word in _IDENTIFIER.findall(text.lower()) if len(word) >= 3)


def shared_identifiers(asked: Asked, candidate: Candidate) -> int:
    """Return how many codes of the question the candidate has."""
    wanted = identifiers(asked.text)
    return len(wanted & identifiers(_whole(candidate))) if wanted else 0


def _whole(candidate: Candidate) -> str:
    return f" {candidate.title} {candidate.heading} {candidate.text} "
