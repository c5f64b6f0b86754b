"""Finds all kinds in a text. In: a text and its language. Out: what was found, in order, without overlaps."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from foundation.turns import Language
from graphs.policies.pii.accounts import accounts
from graphs.policies.pii.cards import cards, ibans
from graphs.policies.pii.companies import companies
from graphs.policies.pii.contacts import emails, ips
from graphs.policies.pii.kinds import Found
from graphs.policies.pii.people import people
from graphs.policies.pii.phones import phones

# The order settles overlaps: a card is no phone number, a personal number no company's and no account.
_FINDERS: Final[tuple[Callable[[str, Language], Iterator[Found]], ...]] = (
    emails,
    ips,
    ibans,
    cards,
    people,
    companies,
    accounts,
    phones,
)


def find(text: str, language: Language) -> list[Found]:
    """Return the personal data in a text in order, without overlaps; the language tells local formats."""
    if not any(character.isdigit() or character == "@" for character in text):
        return []
    taken: list[Found] = []
    for finder in _FINDERS:
        for found in finder(text, language):
            if _free(found, taken):
                taken.append(found)
    return sorted(taken, key=lambda found: found.start)


def _free(found: Found, taken: Sequence[Found]) -> bool:
    return all(found.end <= other.start or found.start >= other.end for other in taken)
