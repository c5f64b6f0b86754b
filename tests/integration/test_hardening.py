"""What every answer carries, slow clients, files that are not what they say, scripts in what people write."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, async_playwright
from pydantic import SecretStr
from sqlalchemy import text
from starlette.types import Message, Receive, Scope, Send

from foundation.clients.bus.fakes import LocalBus
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.vectors.fakes import ExactIndex
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId
from foundation.settings import Settings
from foundation.tenancy import Tenancy
from ingest.compute import ThreadCompute
from ingest.pipeline import Ingestion, ingest
from serve import deadlines, limits, reference
from serve.cited import _media_type
from serve.deadlines import AnswerDeadline
from serve.headers import HSTS
from serve.links import cited_url
from serve.plain import PLAIN
from tests.support.browser import FLAGS, chromium_path
from tests.support.gateway import FrontDoor, add_key, front_door, settings_for
from tests.support.site import answer, open_site
from tests.support.tenants import make_tenant

PAYLOADS = (
    "<script>pwned = 1</script>",
    "<img src=x onerror='pwned = 1'>",
    "<svg onload='pwned = 1'><a href='javascript:pwned = 1'>x</a></svg>",
    "[press](javascript:pwned=1) [press](data:text/html,<script>pwned=1</script>) ![x](javascript:pwned=1)",
    "[press]( \tjava\tscript:pwned=1) <javascript:pwned=1> [a](vbscript:pwned=1) [b](//evil.test/x)",
    "`<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>`",
    "| <style>*{display:none}</style> | b |\n|---|---|\n| <b onmouseover=pwned=1>c</b> | [1]<math> |",
    '"><template><script>pwned = 1</script></template> &lt;script&gt;pwned=1&lt;/script&gt; {{7*7}} ${7*7}',
)


@pytest.fixture
def settings(database_urls: DatabaseUrls, redis_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_urls, redis_url, tmp_path)


@pytest.fixture
async def door(settings: Settings) -> AsyncIterator[FrontDoor]:
    async with front_door(settings) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/widget.js",
        "/docs",
        "/openapi.json",
        "/nothing",
        "/cited/x",
        "/api/health/live",
        "/api/admin/keys",
    ],
)
async def test_every_answer_carries_the_security_headers(door: FrontDoor, path: str) -> None:
    headers = (await door.client.get(path)).headers
    assert [name for name in PLAIN if name not in headers] == []
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors" in policy
    assert "unsafe" not in policy
    assert ("no-store" in headers.get("Cache-Control", "")) is path.startswith("/api/")
    assert "Strict-Transport-Security" not in headers
    embeds = "cross-origin" if path == "/widget.js" else "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == embeds


async def test_a_crash_carries_them_too(door: FrontDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_text: str) -> str:
        raise RuntimeError("secret text")

    monkeypatch.setattr(reference, "escape", broken)
    response = await door.client.get("/docs")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "secret" not in response.text
    assert [name for name in PLAIN if response.headers.get(name) != PLAIN[name]] == []


async def test_production_insists_on_https(settings: Settings) -> None:
    strong = settings.evolve(
        mode="production",
        public_url="https://help.example.com",
        encryption_key=SecretStr("0123456789abcdef" * 4),
    )
    async with front_door(strong) as door:
        response = await door.client.get("/api/health/live")
    assert response.headers["Strict-Transport-Security"] == HSTS


async def test_pages_of_others_read_what_is_left_and_send_no_cookies(door: FrontDoor) -> None:
    headers = (await door.client.post("/api/chat/conversations", headers={"Origin": "https://a.se"})).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in headers
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(
        headers["Access-Control-Expose-Headers"].split(", ")
    )
    plain = await door.client.get("/api/admin/keys", headers={"Origin": "https://a.se"})
    assert "Access-Control-Allow-Origin" not in plain.headers


async def drip(door: FrontDoor, body: bytes, every_s: float) -> bytes:
    """Send a request whose body comes a byte at a time and never ends; return the answer's first line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(door.url).port)
    writer.write(
        b"POST /api/chat/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer pk_x\r\n"
        b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )

    async def send() -> None:
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every_s)

    sending = asyncio.create_task(send())
    try:
        return await asyncio.wait_for(reader.readline(), 20)
    finally:
        sending.cancel()
        await asyncio.wait({sending})
        writer.close()


@pytest.mark.parametrize(("piece_s", "every_s"), [(0.3, 60.0), (1.0, 0.05)])
async def test_a_body_that_stalls_or_drips_is_given_up(
    door: FrontDoor, tenancy: Tenancy, monkeypatch: pytest.MonkeyPatch, piece_s: float, every_s: float
) -> None:
    monkeypatch.setattr(limits, "PIECE_S", piece_s)
    monkeypatch.setattr(limits, "SLOWEST_BYTES_S", 64 * 1024)  # so a second more for all of it
    assert await drip(door, b" " * 900, every_s) == b"HTTP/1.1 408 Request Timeout\r\n"


async def test_an_answer_that_does_not_begin_is_given_up_and_one_that_began_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadlines, "BESIDE_TURN_S", 0.1)
    monkeypatch.setattr(limits, "PIECE_S", 0.0)
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
            if scope["path"] == "/stream":
                await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.wait_for(asyncio.Event().wait(), 0.6)
        except TimeoutError:
            ended.append("by itself")
        except asyncio.CancelledError:
            ended.append("given up")
            raise

    async def ask(path: str) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        async def send(message: Message) -> None:
            sent.append(message)

        services = SimpleNamespace(settings=SimpleNamespace(turn_deadline_s=0.1))
        behind = SimpleNamespace(state=SimpleNamespace(services=services))
        scope: dict[str, Any] = {"type": "http", "path": path, "method": "GET", "headers": [], "app": behind}
        await AnswerDeadline(app)(scope, receive, send)
        return sent

    assert (await ask("/slow"))[0]["status"] == 504
    assert [message["type"] for message in await ask("/stream")] == ["http.response.start"]
    assert ended == ["given up", "by itself"]


