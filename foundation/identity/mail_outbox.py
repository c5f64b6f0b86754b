"""Mail that outlives a crash: a row of the transaction it tells of, until a mail server has it.

It goes out while the answer is already on its way: its time must tell nobody who has an account.
"""

import asyncio
import hmac
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Final

import orjson
import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from foundation.clients.mail.port import FINAL, Mail, Mailer, MailFailed
from foundation.crypto import SealBroken, Sealer
from foundation.ids import new_uuid
from foundation.tenancy import TenantSession

log = structlog.get_logger()

PURPOSE: Final = "mail"
LONGEST: Final = timedelta(days=1)
"""What nobody has taken by then is given up."""
_LEASE: Final = timedelta(minutes=10)
"""A mail server may keep each of a dozen steps waiting: after so long, whoever claimed a mail is gone."""
_FIRST_S: Final = 2
_LONGEST_S: Final = 900
_LAST_S: Final = 5.0
"""What a stop waits for mails on their way."""


@dataclass(frozen=True, slots=True)
class MailOutbox:
    """Every process posts, and sends what it has posted and what others left; a mail may come twice."""

    system: AsyncEngine
    sealer: Sealer
    mailer: Mailer
    secret: bytes = field(repr=False)
    """What recipients are hashed with."""
    _rung: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)
    _going: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)
    """The one that sends what this process posts, while there is something to send."""

    async def post(
        self,
        session: TenantSession,
        mail: Mail,
        good_for: timedelta = LONGEST,
        link: bytes | None = None,
    ) -> None:
        """Take a mail with the session's transaction; it goes out when that is committed.

        After `good_for` it is no use to anybody, and is given up. It goes with the session's tenant, and with
        the invitation or the mailed token whose hash is `link`.
        """
        mail_id = new_uuid()
        values = {
            "id": mail_id,
            # Not the database's setting: a person's transaction visits all their tenants' audit logs.
            "tenant": session.info.get("tenant_id"),
            "recipient": hmac.digest(self.secret, mail.to.encode(), "sha256"),
            "mail": self.sealer.seal(PURPOSE, orjson.dumps(asdict(mail)), mail_id.bytes),
            "link": link,
            "good_for": min(good_for, LONGEST),
        }
        await session.execute(_POST, values)
        event.listen(session.sync_session, "after_commit", lambda _session: self._ring(), once=True)

    async def work(self) -> int:
        """Send what is due; return how many mails were sent."""
        sent = 0
        while (claimed := await self._ask(_CLAIM, lease=_LEASE)) is not None:
            sent += await self._sent(claimed)
        return sent

    async def close(self) -> None:
        """Let mails that are on their way go out, for a few seconds; the others wait in the database."""
        if self._going:
            _, late = await asyncio.wait(self._going, timeout=_LAST_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ring(self) -> None:
        self._rung.set()
        if not self._going:
            self._going.add(asyncio.create_task(self._work_while_rung()))

    async def _work_while_rung(self) -> None:
        try:
            while self._rung.is_set():
                self._rung.clear()
                await self.work()
        except (SQLAlchemyError, OSError) as error:  # the upkeep looks again
            log.warning("mail_outbox_away", error=type(error).__name__)
        finally:
            # Not awaiting since the last look at the bell: who rings now starts another.
            self._going.clear()

    async def _sent(self, claimed: Any) -> bool:
        """Try one mail; it is deleted when it was taken, and when there is no use in another try."""
        try:
            mail = Mail(**orjson.loads(self.sealer.open(PURPOSE, bytes(claimed.mail), claimed.id.bytes)))
        except (SealBroken, TypeError, ValueError) as error:  # others may have its key, or know its shape
            log.warning("mail_unreadable", mail=str(claimed.id), error=type(error).__name__)
            await self._end(claimed, again=_pause(claimed.attempts))
            return False
        try:
            await self.mailer.send(mail)
        except MailFailed as error:
            log.warning("mail_failed", mail=str(claimed.id), subject=mail.subject, **error.data)
            if error.data["reason"] in FINAL:
                _tell_given_up(claimed, error.data["reason"])
                await self._end(claimed, again=None)
            else:
                await self._end(claimed, again=_pause(claimed.attempts))
            return False
        await self._end(claimed, again=None)
        return True

    async def _end(self, claimed: Any, again: timedelta | None) -> None:
        await self._ask(_END, id=claimed.id, attempt=claimed.attempts, again=again)

    async def _ask(self, function: Any, **values: object) -> Any:
        async with self.system.begin() as connection:
            return (await connection.execute(function, values)).first()


async def expire(system: AsyncEngine) -> int:
    """Give up the mails that are of no use any more, also where none can be sent; return how many."""
    async with system.begin() as connection:
        over = (await connection.execute(_EXPIRE)).all()
    for row in over:
        _tell_given_up(row, "expired")
    return len(over)


def _tell_given_up(row: Any, reason: object) -> None:
    log.error("mail_given_up", mail=str(row.id), attempts=row.attempts, reason=reason)


def _pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 2, 8, 32, 128, 512 s, then a quarter of an hour."""
    return timedelta(seconds=min(_FIRST_S * 4 ** (min(attempts, 10) - 1), _LONGEST_S))


_POST: Final = text("select post_mail(:id, :tenant, :recipient, :mail, :link, :good_for)")
_CLAIM: Final = text("select * from claim_mail(:lease)")
_END: Final = text("select end_mail(:id, :attempt, cast(:again as interval))")
_EXPIRE: Final = text("select * from expire_mails()")
