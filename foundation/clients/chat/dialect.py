"""What servers that speak one protocol name differently, or do not know."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal
from urllib.parse import urlsplit

from foundation.clients.chat.prices import Effort

LimitName = Literal["max_completion_tokens", "max_tokens"]
"""OpenAI's newer models refuse the older name (https://platform.openai.com/docs/api-reference/chat/create);
many other servers know no other."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fields of a request that a server accepts."""

    limit: LimitName
    """What it calls the most tokens of an answer."""
    effort: Effort | None = None
    """How much the model is asked to think; None leaves it to the model."""
    reports_usage: bool = True
    """Whether it knows `stream_options`."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that not every server knows."""
        optional = {"reasoning_effort": self.effort is not None, "stream_options": self.reports_usage}
        return frozenset({self.limit, *(name for name, sent in optional.items() if sent)})

    def variants(self) -> Iterator["Dialect"]:
        """Yield this dialect and then what is left of it without one field or another, the likelier first."""
        other: LimitName = "max_tokens" if self.limit == "max_completion_tokens" else "max_completion_tokens"
        efforts = (self.effort,) if self.effort is None else (self.effort, None)
        for effort, limit, reports in product(efforts, (self.limit, other), (True, False)):
            yield Dialect(limit, effort, reports)


def dialect_of(base_url: str, effort: Effort | None) -> Dialect:
    """Return what to try first at an address."""
    host = urlsplit(base_url).hostname or ""
    newest = host == "api.openai.com" or host.endswith(".api.openai.com")
    return Dialect("max_completion_tokens" if newest else "max_tokens", effort)
