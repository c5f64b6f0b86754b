"""Lists in pages: in one of a few orders, gone through by a cursor that says where a page ended.

A page begins behind a place, not after a number of rows: what is added or deleted meanwhile neither
repeats a row nor skips one. For lists of some thousand rows of one tenant; those of the inbox have their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, Text, func, literal, or_, tuple_

from foundation import cursors
from foundation.tenancy import TenantSession

Item = TypeVar("Item")

MOST: Final = 500
"""Rows of a page, where a list does not say otherwise."""
_SORTED_BY: Final = 200
"""Characters of a text, so that a cursor stays short."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a list goes by. The last key tells any two rows apart, and none is ever null."""

    keys: tuple[ColumnElement[Any], ...]
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Paging:
    """What every list can be asked for."""

    sort: str
    words: str | None = None
    cursor: str | None = None
    limit: int = MOST


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    items: list[Item]
    next: str | None
    """The cursor of the page that follows; None at the end."""


def by_age(*keys: Any) -> dict[str, Order]:
    """Return the orders `newest` and `oldest`; ids alone will do, as they are made in the order of time."""
    return {"newest": Order(keys, descending=True), "oldest": Order(keys)}


def both_ways(name: str, *keys: Any) -> dict[str, Order]:
    """Return an order, and with a minus before its name the same backwards."""
    return {name: Order(keys), f"-{name}": Order(keys, descending=True)}


def letters(column: Any) -> ColumnElement[str]:
    """Return a text as lists are sorted by it: whether letters are large or small does not matter."""
    return func.left(func.lower(column), _SORTED_BY, type_=Text())


def having(words: str | None, *columns: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that each word stands in one of these columns, in large or small letters."""
    return [
        or_(*(column.icontains(word, autoescape=True) for column in columns))
        for word in (words or "").split()
    ]


def equal(*pairs: tuple[Any, object]) -> list[ColumnElement[bool]]:
    """Return the conditions that columns have these values; None lets everything through."""
    return [column == value for column, value in pairs if value is not None]


async def page(
    session: TenantSession,
    wanted: Select[*tuple[Any, ...]],
    orders: Mapping[str, Order],
    paging: Paging,
    view: Callable[..., Item],
) -> Page[Item]:
    """Return a page of what is wanted; `view` makes an item of what was selected.

    Raises:
        InvalidInput: the cursor is none of this list's in this order.
    """
    order = orders[paging.sort]
    if paging.cursor is not None:
        here = tuple_(*order.keys)
        place = tuple_(*_place(paging.sort, order, paging.cursor))
        wanted = wanted.where(here < place if order.descending else here > place)
    directed = [key.desc() if order.descending else key.asc() for key in order.keys]
    # The keys stand beside each row, so that the cursor has them as the database compares them.
    found = await session.execute(wanted.add_columns(*order.keys).order_by(*directed).limit(paging.limit + 1))
    rows = [tuple(row) for row in found]
    width = len(order.keys)
    more = len(rows) > paging.limit
    return Page(
        [view(*row[:-width]) for row in rows[: paging.limit]],
        cursors.written(paging.sort, *rows[paging.limit - 1][-width:]) if more else None,
    )


def _place(sort: str, order: Order, cursor: str) -> list[ColumnElement[Any]]:
    kinds = [key.type.python_type for key in order.keys]
    of, *parts = cursors.read(cursor, (str, *kinds))
    if of != sort:
        raise cursors.foreign()
    return [literal(part, key.type) for part, key in zip(parts, order.keys, strict=True)]
