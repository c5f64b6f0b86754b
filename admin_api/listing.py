"""What every list takes: how it is sorted, words to look for, and how much of it from where on."""

import re
from typing import Any
from uuid import UUID

from pydantic import Field, model_validator

from admin_api.words import Body, Line
from foundation import cursors, lists


class ListQuery(Body):
    """The lists add their orders and filters."""

    q: Line | None = None
    """Words that all stand in what the list is searched by, in large or small letters."""
    sort: str
    cursor: str | None = Field(default=None, max_length=2_500)
    """What the answer before had as `next`."""
    limit: int = Field(default=lists.MOST, ge=1, le=lists.MOST)

    @property
    def paging(self) -> lists.Paging:
        return lists.Paging(self.sort, self.q, self.cursor, self.limit)


class Renamed(ListQuery):
    """A list from before all had the same names; the earlier ones still do."""

    after: str | None = Field(default=None, deprecated="it is `cursor` now")
    """Of a list by age, newest first, also the id of the last row."""
    search: str | None = Field(default=None, deprecated="it is `q` now")

    @model_validator(mode="before")
    @classmethod
    def _by_todays_names(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rest = {name: value for name, value in given.items() if name not in _EARLIER}
        # An empty one was none.
        renamed = {now: given[old] for old, now in _EARLIER.items() if str(given.get(old) or "").strip()}
        if _ID.fullmatch(last := str(renamed.get("cursor"))):
            renamed["cursor"] = cursors.written("newest", UUID(last[-32:]))
        return renamed | rest


_EARLIER = {"after": "cursor", "search": "q"}
_ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
