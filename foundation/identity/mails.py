"""The mails that Replik writes to people, from `configs/mails.yaml`, and the links in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

from foundation.clients.mail.port import Mail
from foundation.clients.mail.postbox import Postbox
from foundation.errors import StartError
from foundation.identity.errors import MailUnavailable

MailName = Literal["verify", "existing", "reset", "changed", "invitation"]
Page = Literal["sign-in", "verify", "reset", "invitation"]
Language = Literal["sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_PATH: Final = Path(__file__).resolve().parents[2] / "configs" / "mails.yaml"

Texts = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Letters:
    """Writes and posts the mails; without a postbox there is no mail at all."""

    postbox: Postbox | None
    base: str
    """Where people reach Replik, without a slash at the end."""
    texts: Texts

    def require(self) -> None:
        """Raises: MailUnavailable when no mail can be sent."""
        if self.postbox is None:
            raise MailUnavailable()

    def post(
        self, mail: MailName, to: str, language: str, page: Page, token: str = "", /, **values: str
    ) -> None:
        """Post a mail with a link to a page; the token is in the fragment, which no server logs.

        Raises:
            MailUnavailable: no mail can be sent.
        """
        if self.postbox is None:
            raise MailUnavailable()
        text = self.texts[mail][language if language in LANGUAGES else "sv"]
        link = f"{self.base}/admin/{page}" + (f"#{token}" if token else "")
        filled = {key: _plain(value) for key, value in values.items()} | {"link": link}
        self.postbox.post(Mail(to, text["subject"].format(**filled), text["text"].format(**filled)))


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
