"""Mails are complete in both languages, and names in them do no harm."""

from pathlib import Path

import pytest

from foundation.errors import InvalidInput, StartError
from foundation.identity import emails
from foundation.identity.errors import MailUnavailable
from foundation.identity.mails import Letters, load_mails

BASE = "https://help.example.com"


def test_a_letter_is_written_in_the_language_of_its_reader() -> None:
    letters = Letters(None, BASE, load_mails())
    mails = [
        letters.write("verify", "a@example.com", "sv", "hemlig", name="Åsa"),
        letters.write("verify", "a@example.com", "en", "hemlig", name="Åsa"),
        letters.write("invitation", "a@example.com", "fi", "hemlig", tenant="Norrsken"),
    ]
    assert [mail.subject for mail in mails] == [
        "Bekräfta din e-postadress",
        "Confirm your e-mail address",
        "Inbjudan till Norrsken",
    ]
    assert "Hej Åsa!" in mails[0].text
    assert f"{BASE}/admin/verify#hemlig" in mails[0].text


def test_a_name_brings_no_lines_and_no_links() -> None:
    name = "Åsa\r\nBcc: all@example.com https://evil.example {link} "
    mail = Letters(None, BASE, load_mails()).write("verify", "a@example.com", "sv", "hemlig", name=name)
    assert mail.text.splitlines()[0] == "Hej Åsa  Bcc: all@example.com https evil.example {link} !"


def test_without_a_mail_server_nothing_is_promised() -> None:
    with pytest.raises(MailUnavailable):
        Letters(None, BASE, load_mails()).require()


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
