"""Mail over real SMTP: encrypted where it must be, and refusals by their step."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.clients.mail.choice import mailer_for
from foundation.clients.mail.logged import LoggedMailer
from foundation.clients.mail.port import Mail, MailFailed
from foundation.clients.mail.smtp import SmtpMailer
from foundation.settings import Settings
from tests.servers.smtp_server import smtp_server

pytestmark = pytest.mark.integration

MAIL = Mail("åsa@example.com", "Välj ett nytt lösenord", "Hej Åsa!\n\nhttps://help.example.com/#hemlig\n")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with smtp_server() as server:
        await SmtpMailer("127.0.0.1", server.port, "Replik <replik@example.com>").send(MAIL)
        [mail] = server.mails
        assert (mail["To"], mail["Subject"]) == (MAIL.to, MAIL.subject)
        assert mail["From"] == "Replik <replik@example.com>"
        assert mail.get_content().replace("\r\n", "\n") == MAIL.text
        assert mail["Auto-Submitted"] == "auto-generated"
        assert mail["Message-ID"].endswith("@example.com>")


async def test_with_starttls_the_login_and_the_mail_are_encrypted(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with smtp_server(serving(certificate)) as server:
        mailer = SmtpMailer("127.0.0.1", server.port, "r@example.com", "replik", "geheim", trusting)
        await mailer.send(MAIL)
        assert server.encrypted == [True]
        assert server.logins == ["replik"]
        assert "geheim" not in repr(mailer)


async def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async with smtp_server(serving(certificate)) as server:
        with pytest.raises(MailFailed) as caught:
            await SmtpMailer("127.0.0.1", server.port, "r@example.com", "replik", "geheim").send(MAIL)
        assert caught.value.data["reason"] == "encryption"
        assert server.logins == []


async def test_nothing_is_sent_in_the_clear_to_another_machine() -> None:
    async with smtp_server() as server:
        # 127.0.0.2 is this machine too, but not by a name that is known to be.
        with pytest.raises(MailFailed) as caught:
            await SmtpMailer("127.0.0.2", server.port, "r@example.com").send(MAIL)
        assert caught.value.data["reason"] in {"encryption", "connection"}
        assert server.mails == []


async def test_a_wrong_password_is_told_apart_from_nobody_there(certificate: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with smtp_server(serving(certificate)) as server:
        wrong = SmtpMailer("127.0.0.1", server.port, "r@example.com", "replik", "falsch", trusting)
        with pytest.raises(MailFailed) as caught:
            await wrong.send(MAIL)
        assert caught.value.data["reason"] == "refused"
    with pytest.raises(MailFailed) as caught:
        await SmtpMailer("127.0.0.1", 9, "r@example.com").send(MAIL)
    assert caught.value.data["reason"] == "connection"


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [("451 later", "refused"), ("530 sign in first", "refused"), ("550 never", "rejected")],
)
async def test_a_refusal_for_good_is_told_apart_from_one_for_now(step: str, answer: str, reason: str) -> None:
    async with smtp_server() as server:
        server.answers[step] = answer
        with pytest.raises(MailFailed) as caught:
            await SmtpMailer("127.0.0.1", server.port, "r@example.com").send(MAIL)
        assert caught.value.data["reason"] == reason
        assert server.mails == []


@pytest.mark.parametrize(
    "mail", [Mail("a@example.com\nBcc: b@example.com", "x", "x"), Mail("a@example.com", "x\r\nBcc: b", "x")]
)
async def test_headers_cannot_be_smuggled_in(mail: Mail) -> None:
    async with smtp_server() as server:
        with pytest.raises(MailFailed) as caught:
            await SmtpMailer("127.0.0.1", server.port, "r@example.com").send(mail)
        assert caught.value.data["reason"] == "message"
        assert server.mails == []


def test_the_settings_choose_the_mailer() -> None:
    demo = Settings.load({})
    assert isinstance(mailer_for(demo), LoggedMailer)
    smtp = demo.evolve(smtp_host="mail.example.com", smtp_from="r@example.com")
    assert mailer_for(smtp) == SmtpMailer("mail.example.com", 587, "r@example.com")
    production = {
        "REPLIK_MODE": "production",
        "ENCRYPTION_KEY": "5e6f708192a3b4c5" * 4,
        "PUBLIC_URL": "https://help.example.com",
    }
    assert mailer_for(Settings.load(production)) is None
