"""Whether a company's people are there, and when they are back: from its hours, by the clock on its wall."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo

from agents.tenant_settings import WEEKDAYS, Hours, Spans, Weekday
from foundation.turns import Value

HORIZON: Final = 400
"""Days that are looked ahead: a year, and the holidays around it."""
_MIDNIGHT: Final = time()
_DAY: Final = timedelta(days=1)
_MINUTE: Final = timedelta(minutes=1)


class Opening(Value):
    """Whether people are there now."""

    open: bool
    back_at: datetime | None
    """When they are there next, in the company's zone; None while they are, and if that is not in sight."""
    zone: str
    """The company's time zone."""


def opening(hours: Hours, zone: str, at: datetime) -> Opening | None:
    """Return whether people are there at a moment (with a time zone of its own); None where no hours are set.

    What the clock skips in spring is no hour of theirs, and what it shows twice in autumn is one twice.
    """
    if hours == Hours():
        return None
    calendar = _Calendar(hours.week, {exception.day: exception.spans for exception in hours.exceptions})
    here, at = ZoneInfo(zone), at.astimezone(UTC)
    local = at.astimezone(here)
    if calendar.is_open(local):
        return Opening(open=True, back_at=None, zone=zone)
    days = (local.date() + number * _DAY for number in range(HORIZON + 1))
    moments = chain.from_iterable(calendar.moments(day, here) for day in days)
    # Times of two zones are compared by when they are, those of one zone by what the clock shows.
    back_at = next((moment for moment in moments if moment > at and calendar.is_open(moment)), None)
    return Opening(open=False, back_at=back_at, zone=zone)


@dataclass(frozen=True, slots=True)
class _Calendar:
    week: Mapping[Weekday, Spans]
    exceptions: Mapping[date, Spans]

    def spans(self, day: date) -> Spans:
        return self.exceptions.get(day, self.week.get(WEEKDAYS[day.weekday()], ()))

    def is_open(self, local: datetime) -> bool:
        shown = f"{local:%H:%M}"
        return any(span.opens <= shown < span.closes for span in self.spans(local.date()))

    def moments(self, day: date, zone: ZoneInfo) -> Iterator[datetime]:
        """Yield a day's moments at which people may begin to be there, in order."""
        spans = self.spans(day)
        begins, ends = (datetime.combine(each, _MIDNIGHT, zone) for each in (day, day + _DAY))
        if begins.utcoffset() == ends.utcoffset():
            for span in spans:
                yield datetime.combine(day, time.fromisoformat(span.opens), zone)
        elif spans:
            # The clock is set on this day: any of its minutes may be the first.
            moment, end = begins.astimezone(UTC), ends.astimezone(UTC)
            while moment < end:
                yield moment.astimezone(zone)
                moment += _MINUTE
