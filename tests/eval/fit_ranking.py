"""Fits graphs/retrieval/weights.py and the local model's adapter; the same data give the same numbers.

Run: OMP_NUM_THREADS=1 .venv/bin/python -m tests.eval.fit_ranking [--write]

The adapter (a matrix of low rank added to question vectors) learns from questions and the passages that
answer them. The ranking is a conditional logit over the candidates that retrieval finds. Its rows are seen
through an adapter that was learned on the other fold: what an adapter adds to its own rows is more than it
adds to new ones. Held-out rows (tests/eval/retrieval.py) and the demo's questions have no part in this.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foundation.turns import Language
from graphs.retrieval import weights as shipped
from graphs.retrieval.adapter import FOLDER, Adapter
from graphs.retrieval.hybrid import HybridRetriever
from graphs.retrieval.signals import LEARNED, Asked, Compared, signals
from tests.eval.bench import Bench, bench
from tests.eval.documents import document_pools, holding, wanted
from tests.eval.pools import Item, answerable, colloquial, faq, pools
from tests.eval.retrieval import held_out, sets, shelves

Floats = NDArray[np.float64]
FOLDS = 2
RANK = 24
STEPS, RATE, DECAY, TEMPERATURE = 40, 0.0005, 0.3, 0.02
RIDGE = 3.0
SHARES = {
    "sv_sv": 1.0,
    "en_en": 1.0,
    "crossed": 1.0,
    "squad": 0.5,
    "help": 0.25,
    "colloquial": 1.0,
    "documents": 0.5,
    "banking": 1.0,
}
"""What each kind of row weighs together."""

ADAPTED = ("sv_sv", "en_en", "crossed", "squad", "help", "colloquial")
"""The kinds whose rows the adapter learns from."""


@dataclass(frozen=True, slots=True)
class Row:
    """A development question; `group` is what must not be in both folds."""

    kind: str
    pool: str
    question: str
    language: Language
    group: str
    golds: frozenset[str]

    @property
    def fold(self) -> int:
        return sha256(f"fold {self.group}".encode()).digest()[0] % FOLDS


@dataclass(frozen=True, slots=True)
class Choice:
    """A question's candidates as numbers: the dense rise in spreads first, then the learned signals."""

    kind: str
    values: Floats
    gold: NDArray[np.bool_]


def material() -> dict[str, list[Item]]:
    """Return the pools to learn from."""
    return shelves() | {"squad": pools()["squad"], "help": pools()["help"]} | document_pools()


_FOR = frozenset(
    1 + n
    for n, name in enumerate(LEARNED)
    if name not in {"crowding", "length", "crowding_long", "length_long"}
)
"""The columns that can only speak for a passage: words in common with the question."""


def development() -> list[Row]:
    """Return the questions to learn from, none of them held out."""
    return [*_measured(), *_asked(), *_colloquial(), *_documents()]


def _measured() -> Iterator[Row]:
    categories = {row["id"]: row["category"] for row in faq()}
    for name, each in sets().items():
        for row in each.rows:
            if not held_out(row.id):
                kind = "crossed" if name == "sv_en" else name
                group = categories.get(row.id, row.id)
                yield Row(kind, each.pool, row.question, row.language, group, row.golds)
    for item in faq():
        if not held_out(item["id"]):
            gold = frozenset({item["id"]})
            yield Row("crossed", "answers_sv", item["q_en"], "en", item["category"], gold)


def _asked() -> Iterator[Row]:
    for case in answerable():
        if case.pool in {"squad", "help"} and case.gold and not held_out(case.group):
            gold = frozenset({case.gold})
            yield Row(case.pool, case.pool, case.question, case.language, case.group, gold)


def _colloquial() -> Iterator[Row]:
    for case in colloquial():
        item, _, _ = case.gold.partition("/")
        if case.kind == "colloquial" and not held_out(item):
            pool, gold = f"answers_{case.language}", frozenset({item})
            yield Row("colloquial", pool, case.question, case.language, case.group, gold)


