"""Fits configs/confidence.json on development data; the same data give the same weights.

Run: OMP_NUM_THREADS=1 .venv/bin/python -m tests.eval.fit_confidence [--write]

A row is positive when the item that answers is among the first four passages. Rows are split by category,
article or intent, never one by one. The demo's questions have no part in this (tests/eval/demo.py).
"""

import asyncio
import math
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphs.confidence.features import NAMES, QUOTED, features
from graphs.confidence.model import Weight, Weights
from graphs.query import search_query
from tests.eval.bench import bench
from tests.eval.documents import answers, document_pools, strangers, wanted
from tests.eval.pools import Case, answerable, colloquial, off_topic, pools

Floats = NDArray[np.float64]

TARGET = Path(__file__).resolve().parents[2] / "configs" / "confidence.json"
THRESHOLD = 0.7
RIDGE = 2.0
# A question whose item was taken out, not found, or twisted by an annotator is still of its pool's topic,
# and another item may well answer it: such rows teach little. What is off topic must not be answered.
IMPORTANCE = {
    "removed": 0.15,
    "colloquial_removed": 0.15,
    "unanswerable": 0.1,
    "off_topic": 0.6,
    "colloquial_off_topic": 0.6,
    "documents_off_topic": 0.6,
    "gibberish": 0.6,
    "small_talk": 1.2,
}
OFF_TOPIC = ("off_topic", "colloquial_off_topic", "documents_off_topic", "gibberish", "small_talk")
COLLOQUIAL = 2.0
"""For answerable questions in customers' own words: there are few, and they are what is asked."""
NOT_FOUND = 0.25


def held_out(case: Case) -> bool:
    """Return whether a row's group is in the held-out half."""
    return sha256(case.group.encode()).digest()[0] % 2 == 1


async def collect() -> tuple[list[Case], Floats, Floats]:
    """Return the cases that found passages, their features, and whether the first four hold the answer."""
    material = pools() | document_pools()
    parts = dict(wanted())
    cases, values, labels = [], [], []
    async with bench(list(material)) as shelf:
        await shelf.load(material, print)
        for case in (*answerable(), *off_topic(), *colloquial(), *parts, *strangers()):
            query = search_query(case.question, ())
            passages = await shelf.found(replace(case, question=query))
            if not passages:
                continue
            seen = features(query, case.language, passages)
            cases.append(case)
            values.append([seen[name] for name in NAMES])
            keys = {shelf.key(each) for each in passages[:QUOTED]}
            both = {f"{case.gold}/en"} if case.kind == "colloquial_both" else set()
            holds = any(answers(passage.text, parts.get(case, ())) for passage in passages[:QUOTED])
            labels.append(holds or (bool(case.gold) and bool(keys & {case.gold, *both})))
    return cases, np.array(values), np.array(labels, dtype=np.float64)


def fit(values: Floats, labels: Floats, importance: Floats) -> tuple[Floats, float]:
    """Return weights and bias of a ridge logistic regression; `values` are standardised."""
    rows = np.hstack([values, np.ones((len(values), 1))])
    ridge = np.diag([RIDGE] * values.shape[1] + [0.0])
    weights = np.zeros(rows.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (importance * (chance - labels)) + ridge @ weights
        curve = (rows * (importance * chance * (1 - chance))[:, None]).T @ rows + ridge
        weights = weights - np.linalg.solve(curve, slope)
    return weights[:-1], float(weights[-1])


def auc(positive: Floats, negative: Floats) -> float:
    """Return the chance that a positive scores above a negative."""
    above = (positive[:, None] > negative[None, :]).mean()
    return float(above + 0.5 * (positive[:, None] == negative[None, :]).mean())


def _sure(chance: Floats) -> float:
    """Return the share that would be answered; NaN of no rows."""
    return float((chance >= THRESHOLD).mean()) if chance.size else math.nan


def figures(cases: list[Case], chance: Floats, labels: Floats) -> dict[str, float]:
    """Return what the confidence is worth on these rows."""
    kinds = np.array([case.kind for case in cases])
    foreign = np.isin(kinds, OFF_TOPIC)
    found = {
        "auc_all": auc(chance[labels == 1], chance[labels == 0]),
        "auc_off_topic": auc(chance[labels == 1], chance[foreign]),
    }
    for kind in (
        "own",
        "crossed",
        "colloquial",
        "colloquial_crossed",
        "colloquial_both",
        "documents_en",
        "documents_sv",
    ):
        rows = kinds == kind
        found[f"share_answered_{kind}"] = _sure(chance[rows & (labels == 1)])
        found[f"share_answered_{kind}_not_found"] = _sure(chance[rows & (labels == 0)])
    for kind in IMPORTANCE:
        found[f"share_answered_{kind}"] = _sure(chance[kinds == kind])
    for pool in sorted({case.pool for case in cases}):
        rows = np.array([case.pool == pool and case.kind == "own" for case in cases]) & (labels == 1)
        found[f"share_answered_own_in_{pool}"] = _sure(chance[rows])
    sure = chance >= THRESHOLD
    found["precision_at_threshold"] = float(labels[sure].mean())
    # A kind that has no such row has no share.
    return {name: round(value, 3) for name, value in found.items() if not np.isnan(value)}


async def held_out_figures() -> dict[str, float]:
    """Return what the confidence that the repository ships is worth on the held-out half."""
    cases, values, labels = await collect()
    test = np.array([held_out(case) for case in cases])
    shipped = Weights.model_validate_json(TARGET.read_text(encoding="utf-8"))
    each = [shipped.features[name] for name in NAMES]
    odds = shipped.bias + sum(
        one.weight * (values[:, place] - one.mean) / one.scale for place, one in enumerate(each)
    )
    held = [case for case, out in zip(cases, test, strict=True) if out]
    return figures(held, (1 / (1 + np.exp(-odds)))[test], labels[test])


def _importance(case: Case, answered: bool) -> float:
    if not answered:
        return IMPORTANCE.get(case.kind, NOT_FOUND)
    return COLLOQUIAL if case.kind.startswith("colloquial") else 1.0


def main() -> None:
    cases, values, labels = asyncio.run(collect())
    test = np.array([held_out(case) for case in cases])
    importance = np.array([_importance(case, bool(label)) for case, label in zip(cases, labels, strict=True)])
    mean, scale = values[~test].mean(axis=0), values[~test].std(axis=0) + 1e-9
    standard = (values - mean) / scale
    weights, bias = fit(standard[~test], labels[~test], importance[~test])
    chance = 1 / (1 + np.exp(-(standard @ weights + bias)))
    held = [case for case, out in zip(cases, test, strict=True) if out]
    result = Weights(
        embedding_model="e5-small-q4",
        bias=round(bias, 6),
        features={
            name: Weight(mean=round(m, 6), scale=round(s, 6), weight=round(w, 6))
            for name, m, s, w in zip(NAMES, mean.tolist(), scale.tolist(), weights.tolist(), strict=True)
        },
        fitted_on=datetime.now(UTC).date(),
        training=dict(Counter(case.kind for case, out in zip(cases, test, strict=True) if not out)),
        figures=figures(held, chance[test], labels[test]),
    )
    text = result.model_dump_json(indent=2)
    print(text)
    if "--write" in sys.argv:
        TARGET.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
