"""Whether people are there and when they are back, against a model that looks at the clock each minute."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.opening import HORIZON, Opening, opening
from agents.tenant_settings import WEEKDAYS, Hours

STOCKHOLM = "Europe/Stockholm"
OFFICE = [{"opens": "09:00", "closes": "12:00"}, {"opens": "13:00", "closes": "17:00"}]
WEEK = {"monday": OFFICE}
AHEAD = 4
"""Days that the model looks ahead."""
CLOCKS_ARE_SET = {
    STOCKHOLM: ("2027-03-28T01:00Z", "2027-10-31T01:00Z"),
    "America/Havana": ("2027-03-14T05:00Z", "2027-11-07T05:00Z"),  # at midnight
    "Asia/Beirut": ("2027-03-27T22:00Z", "2027-10-30T21:00Z"),  # to midnight
    "Australia/Lord_Howe": ("2027-04-03T15:00Z", "2027-10-02T15:30Z"),  # by half an hour
    "Asia/Kathmandu": ("2027-01-01T00:00Z",),  # never
}


def hours_of(**given: Any) -> Hours:
    return Hours.model_validate(given)


def there(hours: Hours, at: str, zone: str = STOCKHOLM) -> Opening | None:
    """Return the opening at a time by the company's clock, or at one that says its own offset."""
    moment = datetime.fromisoformat(at)
    return opening(hours, zone, moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)))


def back(hours: Hours, at: str, zone: str = STOCKHOLM) -> str | None:
    """Return when people who are away are back."""
    found = there(hours, at, zone)
    assert found is not None
    assert not found.open
    return None if found.back_at is None else found.back_at.isoformat(timespec="minutes")


def test_people_are_there_in_their_own_hours() -> None:
    hours = hours_of(week=WEEK, exceptions=[{"day": "2026-11-30"}])
    monday = [datetime(2026, 11, 23, hour, 30, tzinfo=UTC) for hour in range(24)]
    # Stockholm is one hour ahead of UTC in November.
    found = {at.hour + 1: opening(hours, STOCKHOLM, at) for at in monday}
    assert [hour for hour, one in found.items() if one and one.open] == [9, 10, 11, 13, 14, 15, 16]
    assert there(hours, "2026-11-23T09:00") == Opening(open=True, back_at=None, zone=STOCKHOLM)
    assert back(hours, "2026-11-23T12:00") == "2026-11-23T13:00+01:00"
    assert back(hours, "2026-11-23T08:59:30") == "2026-11-23T09:00+01:00"
    assert back(hours, "2026-11-23T17:00") == "2026-12-07T09:00+01:00"  # the next Monday is a day off


def test_a_company_that_has_set_no_hours_says_nothing() -> None:
    assert there(Hours(), "2026-11-23T09:00") is None


def test_an_exception_opens_a_closed_day_and_closes_an_open_one() -> None:
    hours = hours_of(
        week=WEEK,
        exceptions=[{"day": "2026-11-28", "spans": [{"opens": "10:00", "closes": "14:00"}]}],
    )
    assert back(hours, "2026-11-27T20:00") == "2026-11-28T10:00+01:00"
    assert back(hours, "2026-11-28T14:00") == "2026-11-30T09:00+01:00"
    assert back(hours_of(week=WEEK, exceptions=[{"day": "2026-11-30"}]), "2026-11-30T10:00") == (
        "2026-12-07T09:00+01:00"
    )


def test_midnight_is_no_gap() -> None:
    through = hours_of(
        week={
            "monday": [{"opens": "22:00", "closes": "24:00"}],
            "tuesday": [{"opens": "00:00", "closes": "02:00"}],
        }
    )
    for at in ("2026-11-30T23:59:59", "2026-12-01T00:00"):
        assert there(through, at) == Opening(open=True, back_at=None, zone=STOCKHOLM)
    assert back(through, "2026-12-01T02:00") == "2026-12-07T22:00+01:00"


