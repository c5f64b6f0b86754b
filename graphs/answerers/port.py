"""What the generate node needs of an answerer."""

from collections.abc import AsyncGenerator
from typing import Protocol

from foundation.ids import TenantId
from foundation.turns import Language, Utterance, Value
from graphs.answerers.account import Account
from graphs.passages import Passage


class Question(Value):
    """What to answer, and from what. Passage `i` (from 0) is cited as `[i + 1]`."""

    text: str
    language: Language
    passages: tuple[Passage, ...]
    history: tuple[Utterance, ...] = ()
    tenant_id: TenantId | None = None
    """Whose model answers and who pays for it; None is nobody in particular."""


class Answerer(Protocol):
    @property
    def name(self) -> str:
        """The model's name, or `extractive`."""
        ...

    @property
    def guarded(self) -> str:
        """A text of ours that no answer may repeat: a model's instructions; empty where there is none."""
        ...

    async def writer(self, tenant_id: TenantId | None) -> str:
        """Return the model that answers a tenant, whose answers are kept; empty where none does.

        Raises:
            DependencyUnavailable: what the tenant has chosen cannot be read.
        """
        ...

    def answer(self, question: Question) -> AsyncGenerator[str | Account, None]:
        """Yield pieces of the answer's text, any size, with `[n]` after what passage n supports.

        An answerer that asks models ends with an `Account` of it, also when it then raises.

        Raises:
            ModelFailed: the model did not answer, or broke off.
        """
        ...
