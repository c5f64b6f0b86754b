"""Argon2id in threads: few at a time, since each takes a core and 19 MiB for its while."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""What OWASP asks for at least."""


@dataclass(frozen=True, slots=True)
class Hashing:
    """Hashes and compares passwords, `at_once` at most; the others wait."""

    at_once: int = 2
    _places: asyncio.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", asyncio.Semaphore(self.at_once))

    async def hash(self, password: str) -> str:
        """Return the password's hash, with its own salt and parameters in it."""
        async with self._places:
            return await asyncio.to_thread(_HASHER.hash, password)

    async def fits(self, stored: str | None, password: str) -> bool:
        """Return whether it is the password; without a stored one it takes as long and says no."""
        async with self._places:
            fits = await asyncio.to_thread(_fits, stored or _nobodys(), password)
        return fits and stored is not None


def is_outdated(stored: str) -> bool:
    """Return whether a hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _fits(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _nobodys() -> str:
    """Return a hash, with today's parameters, that no password has."""
    return f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p=1${'A' * 22}${'A' * 43}"