def _documents() -> Iterator[Row]:
    shelf = document_pools()
    for case, parts in wanted():
        if parts and not held_out(case.group):
            golds = frozenset(holding(shelf[case.pool], parts))
            yield Row("documents", case.pool, case.question, case.language, case.group, golds)


async def learn_adapter(shelf: Bench, rows: Sequence[Row], items: Mapping[str, Sequence[Item]]) -> Adapter:
    """Return the adapter that brings these questions nearer to their passages than to others of the pool."""
    batches = []
    for kind in ADAPTED:
        chosen = [row for row in rows if row.kind == kind]
        for pool in sorted({row.pool for row in chosen}):
            asked = [row for row in chosen if row.pool == pool]
            wanted_items = sorted({key for row in asked for key in row.golds})
            among = [
                item for item in items[pool] if pool in {"squad", "help"} or item.key in set(wanted_items)
            ]
            places = {item.key: n for n, item in enumerate(among)}
            queries = [await _carried(shelf, row, among[0].language) for row in asked]
            passages = await shelf.embedder.passages([item.embedded for item in among])
            gold = np.array([places[min(row.golds)] for row in asked])
            batches.append((np.stack(queries).astype(np.float64), passages.astype(np.float64), gold))
    matrix = _descend(batches)
    left, scale, right = np.linalg.svd(matrix)
    root = np.sqrt(scale[:RANK])
    return Adapter(
        (left[:, :RANK] * root).astype(np.float32), (root[:, None] * right[:RANK]).astype(np.float32)
    )


async def _carried(shelf: Bench, row: Row, target: Language) -> NDArray[np.float32]:
    [vector] = await shelf.embedder.queries([row.question])
    return await shelf.background.carry(vector, row.language, target)


def _descend(batches: Sequence[tuple[Floats, Floats, NDArray[np.int64]]]) -> Floats:
    """Return the matrix after a few steps of Adam; stopping early is most of what keeps it general."""
    size = batches[0][0].shape[1]
    matrix, first, second = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, size))
    for step in range(1, STEPS + 1):
        slope = DECAY * matrix
        for queries, passages, gold in batches:
            close = (queries + queries @ matrix) @ passages.T / TEMPERATURE
            chance = np.exp(close - close.max(axis=1, keepdims=True))
            chance /= chance.sum(axis=1, keepdims=True)
            chance[np.arange(len(gold)), gold] -= 1
            slope = slope + queries.T @ (chance @ passages) / (TEMPERATURE * len(gold) * len(batches))
        first = 0.9 * first + 0.1 * slope
        second = 0.99 * second + 0.01 * slope**2
        moved = (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-6)
        matrix = matrix - RATE * moved
    return matrix


async def collect(shelf: Bench, rows: Sequence[Row], adapters: Sequence[Adapter]) -> list[Choice]:
    """Return the candidates of each question whose passage is among them."""
    retrievers = [
        HybridRetriever(shelf.tenancy, shelf.embedder, shelf.index, shelf.background, adapter=adapter)
        for adapter in adapters
    ]
    found = []
    for row in rows:
        evidence = await retrievers[row.fold].evidence(
            shelf.tenant(row.pool), row.question, language=row.language
        )
        if evidence is not None:
            choice = _choice(row, shelf, *evidence)
            if choice.gold.any() and not choice.gold.all():
                found.append(choice)
    return found


def _choice(row: Row, shelf: Bench, asked: Asked, compared: Sequence[Compared]) -> Choice:
    rise = [(each.similarity - asked.levels[each.candidate.language]) / asked.spread for each in compared]
    learned = [[values[name] for name in LEARNED] for values in signals(asked, compared)]
    gold = [shelf.key_of(each.candidate.passage_id) in row.golds for each in compared]
    return Choice(row.kind, np.column_stack([rise, np.array(learned)]), np.array(gold))


