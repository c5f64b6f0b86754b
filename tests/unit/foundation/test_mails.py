"""Mails are complete in both languages, and names in them do no harm."""

from pathlib import Path

import pytest

from foundation.clients.mail.fakes import KeptMailer
from foundation.clients.mail.postbox import Postbox
from foundation.errors import InvalidInput, StartError
from foundation.identity import emails
from foundation.identity.errors import MailUnavailable
from foundation.identity.mails import Letters, load_mails

BASE = "https://help.example.com"


async def test_a_letter_is_written_in_the_language_of_its_reader() -> None:
    mailer = KeptMailer()
    postbox = Postbox(mailer)
    letters = Letters(postbox, BASE, load_mails())
    letters.post("verify", "a@example.com", "sv", "verify", "hemlig", name="Åsa")
    letters.post("verify", "a@example.com", "en", "verify", "hemlig", name="Åsa")
    letters.post("invitation", "a@example.com", "fi", "invitation", "hemlig", tenant="Norrsken")
    await postbox.empty()
    assert [mail.subject for mail in mailer.mails] == [
        "Bekräfta din e-postadress",
        "Confirm your e-mail address",
        "Inbjudan till Norrsken",
    ]
    assert "Hej Åsa!" in mailer.mails[0].text
    assert f"{BASE}/admin/verify#hemlig" in mailer.mails[0].text


async def test_a_name_brings_no_lines_and_no_links() -> None:
    mailer = KeptMailer()
    postbox = Postbox(mailer)
    name = "Åsa\r\nBcc: all@example.com https://evil.example {link} "
    Letters(postbox, BASE, load_mails()).post("verify", "a@example.com", "sv", "verify", "hemlig", name=name)
    await postbox.empty()
    greeting = mailer.mails[0].text.splitlines()[0]
    assert greeting == "Hej Åsa  Bcc: all@example.com https evil.example {link} !"


async def test_mail_that_is_refused_is_tried_again_and_then_given_up() -> None:
    mailer = KeptMailer(refusals=2)
    postbox = Postbox(mailer, pauses_s=(0, 0, 0))
    letters = Letters(postbox, BASE, load_mails())
    letters.post("reset", "a@example.com", "sv", "reset", "x", name="Åsa")
    await postbox.empty()
    assert len(mailer.mails) == 1
    mailer.refusals = 3
    letters.post("reset", "a@example.com", "sv", "reset", "x", name="Åsa")
    await postbox.empty()
    assert len(mailer.mails) == 1


def test_without_a_mail_server_nothing_is_promised() -> None:
    with pytest.raises(MailUnavailable):
        Letters(None, BASE, load_mails()).post("reset", "a@example.com", "sv", "reset", "x", name="Åsa")


@pytest.mark.parametrize("text", ["{", "verify: {}", "- a", "verify: {sv: {subject: '{nobody}', text: x}}"])
def test_an_incomplete_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mails.yaml").write_text(text)
    with pytest.raises(StartError, match=r"mails\.yaml"):
        load_mails(tmp_path / "mails.yaml")


def test_addresses_have_one_form() -> None:
    assert emails.normal("  Åsa.Berg+x@Example.COM ") == "åsa.berg+x@example.com"


@pytest.mark.parametrize(
    "text",
    ["", "a", "a@", "@b.se", "a@b", "a b@c.se", "a@b..se", "a..b@c.se", "a@-b.se", "a@b.se\nBcc: c@d.se",
     "a@b.se,c@d.se", "<a@b.se>", "a" * 65 + "@b.se", "a@" + "b" * 250 + ".se"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        emails.normal(text)
