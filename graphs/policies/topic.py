"""Kind `topic`: what the agent talks about, by words and by meaning.

A word that stands there is certain. A meaning is a guess. A guess never blocks by itself
(`graphs.policies.chain`), unless `decide` says that this tenant's examples are good enough for that.

Denied meanings are told by cosine similarity, where E5 models give 0.8 to unrelated texts. Whether a
question is about what is allowed is told by its likeness to the three nearest examples, after the mean of
the examples and of everyday questions is taken off all vectors: that took the AUC on CLINC's out-of-scope
questions from .917 to .937.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydantic import Field

from foundation.clients.embedding.port import Embedder, Vectors
from foundation.turns import Value
from graphs.policies.phrases import occurrences
from graphs.policies.port import Asked, Finding, Said
from graphs.retrieval.bank import BANK

_NEAREST: Final = 3
_REMEMBERED: Final = 128
_EVERYDAY: Final = tuple(text for texts in BANK.values() for text in texts)
_known: Final[OrderedDict[tuple[str, tuple[str, ...]], Vectors]] = OrderedDict()
"""Vectors of examples, by model and texts: they are the same for every message."""


class Options(Value):
    """What is denied, or what alone is allowed; empty lists deny nothing."""

    deny_words: tuple[str, ...] = Field(default=(), max_length=500)
    """Words or phrases, matched whole; `advokat*` takes any ending."""
    deny_examples: tuple[str, ...] = Field(default=(), max_length=200)
    """Questions like the ones to deny, in any language."""
    allow_words: tuple[str, ...] = Field(default=(), max_length=500)
    """A text with one of these is never off topic."""
    allow_examples: tuple[str, ...] = Field(default=(), max_length=500)
    """If given, a question like none of these is off topic; ten or more for each thing people ask about."""
    similarity: float = Field(default=0.9, ge=0, le=1)
    """Cosine from which on a question is like a denied example."""
    distance: float = Field(default=0.32, ge=-1, le=1)
    """Likeness to the allowed examples below which a question is off topic."""
    decide: bool = False
    """Whether a meaning may block, not only flag or hand over."""


async def before(asked: Asked, options: Options) -> Finding | None:
    """Find a denied word, a denied meaning, or a meaning that is none of the allowed ones."""
    if occurrences(asked.text, options.allow_words):
        return None
    if spans := occurrences(asked.text, options.deny_words):
        return Finding("word", spans)
    if asked.embedder is None or not (options.deny_examples or options.allow_examples):
        return None
    question = await asked.embedder.queries([asked.text])
    if options.deny_examples:
        denied = await _vectors(asked.embedder, options.deny_examples)
        if float(np.max(denied @ question[0])) >= options.similarity:
            return Finding("meaning", certain=options.decide)
    if options.allow_examples:
        allowed = await _vectors(asked.embedder, options.allow_examples)
        everyday = await _vectors(asked.embedder, _EVERYDAY)
        if float(likeness(question, allowed, everyday)[0]) < options.distance:
            return Finding("off topic", certain=options.decide)
    return None


def after(said: Said, options: Options) -> Finding | None:
    """Find a denied word in a unit of an answer."""
    spans = occurrences(said.text, options.deny_words)
    return Finding("word", spans) if spans else None


def likeness(questions: Vectors, allowed: Vectors, everyday: Vectors) -> Vectors:
    """Return how much each question, a row, is like its nearest allowed examples, -1..1."""
    middle = np.vstack([allowed, everyday]).mean(axis=0)
    alike = _centred(questions, middle) @ _centred(allowed, middle).T
    nearest = np.sort(alike, axis=1)[:, -_NEAREST:]
    return nearest.mean(axis=1)  # type: ignore[no-any-return]


def _centred(vectors: Vectors, middle: Vectors) -> Vectors:
    moved = vectors - middle
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.maximum(length, 1e-9)  # type: ignore[no-any-return]


async def _vectors(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    key = (embedder.model, tuple(texts))
    if key not in _known:
        _known[key] = await embedder.queries(texts)
        while len(_known) > _REMEMBERED:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return _known[key]
