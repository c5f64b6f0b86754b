"""How much later the first sentence is shown because of the release gate, at 50 tokens a second.

A local server streams scripted answers over the OpenAI protocol. In one and the same stream two moments are
taken, counted from the request: when the first sentence's last character has arrived (the baseline: what a
customer could read without a gate), and when the gate released the sentence. `ratio` is the second over the
first, medians over rounds. The gate must see what follows a sentence to know that it is over, which takes a
token or two. `work_ms_per_unit` is what it computes a sentence, `work_ms_before` once, while the model is
still silent, and `work_share` is the share of computing in the first sentence's delay.
"""

import asyncio
import os
import re
import time
from contextlib import aclosing
from dataclasses import dataclass
from statistics import median
from typing import Any, Final
from uuid import uuid4

from foundation.clients.chat.openai_chat import Limits, openai_chat
from foundation.turns import Delta, Language
from graphs.answerers.model import ModelAnswerer
from graphs.answerers.port import Question
from graphs.answerers.prompt import load_prompt
from graphs.gate import Gate
from graphs.passages import Passage
from graphs.units import Splitter
from tests.servers.openai_server import Behaviour, OpenAIServer, running

_TOKENS_PER_S: Final = 50
_TOKEN: Final = re.compile(r"\s?\w{1,5}|\W")
_OTHERS: Final = 7
"""Passages beside the one that answers, as retrieval finds them."""


@dataclass(frozen=True, slots=True)
class Script:
    """A question, the passage that answers it, and the answer in sentences."""

    language: Language
    question: str
    passage: str
    sentences: tuple[str, ...]

    @property
    def answer(self) -> str:
        return " ".join(self.sentences)


SCRIPTS: Final = (
    Script(
        "sv",
        "Hur länge har jag öppet köp?",
        "Du har 60 dagars öppet köp från den dag du tar emot varan. Varan ska vara oanvänd och ligga i sin "
        "förpackning. Frakten för en retur kostar 49 kr och dras av från det du får tillbaka.",
        (
            "Du har 60 dagars öppet köp från den dag du tar emot varan [1].",
            "Varan ska vara oanvänd och ligga i sin förpackning [1].",
            "Frakten för en retur kostar 49 kr och dras av från det du får tillbaka [1].",
        ),
    ),
    Script(
        "en",
        "When do you deliver to Norway?",
        "Parcels to Norway leave our warehouse on weekdays and take 3 to 5 working days. Shipping costs 99 "
        "SEK. Customs fees are included in the price that you see at checkout.",
        (
            "Parcels to Norway leave our warehouse on weekdays and take 3 to 5 working days [1].",
            "Shipping costs 99 SEK [1].",
            "Customs fees are included in the price that you see at checkout [1].",
        ),
    ),
    Script(
        "sv",
        "Kan jag hyra skidor över helgen?",
        "Ja, du hyr skidor från fredag kl. 15 till måndag kl. 10. En helg kostar 590 kr för vuxna och 290 kr "
        "för barn. Boka senast dagen före på vår webbplats.",
        (
            "Ja, du hyr skidor från fredag kl. 15 till måndag kl. 10 [1].",
            "En helg kostar 590 kr för vuxna och 290 kr för barn [1].",
            "Boka senast dagen före på vår webbplats [1].",
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one stream, from the request."""

    arrived: float
    """The first sentence's last character."""
    shown: float
    """The first sentence, through the gate."""
    made: float
    """Computing when the gate is made: reading the passages, while the model is still silent."""
    judged: float
    """Computing between the token that ends the wait and the sentence's release."""
    work: float
    """What it computed in the whole answer, after it was made."""
    units: int


def measure() -> list[dict[str, Any]]:
    """Return one result; `ROUNDS` streams of each script (7)."""
    rounds = asyncio.run(_rounds(int(os.environ.get("ROUNDS", "7"))))
    arrived, shown = median(each.arrived for each in rounds), median(each.shown for each in rounds)
    delays = [each.shown - each.arrived for each in rounds]
    return [
        {
            "name": "gate",
            "baseline": "the same stream without the gate",
            "ratio": round(median(each.shown / each.arrived for each in rounds), 3),
            "tokens_per_s": _TOKENS_PER_S,
            "first_sentence_ms": round(shown * 1000, 1),
            "baseline_first_sentence_ms": round(arrived * 1000, 1),
            "delay_ms": round(median(delays) * 1000, 1),
            "work_ms_before": round(median(each.made for each in rounds) * 1000, 2),
            "work_ms_per_unit": round(median(each.work / each.units for each in rounds) * 1000, 2),
            "work_share": round(
                median(each.judged / delay for each, delay in zip(rounds, delays, strict=True)), 3
            ),
            "streams": len(rounds),
        }
    ]


async def _rounds(count: int) -> list[Round]:
    with running() as server:
        chat = openai_chat(base_url=server.url, key="k", model="scripted", limits=Limits())
        answerer = ModelAnswerer(chat, load_prompt())
        await _stream(SCRIPTS[0], server, answerer)  # opens the connection and fills what is read once
        rounds = [await _stream(script, server, answerer) for _ in range(count) for script in SCRIPTS]
        await chat.close()
    return rounds


async def _stream(script: Script, server: OpenAIServer, answerer: ModelAnswerer) -> Round:
    server.script(Behaviour(pieces=_TOKEN.findall(script.answer), pause_s=1 / _TOKENS_PER_S))
    question = Question(text=script.question, language=script.language, passages=_passages(script))
    text, arrived, shown, judged, work = "", 0.0, 0.0, 0.0, 0.0
    begun = time.perf_counter()
    gate = Gate(question.passages, customer=question.text, language=question.language)
    made = time.perf_counter() - begun
    async with aclosing(answerer.answer(question)) as pieces:
        async for piece in pieces:
            now = time.perf_counter()
            text += piece
            if not arrived and len(text) >= len(script.sentences[0]):
                arrived = now - begun
            released = any(isinstance(event, Delta) for event in await gate.feed(piece))
            after = time.perf_counter()
            work += after - now
            if released and not shown:
                shown, judged = after - begun, after - now
    await gate.close()
    if gate.withheld or gate.text != script.answer:
        raise RuntimeError(f"the gate changed a right answer: {gate.text!r}")
    return Round(arrived, shown, made, judged, work, _units(script.answer))


def _units(answer: str) -> int:
    splitter = Splitter()
    return len([*splitter.feed(answer), *splitter.close()])


def _passages(script: Script) -> tuple[Passage, ...]:
    """Return the script's passage and others that no gate has seen, so that nothing is remembered."""
    mark = uuid4().hex[:8]
    filler = " ".join(other.passage for other in SCRIPTS if other is not script)
    texts = [script.passage, *(f"{filler} {mark} {chr(97 + n)}." for n in range(_OTHERS))]
    return tuple(
        Passage(
            passage_id=uuid4(), source_id=uuid4(), version=1, title=f"Villkor {mark}", text=text,
            language=script.language, score=1,
        )
        for text in texts
    )  # fmt: skip
