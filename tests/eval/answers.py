"""What a scripted model says that is right: passages' sentences, as they stand and as models rewrite them."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from foundation.turns import Language
from graphs.units import units

Half = Literal["development", "held_out"]
_CITATION: Final = re.compile(r"\s*\[\d{1,3}\]")
_FORMATS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"(?<![\d.,])(\d{1,3}) (\d{3}) (?:kr|SEK)\b"), r"\1\2 kronor"),
    (re.compile(r"(?<![\d.,])(\d+) SEK\b"), r"\1 kr"),
    (re.compile(r"(?<![\d.,$])(\d{1,3}) (\d{3})(?![\d ])"), r"\1\2"),
    (re.compile(r"\$(\d{1,3}),(\d{3})(?![\d,.])"), r"\1\2 dollars"),
    (re.compile(r"\$(\d+)\.00\b"), r"$\1"),
    (re.compile(r"\$(\d+\.\d\d)\b"), r"\1 USD"),
    (re.compile(r"(?<![\d.,])(\d+)-(\d+) (veckor|månader|år|dagar)\b"), r"\1 till \2 \3"),
    (re.compile(r"(?<![\d.,])(\d+)-(\d+) (weeks|months|years|days)\b"), r"\1 to \2 \3"),
    (re.compile(r"(\d)% (?=av|vid|extra)"), r"\1 procent "),
    (re.compile(r"(\d)% (?=of|on|for|cash)"), r"\1 percent "),
    (re.compile(r"(\d) ([AP])M\b"), r"\1:00 \2M"),
)
_SMALL: Final[dict[Language, str]] = {
    "sv": "två tre fyra fem sex sju åtta nio tio elva tolv",
    "en": "two three four five six seven eight nine ten eleven twelve",
}
_COUNTED: Final = re.compile(
    r"(?<![\d.,$–-])([2-9]|1[0-2])(?= (?:veckor|månader|år|dagar|weeks|months|years|days|hours|business)\b)"
)
OPENERS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": (
        "Jag förstår att det är frustrerande.", "Tack för att du hör av dig!", "Vad tråkigt att höra!",
        "Bra fråga!", "Jag beklagar besväret.", "Det hjälper jag gärna till med.",
        "Jag förstår din oro.", "Jag förstår helt hur du känner.", "Tack för ditt tålamod.",
        "Det låter jobbigt.", "Vad roligt att du är intresserad!", "Så klart hjälper jag dig.",
    ),
    "en": (
        "I understand this is frustrating.", "Thanks for reaching out!", "I'm sorry to hear that.",
        "Great question!", "I apologize for the inconvenience.", "I'd be happy to help with that.",
        "I understand your concern.", "I completely understand how you feel.", "Thank you for your patience.",
        "That sounds stressful.", "I appreciate you getting in touch.", "Of course, let me help you.",
    ),
}  # fmt: skip
_LEADS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("Kort sagt:", "Ja,", "Det stämmer att", "Enligt vår information gäller att", "Observera att",
           "I korthet är det så att"),
    "en": ("In short,", "Yes,", "That's right,", "According to our information,", "Please note that",
           "To put it briefly,"),
}  # fmt: skip
_LIST_LEADS: Final[dict[Language, tuple[str, ...]]] = {
    "sv": ("Här är det viktigaste:", "Så här fungerar det:", "Tänk på följande:", "Sammanfattningsvis:"),
    "en": ("Here are the main points:", "Here's how it works:", "Keep the following in mind:", "In summary:"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of an answer. `planted` is what must not be shown; empty where the sentence is right."""

    text: str
    kind: str
    planted: str = ""
    source: int = 0
    """Which passage, from 0, says it."""

    @property
    def body(self) -> str:
        """The sentence as a customer sees it, but for the citations' numbers."""
        return plain(self.text)


def plain(text: str) -> str:
    """Return text without citations, list markers and line breaks."""
    return " ".join(_CITATION.sub("", re.sub(r"^\s*(?:[-*]|\d+\.)\s", "", text)).split())


def half_of(key: str) -> Half:
    """Return on which side of the split a key stands."""
    return "development" if sha256(key.encode()).digest()[0] < 128 else "held_out"


