"""What an answer cost and who wrote it, for the turn's trace."""

from typing import Literal

from foundation.turns import Value


class Call(Value):
    """One call that a provider answered; the cost is None where the model's price is not known."""

    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    first_piece_ms: float | None
    cost: float | None = None
    currency: str | None = None


class Refusal(Value):
    """A model that did not answer, and the word for why."""

    provider: str
    model: str
    reason: str


class Account(Value):
    """The last item of an answer in which a model was, or should have been, involved."""

    answerer: str
    """The model that wrote the answer, or `extractive`."""
    because: Literal["", "fallback", "budget"] = ""
    """Why it was not the preferred model: others failed, or the tenant's budget for the month is used up."""
    prompt: str | None = None
    """`name@version`."""
    calls: tuple[Call, ...] = ()
    failed: tuple[Refusal, ...] = ()