@pytest.mark.parametrize(("day", "expected"), [(HORIZON, True), (HORIZON + 1, False)])
def test_what_is_too_far_away_is_not_in_sight(day: int, *, expected: bool) -> None:
    at = date(2026, 11, 27)
    far = {"day": str(at + timedelta(days=day)), "spans": [{"opens": "09:00", "closes": "10:00"}]}
    found = back(hours_of(exceptions=[far]), "2026-11-27T12:00")
    assert (found is not None) is expected
    assert back(hours_of(week={"monday": []}), "2026-11-27T12:00") is None


def test_the_offset_is_that_of_the_day_people_are_back() -> None:
    sundays = hours_of(week={"sunday": [{"opens": "09:00", "closes": "17:00"}]})
    assert back(sundays, "2027-03-27T12:00+01:00") == "2027-03-28T09:00+02:00"
    assert back(sundays, "2027-10-30T12:00+02:00") == "2027-10-31T09:00+01:00"


def test_in_spring_an_hour_is_skipped() -> None:
    early = hours_of(week={"sunday": [{"opens": "02:30", "closes": "04:00"}]})
    assert back(early, "2027-03-28T01:59+01:00") == "2027-03-28T03:00+02:00"
    skipped = hours_of(week={"sunday": [{"opens": "02:00", "closes": "03:00"}]})
    assert back(skipped, "2027-03-28T01:59+01:00") == "2027-04-04T02:00+02:00"


def test_in_autumn_an_hour_comes_twice() -> None:
    early = hours_of(week={"sunday": [{"opens": "02:00", "closes": "02:30"}]})
    assert back(early, "2027-10-31T01:00+02:00") == "2027-10-31T02:00+02:00"
    assert back(early, "2027-10-31T02:30+02:00") == "2027-10-31T02:00+01:00"
    assert back(early, "2027-10-31T02:30+01:00") == "2027-11-07T02:00+01:00"


def spans() -> st.SearchStrategy[list[dict[str, str]]]:
    """A day's spans, on quarters of an hour."""
    quarters = st.lists(st.integers(0, 96), unique=True, max_size=6).map(sorted)
    return quarters.map(
        lambda at: [
            {"opens": _shown(opens * 15), "closes": _shown(closes * 15)}
            for opens, closes in zip(at[::2], at[1::2], strict=False)
        ]
    )


def _shown(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@settings(deadline=None)
@given(st.data())
def test_it_is_as_a_clock_that_is_looked_at_each_minute_says(data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(sorted(CLOCKS_ARE_SET)))
    turned = datetime.fromisoformat(data.draw(st.sampled_from(CLOCKS_ARE_SET[zone])))
    at = turned + timedelta(minutes=data.draw(st.integers(-3000, 1500)))
    days = [str((turned + timedelta(days=number)).date()) for number in range(-2, 4)]
    week = data.draw(st.dictionaries(st.sampled_from(WEEKDAYS), spans(), min_size=1))
    exceptional = data.draw(st.dictionaries(st.sampled_from(days), spans(), max_size=3))
    hours = hours_of(
        week=week, exceptions=[{"day": day, "spans": theirs} for day, theirs in exceptional.items()]
    )
    found = opening(hours, zone, at)
    assert found is not None
    assert found.open == model(week, exceptional, zone, at)
    if found.open:
        assert found.back_at is None
        return
    minute = at.replace(second=0, microsecond=0)
    ahead = (minute + timedelta(minutes=number) for number in range(1, AHEAD * 24 * 60))
    expected = next((one for one in ahead if model(week, exceptional, zone, one)), None)
    if expected is not None:
        assert found.back_at is not None
        assert found.back_at.astimezone(UTC) == expected
    elif found.back_at is not None:
        assert found.back_at - at >= timedelta(days=AHEAD)
        assert model(week, exceptional, zone, found.back_at)


def model(week: Any, exceptional: Any, zone: str, at: datetime) -> bool:
    """Say whether people are there, from what the clock on the wall shows."""
    local = at.astimezone(ZoneInfo(zone))
    day = exceptional.get(str(local.date()), week.get(WEEKDAYS[local.weekday()], []))
    now = local.hour * 60 + local.minute
    return any(_minutes(span["opens"]) <= now < _minutes(span["closes"]) for span in day)


def _minutes(shown: str) -> int:
    hours, minutes = shown.split(":")
    return int(hours) * 60 + int(minutes)