def sentences(text: str) -> list[str]:
    """Return the sentences of a passage that a model may say: prose and list items, short enough."""
    found = []
    for unit in units(text):
        body = plain(unit.text)
        told = unit.kind in ("prose", "item") and "|" not in body and not body.endswith((":", "?"))
        if told and len(body.split()) >= 4 and len(body) <= 300:
            found.append(body if body.endswith((".", "!", "…")) else f"{body}.")
    return list(dict.fromkeys(found))


def cite(sentence: str, *numbers: int) -> str:
    """Put citations, counted from 0, before the sentence's end."""
    marks = "".join(f"[{number + 1}]" for number in numbers)
    return f"{sentence[:-1]} {marks}{sentence[-1]}"


def reformatted(sentence: str, language: Language) -> str:
    """Write a sentence's numbers in other formats: `1 299 kr` as `1299 kronor`, `5 veckor` in words."""
    for pattern, new in _FORMATS:
        sentence = pattern.sub(new, sentence)
    words = _SMALL[language].split()
    return _COUNTED.sub(lambda match: words[int(match[1]) - 2], sentence)


def opener(language: Language, half: Half, pick: random.Random) -> Said:
    """Say something kind that claims nothing; the halves' wordings are different ones."""
    return Said(pick.choice(_own(OPENERS[language], half)), "opener")


def right(sentence: str, source: int, language: Language, half: Half, pick: random.Random) -> Said:
    """Say one sentence in one of the ways of models."""
    ways: dict[str, Callable[[], str]] = {
        "verbatim": lambda: cite(sentence, source),
        "uncited": lambda: sentence,
        "fake_citation_beside": lambda: cite(sentence, 8, source),
        "fake_citation_only": lambda: cite(sentence, 8),
        "led_in": lambda: cite(_led(sentence, pick.choice(_own(_LEADS[language], half))), source),
        "reordered": lambda: cite(_reordered(sentence), source),
    }
    if (changed := reformatted(sentence, language)) != sentence:
        ways = {"format": lambda: cite(changed, source), **ways}
        kind = pick.choice([*ways, "format", "format", "format"])
    else:
        kind = pick.choice([*ways])
    return Said(ways[kind](), kind, source=source)


def merged(one: str, two: str, sources: tuple[int, int], language: Language) -> Said:
    """Say two sentences as one."""
    joined = f"{one.rstrip('.!')} {'och' if language == 'sv' else 'and'} {two[:1].lower()}{two[1:]}"
    kind = "merged" if sources[0] == sources[1] else "merged_of_two_passages"
    return Said(cite(joined, *dict.fromkeys(sources)), kind, source=sources[0])


def listed(said: list[str], source: int, language: Language, half: Half, pick: random.Random) -> list[Said]:
    """Say sentences as a list with a lead-in."""
    lead = pick.choice(_own(_LIST_LEADS[language], half))
    items = [Said(f"\n- {each.rstrip('.')} [{source + 1}]", "item", source=source) for each in said]
    return [Said(lead, "lead_in"), *items]


def table(said: list[str], source: int, language: Language) -> list[Said]:
    """Say sentences as the rows of a table, each of which must be shown."""
    head = "| Nr | Uppgift |" if language == "sv" else "| No. | Detail |"
    rows = "\n".join(f"| {chr(97 + n)} | {each} [{source + 1}] |" for n, each in enumerate(said))
    return [Said(f"\n\n{head}\n| --- | --- |\n{rows}\n\n", "table", source=source)]


def _own(choices: tuple[str, ...], half: Half) -> list[str]:
    return list(choices[::2] if half == "development" else choices[1::2])


def _led(sentence: str, lead: str) -> str:
    return f"{lead} {sentence[:1].lower()}{sentence[1:]}"


def _reordered(sentence: str) -> str:
    """Put what follows the first comma in front, where both sides are long enough to stand."""
    first, comma, rest = sentence.rstrip(".").partition(", ")
    if not comma or min(len(first.split()), len(rest.split())) < 3:
        return sentence
    return f"{rest[:1].upper()}{rest[1:]}, {first[:1].lower()}{first[1:]}."
