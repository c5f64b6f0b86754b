"""Accounts and sessions: what people see, what is stored, what the audit log says."""

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from foundation.database.roles import DatabaseUrls
from foundation.identity.tokens import token_hash
from foundation.ids import PersonId, new_uuid
from tests.support.people import OTHER_PASSWORD, PASSWORD, Owner, Town, sign_up, town
from tests.support.tenants import audit_actions

pytestmark = pytest.mark.integration

SESSION = "/api/auth/session"


async def of_person(place: Town, person_id: PersonId, statement: str) -> Any:
    async with place.tenancy.person(person_id) as session:
        return (await session.execute(text(statement))).scalar()


async def test_who_signs_up_owns_a_tenant_once_the_address_is_confirmed(place: Town) -> None:
    browser, email = place.browser(), f"a{new_uuid().hex}@example.com"
    assert await browser.did("POST", "/api/auth/sign-up", sign_up(email.upper())) == {"sent": True}
    wanted = {"email": email, "password": PASSWORD}
    assert await browser.refused("POST", "/api/auth/sign-in", wanted) == (403, "email_unverified")
    mail = await place.mail.nth_to(email)
    assert mail["Subject"] == "Bekräfta din e-postadress"
    assert "Hej Åsa Lind!" in mail.get_content()
    token = {"token": await place.mail.token(email)}
    await browser.did("POST", "/api/auth/verify", token)
    assert await browser.refused("POST", "/api/auth/verify", token) == (410, "link_expired")
    state = await browser.sign_in(email)
    assert state["person"]["email"] == email
    [tenant] = state["tenants"]
    assert (tenant["name"], tenant["role"], tenant["active"]) == ("Norrsken AB", "owner", True)
    assert "tenant.delete" in state["permissions"]
    tenant_id = (await place.tenancy.tenant_of_slug(tenant["slug"])) or pytest.fail("no tenant")
    assert await audit_actions(place.tenancy, tenant_id) == [
        "tenant.create",
        "tenant.plan",
        "member.add",
        "person.verify",
        "session.begin",
    ]
    async with place.tenancy.session(tenant_id) as session:
        found = await session.execute(text("select before, after from audit"))
        assert email not in str(found.all())


async def test_whoever_has_an_account_is_told_by_mail_and_nobody_else_is(place: Town, asa: Owner) -> None:
    browser = place.browser()
    response = await browser.call("POST", "/api/auth/sign-up", sign_up(asa.email))
    fresh = await browser.call("POST", "/api/auth/sign-up", sign_up(f"b{new_uuid().hex}@example.com"))
    assert (response.status_code, response.json()) == (fresh.status_code, fresh.json())
    assert (await place.mail.nth_to(asa.email, 2))["Subject"] == "Du har redan ett konto"
    await browser.sign_in(asa.email)  # the password is as it was


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"password": "password1234"}, "weak_password"),
        ({"password": "Norrsken2026!"}, "weak_password"),
        ({"email": "nobody"}, "invalid_input"),
        ({"name": "a\x07b"}, "invalid_input"),
        ({"company": " "}, "invalid_input"),
        ({"admin": "yes"}, "invalid_input"),
    ],
)
async def test_bad_sign_ups_are_refused(place: Town, more: dict[str, str], code: str) -> None:
    body = sign_up(f"c{new_uuid().hex}@example.com") | more
    response = await place.browser().call("POST", "/api/auth/sign-up", body)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert body["password"] not in response.text


async def test_unknown_and_wrong_get_the_same_answer_in_the_same_time(place: Town, asa: Owner) -> None:
    async def tried(email: str) -> tuple[int, str, float]:
        begun = time.monotonic()
        body = {"email": email, "password": "fel lösenord helt"}
        response = await place.browser().call("POST", "/api/auth/sign-in", body)
        return response.status_code, response.text, time.monotonic() - begun

    await tried(asa.email)
    known, unknown = await tried(asa.email), await tried("nobody@example.com")
    assert known[:2] == unknown[:2]
    assert known[0] == 401
    assert min(known[2], unknown[2]) >= 0.4
    assert (await audit_actions(place.tenancy, asa.tenant_id)).count("session.refuse") == 2


