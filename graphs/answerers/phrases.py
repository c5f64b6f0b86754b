"""What the extractive answerer says of its own: where a quote stands, or that it is in another language."""

import re
from typing import Final

from foundation.turns import Language

_SENTENCE: Final[dict[Language, str]] = {
    "sv": "Från vår {} information:",
    "en": "From our {} information:",
    "nb": "Fra vår {} informasjon:",
    "da": "Fra vores {} information:",
    "fi": "{} tiedoistamme:",
}
_ADJECTIVE: Final[dict[Language, dict[Language, str]]] = {
    "sv": {"sv": "svenska", "en": "engelska", "nb": "norska", "da": "danska", "fi": "finska"},
    "en": {"sv": "Swedish", "en": "English", "nb": "Norwegian", "da": "Danish", "fi": "Finnish"},
    "nb": {"sv": "svenske", "en": "engelske", "nb": "norske", "da": "danske", "fi": "finske"},
    "da": {"sv": "svenske", "en": "engelske", "nb": "norske", "da": "danske", "fi": "finske"},
    "fi": {
        "sv": "Ruotsinkielisistä",
        "en": "Englanninkielisistä",
        "nb": "Norjankielisistä",
        "da": "Tanskankielisistä",
        "fi": "Suomenkielisistä",
    },
}
_ACCORDING_TO: Final[dict[Language, str]] = {
    "sv": "Enligt {}:",
    "en": "According to {}:",
    "nb": "Ifølge {}:",
    "da": "Ifølge {}:",
    "fi": "{}:",
}
_NAME: Final = re.compile(r"[^\W\d_][^\n:?!|/\\_*]{3,48}[^\s\W]\)?")
_FILE: Final = re.compile(r"\.(?:pdf|docx?|html?|md|txt|xlsx?)\b", re.IGNORECASE)


def according_to(title: str, reader: Language) -> str:
    """Return the words that name where a quote stands; nothing for a title that is no name."""
    if not _NAME.fullmatch(title) or _FILE.search(title) or " " not in title.strip():
        return ""
    return _ACCORDING_TO[reader].format(title)


def from_information_in(quoted: Language, reader: Language) -> str:
    """Return the words that announce a quote in another language than the reader's."""
    return _SENTENCE[reader].format(_ADJECTIVE[reader][quoted])
