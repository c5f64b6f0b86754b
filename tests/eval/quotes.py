"""Whether the extractive answerer quotes what answers (development data only).

Run: OMP_NUM_THREADS=1 .venv/bin/python -m tests.eval.quotes

squad: how often the annotated answer stands in the quotes. faq: half of the items in Swedish, half in
English, asked in either language: how often the right item is quoted first, given that it was found.
"""

import asyncio
import re
from collections import defaultdict
from statistics import fmean

from foundation.turns import Language
from graphs.answerers.extractive import ExtractiveAnswerer
from graphs.answerers.port import Question
from graphs.passages import Passage
from graphs.query import search_query
from tests.eval.bench import Bench, bench
from tests.eval.pools import Case, Item, colloquial, faq, pools, squad

_CITED = re.compile(r"\[(\d+)\]")
_AMOUNT = re.compile(r"vad kostar|hur (?:länge|lång tid|mycket|många)|what does|how (?:long|much|many)", re.I)
FOUND = 4


async def measure(every: int = 2) -> dict[str, dict[str, float]]:
    """Return the figures of both parts; SQuAD by every n-th paragraph's first answerable question."""
    async with bench(["squad", "mixed"]) as shelf:
        await shelf.load({"squad": pools()["squad"], "mixed": mixed()}, print)
        answerer = ExtractiveAnswerer(shelf.embedder)
        return {"squad": await _squad(shelf, answerer, every), **await _faq(shelf, answerer)}


def mixed() -> list[Item]:
    """Return the FAQ's answers, every other in English."""
    return [
        Item(row["id"], "", *(("sv", row["a_sv"]) if index % 2 else ("en", row["a_en"])))
        for index, row in enumerate(faq())
    ]


async def _squad(shelf: Bench, answerer: ExtractiveAnswerer, every: int) -> dict[str, float]:
    quoted: list[bool] = []
    texts: list[str] = []
    for row in squad()[::every]:
        asked = next((each for each in row["qas"] if each["answerable"]), None)
        if asked is None:
            continue
        passages = await shelf.found(Case("squad", asked["question"], "sv", "own", ""))
        if row["id"] not in [shelf.key(each) for each in passages[:FOUND]]:
            continue
        text = await _answer(answerer, asked["question"], "sv", passages)
        quoted.append(any(answer.lower() in text.lower() for answer in asked["answers"]))
        texts.append(text)
    return {"answer_quoted": round(fmean(quoted), 3), **_sizes(texts)}


async def _faq(shelf: Bench, answerer: ExtractiveAnswerer) -> dict[str, dict[str, float]]:
    rows = faq()
    cases: list[tuple[str, str, str, Language]] = []
    for index, row in enumerate(rows):
        here: Language = "sv" if index % 2 else "en"
        there: Language = "en" if index % 2 else "sv"
        cases.append(("faq_own", row["id"], row[f"q_{here}"], here))
        cases.append(("faq_crossed", row["id"], row[f"q_{there}"], there))
    cases += [
        ("faq_colloquial", case.gold, case.question, case.language)
        for case in colloquial()
        if case.kind == "colloquial_both"
    ]
    first: dict[str, list[bool]] = defaultdict(list)
    texts: dict[str, list[str]] = defaultdict(list)
    amount: dict[str, list[bool]] = defaultdict(list)
    for kind, gold, asked, language in cases:
        passages = await shelf.found(Case("mixed", search_query(asked, ()), language, "own", ""))
        keys = [shelf.key(each) for each in passages]
        if gold not in keys[:FOUND]:
            continue
        text = await _answer(answerer, search_query(asked, ()), language, passages)
        cited = [keys[int(number) - 1] for number in _CITED.findall(text)]
        first[kind].append(cited[:1] == [gold])
        texts[kind].append(text)
        if _AMOUNT.search(asked) and re.search(r"\d", passages[keys.index(gold)].text):
            amount[kind].append(re.search(r"\d", _CITED.sub("", text)) is not None)
    return {
        kind: {
            "right_item_first": round(fmean(hits), 3),
            "number_where_asked": round(fmean(amount[kind] or [True]), 3),
            **_sizes(texts[kind]),
        }
        for kind, hits in first.items()
    }


async def _answer(
    answerer: ExtractiveAnswerer, asked: str, language: Language, passages: tuple[Passage, ...]
) -> str:
    question = Question(text=asked, language=language, passages=passages)
    return "".join([piece async for piece in answerer.answer(question)])


def _sizes(texts: list[str]) -> dict[str, float]:
    return {
        "questions": len(texts),
        "characters": round(fmean(map(len, texts))),
        "quotes": round(fmean(len(_CITED.findall(text)) for text in texts), 2),
    }


if __name__ == "__main__":
    for name, figures in asyncio.run(measure()).items():
        print(name, figures)
