"""Rate limits: exact under concurrency, told in headers, and what happens while Valkey is away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from agents.tenant_settings import TenantSettings
from agents.tenant_settings_desk import TenantSettingsDesk
from foundation.clients.limits.fakes import LocalLimits
from foundation.clients.limits.port import HOUR_S, Allowance, Limits, Verdict
from foundation.clients.limits.valkey import ValkeyLimits
from foundation.database.roles import DatabaseUrls
from foundation.errors import DependencyUnavailable
from foundation.ids import new_uuid
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from serve.access import ROUTES
from serve.own_limits import KEPT_S, OwnLimits
from serve.rates import SIGN_IN
from tests.integration.conftest import free_port
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for
from tests.support.people import town
from tests.support.tenants import make_tenant

CHAT = "/api/chat/conversations"


@pytest.fixture(params=["valkey", "local"])
async def limits(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Limits]:
    """The real ones and the fake, which must agree."""
    if request.param == "local":
        yield LocalLimits()
        return
    opened = ValkeyLimits(redis_url)
    yield opened
    await opened.close()


def allowance(name: str, per_minute: int) -> Allowance:
    return Allowance(name, "somebody", per_minute)


def refused(verdicts: Sequence[Verdict]) -> bool:
    return any(one.retry_after_s > 0 for one in verdicts)


async def test_a_minutes_worth_may_come_at_once_and_no_more(limits: Limits) -> None:
    scope, one = new_uuid().hex, [allowance("visitor", 5)]
    verdicts = [(await limits.take(scope, one))[0] for _ in range(6)]
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0]
    assert [verdict.retry_after_s > 0 for verdict in verdicts] == [False] * 5 + [True]
    assert 11 < verdicts[-1].retry_after_s <= 12
    assert 59 < verdicts[-1].full_in_s <= 60
    assert not refused(await limits.take(scope, [Allowance("visitor", "another", 5)]))
    assert not refused(await limits.take(new_uuid().hex, one))


async def test_all_are_taken_from_or_none(limits: Limits) -> None:
    scope, narrow, wide = new_uuid().hex, allowance("visitor", 1), allowance("tenant", 10)
    assert not refused(await limits.take(scope, [narrow, wide]))
    for _ in range(3):
        answer = await limits.take(scope, [narrow, wide])
        assert (answer[0].retry_after_s > 0, answer[1].retry_after_s, answer[1].remaining) == (True, 0, 9)


async def test_many_at_once_over_many_connections_get_exactly_what_there_is(redis_url: str) -> None:
    gateways = [ValkeyLimits(redis_url) for _ in range(4)]
    scope, one = new_uuid().hex, [allowance("visitor", 20)]
    answers = await asyncio.gather(*(gateways[number % 4].take(scope, one) for number in range(200)))
    # At 20 a minute the next one is there after 3 s, by when all 200 have long been asked.
    assert sum(not refused(answer) for answer in answers) == 20
    for gateway in gateways:
        await gateway.close()


async def test_away_is_said_at_once_the_second_time() -> None:
    limits = ValkeyLimits(f"redis://127.0.0.1:{free_port()}/0")
    for _ in range(50):
        with pytest.raises(DependencyUnavailable):
            await asyncio.wait_for(limits.take("scope", [allowance("visitor", 1)]), 2)
    await limits.close()


@dataclass(frozen=True)
class Front:
    """A front door with a tenant's two keys."""

    door: FrontDoor
    server: dict[str, str]
    widget: dict[str, str]

    async def ask(self) -> httpx.Response:
        return await self.door.client.get("/api/admin/knowledge/sources", headers=self.server)

    async def start(self, **headers: str) -> httpx.Response:
        return await self.door.client.post(CHAT, json={}, headers=self.widget | headers)

    async def sign_in(self, **headers: str) -> httpx.Response:
        return await self.door.client.post("/api/auth/sign-in", json={}, headers=headers)


