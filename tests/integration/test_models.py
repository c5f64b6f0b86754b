"""Tenants' own models, sealed keys, usage and budgets, in a real database and against real model servers."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from agents.model_routes import FRESH_S, ModelRoutes
from agents.model_settings import (
    Budget,
    ModelAddressRefused,
    ModelKeyMissing,
    ModelSettings,
    ModelSettingsStore,
)
from agents.model_usage import Usage, UsageBook
from foundation.addresses import resolve
from foundation.clients.chat.choice import chat_of_tenant
from foundation.clients.chat.endpoint import Endpoint
from foundation.clients.chat.fakes import ScriptedChat
from foundation.clients.chat.port import ChatModel
from foundation.clients.chat.prices import load_prices
from foundation.crypto import SealBroken, Sealer
from foundation.errors import InvalidInput
from foundation.ids import TenantId
from foundation.settings import Settings
from foundation.tenancy import Tenancy, TenantSession
from graphs.answerers.account import Account
from graphs.answerers.port import Question
from graphs.answerers.prompt import load_prompt
from graphs.answerers.routed import RoutedAnswerer
from tests.servers.openai_server import Behaviour, OpenAIServer, running
from tests.support.site import resolver
from tests.support.tenants import audit_actions, make_tenant
from tests.unit.graphs.fakes import FakeAnswerer, passage

SEALER = Sealer.of("5e" * 32)
KEY = "sk-tenants-own-secret"
SETTINGS = Settings.load({"OPENAI_MAX_RETRIES": "0"})
NAMES = resolver(models_example="93.184.215.14", inside_example="93.184.215.14 10.0.0.1")
ELSEWHERE = Endpoint("compatible", "their-model", "https://models.example/v1", KEY)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class House:
    """One host's answerer with the operator's model, and the store that an administrator writes to."""

    tenancy: Tenancy
    store: ModelSettingsStore
    clock: Clock = field(default_factory=Clock)
    default: ScriptedChat | None = field(default_factory=lambda: ScriptedChat(["Own [1]."], model="gpt-4o"))
    made: list[Endpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = UsageBook(self.tenancy)
        self.routes = ModelRoutes(
            self.store,
            self.book,
            load_prices(),
            default=self.default,
            then_quotes=True,
            chat_at=self._chat_at,
            now=self.clock,
        )
        quotes = FakeAnswerer(["Quoted [1]."], name="extractive")
        self.answerer = RoutedAnswerer(self.routes, quotes, load_prompt())

    def _chat_at(self, endpoint: Endpoint) -> ChatModel:
        self.made.append(endpoint)
        return chat_of_tenant(endpoint, SETTINGS, load_prices(), allow_private=True)

    async def ask(self, tenant_id: TenantId) -> tuple[str, Account | None]:
        """Return the answer and the account of it."""
        question = Question(text="Hur?", language="sv", passages=(passage(),), tenant_id=tenant_id)
        items = [item async for item in self.answerer.answer(question)]
        accounts = [item for item in items if isinstance(item, Account)]
        said = "".join(item for item in items if isinstance(item, str))
        return said, accounts[0] if accounts else None


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with running() as started:
        yield started


@pytest.fixture
def store(tenancy: Tenancy) -> ModelSettingsStore:
    return ModelSettingsStore(tenancy, SEALER, resolve=NAMES)


@pytest.fixture
async def house(tenancy: Tenancy, store: ModelSettingsStore) -> AsyncIterator[House]:
    opened = House(tenancy, replace(store, allow_private=True, resolve=resolve))
    yield opened
    await opened.routes.close()


@pytest.fixture
async def tenant_id(tenancy: Tenancy) -> TenantId:
    return await make_tenant(tenancy)


def local(server: OpenAIServer, model: str = "gpt-4o-mini") -> Endpoint:
    return Endpoint("compatible", model, server.url, KEY)


async def rows(tenancy: Tenancy, tenant_id: TenantId, table: str) -> list[dict[str, Any]]:
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(text(f"select * from {table} order by 1, 2"))
        return [dict(row) for row in found.mappings()]


# What a tenant chooses


async def test_a_choice_is_kept_with_an_audit_row_and_the_key_stands_nowhere(
    tenancy: Tenancy, store: ModelSettingsStore, tenant_id: TenantId
) -> None:
    wanted = ModelSettings(ELSEWHERE, Budget(1000, Decimal("12.50"), "USD"))
    await store.put(tenant_id, wanted, actor="staff:a")
    assert await store.get(tenant_id) == wanted
    assert await audit_actions(tenancy, tenant_id) == ["models.change"]
    [audited] = await rows(tenancy, tenant_id, "audit")
    assert audited["before"] is None
    assert audited["after"] == {
        "provider": "compatible",
        "model": "their-model",
        "base_url": "https://models.example/v1",
        "monthly_tokens": 1000,
        "monthly_cost": "12.50",
        "currency": "USD",
    }
    [kept] = await rows(tenancy, tenant_id, "model_settings")
    assert KEY not in f"{kept} {audited} {wanted}"
    assert KEY.encode() not in bytes(kept["api_key"])


async def test_the_key_stays_for_the_same_address_and_for_no_other(
    store: ModelSettingsStore, tenant_id: TenantId
) -> None:
    await store.put(tenant_id, ModelSettings(ELSEWHERE), actor="staff:a")
    renamed = replace(ELSEWHERE, model="newer", key="")
    await store.put(tenant_id, ModelSettings(renamed), actor="staff:a")
    assert (await store.get(tenant_id)).endpoint == replace(ELSEWHERE, model="newer")
    for moved in (
        replace(ELSEWHERE, base_url="https://models.example/v2", key=""),
        replace(ELSEWHERE, provider="openai", key=""),
    ):
        with pytest.raises(ModelKeyMissing):
            await store.put(tenant_id, ModelSettings(moved), actor="staff:a")


@pytest.mark.parametrize("change", ["tenant", "base_url", "provider"])
async def test_a_key_that_was_moved_cannot_be_opened(
    tenancy: Tenancy, store: ModelSettingsStore, tenant_id: TenantId, change: str
) -> None:
    await store.put(tenant_id, ModelSettings(ELSEWHERE), actor="staff:a")
    [row] = await rows(tenancy, tenant_id, "model_settings")
    moved = row | {"base_url": "https://evil.example"} if change == "base_url" else dict(row)
    if change == "provider":
        moved["provider"] = "openai"
    owner = await make_tenant(tenancy) if change == "tenant" else tenant_id
    with pytest.raises(SealBroken):
        store.of_row(owner, moved)


@pytest.mark.parametrize(
    "url",
    [
        *("https://inside.example/v1", "https://unknown.example", "http://models.example", "ftp://a", "x"),
        *("https://me:pw@models.example", "https://models.example:99999/", "https://models.example/?a=1"),
    ],
)
async def test_an_address_inside_or_without_tls_is_refused(
    tenancy: Tenancy, store: ModelSettingsStore, tenant_id: TenantId, url: str
) -> None:
    with pytest.raises(ModelAddressRefused):
        await store.put(tenant_id, ModelSettings(replace(ELSEWHERE, base_url=url)), actor="staff:a")
    assert await rows(tenancy, tenant_id, "model_settings") == []
    assert await audit_actions(tenancy, tenant_id) == []


@pytest.mark.parametrize(
    "budget", [Budget(cost=Decimal(1)), Budget(tokens=-1), Budget(None, Decimal(-1), "SEK")]
)
async def test_a_budget_that_makes_no_sense_is_refused(
    store: ModelSettingsStore, tenant_id: TenantId, budget: Budget
) -> None:
    with pytest.raises(InvalidInput):
        await store.put(tenant_id, ModelSettings(budget=budget), actor="staff:a")


# Who answers


async def test_without_a_choice_the_operators_model_answers_and_is_booked(
    tenancy: Tenancy, house: House, tenant_id: TenantId
) -> None:
    said, account = await house.ask(tenant_id)
    assert said == "Own [1]."
    assert account is not None
    assert (account.answerer, account.because) == ("gpt-4o", "")
    await house.book.written()
    [used] = await rows(tenancy, tenant_id, "model_usage")
    assert (used["model"], used["completion_tokens"], used["calls"]) == ("gpt-4o", 1, 1)
    assert used["cost"] == Decimal(str(account.calls[0].cost))


async def test_a_tenants_own_model_answers_under_its_own_key(
    house: House, server: OpenAIServer, tenancy: Tenancy, tenant_id: TenantId
) -> None:
    other = await make_tenant(tenancy)
    server.script(Behaviour(pieces=["Theirs", " [1]."], usage=(1000, 200)))
    await _choose(house, tenant_id, ModelSettings(local(server)))
    said, account = await house.ask(tenant_id)
    assert said == "Theirs [1]."
    assert account is not None
    [call] = account.calls
    assert (call.provider, call.prompt_tokens, call.completion_tokens) == ("compatible", 1000, 200)
    assert (call.cost, call.currency) == (0.00027, "USD")
    assert server.keys == [KEY]
    assert (await house.ask(other))[0] == "Own [1]."
    await house.book.written()
    [used] = await rows(tenancy, tenant_id, "model_usage")
    assert (used["prompt_tokens"], used["cost"]) == (1000, Decimal("0.00027"))
    assert [row["model"] for row in await rows(tenancy, other, "model_usage")] == ["gpt-4o"]


async def test_a_tenants_model_that_fails_is_not_followed_by_the_operators(
    house: House, server: OpenAIServer, tenant_id: TenantId
) -> None:
    server.script(Behaviour(fault="status", status=401))
    await _choose(house, tenant_id, ModelSettings(local(server)))
    said, account = await house.ask(tenant_id)
    assert said == "Quoted [1]."
    assert account is not None
    assert (account.answerer, account.because) == ("extractive", "fallback")
    assert [each.reason for each in account.failed] == ["status_401"]
    assert house.default is not None
    assert house.default.asked == []


async def test_a_change_is_noticed_after_a_short_time_and_what_is_unchanged_stays_open(
    house: House, server: OpenAIServer, tenant_id: TenantId
) -> None:
    await _choose(house, tenant_id, ModelSettings(local(server)))
    await house.ask(tenant_id)
    await _choose(house, tenant_id, ModelSettings(local(server), Budget(10_000)))
    house.clock.now += FRESH_S
    await house.ask(tenant_id)
    assert [each.model for each in house.made] == ["gpt-4o-mini"]
    await _choose(house, tenant_id, ModelSettings(local(server, "other")))
    await house.ask(tenant_id)
    house.clock.now += FRESH_S
    await house.ask(tenant_id)
    assert [each.model for each in house.made] == ["gpt-4o-mini", "other"]
    assert [asked["model"] for asked in server.requests] == ["gpt-4o-mini"] * 3 + ["other"]


async def test_an_operator_without_a_model_quotes_and_tenants_may_bring_their_own(
    tenancy: Tenancy, store: ModelSettingsStore, server: OpenAIServer, tenant_id: TenantId
) -> None:
    house = House(tenancy, replace(store, allow_private=True, resolve=resolve), default=None)
    other = await make_tenant(tenancy)
    await _choose(house, other, ModelSettings(local(server)))
    assert await house.ask(tenant_id) == ("Quoted [1].", None)
    assert (await house.ask(other))[0] == "Hello there."
    await house.routes.close()


# Budgets


async def test_when_the_tokens_are_used_up_the_sources_are_quoted(
    house: House, server: OpenAIServer, tenant_id: TenantId
) -> None:
    server.script(Behaviour(usage=(60, 40)))
    await _choose(house, tenant_id, ModelSettings(local(server), Budget(tokens=200)))
    for _ in range(2):
        assert (await house.ask(tenant_id))[0] == "Hello there."
    said, account = await house.ask(tenant_id)
    assert said == "Quoted [1]."
    assert account == Account(answerer="extractive", because="budget")
    assert len(server.requests) == 2


async def test_another_host_sees_what_was_used_up_in_money(
    tenancy: Tenancy, house: House, server: OpenAIServer, tenant_id: TenantId
) -> None:
    server.script(Behaviour(usage=(1_000_000, 0)))
    budget = Budget(cost=Decimal("0.30"), currency="USD")
    await _choose(house, tenant_id, ModelSettings(local(server), budget))
    await house.ask(tenant_id)
    other = House(tenancy, house.store)
    assert (await other.ask(tenant_id))[0] == "Hello there."  # 0.15 of 0.30
    await other.book.written()
    house.clock.now += FRESH_S
    _, account = await house.ask(tenant_id)
    assert account is not None
    assert account.because == "budget"
    await other.routes.close()


async def test_a_new_month_begins_with_nothing_used(
    tenancy: Tenancy, house: House, tenant_id: TenantId
) -> None:
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text(
                "insert into model_usage (tenant_id, month, model, currency, prompt_tokens)"
                " values (:tenant, date_trunc('month', now() - interval '40 days'), 'gpt-4o', '', 999)"
            ),
            {"tenant": tenant_id},
        )
    await _choose(house, tenant_id, ModelSettings(budget=Budget(tokens=500)))
    _, account = await house.ask(tenant_id)
    assert account is not None
    assert account.because == ""


async def test_other_currencies_and_unknown_prices_do_not_count_towards_the_cost(
    tenancy: Tenancy, house: House, tenant_id: TenantId
) -> None:
    house.book.add(tenant_id, [Usage("m", 10, 1, Decimal(99), "SEK"), Usage("unheard-of", 10, 1, None, None)])
    await house.book.written()
    budget = Budget(cost=Decimal(1), currency="USD")
    await _choose(house, tenant_id, ModelSettings(budget=budget))
    assert (await house.ask(tenant_id))[0] == "Own [1]."
    costs = {row["model"]: row["cost"] for row in await rows(tenancy, tenant_id, "model_usage")}
    assert costs == {"m": Decimal(99), "unheard-of": None}


async def test_usage_adds_up_over_hosts(tenancy: Tenancy, tenant_id: TenantId) -> None:
    one, two = UsageBook(tenancy), UsageBook(tenancy)
    for book in (one, two) * 20:
        book.add(tenant_id, [Usage("a", 3, 2, Decimal("0.1"), "USD"), Usage("b", 1, 1, None, None)])
    await one.written()
    await two.written()
    found = {row["model"]: row for row in await rows(tenancy, tenant_id, "model_usage")}
    assert (found["a"]["prompt_tokens"], found["a"]["cost"], found["a"]["calls"]) == (120, Decimal(4), 40)
    assert (found["b"]["completion_tokens"], found["b"]["cost"]) == (40, None)


async def test_what_could_not_be_written_goes_with_the_next(
    tenancy: Tenancy, tenant_id: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = UsageBook(tenancy)

    def away(self: Tenancy, _tenant_id: TenantId) -> TenantSession:
        raise OperationalError("insert", {}, Exception("away"))

    with monkeypatch.context() as patched:
        patched.setattr(Tenancy, "session", away)
        book.add(tenant_id, [Usage("a", 3, 2, None, None)])
        await book.written()
        assert [each.tokens for each in book.unwritten(tenant_id)] == [5]
    book.add(tenant_id, [Usage("a", 1, 1, None, None)])
    await book.written()
    assert book.unwritten(tenant_id) == []
    [used] = await rows(tenancy, tenant_id, "model_usage")
    assert (used["prompt_tokens"], used["calls"]) == (4, 2)


async def _choose(house: House, tenant_id: TenantId, settings: ModelSettings) -> None:
    await house.store.put(tenant_id, settings, actor="staff:a")
