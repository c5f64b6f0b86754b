"""What a person sees who opens the start page and talks to the demo shop."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import expect

from tests.acceptance.conftest import Visit, eventually
from tests.acceptance.proxy import proxy
from tests.support.ask import Json, ask, events
from tests.support.browser import Visitor
from tests.support.running import Running

pytestmark = [pytest.mark.acceptance, pytest.mark.web, pytest.mark.timeout(300)]

SHIPPING = "Vad kostar frakten till ombud?"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DARK = {"color_scheme": "dark"}


@pytest.mark.parametrize(
    ("locale", "headline", "greeting"),
    [
        ("sv-SE", "Kundtjänst som visar var det står.", "Hej!"),
        ("en-GB", "Customer support that shows where it says so.", "Hi!"),
        ("de-DE", "Customer support that shows where it says so.", "Hi!"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    replik: Running, visit: Visit, locale: str, headline: str, greeting: str
) -> None:
    someone = visit(replik.url, locale=locale)
    expect(someone.page.locator("h1")).to_have_text(headline)
    expect(someone.widget.locator(".greeting")).to_contain_text(greeting)
    assert someone.page.locator("html").get_attribute("lang") == locale[:2].replace("de", "en")
    someone.picture(f"start-{locale}", full_page=True)


def test_three_questions_in_two_languages_get_cited_answers(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    someone.page.get_by_role("button", name="Hur tvättar jag en dunjacka?").click()
    washing = someone.reply(1)
    expect(washing.locator(".answer")).to_contain_text("tvätt")
    shipping = someone.ask(SHIPPING)
    expect(shipping.locator(".answer")).to_contain_text("49 kr")
    expect(shipping.locator(".sources")).to_contain_text("Frakt och leverans")
    norway = someone.ask("Do you ship to Norway?")
    expect(norway.locator(".answer")).to_contain_text("Norway")
    for reply in (washing, shipping, norway):
        expect(reply.locator("a.cite").first).to_be_visible()
    assert len(someone.said()) == 6
    someone.picture("three-answers")


def test_every_suggested_question_is_answered(shop: Running, http: httpx.Client) -> None:
    suggestions = http.get("/api/demo").json()["demo"]["suggestions"]
    questions = [question for language in suggestions.values() for question in language]
    answers = {question: ask(http, shop.key("server key"), question)["message"] for question in questions}
    assert [question for question, said in answers.items() if not said["citations"]] == []


def test_half_a_piece_of_an_answer_is_not_shown(shop: Running, visit: Visit) -> None:
    with proxy(shop.url) as line:
        someone = visit(line.url, quiet=False)
        line.hold_after(b'event: delta\ndata: {"turn_id":')
        someone.write(SHIPPING)
        assert line.held.wait(30)
        line.cut()
        expect(someone.widget.locator(".lost")).to_be_visible()
        assert someone.replies.count() == 0
        line.mend()
        expect(someone.reply(1).locator(".answer")).to_contain_text("49 kr")
        assert len(someone.said()) == 2


def test_a_citation_opens_at_the_place_it_cites(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    reply = someone.ask(SHIPPING)
    page = someone.open_citation(reply)
    cited = page.locator("#cited")
    expect(cited).to_have_count(1)
    expect(cited).to_be_in_viewport()
    quoted = cited.locator("#quote")
    expect(quoted).to_have_count(1)
    expect(quoted).to_be_in_viewport()
    expect(quoted).to_contain_text("49 kr (fri frakt över 799 kr)")
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#quote')).backgroundColor")
        != "rgba(0, 0, 0, 0)"
    )
    someone.picture("cited", page)
    file = page.request.get(page.get_by_role("link", name="Öppna originalet").evaluate("link => link.href"))
    assert file.ok
    assert "attachment" in file.headers["content-disposition"]
    assert b"799" in file.body()


def test_a_reload_finds_the_conversation_again(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    someone.ask(SHIPPING)
    someone.ask("Hur lång reklamationsrätt har jag?")
    before = someone.said()
    assert len(before) == 4
    someone.page.reload()
    someone.reply(2)
    assert someone.said() == before
    third = someone.ask("Do you ship to Norway?")
    expect(third.locator(".answer")).to_contain_text("Norway")
    assert someone.said()[:4] == before
    assert len(someone.said()) == 6


def test_a_cut_line_loses_and_repeats_nothing(shop: Running, visit: Visit, http: httpx.Client) -> None:
    with proxy(shop.url) as line:
        someone = visit(line.url, quiet=False)
        someone.ask("Hur lång reklamationsrätt har jag?")
        line.hold_after(b'event: delta\ndata: {"turn_id":', times=2)
        someone.write(SHIPPING)
        assert line.held.wait(30)
        running = someone.widget.locator(".reply.running .answer")
        expect(running).not_to_be_empty()
        first = running.inner_text().strip()
        line.cut()
        expect(someone.widget.locator(".lost")).to_be_visible()
        assert line.turned_away.wait(30)
        someone.picture("line-cut")
        line.mend()
        expect(someone.reply(2).locator(".answer")).to_contain_text("49 kr")
        expect(someone.widget.locator(".lost")).to_be_hidden()
        shown = someone.said()
    assert [text for text in shown if text.endswith("?")] == [
        "Hur lång reklamationsrätt har jag?",
        SHIPPING,
    ]
    assert len(shown) == 4
    assert shown[3].startswith(first)
    assert len(shown[3]) > len(first)
    assert words(shown) == words(stored(someone, http))


def stored(someone: Visitor, http: httpx.Client) -> list[str]:
    """Return the conversation's messages as the server keeps them."""
    record = json.loads(
        someone.page.evaluate("Object.entries(localStorage).find(([name]) => name.startsWith('replik:'))[1]")
    )
    path = f"/api/chat/conversations/{record['conversation_id']}"
    heard: list[Json] = []
    for _, name, data in events(http, path, {"Authorization": f"Bearer {record['visitor_token']}"}):
        if name in {"accepted", "message"}:
            heard.append(data)
        if name == "done" and len(heard) == 4:
            break
    return [data["text"] for data in heard]


