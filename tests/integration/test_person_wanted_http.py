"""A customer who wants a person gets one: asked for outright, or by a yes to the agent's offer."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from foundation.database.roles import DatabaseUrls
from foundation.tenancy import Tenancy
from graphs.replies import load_replies
from tests.support.desk import Staff
from tests.support.gateway import open_shop, settings_for

pytestmark = pytest.mark.integration

REPLIES = load_replies()


@pytest.fixture
async def staff(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path, tenancy: Tenancy
) -> AsyncIterator[Staff]:
    """Staff of a tenant whose agent is the real one and knows nothing."""
    async with open_shop(settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)) as shop:
        yield await Staff.of_new_tenant(shop, tenancy)


@pytest.mark.parametrize(
    ("question", "yes", "language"),
    [("Vad heter er katt i butiken?", "Ja tack", "sv"), ("What is your cat called?", "Yes please", "en")],
)
async def test_a_yes_to_the_offer_brings_a_person(
    staff: Staff, question: str, yes: str, language: str
) -> None:
    first = await staff.ask(question)
    assert first["handover"] is None
    assert (first["message"]["outcome"], first["message"]["offer_person"]) == ("unknown", True)
    second = await staff.ask(yes, conversation_id=first["conversation_id"])
    said = REPLIES.in_language("handover", language)
    assert (second["message"], second["handover"]) == (None, said)
    one = await staff.did("GET", f"/api/admin/conversations/{first['conversation_id']}")
    assert (one["mode"], one["status"]) == ("human", "escalated")
    [told] = await staff.rows(
        "select parts from messages where parts -> 0 ->> 'name' = 'handover' order by created_at"
    )
    assert told.parts[0]["text"] == said
    [row] = await staff.audited("conversation.handover.human")
    assert row.actor == "system:person_wanted"
    turns = (await staff.did("GET", f"/api/admin/conversations/{first['conversation_id']}/turns"))["turns"]
    assert "person_wanted" in [turn["trace"].get("handover") for turn in turns]


async def test_who_asks_outright_gets_one_at_once(staff: Staff) -> None:
    asked = await staff.ask("Hej, kan jag få prata med en människa?")
    assert asked["message"] is None
    one = await staff.did("GET", f"/api/admin/conversations/{asked['conversation_id']}")
    assert one["mode"] == "human"
