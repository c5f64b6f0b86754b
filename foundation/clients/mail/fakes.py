"""A mailer in memory, for tests."""

from dataclasses import dataclass, field

from foundation.clients.mail.port import Mail, MailFailed


@dataclass
class KeptMailer:
    """Keeps what it is given, and refuses the next `refusals` mails."""

    mails: list[Mail] = field(default_factory=list)
    refusals: int = 0

    async def send(self, mail: Mail) -> None:
        if self.refusals:
            self.refusals -= 1
            raise MailFailed(reason="refused")
        self.mails.append(mail)
