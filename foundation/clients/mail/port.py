"""What the rest of Replik needs to send mail."""

from dataclasses import dataclass
from typing import Final, Protocol

from foundation.errors import ReplikError

FINAL: Final = frozenset({"message", "rejected"})
"""Reasons that no other try changes."""


class MailFailed(ReplikError):
    """The mail server did not take the mail."""

    code = "mail_failed"
    status = 502


@dataclass(frozen=True, slots=True)
class Mail:
    """One plain text to one person."""

    to: str
    subject: str
    text: str
    key: str = ""
    """What tells a mail that comes twice from another one."""


class Mailer(Protocol):
    """Sends mail; never blocks the event loop."""

    async def send(self, mail: Mail) -> None:
        """Hand a mail over.

        Raises:
            MailFailed: it was not taken; `reason` says at which step.
        """
        ...
