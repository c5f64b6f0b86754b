"""What calls to language models used: tokens, as the provider counts them or as we guess, and the wait."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_CHARACTERS: Final = 3
"""Of a token when nobody counts. English has about four, Swedish three: rather too many than too few."""


@dataclass(frozen=True, slots=True)
class Used:
    """One call that a provider began to answer."""

    provider: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    """The provider did not say; the tokens are guessed from the characters."""
    first_piece_ms: float | None
    """From the call to the first piece of text, retries included; None when there was none."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that did not answer, and the word for why."""

    provider: str
    model: str
    reason: str


@dataclass
class Meter:
    """Collects what one answer costs, in order.

    Not a last item of the stream: who closes a stream early, or sees it fail, has used something too.
    """

    used: list[Used] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


def estimated_tokens(texts: Sequence[str]) -> int:
    """Return about how many tokens the texts are together."""
    return -(-sum(map(len, texts)) // _CHARACTERS)
