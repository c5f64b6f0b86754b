"""Envelopes: a value under a key of its own, and that key under the installation's.

A new ENCRYPTION_KEY then means to wrap small keys anew; what lies inside is neither opened nor written.
"""

import os

from foundation.crypto import SealBroken, Sealer

KEY_BYTES = 32
_VERSION = b"\x02"
_SEALED = b"\x01"
_WRAPPED_BYTES = 1 + 4 + 12 + KEY_BYTES + 16
"""A sealed key: version, key id, nonce, cipher text, tag."""


def seal(sealer: Sealer, purpose: str, data: bytes, context: bytes = b"") -> bytes:
    """Return `data` in a fresh envelope, signed with `context` as `Sealer.seal` does."""
    key = os.urandom(KEY_BYTES)
    wrapped = sealer.seal(_wrapping(purpose), key, context)
    return _VERSION + wrapped[1:] + Sealer((key,)).seal(purpose, data, context)


def open_(sealer: Sealer, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
    """Return the data, also of a value that was sealed without an envelope.

    Raises:
        SealBroken: as `Sealer.open`.
    """
    if not sealed.startswith(_VERSION):
        return sealer.open(purpose, sealed, context)
    key = _key(sealer, purpose, sealed, context)
    return Sealer((key,)).open(purpose, sealed[_WRAPPED_BYTES:], context)


def rewrap(sealer: Sealer, purpose: str, sealed: bytes, context: bytes = b"") -> bytes:
    """Return the envelope with its key under the newest key, or a value of before in an envelope.

    Raises:
        SealBroken: as `Sealer.open`.
    """
    if not sealed.startswith(_VERSION):
        return seal(sealer, purpose, sealer.open(purpose, sealed, context), context)
    wrapped = sealer.seal(_wrapping(purpose), _key(sealer, purpose, sealed, context), context)
    return _VERSION + wrapped[1:] + sealed[_WRAPPED_BYTES:]


def _key(sealer: Sealer, purpose: str, sealed: bytes, context: bytes) -> bytes:
    key = sealer.open(_wrapping(purpose), _SEALED + sealed[1:_WRAPPED_BYTES], context)
    if len(key) != KEY_BYTES:
        raise SealBroken(purpose=purpose)
    return key


def _wrapping(purpose: str) -> str:
    return f"key of {purpose}"
