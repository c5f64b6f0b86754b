"""The second factor: owed at sign-in, each code once, recovery codes for a lost phone."""

import asyncio
import base64
import time
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from foundation.identity.totp import STEP_S, code_at
from tests.support.people import PASSWORD, Browser, Owner, Town
from tests.support.tenants import audit_actions

pytestmark = pytest.mark.integration

SHOW = "/api/auth/second-factor"
SESSION = "/api/auth/session"


@dataclass
class Phone:
    """An authenticator app; each code it gives is a step later than the one before."""

    secret: bytes
    step: int

    def code(self) -> str:
        self.step += 1
        return code_at(self.secret, self.step)


async def enrol(asa: Owner) -> tuple[Phone, list[str]]:
    enrolment = await asa.browser.did("POST", "/api/auth/totp", {"password": PASSWORD})
    phone = Phone(base64.b32decode(enrolment["secret"]), int(time.time()) // STEP_S - 2)
    codes = (await asa.browser.did("POST", "/api/auth/totp/confirm", {"code": phone.code()}))["codes"]
    return phone, codes


async def owing(place: Town, asa: Owner) -> Browser:
    browser = place.browser()
    state = await browser.sign_in(asa.email)
    assert (state["second_factor_owed"], state["person"], state["permissions"]) == (True, None, [])
    return browser


async def test_sign_in_owes_a_code_and_until_then_nothing_opens(place: Town, asa: Owner) -> None:
    phone, codes = await enrol(asa)
    assert len(codes) == 10
    browser = await owing(place, asa)
    needed = (401, "second_factor_needed")
    for path in ("/api/admin/team", "/api/auth/sessions"):
        assert await browser.refused("GET", path) == needed
    body = {"password": PASSWORD}
    assert await browser.refused("POST", "/api/auth/totp/disable", body) == needed
    assert await browser.refused("POST", SHOW, {"code": "000000"}) == (401, "wrong_code")
    before = browser.client.cookies["replik_session"]
    state = await browser.did("POST", SHOW, {"code": phone.code()})
    assert state["person"]["second_factor"] is True
    assert browser.client.cookies["replik_session"] != before
    await browser.did("GET", "/api/admin/team")
    stale = place.browser()
    stale.client.cookies.set("replik_session", before)
    assert await stale.refused("GET", SESSION) == (401, "unauthorized")
    assert await browser.refused("POST", SHOW, {"code": phone.code()}) == (409, "conflict")
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions[-4:] == ["factor.enable", "session.begin", "factor.refuse", "factor.show"]


async def test_a_code_that_was_used_is_used(place: Town, asa: Owner) -> None:
    phone, _ = await enrol(asa)
    code = phone.code()
    first, second = await owing(place, asa), await owing(place, asa)
    await first.did("POST", SHOW, {"code": code})
    assert await second.refused("POST", SHOW, {"code": code}) == (401, "wrong_code")


async def test_a_recovery_code_stands_in_once(place: Town, asa: Owner) -> None:
    _, codes = await enrol(asa)
    first, second = await owing(place, asa), await owing(place, asa)
    await first.did("POST", SHOW, {"code": codes[0].upper()})
    assert await second.refused("POST", SHOW, {"code": codes[0]}) == (401, "wrong_code")
    fresh = (await first.did("POST", "/api/auth/totp/recovery-codes", {"password": PASSWORD}))["codes"]
    assert await second.refused("POST", SHOW, {"code": codes[1]}) == (401, "wrong_code")
    await second.did("POST", SHOW, {"code": fresh[0]})


async def test_guessing_codes_is_held_up(place: Town, asa: Owner) -> None:
    phone, _ = await enrol(asa)
    browser = await owing(place, asa)
    for guess in range(5):
        assert await browser.refused("POST", SHOW, {"code": f"{guess:06}"}) == (401, "wrong_code")
    response = await browser.call("POST", SHOW, {"code": phone.code()})
    assert (response.status_code, response.json()["code"]) == (429, "too_many_attempts")
    assert "Retry-After" in response.headers


async def test_it_is_switched_off_with_the_password_only(place: Town, asa: Owner) -> None:
    await enrol(asa)
    wrong = {"password": "fel lösenord"}
    off = "/api/auth/totp/disable"
    assert await asa.browser.refused("POST", off, wrong) == (401, "wrong_credentials")
    assert await asa.browser.refused("POST", "/api/auth/totp", {"password": PASSWORD}) == (409, "conflict")
    elsewhere = await owing(place, asa)
    await asa.browser.did("POST", off, {"password": PASSWORD})
    assert await elsewhere.refused("GET", SESSION) == (401, "unauthorized")
    state = await place.browser().sign_in(asa.email)
    assert (state["second_factor_owed"], state["person"]["second_factor"]) == (False, False)
    # Off is off: nobody is told a second time.
    assert await asa.browser.refused("POST", off, {"password": PASSWORD}) == (409, "conflict")
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions.count("factor.disable") == 1


async def test_an_enrolment_counts_once_it_is_confirmed(place: Town, asa: Owner) -> None:
    await asa.browser.did("POST", "/api/auth/totp", {"password": PASSWORD})
    confirm = await asa.browser.refused("POST", "/api/auth/totp/confirm", {"code": "000000"})
    assert confirm == (401, "wrong_code")
    assert (await place.browser().sign_in(asa.email))["second_factor_owed"] is False


async def test_the_secret_is_sealed_for_its_person(place: Town, asa: Owner) -> None:
    phone, codes = await enrol(asa)
    async with place.tenancy.person(asa.person_id) as session:
        sealed = (await session.execute(text("select totp_secret from credentials"))).scalar_one()
        hashes = (await session.execute(text("select hash from recovery_codes"))).scalars().all()
    assert phone.secret not in bytes(sealed)
    assert len(hashes) == 10
    assert not any(codes[0].replace("-", "").encode() in bytes(one) for one in hashes)


async def test_of_two_who_show_one_code_at_once_one_gets_in(place: Town, asa: Owner) -> None:
    phone, _ = await enrol(asa)
    factor = place.door.services.identity.factor
    owed = []
    for _ in range(2):
        browser = await owing(place, asa)
        who = await place.door.services.identity.sessions.of_token(browser.client.cookies["replik_session"])
        assert who is not None
        owed.append(who)
    code = phone.code()
    shown = await asyncio.gather(*(factor.show(who, code) for who in owed), return_exceptions=True)
    assert sorted(isinstance(one, str) for one in shown) == [False, True]
