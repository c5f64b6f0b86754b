"""What a tenant sets of itself as a whole. What the agent does is set in `agents.behaviour` and published."""

import re
from datetime import date
from itertools import pairwise
from typing import Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from foundation.plans import Plan, Rate
from foundation.turns import Language, Value

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Channel = Literal["widget", "api", "email", "sms", "whatsapp"]
WEEKDAYS: Final[tuple[Weekday, ...]] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)
_TIME: Final = r"^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$"


class Span(Value):
    """From `opens` until `closes`, in the tenant's zone."""

    opens: str = Field(json_schema_extra={"pattern": _TIME})
    closes: str = Field(json_schema_extra={"pattern": _TIME})

    @field_validator("opens", "closes")
    @classmethod
    def _on_the_clock(cls, time: str) -> str:
        if not re.fullmatch(_TIME, time):
            raise ValueError("hours: write times as 09:00, with two digits each, and midnight as 24:00")
        return time

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("hours: `closes` must be later than `opens`; write 24:00 for midnight")
        return self


Spans = tuple[Span, ...]


class ExceptionalDay(Value):
    """A date with hours of its own; without any it is closed."""

    day: date
    spans: Spans = Field(default=(), max_length=6)
    note: str = Field(default="", max_length=200)


class Hours(Value):
    """When people are there. A weekday that is not named is closed."""

    week: dict[Weekday, Spans] = Field(default_factory=dict)
    exceptions: tuple[ExceptionalDay, ...] = Field(default=(), max_length=400)

    @model_validator(mode="after")
    def _clear(self) -> Self:
        days = [exception.day for exception in self.exceptions]
        if len(days) != len(set(days)):
            raise ValueError("hours.exceptions: a date stands twice; put its hours in one entry")
        for spans in (*self.week.values(), *(exception.spans for exception in self.exceptions)):
            if any(one.closes > later.opens for one, later in pairwise(spans)):
                raise ValueError("hours: spans of a day overlap or are out of order; sort and part them")
        return self


class Retention(Value):
    """After how many days things are deleted; None keeps them. The audit log is always kept."""

    conversations: int | None = Field(default=None, ge=1, le=36_500)
    """Days since the last message, whatever the state."""
    resolved: int | None = Field(default=None, ge=1, le=36_500)
    """Days since the last message of a conversation that is resolved."""
    traces: int | None = Field(default=None, ge=1, le=36_500)


class TenantSettings(Value):
    """All of it. `company_name`, `zone` and `language` stand on the tenant's own row."""

    company_name: str = Field(min_length=1, max_length=200)
    zone: str = "Europe/Stockholm"
    language: Language = "sv"
    """Of texts for customers whose own language is not known."""
    languages: tuple[Language, ...] = Field(default=("sv", "en", "nb", "da", "fi"), min_length=1)
    hours: Hours = Hours()
    channels: dict[Channel, bool] = Field(default_factory=dict)
    """Whether conversations may start there; a channel that is not named is on."""
    retention: Retention = Retention()
    limits: dict[Rate, int] = Field(default_factory=dict)
    """No higher than the plan's; what is not named has only the operator's rate limits."""

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError("zone: not an IANA time zone; write one like Europe/Stockholm")
        return zone

    @field_validator("company_name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not (plain := " ".join(name.split())):
            raise ValueError("company_name: is empty; write the company's name")
        return plain

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if len(set(self.languages)) != len(self.languages):
            raise ValueError("languages: one stands twice; name each once")
        if self.language not in self.languages:
            raise ValueError("language: is not among `languages`; add it there or choose another")
        return self

    def beyond(self, plan: Plan) -> Rate | None:
        """Return the first limit that is not lower than the plan's, or not above zero."""
        return next((name for name, most in self.limits.items() if not 0 < most <= plan.rates[name]), None)
