"""How often a kept answer is given to a question that asks something else.

banking: of each intent's test questions every other one is kept; the others are asked. A hit on another
intent is a false one. faq: all questions of the FAQ are kept and each is asked without itself; any hit is
false, unless the FAQ has two items of the same words. colloquial: customers' own words, asked of the whole
FAQ.

`hits`: the share of questions that found something; `false_hits`: the share of the hits that were false.
Development data: nothing is fitted, but the words of the FAQ were looked at when the rule was written
(graphs/sameness.py); banking was not.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np

from foundation.clients.embedding.port import Vectors
from foundation.turns import Language
from graphs.sameness import normal, same_question
from tests.eval.bench import RememberingE5
from tests.eval.pools import colloquial, faq, rows

_TRIED = 3


def measure() -> list[dict[str, Any]]:
    """Return a line for each set."""
    return asyncio.run(_measure(RememberingE5()))


async def _measure(embedder: RememberingE5) -> list[dict[str, Any]]:
    lines = []
    asked = rows("intents/banking77_test.jsonl")
    kept, others = asked[::2], asked[1::2]
    lines.append(
        await _set(
            embedder, "banking", _texts(kept), [(row["text"], row["category"]) for row in others], "en"
        )
    )
    for language in ("sv", "en"):
        own = [(row[f"q_{language}"], row["id"]) for row in faq()]
        lines.append(await _set(embedder, f"faq_{language}", own, own, language, without_itself=True))
        said = [
            (case.question, case.gold.removesuffix("/en"))
            for case in colloquial()
            if case.kind == "colloquial" and case.language == language
        ]
        lines.append(await _set(embedder, f"colloquial_{language}", own, said, language))
    return lines


def _texts(found: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["text"], row["category"]) for row in found]


async def _set(
    embedder: RememberingE5,
    name: str,
    kept: Sequence[tuple[str, str]],
    asked: Sequence[tuple[str, str]],
    language: Language,
    *,
    without_itself: bool = False,
) -> dict[str, Any]:
    known = await embedder.queries([text for text, _ in kept])
    vectors = await embedder.queries([text for text, _ in asked])
    hits, false = 0, 0
    for number, (text, meaning) in enumerate(asked):
        skipped = number if without_itself else None
        hit = _hit(text, vectors[number], kept, known, language=language, skipped=skipped)
        if hit is None:
            continue
        hits += 1
        there, what = kept[hit]
        false += what != meaning and normal(there) != normal(text)
    return {
        "eval": "cache",
        "set": name,
        "asked": len(asked),
        "hits": round(hits / len(asked), 4),
        "false_hits": round(false / hits, 4) if hits else 0.0,
        "false": false,
    }


def _hit(
    text: str,
    vector: Any,
    kept: Sequence[tuple[str, str]],
    known: Vectors,
    *,
    language: Language,
    skipped: int | None,
) -> int | None:
    alike = known @ vector
    if skipped is not None:
        alike[skipped] = -1
    for at in np.argsort(-alike)[:_TRIED]:
        if same_question(text, kept[at][0], float(alike[at]), language):
            return int(at)
    return None
