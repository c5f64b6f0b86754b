"""Tests the whole search half on the demo's documents and questions. Test only: nothing is fitted on them.

Run: OMP_NUM_THREADS=1 .venv/bin/python -m tests.eval.demo [--show]
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from foundation.turns import Language
from graphs.answerers.extractive import ExtractiveAnswerer
from graphs.answerers.port import Question
from graphs.confidence import Confidence, load
from graphs.gate import Gate
from graphs.query import search_query
from graphs.smalltalk import KINDS, recognise
from tests.eval.bench import Bench, bench
from tests.eval.documents import passages_of
from tests.eval.pools import Case, Item

ROOT = Path(__file__).resolve().parents[2]
THRESHOLD = 0.7


def documents() -> list[Item]:
    """Return the demo's passages as ingestion makes them."""
    paths = sorted((ROOT / "configs" / "demo" / "knowledge").iterdir())
    return [each for path in paths for each in passages_of(path.read_bytes(), path.name, "sv")]


async def run(*, show: bool) -> dict[str, list[bool]]:
    """Return, for each kind of question, which were handled as expected."""
    questions = [
        json.loads(line)
        for line in (ROOT / "tests" / "data" / "demo_questions.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()
    ]
    confidence = load(ROOT / "configs" / "confidence.json")
    right: dict[str, list[bool]] = defaultdict(list)
    async with bench(["demo"]) as shelf:
        await shelf.load({"demo": documents()}, print)
        answerer = ExtractiveAnswerer(shelf.embedder)
        for row in questions:
            await _ask(row, shelf, answerer, confidence, right, show=show)
    return right


async def _ask(
    row: dict[str, Any],
    shelf: Bench,
    answerer: ExtractiveAnswerer,
    confidence: Confidence,
    right: dict[str, list[bool]],
    *,
    show: bool,
) -> None:
    language: Language = row["language"]
    kind = row["kind"]
    began = time.perf_counter()
    small = recognise(row["question"])
    query = search_query(row["question"], ())
    passages = await shelf.found(Case("demo", query, language, kind, ""))
    scored = confidence.of(query, language, passages)
    answered = small is None and scored.value >= THRESHOLD
    answer = ""
    if answered:
        question = Question(text=query, language=language, passages=passages)
        gate = Gate(passages, customer=query, language=language)
        async for piece in answerer.answer(question):
            await gate.feed(piece)
        await gate.close()
        answer = gate.text
    if row["expect"] == "answer":
        sources = [shelf.key(each).partition("#")[0] for each in passages[:4]]
        right[f"{kind} source in first 4"].append(row["source"] in sources)
        right[f"{kind} answered"].append(answered)
        right[f"{kind} answer contains"].append(all(part in answer for part in row["contains"]))
    else:
        right[f"{kind} not answered"].append(not answered)
        if kind in KINDS:
            right[f"{kind} recognised"].append(small is not None and small.kind == kind)
    if show:
        seconds = time.perf_counter() - began
        print(f"\n{row['id']} {kind} {scored.value:.2f} {seconds:.2f}s {row['question']}\n  {answer!r}")
        print("  ", {name: round(part, 2) for name, part in scored.parts.items()})
        if row["expect"] == "answer":
            print("   want", row["source"], row["contains"], [shelf.key(each) for each in passages[:4]])


def main() -> None:
    right = asyncio.run(run(show="--show" in sys.argv))
    for name, each in right.items():
        print(f"{name}: {sum(each)} of {len(each)}")


if __name__ == "__main__":
    main()
