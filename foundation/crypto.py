"""Sealing: AES-256-GCM for bytes at rest, and short expiring tokens for URLs.

Every purpose has its own key, derived from ENCRYPTION_KEY, so that what was sealed for one use cannot be
opened for another. ENCRYPTION_KEYS_OLD still open what they sealed.
"""

import base64
import binascii
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import JsonValue

from foundation.errors import ReplikError, Unauthorized
from foundation.settings import Settings

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_HEAD_BYTES = len(_VERSION) + _ID_BYTES
_LONGEST_TOKEN = 4096
KEY_ID = slice(len(_VERSION), _HEAD_BYTES)
"""Where the id of the key stands in what was sealed, envelopes too."""


class SealBroken(ReplikError):
    """Stored data cannot be opened."""

    code = "seal_broken"


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals with the first key and opens with any: put a new key first to rotate."""

    keys: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def of(cls, *hex_keys: str) -> "Sealer":
        """Build it from keys of 64 hex digits, the present one first."""
        return cls(tuple(bytes.fromhex(key) for key in hex_keys))

    def seal(self, purpose: str, data: bytes, context: bytes = b"") -> bytes:
        """Return `data` encrypted and signed: version, key id, nonce, cipher text.

        `context` (for example the row's id) is signed with it and must be the same at opening. Random nonces
        are safe for about four billion seals per purpose and key.
        """
        master = self.keys[0]
        nonce = os.urandom(_NONCE_BYTES)
        head = _VERSION + _key_id(master)
        return head + nonce + _cipher(master, purpose).encrypt(nonce, data, head + context)

    def open(self, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
        """Return the data.

        Raises:
            SealBroken: it was altered, or sealed with another key, purpose or context.
        """
        head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        for master in self.keys:
            if head == _VERSION + _key_id(master):
                try:
                    return _cipher(master, purpose).decrypt(
                        nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], head + context
                    )
                except (InvalidTag, ValueError):
                    break
        raise SealBroken(purpose=purpose)

    @property
    def newest_id(self) -> bytes:
        """The id of the key that seals; in what it sealed, the bytes of `KEY_ID`."""
        return _key_id(self.keys[0])

    def made(self, sealed: bytes) -> bool:
        """Tell whether one of these keys sealed this, altered or not."""
        return sealed[KEY_ID] in {_key_id(key) for key in self.keys}


def sealer_of(settings: Settings) -> Sealer:
    """Return the sealer of an installation.

    Raises:
        StartError: there is no ENCRYPTION_KEY.
    """
    old = (key.get_secret_value() for key in settings.encryption_keys_old)
    return Sealer.of(settings.require("encryption_key"), *old)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Small JSON values as URL-safe text that only Replik can read, for one purpose and a limited time."""

    sealer: Sealer
    now: Callable[[], float] = time.time
    """Seconds since 1970."""

    def seal(self, purpose: str, value: JsonValue, ttl_s: float | None) -> str:
        """Return a token that opens for `ttl_s` seconds; None means for ever."""
        until = None if ttl_s is None else self.now() + ttl_s
        text = json.dumps([until, value], separators=(",", ":"), ensure_ascii=False)
        sealed = self.sealer.seal(f"token:{purpose}", text.encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, purpose: str, token: str) -> JsonValue:
        """Return the value.

        Raises:
            Unauthorized: the token is not ours, is for another purpose, or has expired.
        """
        if len(token) > _LONGEST_TOKEN:
            raise Unauthorized
        try:
            sealed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
            until, value = json.loads(self.sealer.open(f"token:{purpose}", sealed))
        except (SealBroken, binascii.Error, ValueError):
            raise Unauthorized from None
        if until is not None and self.now() >= until:
            raise Unauthorized
        return value  # type: ignore[no-any-return]


def _cipher(master: bytes, purpose: str) -> AESGCM:
    return AESGCM(_derive(master, b"purpose:" + purpose.encode(), 32))


def _key_id(master: bytes) -> bytes:
    return _derive(master, b"key-id", _ID_BYTES)


def _derive(master: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=b"replik", info=info).derive(master)
