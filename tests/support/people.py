"""People with browsers, at a front door that has a mail server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

from foundation.database.roles import DatabaseUrls
from foundation.ids import PersonId, TenantId, new_uuid, parse
from foundation.plans import choose
from foundation.tenancy import Tenancy
from tests.servers.smtp_server import SmtpServer, smtp_server
from tests.support.gateway import FrontDoor, front_door, settings_for

PASSWORD = "korrekt häst batteri klammer"
OTHER_PASSWORD = "nio gröna kaktusar i fönstret"


@dataclass
class Browser:
    """One person's browser: it keeps cookies and the CSRF token, as the web UI does."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        shown = {"X-CSRF-Token": self.csrf} if self.csrf else {}
        return await self.client.request(method, path, json=body, headers=shown | headers)

    async def did(self, method: str, path: str, body: object = None) -> Any:
        response = await self.call(method, path, body)
        assert response.status_code < 300, response.text
        answer = response.json() if response.content else None
        if isinstance(answer, dict) and "csrf_token" in answer:
            self.csrf = answer["csrf_token"]
        return answer

    async def refused(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        response = await self.call(method, path, body, **headers)
        assert response.status_code >= 400, response.text
        return response.status_code, response.json()["code"]

    async def sign_in(self, email: str, password: str = PASSWORD) -> Any:
        return await self.did("POST", "/api/auth/sign-in", {"email": email, "password": password})


@dataclass
class Town:
    """A front door, its mail server, and browsers."""

    door: FrontDoor
    mail: SmtpServer
    urls: DatabaseUrls
    _browsers: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def tenancy(self) -> Tenancy:
        return self.door.services.tenancy

    def browser(self, agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0") -> Browser:
        client = httpx.AsyncClient(base_url=self.door.url, timeout=30, headers={"User-Agent": agent})
        self._browsers.append(client)
        return Browser(client)

    async def owner(self, company: str = "Norrsken AB") -> "Owner":
        """Return somebody who signed up, confirmed the address, signed in, and has a plan without limits."""
        email = f"o{new_uuid().hex}@example.com"
        browser = self.browser()
        await browser.did("POST", "/api/auth/sign-up", sign_up(email, company=company))
        await browser.did("POST", "/api/auth/verify", {"token": await self.mail.token(email)})
        state = await browser.sign_in(email)
        person_id = PersonId(parse("person", state["person"]["id"]))
        tenant_id = TenantId(parse("tenant", state["tenants"][0]["id"]))
        async with self.tenancy.session(tenant_id) as session:
            await choose(session, tenant_id, "business", actor="test")
        return Owner(browser, email, person_id, tenant_id)

    async def member(self, owner: "Owner", role: str) -> "Owner":
        """Return somebody whom the owner took into the team."""
        email = f"m{new_uuid().hex}@example.com"
        await owner.browser.did("POST", "/api/admin/invitations", {"email": email, "role": role})
        token = await self.mail.token(email)
        browser = self.browser()
        accepted = {"token": token, "name": "Bo Ek", "password": PASSWORD}
        await browser.did("POST", "/api/auth/invitation/accept", accepted)
        state = await browser.sign_in(email)
        return Owner(browser, email, PersonId(parse("person", state["person"]["id"])), owner.tenant_id)

    async def forget_attempts(self) -> None:
        """All tests come from one address: none waits for what another has tried."""
        async with await psycopg.AsyncConnection.connect(self.urls.migrator) as connection:
            await connection.execute("set role replik_definer")
            await connection.execute("delete from throttles")

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.aclose()


@dataclass
class Owner:
    """A person at their browser."""

    browser: Browser
    email: str
    person_id: PersonId
    tenant_id: TenantId


def sign_up(email: str, **more: str) -> dict[str, str]:
    """Return a body that signs up."""
    return {"email": email, "name": "Åsa Lind", "password": PASSWORD, "company": "Norrsken AB"} | more


@asynccontextmanager
async def town(urls: DatabaseUrls, redis_url: str, home: Path, **changes: object) -> AsyncIterator[Town]:
    """Open the front door with a mail server beside it."""
    async with smtp_server() as mail:
        posted = {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_from": "replik@example.com"}
        # All tests come from one address; the limit has tests of its own.
        # So has what happens while nobody counts: a busy machine may stall longer than Valkey is waited for.
        counted = {"rate_sign_in": 6_000, "rate_limits_away": "open"}
        settings = settings_for(urls, redis_url, home).evolve(**posted | counted | changes)
        async with front_door(settings) as door:
            opened = Town(door, mail, urls)
            await opened.forget_attempts()
            yield opened
            await opened.close()
