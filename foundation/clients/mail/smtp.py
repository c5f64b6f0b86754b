"""Mail over SMTP, encrypted unless the server is on this machine."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from foundation.clients.mail.port import Mail, MailFailed
from foundation.settings import LOOPBACK

_PATIENCE_S = 15.0
_FOR_GOOD = 500
_SIGN_IN_FIRST = range(530, 540)
"""Refusals that are about us and not about the mail: settings can be mended (RFC 4954)."""
_TLS_PORT = 465
"""Where TLS begins at once, without STARTTLS."""


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    """A `Mailer`. One connection a mail: they are few."""

    host: str
    port: int
    sender: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)
    """What certificates must satisfy; None means: be valid for `host`."""

    async def send(self, mail: Mail) -> None:
        """Send it.

        Raises:
            MailFailed: `reason` is the step: `message`, `connection`, `encryption`, `refused`; or `rejected`,
                where the server will never take this mail.
        """
        message = self._message(mail)
        try:
            await asyncio.to_thread(self._deliver, message)
        except ssl.SSLError as error:
            raise MailFailed(reason="encryption") from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailFailed(reason="encryption") from error
        except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError) as error:
            raise MailFailed(reason="connection") from error
        except smtplib.SMTPException as error:
            raise MailFailed(reason="rejected" if _for_good(error) else "refused") from error
        except OSError as error:
            raise MailFailed(reason="connection") from error

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        try:
            message["From"], message["To"], message["Subject"] = self.sender, mail.to, mail.subject
            message["Date"] = formatdate()
            domain = self.sender.rpartition("@")[2].rstrip(">") or None
            message["Message-ID"] = f"<{mail.key}@{domain}>" if mail.key else make_msgid(domain=domain)
            # No answers from robots: they would go to nobody.
            message["Auto-Submitted"] = "auto-generated"
            message.set_content(mail.text)
        except (ValueError, IndexError) as error:  # a line break in a header, an address that is none
            raise MailFailed(reason="message") from error
        return message

    def _deliver(self, message: EmailMessage) -> None:
        context = self.context or ssl.create_default_context()
        connection: smtplib.SMTP = (
            smtplib.SMTP_SSL(self.host, self.port, timeout=_PATIENCE_S, context=context)
            if self.port == _TLS_PORT
            else smtplib.SMTP(self.host, self.port, timeout=_PATIENCE_S)
        )
        with connection as server:
            server.ehlo()
            if self.port != _TLS_PORT and (server.has_extn("starttls") or self.host not in LOOPBACK):
                server.starttls(context=context)
                server.ehlo()
            if self.username is not None:
                server.login(self.username, self.password or "")
            server.send_message(message)


def _for_good(error: smtplib.SMTPException) -> bool:
    """Return whether the server refused this mail, and would refuse it again."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _said in error.recipients.values()]
        case smtplib.SMTPSenderRefused() | smtplib.SMTPDataError():
            codes = [error.smtp_code]
        case _:
            return False
    return all(code >= _FOR_GOOD and code not in _SIGN_IN_FIRST for code in codes)
