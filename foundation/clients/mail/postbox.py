"""Mail that goes out while the answer is already on its way: its time must tell nobody who has an account."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog

from foundation.clients.mail.port import Mail, Mailer, MailFailed

log = structlog.get_logger()

_PAUSES_S: Final = (0.0, 2.0, 15.0)
_LAST_S: Final = 5.0
"""What a stop waits for mails on their way."""


@dataclass(frozen=True, slots=True)
class Postbox:
    """Sends in the background, three times if it must; what fails then is in the log without its text."""

    mailer: Mailer
    pauses_s: tuple[float, ...] = _PAUSES_S
    _going: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    def post(self, mail: Mail) -> None:
        """Take a mail; returns at once."""
        task = asyncio.create_task(self._send(mail))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def empty(self) -> None:
        """Wait until every mail is sent or given up."""
        await asyncio.gather(*self._going)

    async def close(self) -> None:
        """Let mails that are on their way go out, for a few seconds."""
        if self._going:
            _, late = await asyncio.wait(self._going, timeout=_LAST_S)
            for task in late:
                task.cancel()

    async def _send(self, mail: Mail) -> None:
        for pause_s in self.pauses_s:
            await asyncio.sleep(pause_s)
            try:
                await self.mailer.send(mail)
                return
            except MailFailed as error:
                log.warning("mail_failed", subject=mail.subject, **error.data)
        log.error("mail_given_up", subject=mail.subject)
