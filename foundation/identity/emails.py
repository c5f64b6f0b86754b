"""E-mail addresses as people type them, in the one form that is stored."""

import re
from typing import Final

from foundation.errors import InvalidInput

LONGEST: Final = 254
_FORM: Final = re.compile(
    r"[^\s@\"(),:;<>\[\\\]\x00-\x1f\x7f]{1,64}@(?:[\w](?:[\w-]{0,61}[\w])?\.)+[\w](?:[\w-]{0,61}[\w])?"
)


def normal(email: str) -> str:
    """Return the address in small letters without space around it.

    Raises:
        InvalidInput: it is none.
    """
    text = email.strip().lower()
    local = text.partition("@")[0]
    if len(text) > LONGEST or not _FORM.fullmatch(text) or local.startswith(".") or ".." in local:
        raise InvalidInput(field="email", reason="email")
    return text


def domain(email: str) -> str:
    """Return what stands after the @."""
    return email.rpartition("@")[2]
