"""Opening hours at work: outside them customers who are handed to people read when these are back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from agents.stream import Address
from foundation.database.roles import DatabaseUrls
from foundation.ids import ConversationId, parse
from foundation.tenancy import Tenancy
from graphs.replies import load_replies
from tests.support.desk import Staff
from tests.support.events import read_events
from tests.support.gateway import FrontDoor, OpenShop, add_key, open_shop, settings_for

pytestmark = pytest.mark.integration

CHATS = "/api/chat/conversations"
SETTINGS = "/api/tenant/settings"
ZONE = "America/St_Johns"
"""Half an hour off the others, and another day than here for some hours."""
REPLIES = load_replies()
ALWAYS = [{"opens": "00:00", "closes": "24:00"}]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPEN = {"week": dict.fromkeys(DAYS, ALWAYS)}
POLICY = {
    "kind": "topic",
    "name": "Vapen",
    "mode": "handover",
    "options": {"deny_words": ["vapen*", "weapon*"]},
}


@dataclass(frozen=True)
class Away:
    """People who are back in three days: on a weekday, on whichever side of midnight that is read."""

    back_at: datetime

    @classmethod
    def now(cls) -> "Away":
        day = datetime.now(ZoneInfo(ZONE)) + timedelta(days=3)
        return cls(day.replace(hour=9, minute=0, second=0, microsecond=0))

    @property
    def hours(self) -> dict[str, Any]:
        spans = [{"opens": "09:00", "closes": "17:00"}]
        return {"week": {}, "exceptions": [{"day": str(self.back_at.date()), "spans": spans}]}

    @property
    def swedish(self) -> str:
        day = REPLIES.text("weekdays", "sv").split()[self.back_at.weekday()]
        return f"{REPLIES.text('handover', 'sv')} Våra medarbetare är tillbaka {day} kl. 09.00."

    @property
    def english(self) -> str:
        return f"{REPLIES.text('handover', 'en')} Our team is back on {self.back_at:%A} at 09:00."


@dataclass(frozen=True)
class Visitor:
    """A customer in the widget."""

    staff: Staff
    started: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{CHATS}/{self.started['conversation_id']}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.started['visitor_token']}"}

    async def post(self, what: str) -> Any:
        answer = await self.staff.shop.client.post(f"{self.path}/{what}", headers=self.headers)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def reads(self) -> str:
        """Return what the handover says, followed from the conversation's beginning."""
        events = await read_events(
            self.staff.shop.client, f"{self.path}/events", last="handover", headers=self.headers
        )
        return str(events[-1].data["text"])


async def visit(staff: Staff, language: str | None = "sv") -> Visitor:
    key = {"Authorization": f"Bearer {await add_key(staff.tenancy, staff.tenant_id, 'publishable')}"}
    started = await staff.shop.client.post(CHATS, json={"language": language}, headers=key)
    assert started.status_code == 201, started.text
    return Visitor(staff, started.json())


async def set_hours(staff: Staff, hours: dict[str, Any] | None, **more: str) -> Any:
    return await staff.did("PATCH", SETTINGS, {"zone": ZONE, "hours": hours, **more})


async def handed_over(staff: Staff) -> list[str]:
    """Return what is stored for customers of the tenant's handovers to people."""
    rows = await staff.rows(
        "select parts from messages where parts -> 0 ->> 'name' = 'handover'"
        " and parts -> 0 ->> 'mode' = 'human' order by created_at"
    )
    return [row.parts[0]["text"] for row in rows]


@pytest.fixture
async def staff(door: FrontDoor, tenancy: Tenancy) -> Staff:
    return await Staff.of_new_tenant(door, tenancy)


@pytest.fixture
async def answering(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path, tenancy: Tenancy
) -> AsyncIterator[Staff]:
    """Staff of a tenant whose agent is the real one."""
    async with open_shop(settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)) as shop:
        yield await Staff.of_new_tenant(shop, tenancy)


