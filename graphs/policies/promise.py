"""Kind `promise`: what an agent must not say in a company's name.

Prices and refunds promised, guarantees, legal, medical and financial advice, by wordings in Swedish and
English. A wording is looked for in the agent's sentences only. A sentence that quotes a source word for
word has been found supported before; whether it may be said is still the company's choice.
"""

import re
from typing import Final, Literal

from pydantic import Field

from foundation.turns import Value
from graphs.policies.phrases import occurrences
from graphs.policies.port import Finding, Said

Subject = Literal["guarantee", "price", "legal", "medical", "financial"]

_WORDINGS: Final[dict[Subject, re.Pattern[str]]] = {
    "guarantee": re.compile(
        r"\b(?:i|we) (?:can )?(?:guarantee|promise|assure you)\b|\b(?:is|are) guaranteed to\b"
        r"|\b(?:jag|vi) (?:kan )?(?:garanterar?|lovar?|försäkrar?(?: dig)?)\b"
        r"|\bgaranterat (?:att|inom|i tid)\b"
        r"|\b100\s?% (?:säkert|garanterat|guaranteed|certain)\b|\butan undantag\b|\bwithout exception\b",
        re.IGNORECASE,
    ),
    "price": re.compile(
        r"\b(?:i|we)(?:'ll| will| can) (?:match|lower|reduce|waive|discount|refund)\b"
        r"|\b(?:you|du|ni) (?:will (?:get|receive)|får|kommer att få) (?:a |en |ett |full |hela )?"
        r"(?:\d+\s?% )?(?:discount|refund|rabatt|återbetalning|kompensation|compensation)\b"
        r"|\b(?:jag|vi) (?:kan |ska )?(?:sänker?|matchar?|bjuder? på|betalar? tillbaka|ersätter?)\b"
        r"|\b(?:special|extra) (?:discount|price)\b|\bspecialpris\b|\bextra rabatt\b",
        re.IGNORECASE,
    ),
    "legal": re.compile(
        r"\b(?:you (?:can|could|should) sue|(?:legally|by law) (?:you are|we are|entitled|obliged|liable)"
        r"|legal advice|(?:is|are) (?:il)?legal(?:ly)?\b)"
        r"|\b(?:du kan|du bör|ni kan) (?:stämma|anmäla|polisanmäla|överklaga)\b|\bjuridisk rådgivning\b"
        r"|\benligt lag har du\b|\bdet är (?:o)?lagligt\b|\bavtalsbrott\b",
        re.IGNORECASE,
    ),
    "medical": re.compile(
        r"\b(?:you (?:should|can|could) (?:take|stop taking|increase|reduce)\b.{0,40}\b(?:dose|mg|tablets?"
        r"|medicine|medication))|\b(?:diagnos(?:is|ed)|medical advice|symptoms? (?:of|suggest))\b"
        r"|\b(?:ta|öka|minska|sluta med)\b.{0,40}\b(?:dosen|mg|tabletter?|medicin(?:en)?)\b"
        r"|\b(?:diagnosen|symtom(?:en)? (?:på|tyder)|medicinsk rådgivning)\b",
        re.IGNORECASE,
    ),
    "financial": re.compile(
        r"\b(?:you should (?:invest|buy (?:shares|stocks)|sell)|investment advice|guaranteed returns?)\b"
        r"|\b(?:du bör|jag rekommenderar att du) (?:investera\w*|köper? aktier|säljer?)\b"
        r"|\binvesteringsråd\b|\bgaranterad avkastning\b",
        re.IGNORECASE,
    ),
}


class Options(Value):
    """Which promises count."""

    subjects: tuple[Subject, ...] = tuple(_WORDINGS)
    wordings: tuple[str, ...] = Field(default=(), max_length=200)
    """More words or phrases that must not be said."""


def after(said: Said, options: Options) -> Finding | None:
    """Find a forbidden promise in a unit of an answer."""
    if spans := occurrences(said.text, options.wordings):
        return Finding("wording", spans)
    for subject in options.subjects:
        if match := _WORDINGS[subject].search(said.text):
            return Finding(subject, (match.span(),))
    return None
