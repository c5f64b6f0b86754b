"""How the evidence of meaning and of words becomes one order. Pure: values in, values out."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from graphs.passages import Passage
from graphs.retrieval.explain import Dropped, Entry, Explanation
from graphs.retrieval.signals import Asked, Compared, shared_identifiers, signals
from graphs.retrieval.store import Candidate
from graphs.retrieval.validity import says_outdated, superseded, years
from graphs.retrieval.weights import WEIGHTS

# What no development data show, in the embedder's spreads (with e5 one is .04 of cosine similarity).
IDENTIFIER = 0.5
OWN_LANGUAGE = 0.2
"""In a pool of two languages, asked for what only the other has: .375 without levels by language found R@4
.31 of the answers, .125 with them .58; for what stands in the customer's own language .87 and .83."""
OUTDATED = 0.75
SAME_SOURCE = 0.1
"""For each passage of its source beyond three that already stand before it."""
_FROM_ONE_SOURCE = 3

_SAME = 0.85
_ALL_SAME = 60
"""The constant of reciprocal rank fusion."""
_SHORT = 240
"""Characters below which a passage may need the one beside it."""


@dataclass(frozen=True, slots=True)
class _Scored:
    compared: Compared
    passage: Passage
    contributions: Mapping[str, float]


def rank(asked: Asked, found: Sequence[Compared], limit: int) -> Explanation:
    """Return the candidates in order, best first, near duplicates and what the filters exclude dropped.

    `Passage.score` is similarity above the question's level plus what words, language and validity add.
    """
    allowed = [each for each in found if each.candidate.allowed]
    excluded = [each for each in found if not each.candidate.allowed]
    scored = _scored(asked, allowed)
    chosen, duplicates = _chosen(scored, limit, asked.spread)
    chosen = _with_neighbour(chosen, scored, limit, duplicates)
    places = {each.passage.passage_id: place for place, each in enumerate(chosen, 1)}
    entries = []
    ranks = _Ranks.of(allowed)
    for each in [*chosen, *(other for other in scored if other.passage.passage_id not in places)]:
        place = places.get(each.passage.passage_id)
        entries.append(ranks.entry(each, place, None if place else _why(each, duplicates)))
    entries += [_Ranks({}, {}, {}).entry(_unscored(asked, each), None, "filtered") for each in excluded]
    return Explanation(tuple(entries))


def _scored(asked: Asked, found: Sequence[Compared]) -> list[_Scored]:
    replaced = superseded([each.candidate.title for each in found])
    scored = []
    for each, values in zip(found, signals(asked, found), strict=True):
        candidate = each.candidate
        parts = {name: WEIGHTS[name] * value for name, value in values.items()}
        parts["identifiers"] = IDENTIFIER * min(2, shared_identifiers(asked, candidate))
        parts["language"] = OWN_LANGUAGE if candidate.language == asked.language else 0.0
        late = _outdated(candidate, replaced) and not _meant(asked.text, candidate)
        parts["outdated"] = -OUTDATED if late else 0.0
        contributions = {name: asked.spread * part for name, part in parts.items()}
        contributions["meaning"] = each.similarity - asked.levels[candidate.language]
        passage = _passage(asked, each, sum(contributions.values()))
        scored.append(_Scored(each, passage, contributions))
    return sorted(scored, key=lambda one: (-one.passage.score, one.passage.passage_id))


def _unscored(asked: Asked, each: Compared) -> _Scored:
    return _Scored(each, _passage(asked, each, 0.0), {})


def _why(each: _Scored, duplicates: frozenset[UUID]) -> Dropped:
    if each.passage.passage_id in duplicates:
        return "duplicate"
    return "replaced" if each.contributions["outdated"] < 0 else "limit"


def _chosen(scored: Sequence[_Scored], limit: int, spread: float) -> tuple[list[_Scored], frozenset[UUID]]:
    """Return the best, not all of one source where others are about as good, and the duplicates met."""
    rest = list(scored)
    kept: list[tuple[_Scored, frozenset[str]]] = []
    duplicates: set[UUID] = set()
    seen: dict[UUID, int] = {}
    while rest and len(kept) < limit:
        best = max(rest, key=lambda each: _standing(each, seen, spread))
        rest.remove(best)
        words = frozenset(re.findall(r"\w+", best.passage.text.lower()))
        if any(len(words & other) >= _SAME * max(1, len(words | other)) for _, other in kept):
            duplicates.add(best.passage.passage_id)
            continue
        kept.append((best, words))
        seen[best.passage.source_id] = seen.get(best.passage.source_id, 0) + 1
    return [each for each, _ in kept], frozenset(duplicates)


