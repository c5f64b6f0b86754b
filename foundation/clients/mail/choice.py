"""Which mailer the settings ask for."""

from foundation.clients.mail.logged import LoggedMailer
from foundation.clients.mail.port import Mailer
from foundation.clients.mail.smtp import SmtpMailer
from foundation.settings import Settings


def mailer_for(settings: Settings) -> Mailer | None:
    """Return the mail server's, or in demo mode the log's; None when no mail can be sent."""
    if settings.smtp_host is not None and settings.smtp_from is not None:
        password = settings.smtp_password
        return SmtpMailer(
            settings.smtp_host,
            settings.smtp_port,
            settings.smtp_from,
            settings.smtp_username,
            password.get_secret_value() if password else None,
        )
    return LoggedMailer() if settings.mode == "demo" else None
