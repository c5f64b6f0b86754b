"""Kind `length`: how much a customer may write, and how much the agent says."""

from pydantic import Field

from foundation.turns import Value
from graphs.policies.port import Asked, Finding, Said


class Options(Value):
    """The limits, in characters; none where left out."""

    question: int | None = Field(default=None, ge=1)
    answer: int | None = Field(default=None, ge=1)
    """An answer ends before the sentence that would exceed it; its first sentence always passes."""


def before(asked: Asked, options: Options) -> Finding | None:
    """Find that a customer's text is too long."""
    long = options.question is not None and len(asked.text) > options.question
    return Finding(f"over {options.question} characters") if long else None


def after(said: Said, options: Options) -> Finding | None:
    """Find that a unit would make the answer too long. Rewriting drops it: shorter is without it."""
    if options.answer is None or not said.before:
        return None
    long = len(said.before) + 1 + len(said.text) > options.answer
    return Finding(f"over {options.answer} characters", replaced="") if long else None
