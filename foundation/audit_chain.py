"""Checks an audit log, from the database or from an exported file, without trusting either.

Each row's hash is SHA-256 of the hash before (32 zero bytes before the first) and the row's text. An export
has one line a row, `{"hash":"<hex>","row":<the text>}`, and ends with `{"head":"<number>:<hash>"}`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from foundation.errors import InvalidInput

EMPTY = bytes(32)
_LINE = re.compile(r'\{"hash":"([0-9a-f]{64})","row":(\{.*\})\}')
_HEAD = re.compile(r"(0|[1-9]\d{0,17}):([0-9a-f]{64})")

Reason = Literal["missing", "altered", "unchained", "cut", "other_head", "unreadable"]


@dataclass(frozen=True, slots=True)
class Head:
    """A log's newest row: its number (0 for none) and hash."""

    number: int = 0
    hash: bytes = EMPTY

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"

    @classmethod
    def parse(cls, said: str) -> "Head":
        """Return the head that `str` wrote.

        Raises:
            InvalidInput: it is none.
        """
        found = _HEAD.fullmatch(said.strip())
        if found is None:
            raise InvalidInput(field="against", reason="not_a_head")
        return cls(int(found[1]), bytes.fromhex(found[2]))


@dataclass(frozen=True, slots=True)
class Bad:
    """The first thing that is wrong."""

    number: int
    """Of the row that is not as it was; for a cut log, of the first that is gone."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    rows: int
    """Good ones, from the first on."""
    head: Head
    """Of the good rows; keep it where those who run the database cannot reach."""
    bad: Bad | None

    @property
    def ok(self) -> bool:
        return self.bad is None


class Chain:
    """Takes rows in order and holds them against each other; keeps the first fault."""

    def __init__(self, against: Head | None = None) -> None:
        """`against` is a head that somebody remembered: it must be one of the rows."""
        self._against = against
        self._head = Head()
        self._bad: Bad | None = None
        self._hold_against()

    def add(self, number: int | None, stored_hash: bytes | None, row: str) -> None:
        """Take the next row: its number, its stored hash, and its text."""
        if self._bad is not None:
            return
        expected = self._head.number + 1
        digest = sha256(self._head.hash + row.encode()).digest()
        if number is None or stored_hash is None:
            self._bad = Bad(expected, "unchained")
        elif number != expected:
            self._bad = Bad(expected, "missing")
        elif digest != stored_hash:
            self._bad = Bad(number, "altered")
        else:
            self._head = Head(number, digest)
            self._hold_against()

    def unreadable(self) -> None:
        """Take a line that is not a row."""
        self._bad = self._bad or Bad(self._head.number + 1, "unreadable")

    def end(self, stored: Head | None) -> Verdict:
        """Return what was found; `stored` is the head that was kept beside the rows, if there is one."""
        for wanted in (stored or Head(), self._against or Head()):
            if self._bad is None and wanted.number > self._head.number:
                self._bad = Bad(self._head.number + 1, "cut")
        if self._bad is None and (stored or Head()) != self._head:
            self._bad = Bad(self._head.number, "other_head")
        return Verdict(self._head.number, self._head, self._bad)

    def _hold_against(self) -> None:
        wanted = self._against
        if wanted is not None and wanted.number == self._head.number and wanted.hash != self._head.hash:
            self._bad = Bad(wanted.number, "other_head")


def check_lines(lines: Iterable[str], against: Head | None = None) -> Verdict:
    """Check an exported log."""
    chain, stored = Chain(against), None
    for line in lines:
        row = _LINE.fullmatch(line.rstrip("\n"))
        if stored is None and row is not None:
            chain.add(_number(row[2]), bytes.fromhex(row[1]), row[2])
        elif stored is None and (stored := _head(line)) is not None:
            continue
        else:
            chain.unreadable()
    # Without its last line nobody knows where the log ended.
    if stored is None:
        chain.unreadable()
    return chain.end(stored)


def _number(row: str) -> int | None:
    try:
        number = json.loads(row).get("number")
    except ValueError:
        return None
    return number if isinstance(number, int) else None


def _head(line: str) -> Head | None:
    try:
        return Head.parse(str(json.loads(line)["head"]))
    except (ValueError, KeyError, TypeError, InvalidInput):
        return None