async def test_outside_hours_who_asks_for_a_person_reads_when_they_are_back(staff: Staff) -> None:
    away = Away.now()
    await set_hours(staff, away.hours)
    for language, expected in (("sv", away.swedish), ("en", away.english)):
        visitor = await visit(staff, language)
        assert await visitor.post("handover") == {"mode": "human"}
        assert await visitor.reads() == expected
    assert await handed_over(staff) == [away.swedish, away.english]
    assert len(await staff.audited("conversation.handover.human")) == 2


@pytest.mark.parametrize("hours", [OPEN, None, {"week": {"monday": []}}])
async def test_within_hours_or_without_any_the_text_is_as_ever(staff: Staff, hours: Any) -> None:
    await set_hours(staff, hours)
    visitor = await visit(staff, "en")
    await visitor.post("handover")
    assert await visitor.reads() == REPLIES.text("handover", "en")


async def test_what_was_said_stays_when_hours_change(staff: Staff) -> None:
    away = Away.now()
    await set_hours(staff, away.hours)
    visitor = await visit(staff)
    await visitor.post("handover")
    await set_hours(staff, OPEN)
    await visitor.post("handover")
    assert await visitor.reads() == away.swedish
    assert await handed_over(staff) == [away.swedish]


async def test_a_server_hands_over_in_the_tenants_language_if_there_is_no_other(staff: Staff) -> None:
    away = Away.now()
    await set_hours(staff, away.hours, language="en")
    visitor = await visit(staff, None)
    body = {"conversation_id": visitor.started["conversation_id"]}
    await staff.did("POST", "/api/conversations/handover", body)
    assert await visitor.reads() == away.english
    await staff.did("POST", "/api/conversations/handover", body | {"mode": "agent"})
    assert await handed_over(staff) == [away.english]


async def test_who_is_taken_over_by_a_person_waits_for_nobody(staff: Staff) -> None:
    await set_hours(staff, Away.now().hours)
    visitor = await visit(staff)
    await staff.did("POST", f"/api/admin/conversations/{visitor.started['conversation_id']}/take-over")
    assert await visitor.reads() == REPLIES.text("handover", "sv")


async def test_the_widget_and_staff_learn_whether_people_are_there(staff: Staff) -> None:
    away = Away.now()
    closed = {"open": False, "back_at": away.back_at.isoformat(), "zone": ZONE}
    for hours, expected in (
        (away.hours, closed),
        (OPEN, {"open": True, "back_at": None, "zone": ZONE}),
        (None, None),
    ):
        assert (await set_hours(staff, hours))["staff"] == expected
        assert (await staff.did("GET", SETTINGS))["staff"] == expected
        visitor = await visit(staff)
        assert visitor.started["staff"] == expected
        assert (await visitor.post("token"))["staff"] == expected


async def test_a_policy_hands_over_in_the_language_that_was_written(answering: Staff) -> None:
    away = Away.now()
    await set_hours(answering, away.hours)
    await answering.did("POST", "/api/admin/policies", POLICY)
    await answering.did("POST", "/api/admin/releases", {})
    for said in ("Säljer ni vapen till mig?", "Do you have any weapons for sale?"):
        assert (await answering.ask(said))["message"] is None
    assert await handed_over(answering) == [away.swedish, away.english]
    await set_hours(answering, OPEN)
    await answering.ask("Do you have any weapons for sale?")
    assert (await handed_over(answering))[-1] == REPLIES.text("handover", "en")


async def test_a_message_that_nothing_survives_goes_to_people_once(answering: Staff) -> None:
    away = Away.now()
    await set_hours(answering, away.hours)
    shop = answering.shop
    assert isinstance(shop, OpenShop)
    visitor = await visit(answering, "en")
    own = ConversationId(parse("conversation", visitor.started["conversation_id"]))
    address = Address(answering.tenant_id, own)
    await shop.services.mailbox.accept(address, said="poison", client_message_id="1", channel="widget")
    async with answering.tenancy.session(answering.tenant_id) as session:
        await session.execute(text("update turns set attempt = 2, state = 'running'"))
    for _ in range(2):
        await shop.services.waker.wake(address)
        await shop.assembled.host.idle()
    assert await visitor.reads() == away.english
    assert await handed_over(answering) == [away.english]
    assert [row.actor for row in await answering.audited("conversation.handover.human")] == [
        "system:attempts"
    ]
