"""What can be seen, without a model, of whether passages answer a question. Pure, about a millisecond."""

import math
from collections.abc import Sequence
from functools import cache
from statistics import fmean

from foundation.turns import Language
from graphs.kinds import asked_for, had
from graphs.passages import Passage
from graphs.retrieval.bank import BANK
from graphs.retrieval.words import content_words
from graphs.words import matched, words

QUOTED = 4
"""So many passages may be quoted, so the answer must be among them."""
_TAIL = slice(4, 8)
_USUAL_LEAD = 0.03

NAMES: tuple[str, ...] = (
    "similarity",
    "rise",
    "margin",
    "lead",
    "cover",
    "stems",
    "kind",
    "missing",
    "agreement",
    "length",
    "bare",
    "strange",
    "foreign",
    "foreign_rise",
    "foreign_lead",
)


def features(question: str, language: Language, passages: Sequence[Passage]) -> dict[str, float]:
    """Return the signals by name; `passages` come best first and are not empty.

    similarity: of the best passage. rise: how far it lies above what this question has in common with
    anything. margin: of the nearest passage over the nearest question of other subjects. lead: of the
    best over the fifth to eighth. cover: the share of the question's weight of words in one of the
    passages that may be quoted. stems: the share of its words, inflected or part of a compound, in all of
    those together. kind: which part of the kinds of thing asked for (a price, a time) those have. missing:
    some are asked for, and they have none. agreement: whether meaning and words prefer the same passage.
    length: meaningful words, logarithmic. bare: not one meaningful word. strange: the share of letter
    pairs that no ordinary text has. foreign: the best passage is in another language, where words tell
    little.
    """
    best = passages[0]
    quoted = passages[:QUOTED]
    similarities = sorted((passage.similarity for passage in passages), reverse=True)
    tail = similarities[_TAIL]
    lead = similarities[0] - fmean(tail) if tail else _USUAL_LEAD
    asked = content_words(question)
    cover = max(passage.lexical for passage in quoted)
    foreign = float(best.language != language)
    kinds = asked_for(question)
    has = frozenset[str]().union(*(had(kinds, passage.text) for passage in quoted))
    return {
        "similarity": best.similarity,
        "rise": best.score,
        "margin": max(passage.margin for passage in quoted),
        "lead": lead,
        "cover": cover,
        "stems": _share(_found(asked, quoted, has)),
        "kind": len(has) / len(kinds) if kinds else 0.0,
        "missing": float(bool(kinds) and not has),
        "agreement": float(best.lexical > 0 and best.lexical >= max(passage.lexical for passage in passages)),
        "length": math.log1p(len(asked)),
        "bare": float(not asked),
        "strange": _strangeness(question, quoted),
        "foreign": foreign,
        "foreign_rise": foreign * best.score,
        "foreign_lead": foreign * lead,
    }


def _found(asked: Sequence[str], passages: Sequence[Passage], has: frozenset[str]) -> dict[str, float]:
    """Return how much of each word asked the passages have.

    A word that only says what kind of thing is asked for ("kostar") is there when such a thing is ("49 kr").
    """
    there = (f"{passage.title} {passage.heading} {passage.text}" for passage in passages)
    found = matched(asked, frozenset(word for text in there for word in words(text)))
    return {word: 1.0 if asked_for(word) & has else share for word, share in found.items()}


def _share(found: dict[str, float]) -> float:
    """Return the share of the words that is there; longer ones weigh more."""
    weights = {word: min(len(word), 10) for word in found}
    return sum(weights[word] * share for word, share in found.items()) / max(1, sum(weights.values()))


def _strangeness(question: str, passages: Sequence[Passage]) -> float:
    """Return the share of the question's letter pairs that neither the bank nor the passages have."""
    pairs = _pairs(question)
    if not pairs:
        return 1.0
    unseen = pairs - _ordinary_pairs()
    for passage in passages:
        unseen = unseen - _pairs(passage.text) if unseen else unseen
    return len(unseen) / len(pairs)


@cache
def _ordinary_pairs() -> frozenset[str]:
    return frozenset(pair for texts in BANK.values() for text in texts for pair in _pairs(text))


def _pairs(text: str) -> frozenset[str]:
    return frozenset(
        padded[i : i + 2] for padded in (f" {word} " for word in words(text)) for i in range(len(padded) - 1)
    )
