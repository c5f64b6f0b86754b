"""An answerer that asks the model of the question's tenant, and quotes when there is none to ask."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Literal, Protocol

from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.usage import Meter
from foundation.errors import ModelFailed
from foundation.ids import TenantId
from graphs import notes
from graphs.answerers.account import Account, Call, Refusal
from graphs.answerers.model import ModelAnswerer
from graphs.answerers.port import Answerer, Question
from graphs.answerers.prompt import PromptTemplate


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a tenant's question."""

    chat: ChatModel | None
    """None: the sources are quoted."""
    then_quotes: bool = False
    """Whether they are when the model fails."""
    because: Literal["", "budget"] = ""
    kept: str = ""
    """Where `chat` is None: the model whose earlier answers are still given: the budget is used up."""

    @property
    def writer(self) -> str:
        """Whose answers are kept and given again; empty where the sources are quoted."""
        return self.kept if self.chat is None else self.chat.model


class Routes(Protocol):
    """Which model answers for whom."""

    @property
    def name(self) -> str:
        """The model of whoever has none of its own, or `extractive`."""
        ...

    def open(self, tenant_id: TenantId | None) -> AbstractAsyncContextManager[Route]:
        """Give a tenant's route, whose model stays open for the length of the block; None is nobody's own."""
        ...

    def book(self, tenant_id: TenantId | None, meter: Meter) -> tuple[Call, ...]:
        """Put on the tenant's account what was used, and return it with what it cost. Does not wait."""
        ...


class RoutedAnswerer:
    """Writes with the model of a route, or quotes."""

    def __init__(
        self, routes: Routes, quotes: Answerer, prompt: PromptTemplate, *, max_tokens: int = 700
    ) -> None:
        self._routes = routes
        self._quotes = quotes
        self._prompt = prompt
        self._max_tokens = max_tokens

    @property
    def name(self) -> str:
        return self._routes.name

    @property
    def guarded(self) -> str:
        return self._prompt.system

    async def writer(self, tenant_id: TenantId | None) -> str:
        """Return the model of the tenant's route."""
        async with self._routes.open(tenant_id) as route:
            return route.writer

    async def answer(self, question: Question) -> AsyncGenerator[str | Account, None]:
        """Yield the answer's text, and at last an `Account`, also of a failure, unless no model was asked.

        Raises:
            ModelFailed: the models did not answer and nothing stands in for them, or one broke off.
        """
        async with self._routes.open(question.tenant_id) as route:
            if route.chat is None:
                async with aclosing(self._quotes.answer(question)) as quoted:
                    async for item in quoted:
                        yield item
                if route.because:
                    yield Account(answerer=self._quotes.name, because=route.because)
                return
            async with aclosing(self._written(question, route.chat, route)) as items:
                async for item in items:
                    yield item

    async def _written(
        self, question: Question, chat: ChatModel, route: Route
    ) -> AsyncGenerator[str | Account, None]:
        meter, begun, quotes = Meter(), False, False
        failure: ModelFailed | None = None
        calls: tuple[Call, ...] = ()
        model = ModelAnswerer(chat, self._prompt, max_tokens=self._max_tokens)
        try:
            try:
                async with aclosing(model.answer(question, meter)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
            finally:  # also when it failed, or nobody listens any more: it was used
                calls = self._routes.book(question.tenant_id, meter)
                notes.current().account = self._account(chat, meter, calls)
        except ModelFailed as error:
            quotes = route.then_quotes and not begun
            failure = None if quotes else error
        account = self._account(chat, meter, calls)
        if quotes:
            account = account.model_copy(update={"answerer": self._quotes.name})
            notes.current().account = account
            async with aclosing(self._quotes.answer(question)) as quoted:
                async for item in quoted:
                    yield item
        yield account.model_copy(update={"because": ""}) if failure else account
        if failure is not None:
            raise failure

    def _account(self, chat: ChatModel, meter: Meter, calls: tuple[Call, ...]) -> Account:
        """Return the account of an answer that a model wrote, as far as it came."""
        return Account(
            answerer=_writer(meter, chat),
            because="fallback" if meter.failed else "",
            prompt=f"{self._prompt.name}@{self._prompt.version}",
            calls=calls,
            failed=tuple(
                Refusal(provider=each.provider, model=each.model, reason=each.reason) for each in meter.failed
            ),
        )


def _writer(meter: Meter, chat: ChatModel) -> str:
    """Return the model that wrote: those that failed used something before it, if anything."""
    return meter.used[-1].model if meter.used else chat.model
