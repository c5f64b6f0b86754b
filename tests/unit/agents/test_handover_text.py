"""How customers read when people are back."""

from datetime import datetime, timedelta
from typing import get_args

import pytest

from agents.handover_text import when_back
from foundation.turns import Language
from graphs.replies import load_replies

REPLIES = load_replies()
NOW = datetime.fromisoformat("2026-11-27T18:30+01:00")  # a Friday

READS = [
    ("sv", "2026-11-27T20:00+01:00", "Våra medarbetare är tillbaka i dag kl. 20.00."),
    ("sv", "2026-11-28T09:00+01:00", "Våra medarbetare är tillbaka i morgon kl. 09.00."),
    ("sv", "2026-11-30T09:00+01:00", "Våra medarbetare är tillbaka måndag kl. 09.00."),
    ("sv", "2026-12-03T09:00+01:00", "Våra medarbetare är tillbaka torsdag kl. 09.00."),
    ("sv", "2026-12-04T09:00+01:00", "Våra medarbetare är tillbaka den 4 december kl. 09.00."),
    ("sv", "2027-01-07T13:30+01:00", "Våra medarbetare är tillbaka den 7 januari 2027 kl. 13.30."),
    ("en", "2026-11-27T20:00+01:00", "Our team is back today at 20:00."),
    ("en", "2026-11-28T09:00+01:00", "Our team is back tomorrow at 09:00."),
    ("en", "2026-11-30T09:00+01:00", "Our team is back on Monday at 09:00."),
    ("en", "2026-12-04T09:00+01:00", "Our team is back on 4 December at 09:00."),
    ("en", "2027-01-07T13:30+01:00", "Our team is back on 7 January 2027 at 13:30."),
    ("nb", "2026-11-28T09:00+01:00", "Våre medarbeidere er tilbake i morgen kl. 09.00."),
    ("nb", "2026-12-04T09:00+01:00", "Våre medarbeidere er tilbake 4. desember kl. 09.00."),
    ("da", "2026-12-02T09:00+01:00", "Vores medarbejdere er tilbage onsdag kl. 09.00."),
    ("fi", "2026-11-30T09:00+01:00", "Henkilökuntamme on taas paikalla maanantaina klo 9.00."),
    ("fi", "2027-01-07T13:30+01:00", "Henkilökuntamme on taas paikalla 7. tammikuuta 2027 klo 13.30."),
]


@pytest.mark.parametrize(("language", "at", "text"), READS)
def test_customers_read_when_people_are_back(language: Language, at: str, text: str) -> None:
    assert when_back(REPLIES.text, language, datetime.fromisoformat(at), NOW) == text


def test_a_day_is_one_on_the_calendar() -> None:
    late, early = (datetime.fromisoformat(f"2026-11-{at}+01:00") for at in ("27T23:59", "28T00:00"))
    assert when_back(REPLIES.text, "en", early, late) == "Our team is back tomorrow at 00:00."


@pytest.mark.parametrize("language", get_args(Language))
def test_each_day_and_month_has_a_word_of_its_own(language: Language) -> None:
    week = {when_back(REPLIES.text, language, NOW + timedelta(days=day), NOW) for day in range(7)}
    assert len(week) == 7
    dates = {when_back(REPLIES.text, language, NOW + timedelta(days=40 + 30 * n), NOW) for n in range(11)}
    assert len(dates) == 11
    assert [len(REPLIES.text(words, language).split()) for words in ("weekdays", "months")] == [7, 12]
