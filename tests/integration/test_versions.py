"""Versions of a source: what answered when, how they differ, putting one back, and who cited what."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from foundation.errors import NotFound
from foundation.ids import SourceId, new_uuid
from foundation.tenancy import Tenancy
from ingest.answers import Answers
from ingest.versions import Versions, unified
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

OLD = "# Returer\n\nDu har 30 dagars öppet köp.\n\n## Frakt\n\nReturfrakten är gratis."
NEW = OLD.replace("30", "60") + "\n\n## Butik\n\nÄven i butik."


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


async def two_versions(house: House) -> tuple[SourceId, Versions]:
    source_id = await house.add(OLD)
    await house.run(source_id)
    await house.sources.replace_file(house.tenant_id, "test", source_id, NEW.encode())
    await house.run(source_id)
    return source_id, Versions(house.tenancy, house.files)


async def cite(house: House, words: str) -> None:
    """Have an answer stored, as a host does, that cites the passage with these words."""
    conversation = new_uuid()
    async with house.tenancy.session(house.tenant_id) as session:
        passage = (
            await session.execute(
                text(
                    "select id, source_id, text from passages where text like :words order by version limit 1"
                ),
                {"words": f"%{words}%"},
            )
        ).one()
        values = {"t": house.tenant_id, "c": conversation, "p": passage.id, "s": passage.source_id}
        await session.execute(
            text("insert into conversations (tenant_id, id, channel) values (:t, :c, 'w')"), values
        )
        await session.execute(
            text(
                "insert into messages"
                " (tenant_id, conversation_id, position, id, author, kind, channel, parts)"
                " values (:t, :c, 1, :c, 'agent', 'text', 'widget', jsonb_build_array(jsonb_build_object("
                "  'type', 'text', 'text', 'Svar [1].', 'citations', jsonb_build_array("
                "   jsonb_build_object('passage_id', cast(:p as uuid), 'source_id', cast(:s as uuid),"
                "    'quote', cast(:quote as text))))))"
            ),
            {**values, "quote": passage.text},
        )


async def test_history_says_what_answered_when(house: House) -> None:
    source_id, versions = await two_versions(house)
    newest, oldest = await versions.history(house.tenant_id, source_id)
    assert (newest.number, newest.live, newest.bytes) == (2, True, len(NEW.encode()))
    assert (oldest.number, oldest.live, oldest.passages) == (1, False, 2)
    assert oldest.live_until is not None
    assert newest.live_from is not None
    assert newest.live_until is None
    assert oldest.live_until == newest.live_from
    assert await versions.text(house.tenant_id, source_id, 1) != await versions.text(
        house.tenant_id, source_id, 2
    )
    passages = await versions.passages(house.tenant_id, source_id, 1, after=0)
    assert [(each.ordinal, each.heading, each.live) for each in passages] == [(1, "Returer > Frakt", False)]


async def test_a_diff_shows_what_changed_and_nothing_else(house: House) -> None:
    source_id, versions = await two_versions(house)
    changed, added = await versions.diff(house.tenant_id, source_id, 1, 2)
    assert (changed.kind, changed.before, changed.after) == (
        "changed",
        ("Du har 30 dagars öppet köp.",),
        ("Du har 60 dagars öppet köp.",),
    )
    assert (added.kind, added.after) == ("added", ("Butik", "Även i butik."))
    assert "- Du har 30 dagars öppet köp.\n+ Du har 60 dagars öppet köp." in unified([changed, added])
    with pytest.raises(NotFound):
        await versions.diff(house.tenant_id, source_id, 1, 3)


async def test_an_earlier_version_comes_back_as_a_new_one_without_being_embedded_again(house: House) -> None:
    source_id, versions = await two_versions(house)
    asked = house.embedder.asked.total()
    assert await versions.restore(house.tenant_id, "anna", source_id, 1) == 3
    assert (await house.sources.get(house.tenant_id, source_id)).state == "queued"
    assert await house.passages() == [
        "Du har 60 dagars öppet köp.",
        "Returfrakten är gratis.",
        "Även i butik.",
    ]

    assert await house.run(source_id) == "ready"
    assert house.embedder.asked.total() == asked
    there = ["Du har 30 dagars öppet köp.", "Returfrakten är gratis."]
    assert await house.passages() == there == await house.indexed()
    # Another run changes nothing: the newest version is the live one.
    assert await house.run(source_id) == "ready"
    assert await house.passages() == there
    newest = (await versions.history(house.tenant_id, source_id))[0]
    assert (newest.number, newest.restored_from, newest.live) == (3, 1, True)
    assert (await audit_actions(house.tenancy, house.tenant_id))[-2:] == ["source.restore", "source.live"]


async def test_another_tenant_sees_and_restores_nothing(house: House) -> None:
    source_id, versions = await two_versions(house)
    other = await make_tenant(house.tenancy)
    with pytest.raises(NotFound):
        await versions.history(other, source_id)
    with pytest.raises(NotFound):
        await versions.restore(other, "eve", source_id, 1)


async def test_answers_that_stand_on_what_has_changed_are_listed(house: House) -> None:
    source_id = await house.add(OLD)
    await house.run(source_id)
    await cite(house, "30 dagars")
    await cite(house, "gratis")
    answers = Answers(house.tenancy)
    assert await answers.changed_since(house.tenant_id) == []

    await house.sources.replace_file(house.tenant_id, "test", source_id, NEW.encode())
    await house.run(source_id)
    [changed] = await answers.changed_since(house.tenant_id)
    assert changed.quote == "Du har 30 dagars öppet köp."
    assert changed.instead == "Du har 60 dagars öppet köp."
    assert (changed.version, changed.source_there) == (1, True)
    assert await answers.changed_since(house.tenant_id, before=changed.at) == []
    assert len(await answers.of_version(house.tenant_id, source_id, 1)) == 2
    assert (await Versions(house.tenancy, house.files).history(house.tenant_id, source_id))[1].answers == 2
    assert await answers.changed_since(await make_tenant(house.tenancy)) == []


async def test_search_sees_exactly_one_version_at_every_moment(house: House) -> None:
    """A reader looks without pause while versions come and go live."""
    source_id = await house.add("# A\n\nFirst one.\n\n# B\n\nFirst two.")
    await house.run(source_id)
    seen: set[frozenset[int]] = set()
    done = asyncio.Event()

    async def look() -> None:
        while not done.is_set():
            async with house.tenancy.session(house.tenant_id) as session:
                rows = await session.execute(text("select version from passages where live"))
                found = list(rows.scalars())
            assert len(found) == 2
            seen.add(frozenset(found))

    looking = asyncio.create_task(look())
    for number in range(2, 8):
        content = f"# A\n\nText {number}.\n\n# B\n\nMore {number}.".encode()
        await house.sources.replace_file(house.tenant_id, "test", source_id, content)
        await house.run(source_id)
    done.set()
    await looking
    assert len(seen) > 1
    assert all(len(versions) == 1 for versions in seen)
