"""Several at one mail outbox: processes claim, hold and end mails, and one process sends one at a time."""

import asyncio
import re

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.clients.mail.fakes import KeptMailer
from foundation.clients.mail.port import Mail
from foundation.database.roles import DatabaseUrls
from foundation.identity.mail_outbox import MailOutbox
from foundation.tenancy import Tenancy
from tests.support.mail_outbox import SEALER, claim, post, run_as_definer, silent

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("empty_mail_outbox")]


async def test_who_claimed_a_mail_and_is_gone_holds_it_for_a_while_only(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer()
    outbox = silent(system, mailer)
    await post(tenancy, outbox, Mail("a@example.com", "ett", ""))
    async with system.begin() as connection:
        await claim(connection)
    assert await outbox.work() == 0
    await run_as_definer(database_urls, "update mail_outbox set due_at = due_at - interval '10 minutes'")
    assert await outbox.work() == 1
    assert await outbox.work() == 0
    assert len(mailer.mails) == 1


async def test_who_held_a_mail_too_long_does_not_end_what_another_has_claimed_since(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    class Late(KeptMailer):
        async def send(self, mail: Mail) -> None:
            await run_as_definer(database_urls, "update mail_outbox set due_at = clock_timestamp()")
            async with system.begin() as connection:
                await claim(connection)
            await super().send(mail)

    for refusals in (0, 1):
        await post(tenancy, outbox := silent(system, Late(refusals=refusals)), Mail("a@example.com", "x", ""))
        await outbox.work()
        [(attempts, leased)] = await run_as_definer(
            database_urls,
            "select attempts, due_at > clock_timestamp() + interval '9 minutes' from mail_outbox",
        )
        assert (attempts, leased) == (2, True)
        await run_as_definer(database_urls, "delete from mail_outbox")


async def test_of_two_workers_at_one_mail_one_gets_it(tenancy: Tenancy, system: AsyncEngine) -> None:
    await post(tenancy, silent(system, KeptMailer()), Mail("a@example.com", "ett", ""))
    async with system.connect() as first, system.connect() as second:
        assert await claim(first) is not None
        async with asyncio.timeout(5):
            assert await claim(second) is None
        await first.commit()
        await second.commit()
        assert await claim(second) is None


async def test_what_is_due_is_looked_up_in_the_index(database_urls: DatabaseUrls) -> None:
    [(body,)] = await run_as_definer(
        database_urls, "select prosrc from pg_proc where oid = 'claim_mail(interval)'::regprocedure"
    )
    query = re.sub(r"\blease\b", "interval '1 minute'", str(body))
    async with await psycopg.AsyncConnection.connect(database_urls.migrator) as connection:
        await connection.execute("set role replik_definer")
        await connection.execute("set enable_seqscan = off")  # it is nearly empty here
        plan = "\n".join([row[0] async for row in await connection.execute(f"explain {query}".encode())])
    assert "mail_outbox_due" in plan
    assert "Index Cond: (due_at <= statement_timestamp())" in plan


class Slow(KeptMailer):
    """Takes a mail when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[Mail] = []
        self.may = asyncio.Event()

    async def send(self, mail: Mail) -> None:
        self.begun.append(mail)
        await self.may.wait()
        await super().send(mail)


async def test_one_process_sends_one_mail_at_a_time(tenancy: Tenancy, system: AsyncEngine) -> None:
    mailer = Slow()
    outbox = MailOutbox(system, SEALER, mailer, b"secret")
    for name in "abcd":
        await post(tenancy, outbox, Mail(f"{name}@example.com", name, ""))
    assert len(outbox._going) == 1
    mailer.may.set()
    await outbox.close()
    assert sorted(mail.subject for mail in mailer.mails) == ["a", "b", "c", "d"]


async def test_a_mail_posted_while_the_worker_ends_goes_at_once(
    tenancy: Tenancy, system: AsyncEngine
) -> None:
    mailer = KeptMailer()

    class Ending(MailOutbox):
        async def work(self) -> int:
            sent = await MailOutbox.work(self)
            if len(mailer.mails) == 1:
                await post(tenancy, self, Mail("b@example.com", "två", ""))
            return sent

    outbox = Ending(system, SEALER, mailer, b"secret")
    await post(tenancy, outbox, Mail("a@example.com", "ett", ""))
    await outbox.close()
    assert [mail.subject for mail in mailer.mails] == ["ett", "två"]
    await post(tenancy, outbox, Mail("c@example.com", "tre", ""))
    await outbox.close()
    assert [mail.subject for mail in mailer.mails] == ["ett", "två", "tre"]
