"""What is asked, where a follow-up leans on what was said before: how it came about, and who can write it."""

from collections.abc import Sequence
from typing import Literal, Protocol

from foundation.ids import TenantId
from foundation.turns import Language, Utterance, Value
from graphs.answerers.account import Call, Refusal
from graphs.answerers.prompt import RewritePrompt


class FollowUp(Value):
    """A message and the conversation that it leans on, both free of what the policies redacted."""

    text: str
    language: Language
    history: tuple[Utterance, ...]
    """Oldest first."""
    tenant_id: TenantId | None = None
    """Whose model writes and who pays for it."""


class Rewriting(Value):
    """How the query of a turn came about, for its trace."""

    by: Literal["customer", "rules", "model"]
    """The customer's own words; with the question before, by the rules; or a model's words."""
    because: str = ""
    """Why a model that should have written it did not: `no_model`, `budget`, `timeout`, `unusable`,
    `cancelled` with the turn, or the code of an error.
    """
    prompt: str | None = None
    """`name@version`."""
    calls: tuple[Call, ...] = ()
    failed: tuple[Refusal, ...] = ()


class Rewriter(Protocol):
    async def rewrite(
        self, asked: FollowUp, prompt: RewritePrompt, *, timeout_s: float
    ) -> tuple[str, Rewriting]:
        """Return the question on its own and `by="model"`, or an empty text and why there is none.

        No failure of a model is raised: there are the rules.
        """
        ...


def transcript(history: Sequence[Utterance]) -> str:
    """Return a conversation as lines, whose speakers are named."""
    return "\n".join(f"{said.author}: {' '.join(said.text.split())}" for said in history)