@pytest.mark.parametrize(
    ("content", "said", "sent"),
    [
        (b"%PDF-1.7 ...", "application/pdf", "application/pdf"),
        (b"<script>alert(1)</script>", "application/pdf", "application/octet-stream"),
        ("<b>å</b>".encode(), "text/plain", "text/plain; charset=utf-8"),
        ("å".encode("latin-1"), "text/plain", "application/octet-stream"),
        (b"a\0b", "text/plain", "application/octet-stream"),
        (b"<html>", "text/html", "application/octet-stream"),
        (b"# a", "text/markdown", "application/octet-stream"),
        (b"<svg/>", "image/svg+xml", "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_content_says(content: bytes, said: str, sent: str) -> None:
    assert _media_type(content, said) == sent


async def added(door: FrontDoor, tenancy: Tenancy, tenant_id: TenantId, name: str, content: bytes) -> str:
    """Add a document; return the link to its first passage."""
    source_id = await door.services.sources.add_file(tenant_id, "test", name, content)
    compute = ThreadCompute(HashingEmbedder())
    ingestion = Ingestion(tenancy, door.services.files, ExactIndex(), compute, LocalBus(), lambda _text: None)
    assert await ingest(ingestion, tenant_id, source_id) == "ready"
    async with tenancy.session(tenant_id) as session:
        found = await session.execute(
            text("select id from passages where source_id = :source order by ordinal limit 1"),
            {"source": source_id},
        )
        return cited_url(door.services, tenant_id, found.scalar_one())


PLAINLY = "Vi har öppet alla dagar.".encode()
PAGE = b"<html><body><p>Vi har oppet alla dagar.</p><script>alert(1)</script></body></html>"


@pytest.mark.parametrize(
    ("name", "content", "shown"),
    [
        ("a.txt", PLAINLY, "inline"),
        ("b.txt", PAGE, "attachment"),
        ("a.html", PAGE, "attachment"),
        ("a.md", PLAINLY, "inline"),
    ],
)
async def test_a_document_cannot_run_in_our_name(
    door: FrontDoor, tenancy: Tenancy, name: str, content: bytes, shown: str
) -> None:
    link = await added(door, tenancy, await make_tenant(tenancy), name, content)
    headers = (await door.client.get(link.replace("#cited", "/file"))).headers
    assert headers["Content-Disposition"].startswith(f"{shown};")
    assert headers["Content-Type"] == (
        "text/plain; charset=utf-8" if shown == "inline" else "application/octet-stream"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    path = chromium_path()
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=path, chromium_sandbox=False, args=list(FLAGS)
        )
        yield opened
        await opened.close()


@pytest.mark.web
async def test_what_people_write_is_shown_and_never_run(
    door: FrontDoor, tenancy: Tenancy, browser: Browser
) -> None:
    """The scripted agent echoes, so each payload is shown twice: as a customer's and as an answer."""
    key = await add_key(tenancy, await make_tenant(tenancy), "publishable")
    page = await browser.new_page()
    script = f'<script src="{door.url}/widget.js" data-key="{key}" data-language="en"></script>'
    async with open_site() as shop:
        shop.pages["/"] = answer(f"<!doctype html><body>{script}".encode(), "Content-Type: text/html")
        await page.goto(f"http://127.0.0.1:{shop.port}/")
    widget = page.locator("#replik")
    await widget.locator(".launcher").click()
    for number, payload in enumerate(PAYLOADS, 1):
        await widget.locator("textarea").fill(payload)
        await widget.locator("textarea").press("Enter")
        await widget.locator(".reply.final").nth(number - 1).wait_for()
    shown = await widget.locator(".own .bubble").all_inner_texts()
    assert [payload in one for payload, one in zip(PAYLOADS, shown, strict=True)] == [True] * len(PAYLOADS)
    for link in await widget.locator("a").all():
        assert urlsplit(str(await link.get_attribute("href"))).scheme in {"http", "https", "mailto", "tel"}
        await link.dispatch_event("mouseover")
    assert await widget.locator("script, iframe, img, style, template, math, object, embed").count() == 0
    names = await widget.evaluate(
        "e => [...e.shadowRoot.querySelectorAll('*')].flatMap((node) => node.getAttributeNames())"
    )
    assert [name for name in names if name.startswith("on")] == []
    assert await page.evaluate("typeof pwned") == "undefined"


@pytest.mark.web
async def test_what_a_document_says_is_shown_and_never_run(
    door: FrontDoor, tenancy: Tenancy, browser: Browser
) -> None:
    document = "# <img src=x onerror=pwned=1>\n\n" + "\n\n".join(f"Text före. {one}" for one in PAYLOADS)
    name = "<img src=x onerror=pwned=1>.md"
    link = await added(door, tenancy, await make_tenant(tenancy), name, document.encode())
    page = await browser.new_page()
    await page.goto(door.url + link)
    assert "onerror" in await page.locator("h1").first.inner_text()
    assert await page.locator("script, iframe, img, template, math, svg, object, embed").count() == 0
    hrefs = [str(await one.get_attribute("href")) for one in await page.locator("a").all()]
    assert [one for one in hrefs if one.lower().strip().startswith(("javascript", "data", "vbscript"))] == []
    assert await page.evaluate("typeof pwned") == "undefined"
