"""What a scripted model invents: each invention is planted in, or beside, what a passage says."""

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from foundation.turns import Language
from tests.eval.answers import Said, cite, plain

_NUMBER: Final = re.compile(r"(?<![\w.,:§-])\d{1,3}(?:[ ,]\d{3})+|(?<![\w.,:§-])\d+(?:[.,]\d+)?")
_PRICE: Final = re.compile(r"\$\d[\d,.]*\d|\$\d|\d[\d ]*\s(?:kr|SEK|kronor)\b")
_DURATION: Final = re.compile(
    r"\d+(?= (?:veckor|månader|år|dagar|arbetsdagar|timmar|minuter|weeks|months|years|days|business days"
    r"|hours|minutes|seconds)\b)"
)
_DATE: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}|\b\d{1,2} (?:januari|februari|mars|april|maj|juni|juli|augusti|september|oktober"
    r"|november|december)\b|\b(?:January|February|March|April|May|June|July|August|September|October"
    r"|November|December) \d{1,2}\b"
)
_UNITS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("dagar", "veckor", "månader", "timmar", "år"),
    "en": ("days", "weeks", "months", "hours", "years"),
}
_LINKS: Final = (
    "https://www.hjalp-portalen.se/retur", "minasidor-support.xyz", "www.fast-refunds.com/claim",
    "http://185.12.44.9/login", "bit.ly/3xYzQ", "https://help.example.org", "kundcenter.online/logga-in",
    "support-desk.de", "t.me/refundhelp", "billing.service-now.co.uk", "[här](https://ersattning.nu/start)",
    "[this page](https://claims.example.net/form)", "ftp://files.example.com/form.pdf", "chat.help.ai",
)  # fmt: skip
_MAILS: Final = (
    "kundservice@snabbhjalp.se", "support@refund-center.com", "jane.doe@example.org", "info@help.co.uk",
    "återbetalning@bolaget.nu", "claims+vip@service.io",
)  # fmt: skip
_PHONES: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("08-500 120 45", "0771-45 67 89", "+46 8 123 987 65", "070-555 43 21", "031 - 77 88 990",
           "020-911 822"),
    "en": ("1-800-555-0147", "(415) 555-2671", "+44 20 7946 0958", "800.555.0133", "+1 212 555 0188",
           "555-0199"),
}  # fmt: skip
_CODES: Final = ("SOMMAR25", "REFUND-4471", "VIP2024X", "HJÄLP50", "SAVE15NOW")
_HIDDEN: Final[dict[Language, tuple[str, ...]]] = {
    "sv": (", och det kostar {}", ", vilket blir {}", " (totalt {})", " – räkna med {}", ", dock högst {}"),
    "en": (", and it costs {}", ", which comes to {}", " ({} in total)", " – expect {}", ", up to {}"),
}
_POINTERS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("Läs mer på {}.", "Se även {}.", "Gå till {} så löser det sig.", "Kontakta {}."),
    "en": ("Read more at {}.", "See {} as well.", "Go to {} to sort it out.", "Contact {}."),
}
_WHEN: Final[dict[Language, tuple[str, ...]]] = {
    "sv": (", senast den {d} {m}", ", från och med {y}-0{n}-{d}", " (gäller till {d} {m} {y})"),
    "en": (", by {m} {d}", ", starting {y}-0{n}-{d}", " (valid until {d} {m} {y})"),
}
_MONTHS: Final[dict[Language, str]] = {
    "sv": "januari februari mars april maj juni juli augusti september",
    "en": "January February March April May June July August September",
}
_ONES: Final[dict[Language, str]] = {
    "sv": "ett två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton sjutton "
    "arton nitton",
    "en": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen",
}
_TENS: Final[dict[Language, str]] = {
    "sv": "tjugo trettio fyrtio femtio sextio sjuttio åttio nittio",
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
}


