"""Which texts say of themselves that they no longer apply."""

import re
from collections.abc import Sequence

_NOTICE = re.compile(
    r"inaktuell|ersatt av|ersätts av|har ersatts|gäller inte längre|upphörde att gälla|upphävd|äldre version"
    r"|(?:^|\W)ersatt(?:\W|$)|superseded|no longer (?:valid|applies|in force|current)|outdated|obsolete"
    r"|out of date|replaced by|previous version|old version"
    r"|gjelder ikke lenger|erstattet av|utdatert|gælder ikke længere|erstattet af|forældet"
    r"|ei ole enää voimassa|vanhentunut|korvattu",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def says_outdated(text: str) -> bool:
    """Return whether a title, heading or opening says that it has been replaced.

    Give it what announces a text, not the text: in the body "replaced by" may be about goods.
    """
    return _NOTICE.search(text) is not None


def years(text: str) -> frozenset[int]:
    """Return the years that `text` names."""
    return frozenset(int(year) for year in _YEAR.findall(text))


def superseded(titles: Sequence[str]) -> frozenset[str]:
    """Return the titles that another title repeats with a later year: `Prices 2024` beside `Prices 2026`.

    The year that counts is a title's first; what follows it (in brackets, after a dash) is not compared.
    """
    newest: dict[str, int] = {}
    named: dict[str, tuple[str, int]] = {}
    for title in set(titles):
        year = _YEAR.search(title)
        if year is None:
            continue
        family = re.sub(r"\W+", " ", title[: year.start()]).strip().lower()
        if not family:
            continue
        named[title] = (family, int(year.group()))
        newest[family] = max(newest.get(family, 0), int(year.group()))
    return frozenset(title for title, (family, year) in named.items() if year < newest[family])
