"""Sign-in through a tenant's own provider, over real HTTP with real signatures."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import text

import serve.identity
from foundation.clients.chat.public import PublicTransport
from foundation.clients.oidc.provider import Asked, Provider, ProviderFailed
from foundation.database.roles import DatabaseUrls
from foundation.identity.oidc_settings import OidcSettings
from foundation.ids import new_uuid, show
from tests.servers.oidc_server import CLIENT_ID, CLIENT_SECRET, ISSUER, Detour, OidcServer, oidc_server
from tests.support.people import PASSWORD, Browser, Owner, Town, town
from tests.support.site import resolver
from tests.support.tenants import audit_actions

pytestmark = pytest.mark.integration

OIDC = "/api/admin/oidc"
SETTINGS = {
    "issuer": f"{ISSUER}/",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "domains": ["Corp.example"],
    "default_role": "agent",
}


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OidcServer]:
    """A provider to which the address rule does not apply; what it forbids is another test's."""
    async with oidc_server() as server:

        def led_here(of: OidcSettings) -> Provider:
            return Provider(of.issuer, of.client_id, of.client_secret, transport=lambda: Detour(server))

        monkeypatch.setattr(serve.identity, "_provider", led_here)
        yield server


@pytest.fixture
async def place(
    provider: OidcServer, database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> AsyncIterator[Town]:
    async with town(database_urls, redis_url, tmp_path) as opened:
        yield opened


@dataclass
class Company:
    """A tenant with a provider."""

    place: Town
    provider: OidcServer
    owner: Owner
    slug: str
    email: str = field(default_factory=lambda: f"e{new_uuid().hex}@corp.example")

    def vouch(self, **claims: Any) -> None:
        self.provider.person = {
            "sub": "42", "email": self.email, "email_verified": True, "name": "Eva Corp"
        } | claims  # fmt: skip

    async def back(self, browser: Browser) -> str:
        """Go to the provider and return the path by which it sends the browser back."""
        started = await browser.call("GET", f"/api/auth/oidc/start?tenant={self.slug}")
        assert started.status_code == 303, started.text
        there = urlsplit(started.headers["location"])
        assert f"{there.scheme}://{there.netloc}" == ISSUER
        async with httpx.AsyncClient(base_url=self.provider.url) as client:
            sent = await client.get(f"{there.path}?{there.query}")
        back = urlsplit(sent.headers["location"])
        return f"{back.path}?{back.query}"

    async def sign_in(self, browser: Browser) -> str:
        """Return where the browser ends."""
        response = await browser.call("GET", await self.back(browser))
        assert response.status_code == 303
        return str(response.headers["location"]).partition("/admin/")[2]


@pytest.fixture
async def corp(place: Town, provider: OidcServer) -> Company:
    owner = await place.owner()
    state = await owner.browser.did("GET", "/api/auth/session")
    await owner.browser.did("PUT", OIDC, SETTINGS)
    company = Company(place, provider, owner, state["tenants"][0]["slug"])
    company.vouch()
    return company


async def test_the_secret_is_sealed_and_never_shown(place: Town, corp: Company) -> None:
    shown = await corp.owner.browser.did("GET", OIDC)
    assert shown == {
        "issuer": ISSUER,
        "client_id": CLIENT_ID,
        "domains": ["corp.example"],
        "default_role": "agent",
    }
    async with place.tenancy.session(corp.owner.tenant_id) as session:
        assert CLIENT_SECRET not in str((await session.execute(text("select * from oidc_settings"))).all())
        assert CLIENT_SECRET not in str((await session.execute(text("select * from audit"))).all())
    kept = {name: value for name, value in SETTINGS.items() if name != "client_secret"}
    await corp.owner.browser.did("PUT", OIDC, kept)
    moved = kept | {"issuer": "https://elsewhere.example"}
    assert await corp.owner.browser.refused("PUT", OIDC, moved) == (422, "invalid_input")
    await corp.owner.browser.did("DELETE", OIDC)
    assert await corp.owner.browser.refused("GET", OIDC) == (404, "not_found")
    actions = await audit_actions(place.tenancy, corp.owner.tenant_id)
    assert actions[-3:] == ["oidc.change", "oidc.change", "oidc.delete"]


@pytest.mark.parametrize(
    "change",
    [{"issuer": "http://login.example"}, {"issuer": "https://u:p@login.example"}, {"domains": []},
     {"issuer": "https://login.example/\0"}, {"client_id": "re\0plik"}, {"domains": ["corp"]},
     {"default_role": "king"}],
)  # fmt: skip
async def test_bad_settings_are_refused(place: Town, change: dict[str, object]) -> None:
    owner = await place.owner()
    assert await owner.browser.refused("PUT", OIDC, SETTINGS | change) == (422, "invalid_input")


async def test_an_admin_cannot_let_a_provider_make_owners(place: Town, corp: Company) -> None:
    admin = await place.member(corp.owner, "admin")
    body = SETTINGS | {"default_role": "owner"}
    assert await admin.browser.refused("PUT", OIDC, body) == (403, "more_than_own")


async def test_a_newcomer_is_let_in_with_the_default_role(place: Town, corp: Company) -> None:
    browser = place.browser()
    assert await corp.sign_in(browser) == ""
    state = await browser.did("GET", "/api/auth/session")
    browser.csrf = state["csrf_token"]
    assert (state["person"]["email"], state["person"]["name"]) == (corp.email, "Eva Corp")
    assert [(one["slug"], one["role"]) for one in state["tenants"]] == [(corp.slug, "agent")]
    assert state["single_sign_on"] is True
    assert "conversation.reply" in state["permissions"]
    again = place.browser()
    assert await corp.sign_in(again) == ""
    assert (await again.did("GET", "/api/auth/session"))["person"] == state["person"]
    actions = await audit_actions(place.tenancy, corp.owner.tenant_id)
    assert actions[-3:] == ["member.add", "session.begin", "session.begin"]


async def test_a_provider_reaches_its_own_tenant_and_nothing_else_of_a_person(
    place: Town, corp: Company
) -> None:
    victim = await place.owner("Offret AB")
    domains = SETTINGS | {"domains": ["example.com"]}
    await corp.owner.browser.did("PUT", OIDC, domains)
    corp.vouch(email=victim.email)
    browser = place.browser()
    assert await corp.sign_in(browser) == ""
    state = await browser.did("GET", "/api/auth/session")
    browser.csrf = state["csrf_token"]
    assert [one["slug"] for one in state["tenants"]] == [corp.slug]
    theirs = {"tenant_id": show("tenant", victim.tenant_id)}
    assert await browser.refused("POST", "/api/auth/tenant", theirs) == (404, "not_found")
    forbidden = (403, "forbidden")
    assert await browser.refused("GET", "/api/auth/sessions") == forbidden
    assert await browser.refused("DELETE", "/api/auth/sessions") == forbidden
    password = {"current": PASSWORD, "password": "nio gröna kaktusar"}
    assert await browser.refused("POST", "/api/auth/password", password) == forbidden
    assert await browser.refused("POST", "/api/auth/totp", {"password": PASSWORD}) == forbidden


FORGED = RSAKey.generate_key(2048, {"kid": "1"})


@pytest.mark.parametrize(
    ("claims", "signs"),
    [
        ({"iss": "https://evil.example"}, None),
        ({"aud": "another client"}, None),
        ({"aud": [CLIENT_ID, "another"]}, None),  # without azp
        ({"exp": 1_000_000_000}, None),
        ({"nonce": "replayed"}, None),
        ({"nonce": ""}, None),
        ({"exp": ""}, None),
        ({"sub": ""}, None),
        ({}, FORGED),
        ({}, OctKey.import_key(CLIENT_SECRET * 3)),
    ],
)
async def test_a_token_that_is_not_in_order_lets_nobody_in(
    place: Town, corp: Company, claims: dict[str, Any], signs: RSAKey | OctKey | None
) -> None:
    corp.provider.claims, corp.provider.signs = claims, signs
    browser = place.browser()
    assert await corp.sign_in(browser) == "sign-in#error=provider_failed"
    assert await browser.refused("GET", "/api/auth/session") == (401, "unauthorized")
    assert (await audit_actions(place.tenancy, corp.owner.tenant_id))[-1] == "oidc.refuse"


@pytest.mark.parametrize(
    "claims",
    [{"email": "eva@elsewhere.example"}, {"email": "eva@corp.example.evil.example"}, {"email": ""},
     {"email": "a@b@corp.example"}, {"email_verified": False}, {"email_verified": "no"}],
)  # fmt: skip
async def test_a_provider_vouches_for_its_domains_only(
    place: Town, corp: Company, claims: dict[str, Any]
) -> None:
    corp.vouch(**claims)
    assert await corp.sign_in(place.browser()) == "sign-in#error=sso_refused"


async def test_without_a_default_role_only_members_get_in(place: Town, corp: Company) -> None:
    await corp.owner.browser.did("PUT", OIDC, SETTINGS | {"default_role": None})
    assert await corp.sign_in(place.browser()) == "sign-in#error=sso_refused"
    await corp.owner.browser.did("POST", "/api/admin/invitations", {"email": corp.email, "role": "viewer"})
    accept = {"token": await place.mail.token(corp.email), "name": "Eva", "password": PASSWORD}
    await place.browser().did("POST", "/api/auth/invitation/accept", accept)
    assert await corp.sign_in(place.browser()) == ""


async def test_only_the_browser_that_began_comes_back_and_once(place: Town, corp: Company) -> None:
    browser = place.browser()
    back = await corp.back(browser)
    stranger = await place.browser().call("GET", back)
    assert stranger.headers["location"].endswith("#error=unauthorized")
    other = place.browser()
    await corp.back(other)
    crossed = await other.call("GET", back)
    assert crossed.headers["location"].endswith("#error=sso_refused")
    first = await browser.call("GET", back)
    assert first.headers["location"].endswith("/admin/")
    kept = browser.client.cookies.get("replik_oidc")
    assert not kept
    again = await browser.call("GET", back)
    assert again.headers["location"].endswith("#error=unauthorized")


async def test_discovery_must_be_the_issuers_own(place: Town, corp: Company) -> None:
    for told in (
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": None},
    ):
        corp.provider.discovery = told
        start = f"/api/auth/oidc/start?tenant={corp.slug}"
        assert await place.browser().refused("GET", start) == (502, "provider_failed")


async def test_tenants_without_a_provider_have_no_door(place: Town) -> None:
    owner = await place.owner()
    slug = (await owner.browser.did("GET", "/api/auth/session"))["tenants"][0]["slug"]
    for tenant, status in ((slug, 404), ("nobody", 404), ("%00", 422), ("", 422)):
        start = f"/api/auth/oidc/start?tenant={tenant}"
        assert (await place.browser().refused("GET", start))[0] == status


@pytest.mark.parametrize("issuer", ["https://inside.example", "https://127.0.0.1", "https://[::1]:8443"])
async def test_an_issuer_inside_our_network_is_not_called(issuer: str) -> None:
    def public() -> PublicTransport:
        if "inside" in issuer:
            return PublicTransport(httpx2.AsyncHTTPTransport(), resolver(inside_example="10.0.0.1"))
        return PublicTransport(httpx2.AsyncHTTPTransport())

    provider = Provider(issuer, CLIENT_ID, CLIENT_SECRET, transport=public)
    with pytest.raises(ProviderFailed) as caught:
        await provider.start(Asked("s", "n", "v" * 43), "https://help.example.com/back")
    assert caught.value.data["reason"] == "address_refused"
