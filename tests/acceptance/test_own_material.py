"""'Try it with yours': from the start page to an answer from one's own document."""

import base64
import io

import pytest
from playwright.sync_api import Locator, expect
from pypdf import PdfWriter
from reportlab.pdfgen.canvas import Canvas

from tests.acceptance.conftest import Visit
from tests.support.browser import Visitor
from tests.support.running import Running

pytestmark = [pytest.mark.acceptance, pytest.mark.web, pytest.mark.timeout(300)]

MOST_CLICKS = 8
HANDBOOK = """# Handbok för Bagarboden

## Surdegskurs

Surdegskursen hålls varje torsdag klockan 18 och kostar 895 kronor per person, förkläde ingår.

## Cyklar

Cyklar ställs i garaget under butiken, portkoden lämnas ut i kassan.
"""


def pdf(text: str, password: str | None = None) -> bytes:
    page = io.BytesIO()
    canvas = Canvas(page)
    if text:
        canvas.drawString(72, 720, text)
    canvas.showPage()
    canvas.save()
    if password is None:
        return page.getvalue()
    locked = io.BytesIO()
    writer = PdfWriter(clone_from=page)
    writer.encrypt(password, algorithm="AES-256")
    writer.write(locked)
    return locked.getvalue()


def drop(someone: Visitor, name: str, content: bytes) -> Locator:
    """Drop a file on the page as from a folder; return its entry in the list.

    Nobody can drop on what is not shown yet, but an event sent to it would vanish without a word.
    """
    expect(someone.page.locator("#drop")).to_be_visible()
    files = someone.page.evaluate_handle(
        """([name, content]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    for event in ("dragenter", "dragover", "drop"):
        someone.page.locator("#drop").dispatch_event(event, {"dataTransfer": files})
    return entry(someone, name)


def entry(someone: Visitor, name: str) -> Locator:
    return someone.page.locator("[data-test=source]").filter(has_text=name).first


REMEMBER_STATES = """
window.states = [];
new MutationObserver(() => {
  const state = document.querySelector("[data-test=source]")?.dataset.state;
  if (state && states.at(-1) !== state) states.push(state);
}).observe(document.querySelector("[data-test=sources]"), {childList: true, subtree: true, attributes: true});
"""


def test_a_dropped_file_is_read_live_and_answers(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    someone.page.evaluate(REMEMBER_STATES)
    source = drop(someone, "handbok.md", HANDBOOK.encode())
    someone.picture("own-reading")
    source.locator("[data-test=ask-about-it]").click()
    states = someone.page.evaluate("states")
    assert states[-1] == "ready"
    assert len(states) >= 3  # it was seen on its way
    reply = someone.ask("Vad kostar surdegskursen?")
    expect(reply.locator(".answer")).to_contain_text("895 kronor")
    cited = someone.open_citation(reply)
    expect(cited.locator("#cited")).to_contain_text("895 kronor")
    someone.picture("own-answer")
    someone.picture("own-cited", cited)
    assert someone.presses() + 1 <= MOST_CLICKS  # and one drop


def test_pasted_text_is_read_and_answers(shop: Running, visit: Visit) -> None:
    someone = visit(shop.url)
    someone.page.locator("#tab-text").click()
    someone.page.locator("[data-test=text-title]").fill("Ångbastun")
    someone.page.locator("[data-test=text]").fill(
        "Ångbastun på taket öppnar klockan 16.30 och stänger vid midnatt."
    )
    someone.picture("own-text")
    someone.page.locator("[data-test=text-submit]").click()
    entry(someone, "Ångbastun").locator("[data-test=ask-about-it]").click()
    reply = someone.ask("När öppnar ångbastun?")
    expect(reply.locator(".answer")).to_contain_text("16.30")
    expect(reply.locator(".sources")).to_contain_text("Ångbastun")
    assert someone.presses() <= MOST_CLICKS


@pytest.mark.parametrize(
    ("name", "content", "locale", "reason"),
    [
        ("hemlig.pdf", pdf("Hemligt", password="x"), "sv-SE", "lösenord"),
        ("secret.pdf", pdf("Secret", password="x"), "en-GB", "password"),
        ("tom.pdf", pdf(""), "sv-SE", "ingen text"),
        ("noll.txt", b"", "sv-SE", "är tomt"),
        ("bild.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "en-GB", "not supported"),
    ],
    ids=["locked", "locked-english", "no-text", "empty", "a-picture"],
)
def test_a_file_that_cannot_be_read_says_why(  # noqa: PLR0917 - a table of cases
    shop: Running, visit: Visit, name: str, content: bytes, locale: str, reason: str
) -> None:
    someone = visit(shop.url, locale=locale, quiet=False)  # the browser itself notes a refused upload
    source = drop(someone, name, content)
    expect(source).to_have_attribute("data-state", "failed", timeout=60_000)
    expect(source.locator(".state")).to_contain_text(reason, ignore_case=True)
    expect(source.locator("[data-test=ask-about-it]")).to_have_count(0)
    source.scroll_into_view_if_needed()
    someone.picture(f"own-failed-{name}")
