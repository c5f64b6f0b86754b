"""Kind `topic`: what the agent talks about, by words and by meaning.

A word that stands there is certain. A meaning is a guess: cosine similarity to example questions, where E5
models give 0.8 to unrelated texts. A guess never blocks by itself (`graphs.policies.chain`), unless `decide`
says that this tenant's examples are good enough for that.
"""

import numpy as np
from pydantic import Field

from foundation.turns import Value
from graphs.policies.phrases import occurrences
from graphs.policies.port import Asked, Finding, Said


class Options(Value):
    """What is denied, or what alone is allowed; empty lists deny nothing."""

    deny_words: tuple[str, ...] = Field(default=(), max_length=500)
    """Words or phrases, matched whole; `advokat*` takes any ending."""
    deny_examples: tuple[str, ...] = Field(default=(), max_length=200)
    """Questions like the ones to deny, in any language."""
    allow_words: tuple[str, ...] = Field(default=(), max_length=500)
    """A text with one of these is never off topic."""
    allow_examples: tuple[str, ...] = Field(default=(), max_length=200)
    """If given, a question like none of these is off topic."""
    similarity: float = Field(default=0.9, ge=0, le=1)
    """Cosine from which on a question is like a denied example."""
    distance: float = Field(default=0.84, ge=0, le=1)
    """Cosine below which a question is like none of the allowed examples."""
    decide: bool = False
    """Whether a meaning may block, not only flag or hand over."""


async def before(asked: Asked, options: Options) -> Finding | None:
    """Find a denied word, a denied meaning, or a meaning that is none of the allowed ones."""
    if occurrences(asked.text, options.allow_words):
        return None
    if spans := occurrences(asked.text, options.deny_words):
        return Finding("word", spans)
    return await _by_meaning(asked, options)


def after(said: Said, options: Options) -> Finding | None:
    """Find a denied word in a unit of an answer."""
    spans = occurrences(said.text, options.deny_words)
    return Finding("word", spans) if spans else None


async def _by_meaning(asked: Asked, options: Options) -> Finding | None:
    examples = (*options.deny_examples, *options.allow_examples)
    if asked.embedder is None or not examples:
        return None
    # Both sides are questions, so both take the query side of the model.
    vectors = await asked.embedder.queries([asked.text, *examples])
    alike = vectors[1:] @ vectors[0]
    denied, allowed = alike[: len(options.deny_examples)], alike[len(options.deny_examples) :]
    nearest = float(np.max(denied, initial=-1.0))
    if nearest >= options.similarity and nearest >= float(np.max(allowed, initial=-1.0)):
        return Finding("meaning", certain=options.decide)
    if allowed.size and float(np.max(allowed)) < options.distance:
        return Finding("off topic", certain=options.decide)
    return None
