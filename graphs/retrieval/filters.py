"""Which passages a search may find."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from foundation.turns import Language

Audience = Literal["customer", "staff"]


@dataclass(frozen=True, slots=True)
class Filters:
    """None lets everything through. What is for staff alone is never found unless it is asked for."""

    languages: tuple[Language, ...] | None = None
    sources: tuple[UUID, ...] | None = None
    audience: tuple[Audience, ...] = ("customer",)
