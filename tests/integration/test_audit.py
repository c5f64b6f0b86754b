"""The audit log is a chain that shows tampering, and holds personal data under keys that can be erased."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from foundation import audit, personal
from foundation.audit_chain import Bad, Head, check_lines
from foundation.audit_log import AuditLog, Filter
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId, new_uuid
from foundation.personal import NoSealer, Personal
from foundation.tenancy import Tenancy
from tests.support.scripted import SEALER
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration


@pytest.fixture
async def sealing(database_urls: DatabaseUrls) -> AsyncIterator[Tenancy]:
    opened = Tenancy(connect(database_urls.app), SEALER)
    yield opened
    await opened.close()


async def note(tenancy: Tenancy, tenant_id: TenantId, action: str = "thing.do", **more: object) -> None:
    async with tenancy.session(tenant_id) as session:
        await audit.record(session, tenant_id, actor="test", action=action, subject="thing", after=more)


async def noted(tenancy: Tenancy, count: int) -> TenantId:
    tenant_id = await make_tenant(tenancy)
    for number in range(1, count + 1):
        await note(tenancy, tenant_id, number=number, odd='å "\n', share=1.50)
    return tenant_id


def tamper(urls: DatabaseUrls, tenant_id: TenantId, statement: str) -> None:
    """Do what only a superuser can."""
    superuser = urls.migrator.replace("replik_migrator@", "postgres@")
    with psycopg.connect(superuser) as connection:
        changed = connection.execute(statement.encode(), {"tenant": tenant_id})
        assert changed.rowcount == 1


async def exported(tenancy: Tenancy, tenant_id: TenantId) -> list[str]:
    return [line async for line in AuditLog(tenancy).lines(tenant_id)]


async def test_rows_are_numbered_and_the_chain_holds_here_and_in_an_export(tenancy: Tenancy) -> None:
    tenant_id = await noted(tenancy, 3)
    verdict = await AuditLog(tenancy).verify(tenant_id)
    assert (verdict.ok, verdict.rows, verdict.head.number) == (True, 3, 3)
    lines = await exported(tenancy, tenant_id)
    assert check_lines(lines) == verdict
    rows = [json.loads(line) for line in lines]
    assert [each["row"]["number"] for each in rows[:-1]] == [1, 2, 3]
    assert rows[0]["row"]["after"] == {"number": 1, "odd": 'å "\n', "share": 1.5}
    assert rows[-1] == {"head": str(verdict.head)}


async def test_a_tenant_without_rows_has_an_empty_chain(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    verdict = await AuditLog(tenancy).verify(tenant_id)
    assert (verdict.ok, verdict.head) == (True, Head())
    assert check_lines(await exported(tenancy, tenant_id)) == verdict


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ("update audit set actor = 'x' where tenant_id = %(tenant)s and number = 2", Bad(2, "altered")),
        ("update audit set at = now() where tenant_id = %(tenant)s and number = 1", Bad(1, "altered")),
        ("update audit set after = '{}' where tenant_id = %(tenant)s and number = 4", Bad(4, "altered")),
        ("delete from audit where tenant_id = %(tenant)s and number = 2", Bad(2, "missing")),
        ("delete from audit where tenant_id = %(tenant)s and number = 1", Bad(1, "missing")),
        ("delete from audit where tenant_id = %(tenant)s and number = 4", Bad(4, "cut")),
        ("update audit set number = null where tenant_id = %(tenant)s and number = 4", Bad(4, "unchained")),
        ("delete from audit_heads where tenant_id = %(tenant)s", Bad(4, "other_head")),
    ],
)  # fmt: skip
async def test_tampering_is_found_and_the_first_bad_row_named(
    tenancy: Tenancy, database_urls: DatabaseUrls, statement: str, bad: Bad
) -> None:
    tenant_id = await noted(tenancy, 4)
    tamper(database_urls, tenant_id, statement)
    assert (await AuditLog(tenancy).verify(tenant_id)).bad == bad


async def test_a_cut_end_with_its_head_put_back_is_found_by_a_remembered_head(
    tenancy: Tenancy, database_urls: DatabaseUrls
) -> None:
    tenant_id = await noted(tenancy, 3)
    before = await exported(tenancy, tenant_id)
    log, remembered = AuditLog(tenancy), check_lines(before).head
    cut = "delete from audit where tenant_id = %(tenant)s and number = 3"
    tamper(database_urls, tenant_id, cut)
    back = (
        "update audit_heads h set number = 2, hash = a.hash from audit a"
        " where h.tenant_id = %(tenant)s and a.tenant_id = h.tenant_id and a.number = 2"
    )
    tamper(database_urls, tenant_id, back)
    assert (await log.verify(tenant_id)).ok
    assert (await log.verify(tenant_id, remembered)).bad == Bad(3, "cut")
    await note(tenancy, tenant_id)
    assert (await log.verify(tenant_id)).ok
    assert (await log.verify(tenant_id, remembered)).bad == Bad(3, "other_head")


async def test_a_tampered_export_is_found(tenancy: Tenancy) -> None:
    tenant_id = await noted(tenancy, 3)
    lines = await exported(tenancy, tenant_id)
    head = check_lines(lines).head
    changed = [lines[0], lines[1].replace('"actor" : "test"', '"actor" : "tess"'), *lines[2:]]
    assert check_lines(changed).bad == Bad(2, "altered")
    assert check_lines([lines[0], *lines[2:]]).bad == Bad(2, "missing")
    assert check_lines(lines[:-1]).bad == Bad(4, "unreadable")
    assert check_lines([*lines[:2], lines[3]]).bad == Bad(3, "cut")
    assert check_lines([*lines, lines[0]]).bad == Bad(4, "unreadable")
    assert check_lines(["nonsense\n", *lines]).bad == Bad(1, "unreadable")
    shorter = [*lines[:2], f'{{"head":"{_head_of(lines[1], 2)}"}}\n']
    assert check_lines(shorter).ok
    assert check_lines(shorter, head).bad == Bad(3, "cut")
    assert check_lines(lines, head).ok


def _head_of(line: str, number: int) -> Head:
    return Head(number, bytes.fromhex(json.loads(line)["hash"]))


@pytest.mark.parametrize(
    "statement",
    [
        "insert into audit (tenant_id, id, number) values (:tenant, :id, 7)",
        "insert into audit (tenant_id, id, at) values (:tenant, :id, now())",
        "update audit set hash = null",
        "delete from audit",
        "update audit_heads set number = 0",
        "delete from audit_heads",
        "insert into audit_heads values (:tenant, 0, '')",
        "select link_audit(:tenant, :id)",
        "alter table audit disable trigger audit_chained",
    ],
)
async def test_the_application_cannot_step_around_the_chain(tenancy: Tenancy, statement: str) -> None:
    tenant_id = await noted(tenancy, 1)
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        async with tenancy.session(tenant_id) as session:
            await session.execute(text(statement), {"tenant": tenant_id, "id": new_uuid()})
    assert (await AuditLog(tenancy).verify(tenant_id)).rows == 1


async def test_transactions_at_once_make_one_chain_in_the_order_of_time(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    await asyncio.gather(*(note(tenancy, tenant_id, f"thing.{number}") for number in range(40)))
    verdict = await AuditLog(tenancy).verify(tenant_id)
    assert (verdict.ok, verdict.rows) == (True, 40)
    rows = await AuditLog(tenancy).page(tenant_id, Filter(), limit=100)
    assert [each.number for each in rows] == list(range(40, 0, -1))
    assert [each.at for each in rows] == sorted((each.at for each in rows), reverse=True)


async def test_what_rolls_back_leaves_no_gap(tenancy: Tenancy) -> None:
    tenant_id = await noted(tenancy, 1)
    async with tenancy.session(tenant_id) as session:
        await audit.record(session, tenant_id, actor="test", action="thing.fail", subject="x")
        await session.flush()
        await session.rollback()
    await note(tenancy, tenant_id)
    assert (await AuditLog(tenancy).verify(tenant_id)).rows == 2
    assert await audit_actions(tenancy, tenant_id) == ["thing.do", "thing.do"]


async def test_who_recorded_early_does_not_wait_for_who_records_late(tenancy: Tenancy) -> None:
    """With a lock at the insert each would hold what the other waits for: the head, and the row."""
    tenant_id = await noted(tenancy, 1)
    touch = text("update tenants set name = :name where id = :tenant")
    recorded, touched = asyncio.Event(), asyncio.Event()

    async def early() -> None:
        async with tenancy.session(tenant_id) as session:
            await audit.record(session, tenant_id, actor="early", action="thing.do", subject="x")
            await session.flush()
            recorded.set()
            await touched.wait()
            await session.execute(touch, {"name": "early", "tenant": tenant_id})

    async def late() -> None:
        async with tenancy.session(tenant_id) as session:
            await recorded.wait()
            await session.execute(touch, {"name": "late", "tenant": tenant_id})
            touched.set()
            await audit.record(session, tenant_id, actor="late", action="thing.do", subject="x")
            await session.flush()

    await asyncio.wait_for(asyncio.gather(early(), late()), 20)
    assert (await AuditLog(tenancy).verify(tenant_id)).rows == 3


async def test_a_page_is_filtered_and_goes_on_below_a_number(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    for action in ("a.one", "a.two", "b.one", "a.three"):
        await note(tenancy, tenant_id, action)
    log = AuditLog(tenancy)

    async def numbers(wanted: Filter, below: int | None = None) -> list[int]:
        return [each.number for each in await log.page(tenant_id, wanted, below=below, limit=2)]

    assert await numbers(Filter(action="a.")) == [4, 2]
    assert await numbers(Filter(action="a."), below=2) == [1]
    assert await numbers(Filter(actor="nobody")) == []
    assert await numbers(Filter(subject="thing"), below=2) == [1]
    [third] = [each for each in await log.page(tenant_id, Filter(), limit=100) if each.number == 3]
    assert await numbers(Filter(since=third.at)) == [4, 3]
    assert await numbers(Filter(until=third.at)) == [2, 1]
    assert await numbers(Filter(since=third.at, until=third.at + timedelta(microseconds=1))) == [3]


# Personal data


async def test_personal_data_is_sealed_shown_and_gone_with_its_key(sealing: Tenancy) -> None:
    tenant_id, anna, bo = await make_tenant(sealing), new_uuid(), new_uuid()
    await note(
        sealing,
        tenant_id,
        email=Personal(anna, "anna@example.com"),
        both=[Personal(bo, {"name": "Bo"}), Personal(anna, 7), "public"],
    )
    [line, _] = await exported(sealing, tenant_id)
    assert "anna@" not in line
    assert json.loads(line)["row"]["after"]["email"].keys() == {"sealed", "of"}
    log = AuditLog(sealing)
    [entry] = await log.page(tenant_id, Filter())
    assert entry.after == {"email": "anna@example.com", "both": [{"name": "Bo"}, 7, "public"]}

    async with sealing.session(tenant_id) as session:
        assert await personal.erase_key(session, tenant_id, anna)
        assert not await personal.erase_key(session, tenant_id, anna)
    erased = {"erased": True}
    [entry] = await log.page(tenant_id, Filter())
    assert entry.after == {"email": erased, "both": [{"name": "Bo"}, erased, "public"]}
    assert (await log.verify(tenant_id)).ok

    await note(sealing, tenant_id, email=Personal(anna, "ny@example.com"))
    newest, oldest = await log.page(tenant_id, Filter())
    assert (newest.after["email"], oldest.after["email"]) == ("ny@example.com", erased)


async def test_altered_or_moved_cipher_text_is_shown_as_unreadable(
    sealing: Tenancy, database_urls: DatabaseUrls
) -> None:
    tenant_id, anna, bo = await make_tenant(sealing), new_uuid(), new_uuid()
    await note(sealing, tenant_id, one=Personal(anna, "A"), two=Personal(bo, "B"))
    move = "update person_keys set subject = case subject when '{}' then '{}'::uuid else '{}'::uuid end"
    with psycopg.connect(database_urls.migrator.replace("replik_migrator@", "postgres@")) as connection:
        spare = new_uuid()
        for old, new in ((anna, spare), (bo, anna), (spare, bo)):
            connection.execute(move.format(old, new, old).encode() + f" where subject = '{old}'".encode())
    [entry] = await AuditLog(sealing).page(tenant_id, Filter())
    assert entry.after == {"one": {"unreadable": True}, "two": {"unreadable": True}}


async def test_without_a_sealer_nothing_personal_is_recorded(tenancy: Tenancy) -> None:
    tenant_id = await make_tenant(tenancy)
    with pytest.raises(NoSealer):
        await note(tenancy, tenant_id, email=Personal(new_uuid(), "anna@example.com"))
    assert await audit_actions(tenancy, tenant_id) == []


async def test_two_that_make_the_same_persons_keys_agree(sealing: Tenancy) -> None:
    tenant_id, people = await make_tenant(sealing), [new_uuid() for _ in range(3)]

    async def both(order: list[UUID]) -> None:
        await note(sealing, tenant_id, names=[Personal(each, str(each)) for each in order])

    await asyncio.gather(*(both(people if number % 2 else people[::-1]) for number in range(8)))
    shown = [each.after["names"] for each in await AuditLog(sealing).page(tenant_id, Filter())]
    assert sorted(map(sorted, shown)) == [sorted(map(str, people))] * 8


async def test_a_persons_key_is_another_tenants_nowhere(sealing: Tenancy) -> None:
    mine, theirs, anna = await make_tenant(sealing), await make_tenant(sealing), new_uuid()
    await note(sealing, mine, email=Personal(anna, "anna@example.com"))
    async with sealing.session(theirs) as session:
        assert not await personal.erase_key(session, theirs, anna)
        assert (await session.execute(text("select count(*) from person_keys"))).scalar_one() == 0
        assert (await session.execute(text("select count(*) from audit_heads"))).scalar_one() == 0
