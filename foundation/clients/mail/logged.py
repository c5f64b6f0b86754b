"""Mail for demo mode without a mail server: a line in the log, for whoever sits at this machine."""

import structlog

from foundation.clients.mail.port import Mail

log = structlog.get_logger()


class LoggedMailer:
    """A `Mailer` that writes the whole mail, links included, to the log."""

    async def send(self, mail: Mail) -> None:
        """Log it."""
        log.info("mail_not_sent", to=mail.to, subject=mail.subject, text=mail.text)