def _standing(each: _Scored, seen: Mapping[UUID, int], spread: float) -> float:
    many = max(0, seen.get(each.passage.source_id, 0) - _FROM_ONE_SOURCE + 1)
    return each.passage.score - SAME_SOURCE * spread * many


def _with_neighbour(
    chosen: list[_Scored], scored: Sequence[_Scored], limit: int, duplicates: frozenset[UUID]
) -> list[_Scored]:
    """Put what stands beside the best passage in the last place, where the best may not stand alone.

    It is a passage of its own, so that a quote still lies in the passage that is cited.
    """
    if len(chosen) < limit or limit <= 4 or not _leans(chosen[0].passage.text):
        return chosen
    there = {each.passage.passage_id for each in chosen} | duplicates
    beside = next(
        (
            each
            for each in scored
            if each.passage.passage_id not in there
            and _adjacent(each.compared.candidate, chosen[0].compared.candidate)
        ),
        None,
    )
    return chosen if beside is None else [*chosen[:-1], beside]


def _leans(text: str) -> bool:
    """Say whether a passage is short or begins in the middle of an explanation."""
    return len(text) < _SHORT or text[:1].islower()


def _adjacent(one: Candidate, other: Candidate) -> bool:
    same = (one.source_id, one.version, one.heading) == (other.source_id, other.version, other.heading)
    return same and abs(one.ordinal - other.ordinal) == 1


@dataclass(frozen=True, slots=True)
class _Ranks:
    """Ranks, from 1, by one kind of evidence alone."""

    dense: Mapping[UUID, int]
    lexical: Mapping[UUID, int]
    fused: Mapping[UUID, int]

    @classmethod
    def of(cls, found: Sequence[Compared]) -> "_Ranks":
        dense = _ranked(
            {e.candidate.passage_id: e.similarity for e in found if e.candidate.vector is not None}
        )
        lexical = _ranked({e.candidate.passage_id: e.candidate.bm25 for e in found if e.candidate.bm25 > 0})
        alone = cls(dense, lexical, {})
        return replace(alone, fused=_ranked({key: alone.together(key) for key in {**dense, **lexical}}))

    def together(self, key: UUID) -> float:
        return sum(1 / (_ALL_SAME + ranks[key]) for ranks in (self.dense, self.lexical) if key in ranks)

    def entry(self, each: _Scored, place: int | None, dropped: Dropped | None) -> Entry:
        key = each.passage.passage_id
        return Entry(
            passage=each.passage,
            dense_rank=self.dense.get(key),
            bm25=each.compared.candidate.bm25,
            lexical_rank=self.lexical.get(key),
            fused=self.together(key),
            fused_rank=self.fused.get(key),
            rank=place,
            contributions=each.contributions,
            dropped=dropped,
        )


def _ranked(values: Mapping[UUID, float]) -> dict[UUID, int]:
    return {key: place for place, key in enumerate(sorted(values, key=lambda key: (-values[key], key)), 1)}


def _outdated(candidate: Candidate, replaced: frozenset[str]) -> bool:
    return candidate.title in replaced or says_outdated(
        f"{candidate.title}\n{candidate.heading}\n{candidate.opening}"
    )


def _meant(question: str, candidate: Candidate) -> bool:
    """Return whether the question asks for this old text by its year."""
    return bool(years(question) & years(f"{candidate.title} {candidate.opening}"))


def _passage(asked: Asked, each: Compared, score: float) -> Passage:
    candidate = each.candidate
    return Passage(
        passage_id=candidate.passage_id,
        source_id=candidate.source_id,
        version=candidate.version,
        title=candidate.title,
        heading=candidate.heading,
        page=candidate.page,
        paragraph=candidate.paragraph,
        text=candidate.text,
        language=candidate.language,
        similarity=each.similarity,
        lexical=candidate.cover,
        margin=each.similarity - asked.elsewhere[candidate.language],
        score=score,
    )
