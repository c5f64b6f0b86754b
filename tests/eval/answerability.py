"""Whether a question can be answered at all: what the confidence is worth where people have said so.

squad_v2_sv: Swedish questions to 622 paragraphs; the unanswerable ones were written to look answerable from
the same paragraph. mtrag_un: last questions of English conversations over four collections (answerable and
unanswerable; the partial and the underspecified ones are left out); a collection's pool are all passages
that any of its questions came with, so the unanswerable ones have distractors.

A row is right when people call it answerable. Rows are split by article or conversation. `auc_similarity`
is the best passage's cosine alone. `ece`: expected calibration error in ten bins of equal size, once the
development half has been rated as a tenant's staff rate answers (graphs/confidence/calibration.py);
`ece_unrated`: before. `wrong_at_N`: the share of unanswerable questions among the N % with the highest
confidence.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from graphs.confidence.calibration import fit
from graphs.confidence.features import features
from graphs.confidence.model import load
from graphs.query import search_query
from tests.eval.bench import Bench, bench
from tests.eval.fit_confidence import Floats, auc
from tests.eval.pools import Case, Item, rows

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
QUESTIONS_OF_PARAGRAPH = 4
"""Of each Swedish paragraph, chosen by hash: all of them would take ten times as long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what people say of it."""

    case: Case
    answerable: bool
    held_out: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, and what retrieval and the features make of it."""

    asked: Asked
    values: dict[str, float]
    similarity: float


def swedish() -> tuple[list[Item], list[Asked]]:
    """Return the paragraphs and their questions."""
    items, asked = [], []
    for row in rows("retrieval/squad_v2_sv_dev.jsonl"):
        items.append(Item(row["id"], row["title"].replace("_", " "), "sv", row["context"]))
        chosen = sorted(row["qas"], key=lambda each: _digest(each["id"]))[:QUESTIONS_OF_PARAGRAPH]
        for each in chosen:
            case = Case("squad_v2_sv", each["question"], "sv", "squad", row["title"], row["id"])
            asked.append(Asked(case, each["answerable"], _held_out(row["title"])))
    return items, asked


def conversations() -> tuple[dict[str, list[Item]], list[Asked]]:
    """Return a pool for each collection, and the last questions."""
    pools: dict[str, dict[str, Item]] = {}
    asked = []
    for row in rows("retrieval/answerability_mtrag_un.jsonl"):
        pool = pools.setdefault(f"mtrag_{row['collection']}", {})
        for text in row["contexts"]:
            pool[text] = Item(_digest(text).hex()[:16], "", "en", text)
        if row["label"] in ("ANSWERABLE", "UNANSWERABLE"):
            query = search_query(row["turns"][-1]["text"], _history(row["turns"][:-1]))
            conversation = row["id"].partition("<::>")[0]
            case = Case(f"mtrag_{row['collection']}", query, "en", "mtrag", conversation)
            asked.append(Asked(case, row["label"] == "ANSWERABLE", _held_out(conversation)))
    return {name: list(items.values()) for name, items in pools.items()}, asked


def _history(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    authors = {"user": "customer"}
    return [{"author": authors.get(turn["role"], "agent"), "text": turn["text"]} for turn in turns]


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _held_out(group: str) -> bool:
    return _digest(group)[0] % 2 == 1


def measure() -> list[dict[str, Any]]:
    """Return a line for each set and half: what the confidence that ships is worth there."""
    confidence = load(CONFIGS / "confidence.json")
    lines = []
    for name, found in asyncio.run(judged()).items():
        chance = np.array([confidence.from_features(each.values).value for each in found])
        out = np.array([each.asked.held_out for each in found])
        right = np.array([each.asked.answerable for each in found])
        ratings = fit(list(zip(chance[~out].tolist(), right[~out].tolist(), strict=True)))
        rated = np.array([ratings.of(each) for each in chance.tolist()])
        for part, here in (("held out", out), ("development", ~out)):
            chosen = [each for each, is_here in zip(found, here, strict=True) if is_here]
            line: dict[str, Any] = {"eval": "confidence", "set": name, "part": part}
            if part == "held out":  # the ratings are of the other half
                line["ece"] = round(calibration_error(rated[here], right[here]), 4)
            line["ece_unrated"] = round(calibration_error(chance[here], right[here]), 4)
            lines.append({**line, **figures(chosen, chance[here])})
    return lines


async def judged() -> dict[str, list[Judged]]:
    """Return both sets' questions with their features."""
    paragraphs, swedes = swedish()
    pools, talks = conversations()
    material = {"squad_v2_sv": paragraphs, **pools}
    async with bench(list(material)) as shelf:
        await shelf.load(material, lambda _line: None)
        return {
            "squad_v2_sv": [each async for each in _judge(shelf, swedes)],
            "mtrag_un": [each async for each in _judge(shelf, talks)],
        }


async def _judge(shelf: Bench, asked: Sequence[Asked]) -> AsyncIterator[Judged]:
    for each in asked:
        passages = await shelf.found(each.case)
        if passages:
            values = features(each.case.question, each.case.language, passages)
            yield Judged(each, values, max(passage.similarity for passage in passages))


def figures(found: Sequence[Judged], chance: Floats) -> dict[str, float]:
    """Return what a confidence is worth on these questions."""
    right = np.array([each.asked.answerable for each in found])
    plain = np.array([each.similarity for each in found])
    order = np.argsort(-chance)
    return {
        "auc": round(auc(chance[right], chance[~right]), 4),
        "auc_similarity": round(auc(plain[right], plain[~right]), 4),
        **{
            f"wrong_at_{percent}": round(float((~right[order[: len(order) * percent // 100]]).mean()), 4)
            for percent in (50, 70, 90)
        },
        "answerable": round(float(right.mean()), 4),
        "questions": len(found),
    }


def calibration_error(chance: Floats, right: Any, bins: int = 10) -> float:
    """Return the mean distance of confidence and share of right ones, in bins of equal size."""
    parts = np.array_split(np.argsort(chance), bins)
    sizes = [
        len(part) / len(chance) * abs(chance[part].mean() - right[part].mean()) for part in parts if len(part)
    ]
    return float(sum(sizes))
