"""Mail that outlives the mail server and the process: posted with what it tells of, sent at least once."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from foundation.clients.mail.fakes import KeptMailer
from foundation.clients.mail.port import Mail
from foundation.crypto import Sealer
from foundation.database.engine import connect
from foundation.database.roles import DatabaseUrls
from foundation.identity.outbox import Outbox
from foundation.ids import PersonId, new_uuid
from foundation.stack.ports import free_ports
from foundation.tenancy import Tenancy
from serve.background import running
from serve.upkeep import keep_up
from tests.servers.smtp_server import smtp_server
from tests.support.gateway import front_door, settings_for
from tests.support.people import Browser, sign_up, town

pytestmark = pytest.mark.integration

SEALER = Sealer.of("5e" * 32)


@pytest.fixture
async def system(database_urls: DatabaseUrls) -> AsyncIterator[AsyncEngine]:
    engine = connect(database_urls.system, pool_size=2)
    yield engine
    await engine.dispose()


@pytest.fixture(autouse=True)
async def emptied(database_urls: DatabaseUrls) -> None:
    await run_as_definer(database_urls, "delete from outbox")


async def run_as_definer(urls: DatabaseUrls, statement: str) -> list[tuple[object, ...]]:
    """Look into the outbox, or set its clock, as no role of a running Replik can."""
    async with await psycopg.AsyncConnection.connect(urls.migrator) as connection:
        await connection.execute("set role replik_definer")
        found = await connection.execute(statement)
        return await found.fetchall() if found.description else []


async def post(tenancy: Tenancy, outbox: Outbox, *mails: Mail, good_for: timedelta | None = None) -> None:
    async with tenancy.person(PersonId(new_uuid())) as session:
        for mail in mails:
            await outbox.post(session, mail, **({} if good_for is None else {"good_for": good_for}))


class Silent(Outbox):
    """A process that is killed before it sends anything."""

    def _ring(self) -> None:
        pass


def silent(system: AsyncEngine, mailer: KeptMailer) -> Outbox:
    return Silent(system, SEALER, mailer, b"secret")


async def test_a_mail_server_that_is_down_at_sign_up_gets_the_mail_when_it_is_back(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    email = f"o{new_uuid().hex}@example.com"
    async with town(database_urls, redis_url, tmp_path, smtp_port=port) as place:
        browser = place.browser()
        await browser.did("POST", "/api/auth/sign-up", sign_up(email))
        await waits(database_urls, attempts=1)
        # Nothing of it can be read in the database, or by the role that posts.
        rows = await run_as_definer(database_urls, "select recipient, mail, outbox::text from outbox")
        assert len(rows) == 1
        assert email.encode() not in rows[0][1]  # type: ignore[operator]
        assert email not in str(rows[0][2])
        async with smtp_server(port=port) as mail, running(keep_up(place.door.services)):
            token = await mail.token(email)
            await waits(database_urls, none=True)
            assert len(mail.mails) == 1
            await browser.did("POST", "/api/auth/verify", {"token": token})
            assert (await browser.sign_in(email))["person"]["email"] == email


async def test_what_a_killed_process_had_promised_another_one_sends(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = f"o{new_uuid().hex}@example.com"
    async with smtp_server() as mail:
        posted = {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_from": "replik@example.com"}
        settings = settings_for(database_urls, redis_url, tmp_path).evolve(
            **posted, rate_sign_in=6_000, rate_limits_away="open"
        )
        with monkeypatch.context() as killed:
            killed.setattr(Outbox, "_ring", lambda _self: None)
            async with front_door(settings) as door:
                await Browser(door.client).did("POST", "/api/auth/sign-up", sign_up(email))
        assert mail.mails == []
        async with front_door(settings) as door, running(keep_up(door.services)):
            browser = Browser(door.client)
            await browser.did("POST", "/api/auth/verify", {"token": await mail.token(email)})
            await browser.sign_in(email)
        assert len(mail.mails) == 1


async def waits(urls: DatabaseUrls, *, attempts: int = 0, none: bool = False) -> None:
    """Wait until each mail that waits was tried so often, or none waits."""
    async with asyncio.timeout(20):
        while True:
            rows = await run_as_definer(urls, "select attempts, due_at > clock_timestamp() from outbox")
            if (not rows) if none else (rows and all(tried >= attempts and later for tried, later in rows)):  # type: ignore[operator]
                return
            await asyncio.sleep(0.05)


async def test_a_mail_goes_with_its_transaction_or_not_at_all(tenancy: Tenancy, system: AsyncEngine) -> None:
    mailer = KeptMailer()
    outbox = Outbox(system, SEALER, mailer, b"secret")

    async def undone() -> None:
        async with tenancy.person(PersonId(new_uuid())) as session:
            await outbox.post(session, Mail("a@example.com", "aldrig", "text"))
            raise RuntimeError("planned")

    with pytest.raises(RuntimeError, match="planned"):
        await undone()
    await post(tenancy, outbox, Mail("a@example.com", "ett", "text"))
    await outbox.close()
    assert [mail.subject for mail in mailer.mails] == ["ett"]


async def test_one_readers_mails_keep_their_order_and_hold_up_nobody_elses(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer(refusals=1)
    outbox = silent(system, mailer)
    for mail in (
        Mail("a@example.com", "ett", ""),
        Mail("a@example.com", "två", ""),
        Mail("b@example.com", "b", ""),
    ):
        await post(tenancy, outbox, mail)
    assert await outbox.work() == 1
    assert [mail.subject for mail in mailer.mails] == ["b"]
    [first, second] = await run_as_definer(
        database_urls,
        "select attempts, round(extract(epoch from due_at - clock_timestamp())) from outbox"
        " order by posted_at",
    )
    assert (first[0], second[0]) == (1, 0)
    assert 1 <= int(first[1]) <= 2  # type: ignore[call-overload]
    await run_as_definer(database_urls, "update outbox set due_at = clock_timestamp()")
    assert await outbox.work() == 2
    assert [mail.subject for mail in mailer.mails] == ["b", "ett", "två"]


async def test_the_pauses_grow_and_after_its_time_a_mail_is_given_up_and_said_so(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer(refusals=1_000)
    outbox = silent(system, mailer)
    await post(
        tenancy, outbox, Mail("a@example.com", "Bekräfta", "https://x/#hemlig"), good_for=timedelta(days=9)
    )
    pauses = []
    for _ in range(7):
        await run_as_definer(database_urls, "update outbox set due_at = clock_timestamp()")
        await outbox.work()
        [(pause,)] = await run_as_definer(
            database_urls, "select round(extract(epoch from due_at - clock_timestamp())) from outbox"
        )
        pauses.append(int(pause))  # type: ignore[call-overload]
    assert pauses == [2, 8, 32, 128, 512, 900, 900]
    [(lasts,)] = await run_as_definer(
        database_urls, "select expires_at - posted_at <= interval '1 day 1 second' from outbox"
    )
    assert lasts is True
    await run_as_definer(
        database_urls, "update outbox set due_at = clock_timestamp(), expires_at = clock_timestamp()"
    )
    with capture_logs() as logs:
        assert await outbox.work() == 0
    [line] = logs
    assert (line["event"], line["reason"], line["attempts"]) == ("mail_given_up", "expired", 8)
    assert "hemlig" not in json.dumps(line)
    assert await run_as_definer(database_urls, "select 1 from outbox") == []


async def test_who_claimed_a_mail_and_is_gone_holds_it_for_a_while_only(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer()
    outbox = silent(system, mailer)
    await post(tenancy, outbox, Mail("a@example.com", "ett", ""))
    async with system.begin() as connection:
        await connection.execute(text("select * from claim_mail(interval '2 minutes')"))
    assert await outbox.work() == 0
    await run_as_definer(database_urls, "update outbox set due_at = due_at - interval '2 minutes'")
    assert await outbox.work() == 1
    assert await outbox.work() == 0
    assert len(mailer.mails) == 1


async def test_what_no_key_opens_any_more_is_given_up(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer()
    await post(tenancy, silent(system, mailer), Mail("a@example.com", "ett", ""))
    other = Outbox(system, Sealer.of("6f" * 32), mailer, b"secret")
    with capture_logs() as logs:
        assert await other.work() == 0
    assert [(line["event"], line["reason"]) for line in logs] == [("mail_given_up", "seal")]
    assert mailer.mails == []
    assert await run_as_definer(database_urls, "select 1 from outbox") == []


async def test_the_application_posts_and_reads_nothing(tenancy: Tenancy) -> None:
    for statement in (
        "select * from outbox",
        "delete from outbox",
        "select * from claim_mail(interval '1 minute')",
        "select end_mail(gen_random_uuid(), null)",
    ):
        async with tenancy.engine.connect() as connection:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await connection.execute(text(statement))