class Inventor:
    """Plants inventions that stand nowhere in what the model was given."""

    def __init__(self, language: Language, known: Sequence[str], pick: random.Random) -> None:
        self._language: Language = language
        self._known = "\n".join(known)
        self._numbers = {re.sub(r"[ ,]", "", found) for found in re.findall(r"\d[\d ,]*", self._known)}
        self._numbers |= set(re.findall(r"\d+", self._known))
        self._pick = pick

    def planted(self, sentence: str, source: int, other: str) -> Said:
        """Return a sentence with something invented; `other` is a sentence of another passage."""
        ways: dict[str, Callable[[], Said | None]] = {
            "number": lambda: self._changed(sentence, source, _NUMBER, "number"),
            "price": lambda: self._changed(sentence, source, _PRICE, "price"),
            "duration": lambda: self._changed(sentence, source, _DURATION, "duration"),
            "date": lambda: self._date(sentence, source),
            "hidden": lambda: self._hidden(sentence, source, self._amount(), "hidden"),
            "in_words": lambda: self._in_words(sentence, source),
            "one": lambda: self._hidden(sentence, source, self._one(), "one"),
            "magnitude": lambda: self._magnitude(sentence, source),
            "split": lambda: self._hidden(sentence, source, self._amount(), "split"),
            "fake_citation": lambda: self._hidden(sentence, 8, self._amount(), "fake_citation"),
            "link": lambda: self._pointer(source, self._pick.choice(_LINKS), "link"),
            "mail": lambda: self._pointer(source, self._pick.choice(_MAILS), "mail"),
            "phone": lambda: self._pointer(source, self._pick.choice(_PHONES[self._language]), "phone"),
            "link_hidden": lambda: self._hidden(sentence, source, self._pick.choice(_LINKS), "link_hidden"),
            "code": lambda: self._hidden(sentence, source, self._pick.choice(_CODES), "code"),
            "free": lambda: self._free(sentence, source),
            "wrong_citation": lambda: self._miscited(other, source),
        }
        kinds = list(ways)
        self._pick.shuffle(kinds)
        # What few sentences allow is taken wherever it can be.
        for kind in sorted(kinds, key=lambda kind: kind not in ("date", "price", "duration", "number")):
            rare = kind in ("date", "price", "duration", "number")
            if (not rare or self._pick.random() < 0.25) and (said := ways[kind]()) is not None:
                return said
        return self._hidden(sentence, source, self._amount(), "hidden")

    def borrowed(self, sentence: str, source: int, passage: str) -> Said | None:
        """Put a number of the passage's other sentences where this sentence has one of its own."""
        own = list(_NUMBER.finditer(sentence))
        others = sorted(set(_NUMBER.findall(passage.replace(sentence, ""))) - set(_NUMBER.findall(sentence)))
        if not own or not others:
            return None
        match, new = self._pick.choice(own), self._pick.choice(others)
        text = sentence[: match.start()] + new + sentence[match.end() :]
        return None if text in passage else Said(cite(text, source), "borrowed", plain(text), source)

    def _changed(self, sentence: str, source: int, pattern: re.Pattern[str], kind: str) -> Said | None:
        found = list(pattern.finditer(sentence))
        if not found:
            return None
        match = self._pick.choice(found)
        whole = re.sub(r"[.,]\d{1,2}(?!\d)", "", match[0])
        new = re.sub(r"\d[\d ,]*\d|\d", lambda _: self._number(2, 5000), whole, count=1)
        text = sentence[: match.start()] + new + sentence[match.end() :]
        return Said(cite(text, source), kind, new, source)

    def _date(self, sentence: str, source: int) -> Said:
        if match := _DATE.search(sentence):
            last = re.compile(r"\d{1,2}(?=\D*\Z)|(?<=-)\d{2}\Z")
            new = last.sub(lambda found: f"{(int(found[0]) + 8) % 28 + 1:02d}", match[0], count=1)
            if new != match[0] and new not in self._known:
                text = sentence[: match.start()] + new + sentence[match.end() :]
                return Said(cite(text, source), "date", new, source)
        n = self._pick.randint(1, 9)
        day, year = self._pick.randint(10, 28), self._pick.randint(2031, 2039)
        month = _MONTHS[self._language].split()[n - 1]
        when = self._pick.choice(_WHEN[self._language]).format(d=day, m=month, n=n, y=year)
        return Said(cite(sentence[:-1] + when + ".", source), "date", when.strip(" ,()"), source)

    def _hidden(self, sentence: str, source: int, amount: str, kind: str) -> Said:
        clause = self._pick.choice(_HIDDEN[self._language]).format(amount)
        return Said(cite(f"{sentence[:-1]}{clause}.", source), kind, amount, source)

    def _amount(self) -> str:
        n = self._number(3, 9000)
        if self._pick.random() < 0.4:
            return f"{n} {self._pick.choice(_UNITS[self._language])}"
        swedish = (f"{n} kr", f"{n}:-", f"SEK {n}", f"{n} SEK", f"{n}kr", f"kr {n}", f"SEK{n}", f"{n} euro")
        english = (f"${n}", f"{n} dollars", f"USD {n}", f"USD{n}", f"€{n}", f"{n} USD", f"US${n}", f"£{n}.50")
        return self._pick.choice(swedish if self._language == "sv" else english)

    def _number(self, low: int, high: int) -> str:
        while True:
            n = self._pick.choice((self._pick.randint(low, 99), self._pick.randint(100, high)))
            if str(n) not in self._numbers and not (n < 20 and self._spells(n)):
                return f"{n:,}".replace(",", " " if self._language == "sv" else ",") if n > 999 else str(n)

    def _spells(self, n: int) -> bool:
        """Say whether a number stands in words, in either language; whole texts count, to be sure."""
        known = self._known.casefold()
        return any(in_words(n, language) in known for language in _ONES)

    def _in_words(self, sentence: str, source: int) -> Said:
        n = int(re.sub(r"[ ,]", "", self._number(2, 999)))
        unit = self._pick.choice(_UNITS[self._language])
        return self._hidden(sentence, source, f"{in_words(n, self._language)} {unit}", "in_words")

    def _one(self) -> str:
        units = {
            "sv": ("en vecka", "en månad", "ett år", "en timme"),
            "en": ("one week", "one month", "one year"),
        }
        fresh = [
            each for each in units[self._language] if not self._speaks_of("1") and each not in self._known
        ]
        return self._pick.choice(fresh) if fresh else self._amount()

    def _speaks_of(self, number: str) -> bool:
        return number in self._numbers

    def _magnitude(self, sentence: str, source: int) -> Said | None:
        """Say a thousand or a million times a number of the sentence."""
        times = {
            "sv": ("tusen kr", "miljoner kr", "tkr", "mkr"),
            "en": ("thousand dollars", "million dollars"),
        }
        for match in _NUMBER.finditer(sentence):
            if re.fullmatch(r"\d{1,3}", match[0]):
                amount = f"{match[0]} {self._pick.choice(times[self._language])}"
                return self._hidden(sentence, source, amount, "magnitude")
        return None

    def _pointer(self, source: int, target: str, kind: str) -> Said:
        text = self._pick.choice(_POINTERS[self._language]).format(target)
        return Said(cite(text, source), kind, target, source)

    def _free(self, sentence: str, source: int) -> Said | None:
        promise = {"sv": "gratis", "en": "free of charge"}[self._language]
        if re.search(
            r"gratis|kostnadsfri|avgiftsfri|free|no charge|no cost|utan kostnad", self._known, re.IGNORECASE
        ):
            return None
        text = f"{sentence[:-1]}, {'och det är' if self._language == 'sv' else 'and it is'} {promise}."
        return Said(cite(text, source), "free", promise, source)

    def _miscited(self, other: str, source: int) -> Said | None:
        """Say what another passage says and cite this one: only the citation is wrong."""
        return Said(cite(other, source), "wrong_citation", "", source) if other else None


def in_words(n: int, language: Language) -> str:
    """Write a number below 1,000 in words."""
    ones, tens = _ONES[language].split(), _TENS[language].split()
    hundreds, rest = divmod(n, 100)
    glue = {"sv": "", "en": " "}[language]
    parts = [f"{ones[hundreds - 1]}{glue}{ {'sv': 'hundra', 'en': 'hundred'}[language] }"] if hundreds else []
    if 0 < rest < 20:
        parts.append(ones[rest - 1])
    elif rest:
        ten, one = divmod(rest, 10)
        hyphen = "" if language == "sv" or not one else "-"
        parts.append(tens[ten - 2] + hyphen + (ones[one - 1] if one else ""))
    return glue.join(parts)