async def test_after_five_attempts_each_waits_longer_whatever_the_password(place: Town, asa: Owner) -> None:
    for guess in range(5):
        wrong = {"email": asa.email, "password": f"fel lösenord {guess}"}
        await place.browser().refused("POST", "/api/auth/sign-in", wrong)
    right = {"email": asa.email, "password": PASSWORD}
    response = await place.browser().call("POST", "/api/auth/sign-in", right)
    assert (response.status_code, response.json()["code"]) == (429, "too_many_attempts")
    assert 1 <= int(response.headers["Retry-After"]) <= 2
    # Another account from the same address waits, too.
    other = {"email": "nobody@example.com", "password": PASSWORD}
    assert await place.browser().refused("POST", "/api/auth/sign-in", other) == (429, "too_many_attempts")
    await place.forget_attempts()
    await place.browser().sign_in(asa.email)


async def test_behind_a_known_proxy_each_address_waits_alone_and_is_the_one_that_is_shown(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    async with town(database_urls, redis_url, tmp_path, trusted_proxies="127.0.0.1") as behind:
        asa = await behind.owner()
        guesser = {"X-Forwarded-For": "203.0.113.7"}
        guesses = list[str]()
        while "too_many_attempts" not in guesses and len(guesses) < 12:
            wrong = {"email": f"e{new_uuid().hex}@example.com", "password": "fel lösenord helt"}
            refused = await behind.browser().refused("POST", "/api/auth/sign-in", wrong, **guesser)
            guesses.append(refused[1])
        assert guesses[-1] == "too_many_attempts"
        right = {"email": asa.email, "password": PASSWORD}
        elsewhere = {"X-Forwarded-For": "192.0.2.1, 198.51.100.9"}
        response = await behind.browser().call("POST", "/api/auth/sign-in", right, **elsewhere)
        assert response.status_code == 200
        listed = (await asa.browser.did("GET", "/api/auth/sessions"))["sessions"]
        assert "198.51.0.0/16" in [one["address"] for one in listed]


async def test_the_cookie_is_for_the_server_alone(place: Town, asa: Owner) -> None:
    browser = place.browser()
    body = {"email": asa.email, "password": PASSWORD}
    response = await browser.call("POST", "/api/auth/sign-in", body)
    [cookie] = [value for name, value in response.headers.multi_items() if name == "set-cookie"]
    assert cookie.startswith("replik_session=")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert response.headers["cache-control"] == "no-store"
    token = browser.client.cookies["replik_session"]
    assert token not in response.text
    stored = f"select count(*) from sessions where token_hash = '\\x{token_hash(token).hex()}'"
    assert await of_person(place, asa.person_id, stored) == 1
    earlier = token
    browser.csrf = ""
    await browser.sign_in(asa.email)
    assert browser.client.cookies["replik_session"] != earlier
    stale = place.browser()
    stale.client.cookies.set("replik_session", earlier)
    assert await stale.refused("GET", SESSION) == (401, "unauthorized")


async def test_in_production_the_cookie_is_bound_to_https_and_the_host(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, asa: Owner
) -> None:
    production = {
        "mode": "production",
        "public_url": "https://help.example.com",
        "encryption_key": SecretStr("5e6f708192a3b4c5" * 4),
    }
    async with town(database_urls, redis_url, tmp_path, **production) as strict:
        browser = strict.browser()
        assert await browser.refused("POST", "/api/auth/sign-up", sign_up("d@example.com")) == (
            403,
            "sign_up_closed",
        )
        body = {"email": asa.email, "password": PASSWORD}
        response = await browser.call("POST", "/api/auth/sign-in", body, Origin="https://help.example.com")
        cookie = response.headers["set-cookie"]
        assert cookie.startswith("__Host-replik_session=")
        assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


async def test_production_without_a_mail_server_says_so(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    changes = {
        "mode": "production",
        "sign_up": "open",
        "public_url": "https://help.example.com",
        "encryption_key": SecretStr("5e6f708192a3b4c5" * 4),
        "smtp_host": None,
    }
    async with town(database_urls, redis_url, tmp_path, **changes) as strict:
        browser = strict.browser()
        for path, body in (("sign-up", sign_up("d@example.com")), ("reset", {"email": "d@example.com"})):
            assert await browser.refused("POST", f"/api/auth/{path}", body) == (503, "mail_unavailable")


async def test_changes_need_the_token_of_the_sessions_own_page(place: Town, asa: Owner) -> None:
    role = {"name": "Kväll", "permissions": ["team.read"]}
    asa.browser.csrf, token = "", asa.browser.csrf
    assert await asa.browser.refused("POST", "/api/admin/roles", role) == (403, "csrf_refused")
    asa.browser.csrf = "0" * 64
    assert await asa.browser.refused("POST", "/api/admin/roles", role) == (403, "csrf_refused")
    asa.browser.csrf = token
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://[", ""):
        refused = await asa.browser.refused("POST", "/api/admin/roles", role, Origin=origin)
        assert refused == (403, "csrf_refused")
    other = await place.owner()
    asa.browser.csrf = other.browser.csrf
    assert await asa.browser.refused("POST", "/api/admin/roles", role) == (403, "csrf_refused")
    asa.browser.csrf = token
    response = await asa.browser.call("POST", "/api/admin/roles", role, Origin=place.door.url)
    assert response.status_code == 201
    sign_in = {"email": asa.email, "password": PASSWORD}
    evil = await place.browser().refused("POST", "/api/auth/sign-in", sign_in, Origin="https://evil.example")
    assert evil == (403, "csrf_refused")


async def test_sign_out_ends_the_session_at_once(place: Town, asa: Owner) -> None:
    token = asa.browser.client.cookies["replik_session"]
    await asa.browser.did("POST", "/api/auth/sign-out")
    again = place.browser()
    again.client.cookies.set("replik_session", token)
    assert await again.refused("GET", SESSION) == (401, "unauthorized")
    assert await again.refused("GET", "/api/admin/team") == (401, "unauthorized")
    assert (await audit_actions(place.tenancy, asa.tenant_id))[-1] == "session.end"


async def test_sessions_end_when_idle_or_old(place: Town, asa: Owner) -> None:
    for change in ("seen_at = now() - interval '13 hours'", "expires_at = now() - interval '1 second'"):
        browser = place.browser()
        await browser.sign_in(asa.email)
        async with place.tenancy.person(asa.person_id) as session:
            await session.execute(text(f"update sessions set {change}"))
        assert await browser.refused("GET", SESSION) == (401, "unauthorized")


async def test_people_see_and_end_their_sessions(place: Town, asa: Owner) -> None:
    phone = place.browser("Mozilla/5.0 (Linux; Android 15) Chrome/130.0 Mobile Safari/537.36")
    await phone.sign_in(asa.email)
    third = place.browser()
    await third.sign_in(asa.email)
    listed = (await asa.browser.did("GET", "/api/auth/sessions"))["sessions"]
    assert sorted(one["device"] for one in listed) == ["Chrome, Android", "Firefox, Linux", "Firefox, Linux"]
    assert {one["address"] for one in listed} == {"127.0.0.0/16"}
    assert sum(one["current"] for one in listed) == 1
    [phones] = [one for one in listed if "Android" in one["device"]]
    other = await place.owner()
    path = f"/api/auth/sessions/{phones['id']}"
    assert await other.browser.refused("DELETE", path) == (404, "not_found")
    await asa.browser.did("DELETE", path)
    assert await phone.refused("GET", SESSION) == (401, "unauthorized")
    assert await asa.browser.did("DELETE", "/api/auth/sessions") == {"ended": 1}
    assert await third.refused("GET", SESSION) == (401, "unauthorized")
    await asa.browser.did("GET", SESSION)
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions[-2:] == ["session.revoke", "session.revoke_others"]


async def test_a_new_password_ends_the_other_sessions(place: Town, asa: Owner) -> None:
    other = place.browser()
    await other.sign_in(asa.email)
    change = {"current": "fel", "password": OTHER_PASSWORD}
    assert await asa.browser.refused("POST", "/api/auth/password", change) == (401, "wrong_credentials")
    weak = {"current": PASSWORD, "password": "sommar202020"}
    assert await asa.browser.refused("POST", "/api/auth/password", weak) == (422, "weak_password")
    await asa.browser.did("POST", "/api/auth/password", change | {"current": PASSWORD})
    assert await other.refused("GET", SESSION) == (401, "unauthorized")
    await asa.browser.did("GET", SESSION)
    old = {"email": asa.email, "password": PASSWORD}
    assert await other.refused("POST", "/api/auth/sign-in", old) == (401, "wrong_credentials")
    await other.sign_in(asa.email, OTHER_PASSWORD)
    assert "person.change_password" in await audit_actions(place.tenancy, asa.tenant_id)
    assert "har just ändrats" in (await place.mail.nth_to(asa.email, 2)).get_content()


async def test_a_lost_password_is_reset_by_mail_once(place: Town, asa: Owner) -> None:
    browser = place.browser()
    sent = await browser.did("POST", "/api/auth/reset", {"email": asa.email})
    assert sent == await browser.did("POST", "/api/auth/reset", {"email": "nobody@example.com"})
    token = await place.mail.token(asa.email, 2)
    weak = {"token": token, "password": "kort"}
    assert await browser.refused("POST", "/api/auth/reset/confirm", weak) == (422, "weak_password")
    await browser.did("POST", "/api/auth/reset/confirm", {"token": token, "password": OTHER_PASSWORD})
    again = {"token": token, "password": PASSWORD}
    assert await browser.refused("POST", "/api/auth/reset/confirm", again) == (410, "link_expired")
    assert await asa.browser.refused("GET", SESSION) == (401, "unauthorized")
    await browser.sign_in(asa.email, OTHER_PASSWORD)
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions[-3:] == ["person.ask_reset", "person.reset_password", "session.begin"]
    assert [mail["To"] for mail in place.mail.mails if mail["To"] == "nobody@example.com"] == []


async def test_a_link_is_good_for_its_own_purpose_and_time(place: Town, asa: Owner) -> None:
    await place.browser().did("POST", "/api/auth/reset", {"email": asa.email})
    token = await place.mail.token(asa.email, 2)
    browser = place.browser()
    assert await browser.refused("POST", "/api/auth/verify", {"token": token}) == (410, "link_expired")
    async with place.tenancy.person(asa.person_id) as session:
        await session.execute(text("update mail_tokens set expires_at = now()"))
    late = {"token": token, "password": OTHER_PASSWORD}
    assert await browser.refused("POST", "/api/auth/reset/confirm", late) == (410, "link_expired")


@pytest.mark.parametrize("table", ["people", "credentials", "recovery_codes", "sessions", "mail_tokens"])
async def test_the_database_shows_nobody_to_anybody_else(place: Town, asa: Owner, table: str) -> None:
    bo = await place.owner()
    async with place.tenancy.engine.connect() as connection:
        assert (await connection.execute(text(f"select count(*) from {table}"))).scalar() == 0
    whose = "id" if table == "people" else "person_id"
    async with place.tenancy.person(bo.person_id) as session:
        found = await session.execute(text(f"select distinct {whose} from {table}"))
        assert set(found.scalars()) <= {bo.person_id}
    async with place.tenancy.session(asa.tenant_id) as session:
        found = await session.execute(text(f"select distinct {whose} from {table}"))
        assert set(found.scalars()) == ({asa.person_id} if table == "people" else set())


async def test_attempts_are_reached_by_their_functions_only(place: Town) -> None:
    async with place.tenancy.engine.connect() as connection:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await connection.execute(text("select * from throttles"))
