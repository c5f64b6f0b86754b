"""What must never be."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["lost", "duplicated", "reordered", "double_effects", "after_takeover"]
KINDS: tuple[Kind, ...] = ("lost", "duplicated", "reordered", "double_effects", "after_takeover")


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise broken in one place."""

    kind: Kind
    where: str
    """The conversation, stream or effect."""
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.what}"
