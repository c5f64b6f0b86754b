"""The kinds of policy there are, and a rule: one of them as a company or an engineer has set it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pydantic import Field, JsonValue, PrivateAttr, model_validator

from foundation.turns import Value
from graphs.policies import (
    disclaimer,
    injection,
    language,
    length,
    link,
    pattern,
    personal,
    profanity,
    promise,
    tone,
    topic,
)
from graphs.policies.port import Asked, Finding, Mode, Said

KindName = Literal[
    "pii",
    "injection",
    "topic",
    "profanity",
    "tone",
    "length",
    "promise",
    "link",
    "pattern",
    "language",
    "disclaimer",
]
Before = Callable[[Asked, Any], "Finding | Awaitable[Finding | None] | None"]
After = Callable[[Said, Any], Finding | None]

_ALWAYS: Final[tuple[Mode, ...]] = ("block", "flag", "handover")


@dataclass(frozen=True, slots=True)
class Kind:
    """What rules of a kind can be: their options, their modes (the first is the default), their stages."""

    options: type[Value]
    modes: tuple[Mode, ...]
    before: Before | None = None
    after: After | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(name for name, judge in (("before", self.before), ("after", self.after)) if judge)


KINDS: Final[dict[KindName, Kind]] = {
    "pii": Kind(personal.Options, ("redact", *_ALWAYS), personal.before, personal.after),
    "injection": Kind(injection.Options, _ALWAYS, injection.before),
    "topic": Kind(topic.Options, _ALWAYS, topic.before, topic.after),
    "profanity": Kind(
        profanity.Options, ("flag", "block", "rewrite", "handover"), profanity.before, profanity.after
    ),
    "tone": Kind(tone.Options, ("rewrite", "flag", "block", "handover"), tone.before, tone.after),
    "length": Kind(length.Options, ("rewrite", *_ALWAYS), length.before, length.after),
    "promise": Kind(promise.Options, _ALWAYS, after=promise.after),
    "link": Kind(link.Options, ("rewrite", *_ALWAYS), after=link.after),
    "pattern": Kind(
        pattern.Options, ("flag", "block", "redact", "rewrite", "handover"), pattern.before, pattern.after
    ),
    "language": Kind(language.Options, ("handover", "flag", "block"), language.before, language.after),
    "disclaimer": Kind(disclaimer.Options, ("rewrite",)),
}


class Rule(Value):
    """A policy as it is set. Rules run in the order of `priority`, the lowest first."""

    id: str = ""
    name: str = Field(default="", max_length=120)
    kind: KindName
    enabled: bool = True
    priority: int = Field(default=100, ge=0, le=10_000)
    mode: Mode | None = None
    """What follows when it strikes; the kind's first mode when left out."""
    stage: Literal["before", "after", "both"] = "both"
    """`before` for what customers write, `after` for what the agent says."""
    scope: Literal["unit", "answer"] = "unit"
    """With `answer` a blocked unit takes the whole answer with it, which is then not streamed."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    _options: Value = PrivateAttr()

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "Rule":
        kind = KINDS[self.kind]
        if self.mode is not None and self.mode not in kind.modes:
            raise ValueError(f"{self.kind} cannot {self.mode}; its modes are {', '.join(kind.modes)}")
        if self.stage != "both" and kind.stages and self.stage not in kind.stages:
            raise ValueError(f"{self.kind} judges only {' and '.join(kind.stages)}")
        self._options = kind.options.model_validate(self.options)
        return self

    @property
    def acts(self) -> Mode:
        """What follows when it strikes."""
        return self.mode or KINDS[self.kind].modes[0]

    @property
    def checked(self) -> Value:
        """Its options as the kind's own value."""
        return self._options

    @property
    def named(self) -> str:
        """What decisions call it."""
        return self.id or self.name or self.kind

    def judges(self, stage: str) -> bool:
        """Say whether it runs at a stage."""
        return self.enabled and self.stage in (stage, "both") and stage in KINDS[self.kind].stages


def disclaimer_of(rule: Rule) -> disclaimer.Options | None:
    """Return a rule's disclaimer, if it is one."""
    return cast(disclaimer.Options, rule.checked) if rule.kind == "disclaimer" and rule.enabled else None
