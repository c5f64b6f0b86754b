"""The named points inside a running turn, and how a message says at which one its turn is to be held.

The words stand in the customer's text, so they reach whatever process runs the turn, and no product code
knows of them: `Where is my order? [fault 17 between 3]`.
"""

import re
from dataclasses import dataclass
from typing import Literal

Point = Literal[
    "begin",
    "between",
    "before_effect",
    "in_effect",
    "before_commit",
    "in_commit",
    "after_commit",
    "in_accept",
]
"""Where a turn can be held.

- `begin`: on record, before its first event
- `between`: between two deltas
- `before_effect`: its action is on record, and not executed yet
- `in_effect`: its action is executed, and its host does not know that
- `before_commit`: its answer is ready
- `in_commit`: inside the transaction that commits the answer
- `after_commit`: committed, not yet published
- `in_accept`: at the gateway, inside the transaction that accepts the message

A lock in the database holds it in the two transactions, the outside service after its effect, and the host
itself at the other points.
"""

_HOLD = re.compile(r"\[fault (\d+) (\w+) (\d+)\]")


@dataclass(frozen=True, slots=True)
class Hold:
    """Which fault waits for a turn, and where."""

    fault: int
    point: Point
    delta: int = 0
    """For `between`: after how many deltas."""

    def __str__(self) -> str:
        return f"[fault {self.fault} {self.point} {self.delta}]"

    @classmethod
    def within(cls, text: str) -> "Hold | None":
        """Return the hold that a text asks for, if it does."""
        found = _HOLD.search(text)
        if found is None:
            return None
        return cls(int(found[1]), found[2], int(found[3]))  # type: ignore[arg-type]

    @property
    def in_host(self) -> Point | None:
        """The point at which the host itself stops; a lock in the database needs it stopped just before."""
        if self.point in {"in_accept", "in_effect"}:
            return None
        return "before_commit" if self.point == "in_commit" else self.point
