"""Time-based one-time passwords (RFC 6238) as all authenticator apps make them, and recovery codes."""

import base64
import hmac
import secrets
import struct
from typing import Final
from urllib.parse import quote, urlencode

STEP_S: Final = 30
DIGITS: Final = 6
_DRIFT: Final = 1
"""Steps by which a phone's clock may differ."""
_RECOVERY_CODES: Final = 10


def new_secret() -> bytes:
    """Return 160 random bits."""
    return secrets.token_bytes(20)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step (seconds since 1970 divided by 30)."""
    digest = hmac.digest(secret, struct.pack(">Q", step), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(secret: bytes, code: str, now: float, *, after: int) -> int | None:
    """Return the step that a code belongs to, if that is near `now` and later than the step `after`."""
    present = int(now) // STEP_S
    for step in range(max(present - _DRIFT, after + 1), present + _DRIFT + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            return step
    return None


def address(secret: bytes, email: str, issuer: str = "Replik") -> str:
    """Return the `otpauth://` address that an app reads from a QR code."""
    asked = {"secret": shown(secret), "issuer": issuer, "digits": DIGITS, "period": STEP_S}
    return f"otpauth://totp/{quote(f'{issuer}:{email}')}?{urlencode(asked)}"


def shown(secret: bytes) -> str:
    """Return the secret as people type it into an app."""
    return base64.b32encode(secret).decode()


def new_recovery_codes() -> list[str]:
    """Return ten codes of 80 random bits each, in groups that can be copied by hand."""
    texts = (base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(_RECOVERY_CODES))
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def plain_recovery_code(typed: str) -> str:
    """Return a typed code in the one form that is hashed."""
    return "".join(letter for letter in typed.lower() if letter.isalnum())
