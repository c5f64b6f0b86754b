"""How often the passage that answers is found, beside plain cosine and plain BM25 on the same pool.

`sv_sv`, `sv_en`, `en_en`: a question of the FAQ (Swedish, Swedish, English) to the answers in one language,
all of them the pool. `banking`: the documents that a task of a bank's service desk needs, among all of its
knowledge base; the query is the task's `user_scenario.instructions` as they are written (what the customer
is, wants and says: hundreds of words; over all tasks plain cosine finds .35 of the documents at 25). There
`r1`, `r10`, `r25` are recalls, and `mrr` counts the first needed document.

Rows are split by a hash of their id; nothing is fitted on the held-out half, and only that is reported unless
DEVELOPMENT=1 asks for the other one too. What does not come among the first 25 counts 0 in `mrr`.

Run: make eval NAME=retrieval
"""

import asyncio
import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import fmean

import numpy as np
from sqlalchemy import text

from foundation.turns import Language
from tests.eval.bench import Bench, bench
from tests.eval.pools import Item, faq, rows

AT = (1, 10, 25)


@dataclass(frozen=True, slots=True)
class Row:
    """A question and the items of its pool that it needs."""

    id: str
    question: str
    language: Language
    golds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Set:
    """Questions to one pool, of one language."""

    pool: str
    language: Language
    rows: tuple[Row, ...]


def held_out(row_id: str) -> bool:
    """Return whether a row is in the half that nothing is fitted on."""
    return sha256(row_id.encode()).digest()[0] % 2 == 1


def shelves() -> dict[str, list[Item]]:
    """Return the pools; each item is a source of its own, as FAQ entries and articles are.

    Sources are called by what no question says: an item's id names its subject.
    """
    documents = rows("tau2/banking_documents.jsonl")
    return {
        "answers_sv": [Item(row["id"], "", "sv", row["a_sv"], _name(n)) for n, row in enumerate(faq())],
        "answers_en": [Item(row["id"], "", "en", row["a_en"], _name(n)) for n, row in enumerate(faq())],
        "banking": [
            Item(row["id"], row["title"], "en", row["content"], _name(n)) for n, row in enumerate(documents)
        ],
    }


def _name(number: int) -> str:
    return "".join("qxzwjkvyhp"[int(digit)] for digit in f"{number:04}")


def sets() -> dict[str, Set]:
    """Return the measured questions by name."""
    asked = {language: [(row["id"], row[f"q_{language}"]) for row in faq()] for language in ("sv", "en")}
    pairs: tuple[tuple[Language, Language], ...] = (("sv", "sv"), ("sv", "en"), ("en", "en"))
    found = {
        f"{source}_{target}": Set(
            f"answers_{target}",
            target,
            tuple(Row(key, question, source, frozenset({key})) for key, question in asked[source]),
        )
        for source, target in pairs
    }
    tasks = rows("tau2/banking_knowledge_tasks.jsonl")
    found["banking"] = Set(
        "banking",
        "en",
        tuple(
            Row(task["id"], _instructions(task), "en", frozenset(task["required_documents"]))
            for task in tasks
            if task["required_documents"]
        ),
    )
    return found


def _instructions(task: Mapping[str, Mapping[str, object]]) -> str:
    said = task["user_scenario"]["instructions"]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


async def measure(*, development: bool = False) -> list[dict[str, object]]:
    """Return a result for each set, of the held-out half and, where asked for, of the other one."""
    pools = shelves()
    results: list[dict[str, object]] = []
    async with bench(list(pools)) as shelf:
        await shelf.load(pools, lambda line: None)
        for name, each in sets().items():
            for part in ("held out", "development") if development else ("held out",):
                chosen = [row for row in each.rows if held_out(row.id) == (part == "held out")]
                figures = await _figures(shelf, each, pools[each.pool], chosen)
                results.append({"eval": "retrieval", "set": name, "part": part, "n": len(chosen), **figures})
    return results


