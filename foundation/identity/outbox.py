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

from foundation.clients.mail.port import Mail, Mailer, MailFailed
from foundation.crypto import SealBroken, Sealer
from foundation.ids import new_uuid
from foundation.tenancy import TenantSession

log = structlog.get_logger()

PURPOSE: Final = "mail"
LONGEST: Final = timedelta(days=1)
"""What nobody has taken by then is given up."""
_LEASE: Final = timedelta(minutes=2)
"""More than a mail server can keep one mail waiting: then whoever claimed it is gone."""
_FIRST_S: Final = 2
_LONGEST_S: Final = 900
_LAST_S: Final = 5.0
"""What a stop waits for mails on their way."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """Every process posts, and sends what it has posted and what others left; a mail may come twice."""

    system: AsyncEngine
    sealer: Sealer
    mailer: Mailer
    secret: bytes = field(repr=False)
    """What recipients are hashed with."""
    _going: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    async def post(self, session: TenantSession, mail: Mail, good_for: timedelta = LONGEST) -> None:
        """Take a mail with the session's transaction; it goes out when that is committed.

        After `good_for` it is no use to anybody, and is given up.
        """
        mail_id = new_uuid()
        values = {
            "id": mail_id,
            "recipient": hmac.digest(self.secret, mail.to.encode(), "sha256"),
            "mail": self.sealer.seal(PURPOSE, orjson.dumps(asdict(mail)), mail_id.bytes),
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
        task = asyncio.create_task(self._work_once())
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _work_once(self) -> None:
        try:
            await self.work()
        except (SQLAlchemyError, OSError) as error:  # the upkeep looks again
            log.warning("outbox_away", error=type(error).__name__)

    async def _sent(self, claimed: Any) -> bool:
        """Try one mail; it is deleted when it was taken, and when there is no use in another try."""
        try:
            mail = Mail(**orjson.loads(self.sealer.open(PURPOSE, bytes(claimed.mail), claimed.id.bytes)))
        except SealBroken:
            return await self._given_up(claimed, "unknown", "seal")
        if claimed.expired:
            return await self._given_up(claimed, mail.subject, "expired")
        try:
            await self.mailer.send(mail)
        except MailFailed as error:
            log.warning("mail_failed", subject=mail.subject, attempts=claimed.attempts, **error.data)
            if error.data["reason"] == "message":
                return await self._given_up(claimed, mail.subject, "message")
            await self._ask(_END, id=claimed.id, again=_pause(claimed.attempts))
            return False
        await self._ask(_END, id=claimed.id, again=None)
        return True

    async def _given_up(self, claimed: Any, subject: str, reason: str) -> bool:
        log.error("mail_given_up", subject=subject, attempts=claimed.attempts, reason=reason)
        await self._ask(_END, id=claimed.id, again=None)
        return False

    async def _ask(self, function: Any, **values: object) -> Any:
        async with self.system.begin() as connection:
            return (await connection.execute(function, values)).first()


def _pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 2, 8, 32, 128, 512 s, then a quarter of an hour."""
    return timedelta(seconds=min(_FIRST_S * 4 ** (min(attempts, 10) - 1), _LONGEST_S))


_POST: Final = text("select post_mail(:id, :recipient, :mail, :good_for)")
_CLAIM: Final = text("select * from claim_mail(:lease)")
_END: Final = text("select end_mail(:id, cast(:again as interval))")
