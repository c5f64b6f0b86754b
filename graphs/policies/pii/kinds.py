"""The kinds of personal data, named as customers read them, and a piece that was found."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal[
    "personnummer", "kort", "iban", "bankkonto", "organisationsnummer", "e-post", "telefon", "ip-adress"
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SECRET: Final[frozenset[Kind]] = frozenset({"personnummer", "kort"})
"""What an answer never contains, wherever it may stand."""


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data. `key` is its canonical form: compare it, never log it."""

    kind: Kind
    start: int
    end: int
    key: str
