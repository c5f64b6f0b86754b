"""E-mail and IP addresses."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Final

from foundation.turns import Language
from graphs.policies.pii.kinds import Found

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+%'-]+@(?:[\w-]+\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,})\b")
_IPV4: Final = re.compile(
    r"(?<![\w.])(?<!\d-)(?P<address>\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5}|/\d{1,2})?(?!\w|\.\d|-[^\W_])"
)
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?P<address>(?:[0-9A-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-F]{0,4}))"
    r"(?:%\w+|/\d{1,3})?(?!\w|:[\w:])",
    re.IGNORECASE,
)
_LONG_GROUP: Final = re.compile(r"[0-9A-F]{3}", re.IGNORECASE)
_VERSION: Final = re.compile(
    r"(?:\b(?:v|ver|version\w*|versjon\w*|versio\w*|release|build|firmware\w*|rev|revision|uppdatering\w*|update"
    r"|patch|software|mjukvara\w*|driver|drivrutin\w*|android|ios|ipados|macos|windows|chrome|firefox|safari|edge"
    r"|avsnitt\w*|kapitel|kap|punkt\w*|section|chapter|clause|paragraf\w*|steg|step)\b|§)"
    r"[\s.:/#(]*(?:(?:nr|no|nummer|number|är|is|er|on|till|to|from|från)\b[\s.:]*)?\Z",
    re.IGNORECASE,
)
_MORE: Final = re.compile(
    r"(?:\d+(?:\.\d+)+[\s,]*(?:och|eller|till|and|or|to|og|eller|til|ja|tai|->|→|[-–/])?\s*)+\Z",
    re.IGNORECASE,
)
"""The versions before another one: in "version 1.2.3.4 eller 1.2.3.5" both are."""


def emails(text: str, _language: Language) -> Iterator[Found]:
    """Yield the e-mail addresses in a text."""
    for match in _EMAIL.finditer(text):
        yield Found("e-post", match.start(), match.end(), match[0].casefold())


def ips(text: str, _language: Language) -> Iterator[Found]:
    """Yield the IP addresses in a text, with their port or prefix length."""
    # First those that may end in an address of the other kind.
    for match in _IPV6.finditer(text):
        address = match["address"]
        colon = address.endswith(":") and not address.endswith("::")  # the sentence's
        address = address.removesuffix(":") if colon else address
        # Times and ratios have colons too, but no group of three.
        if _LONG_GROUP.search(address) and _is_somewhere(address):
            key = ipaddress.IPv6Address(address).compressed
            yield Found("ip-adress", match.start(), match.end() - colon, key)
    for match in _IPV4.finditer(text):
        if _is_somewhere(match["address"]) and not _is_version(text, match.start()):
            yield Found("ip-adress", match.start(), match.end(), match["address"])


def _is_somewhere(text: str) -> bool:
    """Say whether a text is the address of a machine: not a netmask, and not every machine's own address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mask = address.version == 4 and address.packed[0] in {0, 255}
    return not (address.is_loopback or address.is_unspecified or mask)


def _is_version(text: str, at: int) -> bool:
    window = text[max(0, at - 60) : at]
    return bool(_VERSION.search(_MORE.sub("", window)))
