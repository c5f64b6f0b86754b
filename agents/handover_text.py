"""What customers read when they are handed to people: outside these people's hours also when they are back.

It is made once, for the row of the handover, and read from there ever after.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from agents.opening_times import opening_times
from foundation.ids import TenantId
from foundation.languages import LANGUAGES
from foundation.tenancy import Tenancy
from foundation.turns import Language
from graphs.replies import ReplyName

FixedText = Callable[[ReplyName, Language], str]
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class HandoverText:
    tenancy: Tenancy
    fixed_text: FixedText

    async def of(self, tenant_id: TenantId, language: str | None) -> str:
        """Return the text in a conversation's language; in the tenant's where that is none of ours.

        Raises:
            NotFound: there is no such tenant.
        """
        times = await opening_times(self.tenancy, tenant_id)
        spoken = next((known for known in LANGUAGES if known == language), times.language)
        said, now = self.fixed_text("handover", spoken), datetime.now(UTC)
        opening = times.at(now)
        if opening is None or opening.back_at is None:
            return said
        here = now.astimezone(ZoneInfo(times.zone))
        return f"{said} {when_back(self.fixed_text, spoken, opening.back_at, here)}"


def when_back(fixed_text: FixedText, language: Language, at: datetime, now: datetime) -> str:
    """Return the sentence that says when people are back: both times by the company's clock."""
    away = at.date() - now.date()
    if away < timedelta(days=2):
        return fixed_text("back_tomorrow" if away else "back_today", language).format(at=at)
    if away < _WEEK:
        weekday = fixed_text("weekdays", language).split()[at.weekday()]
        return fixed_text("back_weekday", language).format(at=at, weekday=weekday)
    month = fixed_text("months", language).split()[at.month - 1]
    dated = month if at.year == now.year else f"{month} {at.year}"
    return fixed_text("back_date", language).format(at=at, month=dated)
