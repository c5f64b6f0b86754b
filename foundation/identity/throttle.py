"""Back-off of attempts: five are free, then each waits twice as long as the one before, up to 15 minutes."""

import hmac
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foundation.identity.errors import TooManyAttempts
from foundation.tenancy import Tenancy

FREE: Final = 5
LONGEST: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Throttle:
    """Counts in the database, so that all gateways count together; addresses are kept as hashes only."""

    tenancy: Tenancy
    secret: bytes

    async def take(self, *keys: str) -> None:
        """Count an attempt under each key, before its outcome is known.

        Raises:
            TooManyAttempts: one of them has to wait; nothing is counted.
        """
        [row] = await self.tenancy.ask(
            "select take_attempt(%(keys)s, %(free)s, %(longest)s) as wait_s",
            {"keys": [self._hash(key) for key in keys], "free": FREE, "longest": LONGEST},
        )
        if row.wait_s > 0:
            raise TooManyAttempts(retry_after_s=math.ceil(row.wait_s))

    async def succeeded(self, forgotten: str, given_back: str) -> None:
        """Forget what was counted under one key, and give the other its attempt back."""
        await self.tenancy.ask(
            "select forget_attempts(%(forgotten)s, %(given_back)s)",
            {"forgotten": self._hash(forgotten), "given_back": self._hash(given_back)},
        )

    def _hash(self, key: str) -> bytes:
        return hmac.digest(self.secret, b"throttle:" + key.encode(), "sha256")
