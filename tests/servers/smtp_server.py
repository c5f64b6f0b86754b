"""A mail server on this machine that really receives, with or without STARTTLS."""

import asyncio
import email
import email.policy
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword


@dataclass
class SmtpServer:
    """`mails` are those it took; `answers` are refusals to give: by `MAIL`, `RCPT` or `DATA`."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """Whether each of them came over TLS."""
    logins: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle_MAIL(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" in self.answers:
            return self.answers["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if "RCPT" in self.answers:
            return self.answers["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.answers:
            return self.answers["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        async with self._came:
            self.mails.append(message)
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)  # type: ignore[union-attr]
            self._came.notify_all()
        return "250 OK"

    def authenticate(
        self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any
    ) -> AuthResult:
        fits = isinstance(data, LoginPassword) and data.password == b"geheim"
        if fits:
            self.logins.append(data.login.decode())
        return AuthResult(success=fits, handled=False)

    async def nth_to(self, address: str, number: int = 1) -> EmailMessage:
        """Wait for a mail to an address, the first by default, and return it."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self._to(address)) >= number)
        return self._to(address)[number - 1]

    async def token(self, address: str, number: int = 1) -> str:
        """Return what stands after the # of the link in that mail."""
        found = re.search(r"https?://\S+#(\S+)", (await self.nth_to(address, number)).get_content())
        assert found
        return found[1]

    def _to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == address]


@asynccontextmanager
async def smtp_server(tls: ssl.SSLContext | None = None, *, port: int = 0) -> AsyncIterator[SmtpServer]:
    """Yield one on a port of the loopback, a free one by default, on this event loop."""
    received = SmtpServer()

    def session() -> SMTP:
        return SMTP(
            received,
            hostname="127.0.0.1",
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            authenticator=received.authenticate,
            enable_SMTPUTF8=True,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    received.port = server.sockets[0].getsockname()[1]
    yield received
    server.close()
