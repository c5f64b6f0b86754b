"""Looking into the mail outbox, and posting what nobody sends yet."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from foundation.clients.mail.fakes import KeptMailer
from foundation.clients.mail.port import Mail
from foundation.crypto import Sealer
from foundation.database.roles import DatabaseUrls
from foundation.identity.mail_outbox import LONGEST, MailOutbox
from foundation.ids import PersonId, new_uuid
from foundation.tenancy import Tenancy

SEALER = Sealer.of("5e" * 32)


async def run_as_definer(urls: DatabaseUrls, statement: str) -> list[tuple[object, ...]]:
    """Look into the mail outbox, or set its clock, as no role of a running Replik can."""
    async with await psycopg.AsyncConnection.connect(urls.migrator) as connection:
        await connection.execute("set role replik_definer")
        found = await connection.execute(statement)
        return await found.fetchall() if found.description else []


async def post(tenancy: Tenancy, outbox: MailOutbox, mail: Mail, good_for: timedelta = LONGEST) -> None:
    async with tenancy.person(PersonId(new_uuid())) as session:
        await outbox.post(session, mail, good_for)


class Silent(MailOutbox):
    """A process that is killed before it sends anything."""

    def _ring(self) -> None:
        pass


def silent(system: AsyncEngine, mailer: KeptMailer) -> MailOutbox:
    return Silent(system, SEALER, mailer, b"secret")


async def waits(urls: DatabaseUrls, *, attempts: int = 0, none: bool = False) -> None:
    """Wait until each mail that waits was tried so often, or none waits."""
    async with asyncio.timeout(20):
        while True:
            rows = await run_as_definer(urls, "select attempts, due_at > clock_timestamp() from mail_outbox")
            if (not rows) if none else (rows and all(tried >= attempts and later for tried, later in rows)):  # type: ignore[operator]
                return
            await asyncio.sleep(0.05)


async def claim(connection: AsyncConnection) -> Any:
    return (await connection.execute(text("select * from claim_mail(interval '10 minutes')"))).first()
