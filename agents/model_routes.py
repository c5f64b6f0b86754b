"""Which model answers for a tenant: its own, the operator's, or none when its budget is used up."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from agents.model_settings import Budget, ModelSettings, ModelSettingsStore, within_plan
from agents.model_usage import Usage, UsageBook
from foundation.clients.chat.endpoint import Endpoint
from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.prices import Prices
from foundation.clients.chat.usage import Meter, Used
from foundation.ids import TenantId
from graphs.answerers.account import Call
from graphs.answerers.routed import Route

Clock = Callable[[], float]
"""Monotonic seconds."""

FRESH_S: Final = 10.0
"""How long a host believes what it has read: so late may it notice a change, or what other hosts used."""
_TENANTS: Final = 1_000


class _Own:
    """A tenant's own model, closed when nobody uses it any more."""

    def __init__(self, endpoint: Endpoint, chat: ChatModel) -> None:
        self.endpoint = endpoint
        self.chat = chat
        self.users = 0
        self.retired = False

    async def retire(self) -> None:
        self.retired = True
        await self.close_if_unused()

    async def close_if_unused(self) -> None:
        if self.retired and not self.users:
            await self.chat.close()


@dataclass
class _Known:
    """What a host knows of a tenant."""

    read_at: float
    budget: Budget
    own: _Own | None
    tokens: int
    cost: Decimal
    """In the budget's currency."""

    def add(self, used: Usage) -> None:
        self.tokens += used.tokens
        if used.cost is not None and used.currency == self.budget.currency:
            self.cost += used.cost

    @property
    def used_up(self) -> bool:
        tokens, cost = self.budget.tokens, self.budget.cost
        return (tokens is not None and self.tokens >= tokens) or (cost is not None and self.cost >= cost)


class ModelRoutes:
    """Routes for one host's answerer; remembers what it has read of each tenant for a short time."""

    def __init__(
        self,
        store: ModelSettingsStore,
        book: UsageBook,
        prices: Prices,
        *,
        default: ChatModel | None,
        then_quotes: bool,
        chat_at: Callable[[Endpoint], ChatModel],
        now: Clock = time.monotonic,
    ) -> None:
        """`default`: the operator's model, None when that is to quote; `then_quotes`: whether it is quoted
        when a model fails; `chat_at` makes a tenant's model, in a thread.
        """
        self._store = store
        self._book = book
        self._prices = prices
        self._default = default
        self._then_quotes = then_quotes
        self._chat_at = chat_at
        self._now = now
        self._known: OrderedDict[TenantId, _Known] = OrderedDict()
        """Least recently read first."""
        self._reading: dict[TenantId, asyncio.Lock] = {}

    @property
    def name(self) -> str:
        return "extractive" if self._default is None else self._default.model

    @asynccontextmanager
    async def open(self, tenant_id: TenantId | None) -> AsyncIterator[Route]:
        """Give a tenant's route, whose model stays open for the length of the block.

        Raises:
            DependencyUnavailable: nothing fresh is known of the tenant, and the database does not answer.
            SealBroken: the tenant's key cannot be opened.
        """
        known = None if tenant_id is None else await self._of(tenant_id)
        own = known.own if known else None
        chat = own.chat if own else self._default
        if chat is None:
            yield Route(None)
        elif known is not None and known.used_up:
            yield Route(None, because="budget", kept=chat.model)
        elif own is None:
            yield Route(chat, self._then_quotes)
        else:
            own.users += 1
            try:
                yield Route(chat, self._then_quotes)
            finally:
                own.users -= 1
                await own.close_if_unused()

    def book(self, tenant_id: TenantId | None, meter: Meter) -> tuple[Call, ...]:
        """Put on the tenant's account what was used, and return it with what it cost. Does not wait."""
        priced = [self._priced(used) for used in meter.used]
        if tenant_id is not None and priced:
            known = self._known.get(tenant_id)
            for _, usage in priced:
                if known is not None:
                    known.add(usage)
            self._book.add(tenant_id, [usage for _, usage in priced])
        return tuple(call for call, _ in priced)

    async def close(self) -> None:
        """Write what was used and close all models."""
        await self._book.written()
        for known in self._known.values():
            if known.own is not None:
                await known.own.retire()
        self._known.clear()
        if self._default is not None:
            await self._default.close()

    def _priced(self, used: Used) -> tuple[Call, Usage]:
        cost = self._prices.cost(used)
        amount, currency = (None, None) if cost is None else (cost.amount, cost.currency)
        call = Call(
            provider=used.provider,
            model=used.model,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            estimated=used.estimated,
            first_piece_ms=used.first_piece_ms,
            cost=None if amount is None else float(amount),
            currency=currency,
        )
        return call, Usage(used.model, used.prompt_tokens, used.completion_tokens, amount, currency)

    async def _of(self, tenant_id: TenantId) -> _Known:
        """Return what is known of a tenant, read again when it is no longer fresh."""
        lock = self._reading.setdefault(tenant_id, asyncio.Lock())
        try:
            async with lock:  # a tenant's many turns read once
                known = self._known.get(tenant_id)
                if known is None or self._now() - known.read_at >= FRESH_S:
                    known = await self._read(tenant_id, known)
                return known
        finally:
            if not lock.locked():
                self._reading.pop(tenant_id, None)

    async def _read(self, tenant_id: TenantId, before: _Known | None) -> _Known:
        unwritten = self._book.unwritten(tenant_id)
        found = await self._store.tenancy.trip(tenant_id, _READ, values={"tenant": tenant_id})
        [row] = found.rows
        settings = self._store.of_row(tenant_id, row._asdict())
        own = await self._own(settings, before.own if before else None)
        budget = settings.budget
        if settings.endpoint is None:  # whoever brings a model pays for it
            budget = within_plan(budget, row.plan)
        known = _Known(self._now(), budget, own, int(row.used_tokens), row.used_cost)
        for usage in unwritten:
            known.add(usage)
        self._known[tenant_id] = known
        self._known.move_to_end(tenant_id)
        if len(self._known) > _TENANTS:
            _, oldest = self._known.popitem(last=False)
            if oldest.own is not None:
                await oldest.own.retire()
        return known

    async def _own(self, settings: ModelSettings, before: _Own | None) -> _Own | None:
        """Return the tenant's model: the same, with its breaker and connections, while it is unchanged."""
        if before is not None and before.endpoint == settings.endpoint and not before.retired:
            return before
        if before is not None:
            await before.retire()
        if settings.endpoint is None:
            return None
        # In a thread: the first one loads a package for a second, and each the certificates.
        return _Own(settings.endpoint, await asyncio.to_thread(self._chat_at, settings.endpoint))


_READ: Final = """
select t.plan, s.provider, s.model, s.base_url, s.api_key, s.monthly_tokens, s.monthly_cost, s.currency,
    coalesce(u.tokens, 0) as used_tokens, coalesce(u.cost, 0) as used_cost
from tenants t
left join model_settings s on s.tenant_id = t.id
left join lateral (
    select sum(m.prompt_tokens + m.completion_tokens) as tokens,
        sum(m.cost) filter (where m.currency = s.currency) as cost
    from model_usage m
    where m.tenant_id = t.id and m.month = date_trunc('month', clock_timestamp() at time zone t.zone)::date
) u on true
where t.id = %(tenant)s
"""