def words(texts: list[str]) -> list[str]:
    """Return the letters and digits alone: how marks are shown is the widget's business, and so are `[1]`."""
    plain = ["".join(filter(str.isalnum, text.replace("[1]", "1"))) for text in texts]
    assert all(plain)
    return plain


def test_a_person_is_called(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    unknown = someone.ask("Vad väger månen i kubikmeter ost?")
    expect(unknown.locator(".sources")).to_have_count(0)
    someone.widget.locator(".person").click()
    expect(someone.widget.locator(".event")).to_have_count(1)
    expect(someone.widget.locator(".subtitle")).to_have_text("Du pratar med en människa")
    expect(someone.widget.locator(".person")).to_be_hidden()
    someone.write(SHIPPING)
    expect(someone.widget.locator(".own.sent")).to_have_count(2)
    assert someone.replies.count() == 1  # the agent keeps silent from now on
    someone.picture("person")
    someone.page.reload()
    expect(someone.widget.locator(".own")).to_have_count(2)
    expect(someone.widget.locator(".event")).to_have_count(1)


@contextmanager
def nobody_there(shop: Running, http: httpx.Client) -> Iterator[None]:
    """Let the demo shop's people be away for three days."""
    key = {"Authorization": f"Bearer {shop.key('server key')}"}

    def change(settings: Json) -> Json:
        changed: Json = (
            http.patch("/api/tenant/settings", json=settings, headers=key).raise_for_status().json()
        )
        return changed

    zone = ZoneInfo(change({})["settings"]["zone"])
    back = {"day": str(datetime.now(zone).date() + timedelta(days=3))}
    change({"hours": {"exceptions": [back | {"spans": [{"opens": "09:00", "closes": "17:00"}]}]}})
    try:
        yield
    finally:
        change({"hours": None})


def test_who_asks_for_a_person_out_of_hours_reads_when_they_are_back(
    shop: Running, visit: Visit, http: httpx.Client
) -> None:
    away = re.compile(r"^Våra medarbetare är tillbaka (mån|tis|ons|tors|fre|lör|sön)dag 09:00$")
    with nobody_there(shop, http):
        someone = visit(shop.url)
        someone.ask("Vad väger månen i kubikmeter ost?")
        expect(someone.widget.locator(".away")).to_have_text(away)
        someone.widget.locator(".person").click()
        expect(someone.widget.locator(".event")).to_contain_text("dag kl. 09.00.")
        expect(someone.widget.locator(".away")).to_have_text(away)
        expect(someone.widget.locator(".subtitle")).to_be_hidden()
        assert someone.barriers() == []
        someone.picture("away")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desktop-light", {}),
        ("desktop-dark", DARK),
        ("phone-light", PHONE),
        ("phone-dark", PHONE | DARK),
    ],
)
def test_everybody_can_use_it(shop: Running, visit: Visit, name: str, options: dict[str, object]) -> None:
    someone = visit(shop.url, **options)
    someone.picture(f"{name}-start", full_page=True)
    reply = someone.ask(SHIPPING)
    assert someone.barriers() == []
    someone.picture(f"{name}-answer")
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert someone.page.evaluate(wide)
    page = someone.open_citation(reply)
    someone.picture(f"{name}-cited", page)
    assert page.evaluate(wide)


STRICT = (
    "default-src 'none'; style-src 'none'; script-src {0}; connect-src {0};"
    " require-trusted-types-for 'script'"
)


@contextmanager
def another_site(replik: str, key: str) -> Iterator[str]:
    """Serve a page that allows nothing but what the widget needs; yield its URL."""
    html = (
        '<!doctype html><html lang="en"><title>Shop</title><h1>Shop</h1>'
        f'<script async src="{replik}/widget.js" data-key="{key}"></script>'
    )

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/"
            self.send_response(200 if found else 204)
            self.send_header("Content-Security-Policy", STRICT.format(replik))
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(html.encode() if found else b"")

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_widget_works_on_a_strict_page_of_another_site(shop: Running, visit: Visit) -> None:
    with another_site(shop.url, shop.key("widget key")) as site:
        someone = visit(site, locale="en-GB", others=(shop.url,))
        someone.widget.locator(".launcher").click()
        someone.picture("another-site-open")
        reply = someone.ask("Do you ship to Norway?")
        expect(reply.locator(".answer")).to_contain_text("Norway")
        someone.picture("another-site")
        cited = someone.open_citation(reply)
        assert cited.url.startswith(shop.url)
        expect(cited.locator("#cited")).to_be_in_viewport()
        someone.page.keyboard.press("Escape")
        someone.page.reload()
        someone.widget.locator(".launcher").wait_for()
        eventually(lambda: someone.replies.count() == 1, "the conversation on the other site", 20)
