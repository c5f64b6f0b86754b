"""The mails that Replik writes to people, from `configs/mails.yaml`, and the links in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

from foundation.clients.mail.port import Mail
from foundation.errors import StartError
from foundation.identity.errors import MailUnavailable
from foundation.identity.mail_outbox import LONGEST, MailOutbox
from foundation.identity.mail_tokens import LIFETIME
from foundation.identity.tokens import token_hash
from foundation.ids import new_uuid
from foundation.tenancy import TenantSession

MailName = Literal["verify", "existing", "reset", "changed", "invitation"]
Language = Literal["sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_PAGES: Final[dict[MailName, str]] = {
    "verify": "verify",
    "existing": "sign-in",
    "reset": "reset",
    "changed": "sign-in",
    "invitation": "invitation",
}
_GOOD_FOR: Final[dict[MailName, timedelta]] = {"reset": LIFETIME["reset"]}
"""Where the link in a mail ends before the mail would be given up."""
_PATH: Final = Path(__file__).resolve().parents[2] / "configs" / "mails.yaml"

Texts = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes and posts the mails; without a mail outbox there is no mail at all."""

    mail_outbox: MailOutbox | None
    base: str
    """Where people reach Replik, without a slash at the end."""
    texts: Texts

    def require(self) -> None:
        """Raises: MailUnavailable when no mail can be sent."""
        if self.mail_outbox is None:
            raise MailUnavailable()

    async def post(
        self,
        session: TenantSession,
        mail: MailName,
        to: str,
        language: str,
        token: str = "",
        /,
        **values: str,
    ) -> None:
        """Post a mail, as `write` has it, with the session's transaction; it goes when its token goes.

        Raises:
            MailUnavailable: no mail can be sent.
        """
        if self.mail_outbox is None:
            raise MailUnavailable()
        written = self.write(mail, to, language, token, **values)
        link = token_hash(token) if token else None
        await self.mail_outbox.post(session, written, _GOOD_FOR.get(mail, LONGEST), link)

    def write(self, mail: MailName, to: str, language: str, token: str = "", /, **values: str) -> Mail:
        """Return a mail with a link to its page; the token is in the fragment, which no server logs."""
        text = self.texts[mail][language if language in LANGUAGES else "sv"]
        link = f"{self.base}/admin/{_PAGES[mail]}" + (f"#{token}" if token else "")
        filled = {key: _plain(value) for key, value in values.items()} | {"link": link}
        return Mail(to, text["subject"].format(**filled), text["text"].format(**filled), key=new_uuid().hex)


NO_MAIL: Final = Letters(None, "", {})
"""For who works without mail, as commands do."""


def load_mails(path: Path = _PATH) -> Texts:
    """Read the mails' texts.

    Raises:
        StartError: the file cannot be read, is not YAML, or lacks a text.
    """
    try:
        texts: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        for name in get_args(MailName):
            for language in LANGUAGES:
                for part in ("subject", "text"):
                    texts[name][language][part].format(name="", link="", tenant="")
    except (OSError, yaml.YAMLError) as error:
        raise StartError(f"{path.name}: cannot be read as YAML; restore the shipped file") from error
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise StartError(f"{path.name}: lacks a text; restore the shipped file") from error
    return texts  # type: ignore[no-any-return]


def _plain(text: str) -> str:
    """Names are typed by strangers: no line of theirs, and no address to click, stands in our mail."""
    words = "".join(letter if letter.isprintable() else " " for letter in text)
    return words.replace("://", " ").replace("www.", "www ")[:100]