@pytest.fixture
def settings(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(
        database_urls,
        redis_url,
        tmp_path,
        rate_per_visitor=3,
        rate_per_address=2,
        rate_per_key=4,
        rate_sign_in=3,
    )


async def opened(door: FrontDoor, tenancy: Tenancy) -> Front:
    tenant_id = await make_tenant(tenancy)
    server, widget = [await add_key(tenancy, tenant_id, kind) for kind in ("server", "publishable")]
    return Front(door, {"Authorization": f"Bearer {server}"}, {"Authorization": f"Bearer {widget}"})


async def test_a_key_has_its_limit_and_answers_say_what_is_left(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings) as door:
        front = await opened(door, tenancy)
        answers = [await front.ask() for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429]
        first, last = answers[0].headers, answers[-1].headers
        assert first["RateLimit-Policy"] == '"key";q=4;w=60, "tenant";q=60000;w=60'
        assert first["RateLimit"] == '"key";r=3;t=15, "tenant";r=59999;t=1'
        assert last["RateLimit"].startswith('"key";r=0;t=60')
        assert 1 <= int(last["Retry-After"]) <= 15
        body = answers[-1].json()
        assert (body["code"], body["data"]["limit"]) == ("rate_limited", "key")
        other = await opened(door, tenancy)
        assert (await other.ask()).status_code == 200


async def test_a_keys_own_limit_wins(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings) as door:
        front = await opened(door, tenancy)
        body = {"kind": "server", "name": "a", "scopes": ["knowledge.read"], "requests_per_minute": 1}
        secret = (await door.client.post("/api/admin/keys", json=body, headers=front.server)).json()["secret"]
        narrow = Front(door, {"Authorization": f"Bearer {secret}"}, {})
        assert [(await narrow.ask()).status_code for _ in range(2)] == [200, 429]


async def test_a_visitor_has_a_limit_and_other_visitors_do_not_feel_it(
    settings: Settings, tenancy: Tenancy
) -> None:
    async with front_door(settings) as door:
        front = await opened(door, tenancy)
        one, other = [(await front.start()).json() for _ in range(2)]

        async def say(started: dict[str, str], number: int) -> httpx.Response:
            return await door.client.post(
                f"{CHAT}/{started['conversation_id']}/messages",
                json={"client_message_id": str(number), "text": "hej"},
                headers={"Authorization": f"Bearer {started['visitor_token']}"},
            )

        assert [(await say(one, number)).status_code for number in range(4)] == [202, 202, 202, 429]
        assert (await say(other, 1)).status_code == 202


async def test_what_a_tenant_has_set_holds_for_its_visitors(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, tenancy: Tenancy
) -> None:
    async with front_door(settings_for(database_urls, redis_url, tmp_path)) as door:
        front, other = [await opened(door, tenancy) for _ in range(2)]
        limits = {"limits": {"messages_per_minute": 2, "conversations_per_hour": 3}}
        changed = await door.client.patch("/api/tenant/settings", json=limits, headers=front.server)
        assert changed.status_code == 200, changed.text

        started = [await front.start() for _ in range(4)]
        assert [each.status_code for each in started] == [201, 201, 201, 429]
        refusal = started[-1]
        assert refusal.json()["data"]["limit"] == "conversations"
        assert '"conversations";q=3;w=3600' in refusal.headers["RateLimit-Policy"]
        assert 1_190 <= int(refusal.headers["Retry-After"]) <= 1_200
        assert {(await other.start()).status_code for _ in range(4)} == {201}

        first, second = (each.json() for each in started[:2])

        async def call(method: str, path: str, who: dict[str, str], **body: str) -> httpx.Response:
            return await door.client.request(
                method,
                f"{CHAT}/{who['conversation_id']}/{path}",
                json=body or None,
                headers={"Authorization": f"Bearer {who['visitor_token']}"},
            )

        said = [
            await call("POST", "messages", first, client_message_id=str(number), text="hej")
            for number in range(3)
        ]
        assert [each.status_code for each in said] == [202, 202, 429]
        assert said[-1].json()["data"]["limit"] == "messages"
        assert (await call("POST", "token", first)).status_code == 200  # it says nothing
        assert (await call("POST", "messages", second, client_message_id="1", text="hej")).status_code == 202


async def test_what_a_tenant_sets_is_remembered_for_seconds_only(tenancy: Tenancy) -> None:
    clock = [100.0]
    limits = OwnLimits(tenancy, now=lambda: clock[0])
    tenant_id = await make_tenant(tenancy)

    async def choose(most: int) -> None:
        def wanted(before: TenantSettings) -> TenantSettings:
            return before.model_copy(update={"limits": {"messages_per_minute": most}})

        await TenantSettingsDesk(tenancy).change(tenant_id, "test", wanted, version=None)

    assert await limits.of(tenant_id) == {}
    await choose(5)
    assert await limits.of(tenant_id) == {}
    clock[0] += KEPT_S
    assert await limits.of(tenant_id) == {"messages_per_minute": 5}


async def test_hours_and_minutes_are_counted_side_by_side(limits: Limits) -> None:
    scope = new_uuid().hex
    both = [Allowance("minute", "somebody", 3), Allowance("hour", "somebody", 4, HOUR_S)]
    for _ in range(3):
        assert not refused(await limits.take(scope, both))
    minute, hour = await limits.take(scope, both)
    assert (minute.retry_after_s > 0, hour.retry_after_s, hour.remaining) == (True, 0, 1)
    assert 2_690 < hour.full_in_s <= 2_700


async def test_an_address_starts_so_many_conversations_whatever_it_says_of_itself(
    settings: Settings, tenancy: Tenancy
) -> None:
    async with front_door(settings) as door:
        front = await opened(door, tenancy)
        invented = [{"X-Forwarded-For": f"6.6.6.{number}"} for number in range(3)]
        assert [(await front.start(**one)).status_code for one in invented] == [201, 201, 429]


async def test_behind_a_known_proxy_each_visitor_counts_alone(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings.evolve(trusted_proxies="127.0.0.1")) as door:
        front = await opened(door, tenancy)
        visitors = [{"X-Forwarded-For": f"6.6.6.6, 1.2.3.{number}"} for number in (1, 2, 1, 1)]
        assert [(await front.start(**one)).status_code for one in visitors] == [201, 201, 201, 429]


async def test_sign_ins_are_counted_by_address(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings.evolve(trusted_proxies="1")) as door:
        front = await opened(door, tenancy)
        # Addresses of this run alone: the tests share a Valkey.
        run = f"2001:db8:{new_uuid().hex[-4:]}"
        answers = [await front.sign_in(**{"X-Forwarded-For": f"{run}::{n}"}) for n in range(4)]
        assert [answer.status_code for answer in answers][3] == 429
        assert all(answer.status_code != 429 for answer in answers[:3])
        elsewhere = await front.sign_in(**{"X-Forwarded-For": f"{run}:1::1"})
        assert elsewhere.status_code != 429


@pytest.mark.parametrize(
    ("away", "chat", "sign_in"), [("open", True, True), ("guarded", True, False), ("closed", False, False)]
)
async def test_while_nobody_counts_the_setting_says_who_is_let_in(
    settings: Settings, tenancy: Tenancy, away: str, chat: bool, sign_in: bool
) -> None:
    gone = settings.evolve(redis_url=f"redis://127.0.0.1:{free_port()}/0", rate_limits_away=away)
    async with front_door(gone) as door:
        front = await opened(door, tenancy)
        answers = [await front.ask() for _ in range(6)]
        assert {answer.status_code for answer in answers} == {200 if chat else 503}
        assert all("RateLimit" not in answer.headers for answer in answers)
        assert ((await front.sign_in()).status_code != 503) is sign_in


@pytest.mark.parametrize(
    "path", ["sign-up", "second-factor", "reset", "reset/confirm", "invitation", "invitation/accept"]
)
async def test_all_that_is_asked_before_a_session_is_counted_and_refused_while_nobody_counts(
    settings: Settings, path: str
) -> None:
    address = {"X-Forwarded-For": f"2001:db8:{new_uuid().hex[-4:]}::1"}

    async def ask(door: FrontDoor) -> int:
        answer = await door.client.post(f"/api/auth/{path}", json={}, headers=address)
        return answer.status_code

    known = settings.evolve(trusted_proxies="1")
    async with front_door(known) as door:
        assert [await ask(door) == 429 for _ in range(4)] == [False, False, False, True]
    async with front_door(known.evolve(redis_url=f"redis://127.0.0.1:{free_port()}/0")) as door:
        assert await ask(door) == 503


def test_nothing_that_lets_strangers_in_is_uncounted() -> None:
    let_in = {route.split(" ")[1] for route, shown in ROUTES.items() if shown in ("nothing", "mailed token")}
    assert {path for path in let_in if path.startswith("/api/auth")} < SIGN_IN
    assert {route.split(" ")[1] for route in ROUTES} >= SIGN_IN


async def test_a_person_has_a_limit_and_their_colleague_does_not_feel_it(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    async with town(database_urls, redis_url, tmp_path, rate_per_key=2) as place:
        owner = await place.owner()
        colleague = await place.member(owner, "viewer")  # the invitation was the owner's first request
        answers = [await owner.browser.call("GET", "/api/admin/team") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[0].headers["RateLimit-Policy"] == '"person";q=2;w=60, "tenant";q=60000;w=60'
        assert answers[1].json()["data"]["limit"] == "person"
        assert (await colleague.browser.call("GET", "/api/admin/team")).status_code == 200


async def test_switched_off_nothing_is_counted(settings: Settings, tenancy: Tenancy) -> None:
    async with front_door(settings.evolve(rate_limits="off")) as door:
        front = await opened(door, tenancy)
        assert {(await front.ask()).status_code for _ in range(9)} == {200}


async def test_a_valkey_that_has_forgotten_the_script_is_told_it_again(redis_url: str) -> None:
    limits, scope, one = ValkeyLimits(redis_url), new_uuid().hex, [allowance("visitor", 3)]
    assert not refused(await limits.take(scope, one))
    async with Redis.from_url(redis_url) as valkey:
        await valkey.script_flush()
    answers = await asyncio.gather(*(limits.take(scope, one) for _ in range(5)))
    assert sum(not refused(answer) for answer in answers) == 2
    await limits.close()
