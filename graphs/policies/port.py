"""What a policy is, and what it says about a text. It never carries the text, only where the rule struck."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from foundation.clients.embedding.port import Embedder
from foundation.turns import Language, Value

Mode = Literal["block", "redact", "rewrite", "flag", "handover"]
"""What follows when a rule strikes.

block: the customer's text gets a fixed reply; a unit of an answer is withheld. redact: the spans become
placeholders. rewrite: the text is replaced by what the rule says. flag: it is recorded only. handover: a
person takes the conversation.
"""
Action = Literal["allow"] | Mode
Stage = Literal["before", "after"]
"""`before` judges what the customer wrote, `after` what the agent is about to say."""
Spans = tuple[tuple[int, int], ...]


class Decision(Value):
    """One policy's judgement; `spans` are character offsets into the text that was judged."""

    action: Action
    rule: str
    """The policy's kind."""
    reason: str = ""
    spans: Spans = ()
    policy: str = ""
    """The policy's id, or its name in a graph config; empty for what always holds."""
    stage: Stage = "before"


ALLOW = Decision(action="allow", rule="")


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule has struck."""

    reason: str
    spans: Spans = ()
    replaced: str | None = None
    """The text with the spans redacted or rewritten, where the kind can do that."""
    history: tuple[str, ...] | None = None
    """The customer's earlier texts, replaced likewise."""
    certain: bool = True
    """A guess never blocks: it flags instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a customer wrote, for the stage `before`."""

    text: str
    language: Language
    history: tuple[str, ...] = ()
    """The customer's earlier texts, oldest first."""
    embedder: Embedder | None = None
    """Compares meanings; without one only words count."""


@dataclass(frozen=True, slots=True)
class Said:
    """A unit of an answer, for the stage `after`."""

    text: str
    """Without citations."""
    language: Language
    before: str = ""
    """All that was released before it."""
    kept: frozenset[str] = field(default_factory=frozenset)
    """Hosts of links that stand in the cited passages, lower case."""


def replace(text: str, spans: Sequence[tuple[int, int]], by: str) -> str:
    """Return the text with each span replaced; spans are in order and do not overlap."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], by]
        at = end
    return "".join([*parts, text[at:]])