async def _figures(shelf: Bench, each: Set, items: Sequence[Item], chosen: Sequence[Row]) -> dict[str, float]:
    plain = await _Bm25.of(shelf, each)
    vectors = await shelf.embedder.passages([item.embedded for item in items])
    orders: dict[str, list[list[str]]] = {"": [], "dense_": [], "bm25_": []}
    for row in chosen:
        found = await shelf.retriever.search(
            shelf.tenant(each.pool), row.question, language=row.language, limit=max(AT)
        )
        orders[""].append([shelf.key(passage) for passage in found])
        [vector] = await shelf.embedder.queries([row.question])
        orders["dense_"].append([items[n].key for n in np.argsort(-(vectors @ vector))[: max(AT)]])
        orders["bm25_"].append(await plain.order(row.question))
    figures = {}
    for prefix, order in orders.items():
        for name, value in _scores(order, [row.golds for row in chosen]).items():
            figures[prefix + name] = round(value, 3)
    return figures


def _scores(orders: Sequence[Sequence[str]], golds: Sequence[frozenset[str]]) -> dict[str, float]:
    pairs = list(zip(orders, golds, strict=True))
    recalls = {f"r{k}": fmean(len(gold & set(order[:k])) / len(gold) for order, gold in pairs) for k in AT}
    firsts = [next((n for n, key in enumerate(order, 1) if key in gold), math.inf) for order, gold in pairs]
    return {**recalls, "mrr": fmean(1 / first for first in firsts)}


class _Bm25:
    """Plain BM25 (k1 1.2, b .75) over PostgreSQL's stems in the pool's language."""

    def __init__(self, shelf: Bench, each: Set, counts: Mapping[str, Mapping[str, int]]) -> None:
        self._shelf, self._set, self._counts = shelf, each, counts
        self._sizes = {key: sum(words.values()) for key, words in counts.items()}
        self._average = fmean(self._sizes.values())
        self._seen = Counter(word for words in counts.values() for word in words)

    @classmethod
    async def of(cls, shelf: Bench, each: Set) -> "_Bm25":
        async with shelf.tenancy.session(shelf.tenant(each.pool)) as session:
            found = await session.execute(
                text(
                    "select p.id, l.lexeme, cardinality(l.positions) as times"
                    " from passages p, unnest(p.lexemes) as l"
                )
            )
            counts: dict[str, dict[str, int]] = {}
            for row in found:
                counts.setdefault(shelf.key_of(row.id), {})[row.lexeme] = row.times
        return cls(shelf, each, counts)

    async def order(self, question: str) -> list[str]:
        """Return the best 25; what shares no word is not found."""
        configuration = "swedish" if self._set.language == "sv" else "english"
        async with self._shelf.tenancy.session(self._shelf.tenant(self._set.pool)) as session:
            lexemes = (
                await session.execute(
                    text("select tsvector_to_array(to_tsvector(cast(:c as regconfig), :q))"),
                    {"c": configuration, "q": question},
                )
            ).scalar_one()
        scores = {key: self._score(key, lexemes) for key in self._counts}
        best = sorted(scores, key=lambda key: (-scores[key], key))[: max(AT)]
        return [key for key in best if scores[key] > 0]

    def _score(self, key: str, lexemes: Sequence[str]) -> float:
        words, size = self._counts[key], self._sizes[key] / self._average
        return sum(
            self._idf(word) * words[word] * 2.2 / (words[word] + 1.2 * (0.25 + 0.75 * size))
            for word in lexemes
            if word in words
        )

    def _idf(self, word: str) -> float:
        return math.log(1 + (len(self._counts) - self._seen[word] + 0.5) / (self._seen[word] + 0.5))


def main() -> list[dict[str, object]]:
    """Measure; DEVELOPMENT=1 in the environment adds the development half."""
    return asyncio.run(measure(development=bool(os.environ.get("DEVELOPMENT"))))