def fit(choices: Sequence[Choice]) -> Floats:
    """Return a weight for each column; evidence that comes out as speaking against a passage gets none."""
    used = list(range(choices[0].values.shape[1]))
    while True:
        found = _newton([Choice(each.kind, each.values[:, used], each.gold) for each in choices])
        wrong = [n for n, place in enumerate(used) if place in _FOR and found[n] < 0]
        if not wrong:
            weights = np.zeros(choices[0].values.shape[1])
            weights[used] = found
            return weights
        used.pop(min(wrong, key=lambda n: found[n]))


def _newton(choices: Sequence[Choice]) -> Floats:
    """Return the weights of the ridge conditional logit."""
    counts = {kind: sum(each.kind == kind for each in choices) for kind in SHARES}
    total = sum(counts.values())
    scale = np.concatenate([each.values - each.values.mean(axis=0) for each in choices]).std(axis=0) + 1e-9
    rows = [
        (
            SHARES[each.kind] * total / (counts[each.kind] * sum(SHARES.values())),
            each.values / scale,
            each.gold,
        )
        for each in choices
    ]
    weights = np.zeros(len(scale))
    loss, slope, curve = _loss(rows, weights)
    for _ in range(50):
        step = np.linalg.solve(curve, slope)
        reach = 1.0
        while reach > 1e-6 and _loss(rows, weights - reach * step)[0] > loss:
            reach /= 2
        weights = weights - reach * step
        if np.abs(reach * step).max() < 1e-8:
            break
        loss, slope, curve = _loss(rows, weights)
    return np.asarray(weights / scale, dtype=np.float64)


def _loss(
    rows: Sequence[tuple[float, Floats, NDArray[np.bool_]]], weights: Floats
) -> tuple[float, Floats, Floats]:
    """Return the loss, its slope and its curve."""
    loss, slope, curve = RIDGE * float(weights @ weights) / 2, RIDGE * weights, RIDGE * np.eye(len(weights))
    for share, values, gold in rows:
        close = values @ weights
        top = close.max()
        total = float(np.exp(close - top).sum())
        chance = np.exp(close - top) / total
        loss += share * (top + np.log(total) - float(close[gold].mean()))
        middle = chance @ values
        slope = slope + share * (middle - values[gold].mean(axis=0))
        apart = values - middle
        curve = curve + share * (apart * chance[:, None]).T @ apart
    return loss, slope, curve


async def learn() -> tuple[Adapter, dict[str, float]]:
    """Return the adapter and the weights, relative to that of the dense similarity."""
    items, rows = material(), development()
    async with bench(list(items)) as shelf:
        await shelf.load(items, lambda line: None)
        adapters = [
            await learn_adapter(shelf, [row for row in rows if row.fold != fold], items)
            for fold in range(FOLDS)
        ]
        choices = await collect(shelf, rows, adapters)
        adapter = await learn_adapter(shelf, rows, items)
    dense, *others = fit(choices).tolist()
    return adapter, {name: round(each / dense, 3) for name, each in zip(LEARNED, others, strict=True)}


def main() -> None:
    adapter, weights = asyncio.run(learn())
    print(json.dumps(weights, indent=2))
    if "--write" not in sys.argv:
        return
    table = "".join(f'    "{name}": {weight},\n' for name, weight in weights.items())
    Path(shipped.__file__).write_text(
        f'"""{shipped.__doc__}"""\n\nWEIGHTS: dict[str, float] = {{\n{table}}}\n', encoding="utf-8"
    )
    FOLDER.mkdir(exist_ok=True)
    numbers = {
        name: [[round(float(number), 4) for number in row] for row in rows]
        for name, rows in (("down", adapter.down), ("up", adapter.up))
    }
    (FOLDER / "e5-small-q4.json").write_text(
        json.dumps(numbers, separators=(",", ":")) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
