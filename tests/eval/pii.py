"""How surely personal data is found, by kind, half by half.

Personal numbers: Skatteverket's test numbers in three spellings, in sentences; the same with a wrong check
digit must not be found. Cards, IBANs, e-mail and IP addresses, phones: synthetic annotated texts
(presidio-research). A card or IBAN whose check digits are wrong is none: it counts neither as one to find
nor, if annotated, as a false alarm.

`recall`: the annotated values that lie within what was found as this kind. `precision`: what was found as
this kind and touches an annotation of it, or, for personal numbers, is none of the wrong ones. Development
half: looked at while the finders were written; held out: not.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256

from stdnum import iban, luhn

from foundation.turns import Language
from graphs.policies import pii
from tests.eval.pools import rows

_TYPES = {
    "CREDIT_CARD": "kort",
    "IBAN_CODE": "iban",
    "EMAIL_ADDRESS": "e-post",
    "IP_ADDRESS": "ip-adress",
    "PHONE_NUMBER": "telefon",
}
_SENTENCES = ("Mitt personnummer är {}.", "{}", "Order till {}, skickas i morgon", "My id is {} thanks")
Counts = dict[str, list[int]]
"""By kind: right, found, there, texts."""


def measure() -> dict[str, dict[str, dict[str, float]]]:
    """Return precision and recall by half and kind."""
    counts: dict[str, Counts] = {
        part: defaultdict(lambda: [0, 0, 0, 0]) for part in ("held out", "development")
    }
    for part, kind, text, wanted, language in _cases():
        tally = counts[part]
        found = pii.find(text, language)
        for name in {kind} if kind else set(_TYPES.values()):
            spans = [(each.start, each.end) for each in found if each.kind == name]
            there = [(start, end) for each, start, end, valid in wanted if each == name and valid]
            any_of = [(start, end) for each, start, end, _ in wanted if each == name]
            tally[name][0] += sum(any(a < end and start < b for a, b in any_of) for start, end in spans)
            tally[name][1] += len(spans)
            tally[name][2] += len(there)
            tally[name][3] += sum(any(a <= start and end <= b for a, b in spans) for start, end in there)
    return {
        part: {
            kind: {
                "precision": round(right / found, 4) if found else 1.0,
                "recall": round(hit / there, 4) if there else 1.0,
                "there": there,
            }
            for kind, (right, found, there, hit) in sorted(tally.items())
        }
        for part, tally in counts.items()
    }


Wanted = list[tuple[str, int, int, bool]]
"""Kind, start, end, whether its check digits are right."""


def _cases() -> Iterator[tuple[str, str, str, Wanted, Language]]:
    for row in rows("pii/personnummer_all_test_pins.jsonl"):
        yield from _personal(row["id"])
    for row in rows("pii/presidio_synth.jsonl"):
        wanted = [
            (kind, span["start"], span["end"], _valid(kind, span["value"]))
            for span in row["spans"]
            if (kind := _TYPES.get(span["type"]))
        ]
        yield _part(row["id"]), "", row["text"], wanted, "en"


def _personal(number: str) -> Iterator[tuple[str, str, str, Wanted, Language]]:
    digest = sha256(number.encode()).digest()
    part, sentence = _part(number), _SENTENCES[digest[1] % len(_SENTENCES)]
    # A hyphen becomes a plus in the year one turns 100.
    dash = "+" if int(number[:4]) <= 1926 else "-"
    spelt = (number, f"{number[2:8]}{dash}{number[8:]}", f"{number[:8]}-{number[8:]}")[digest[2] % 3]
    start = sentence.index("{")
    yield (
        part,
        "personnummer",
        sentence.format(spelt),
        [("personnummer", start, start + len(spelt), True)],
        "sv",
    )
    wrong = spelt[:-1] + str((int(spelt[-1]) + 1 + digest[3] % 8) % 10)
    if wrong != spelt:
        yield part, "personnummer", sentence.format(wrong), [], "sv"


def _part(key: str) -> str:
    return "held out" if sha256(key.encode()).digest()[0] % 2 else "development"


def _valid(kind: str, value: str) -> bool:
    if kind == "kort":
        return luhn.is_valid("".join(character for character in value if character.isdigit()))
    return iban.is_valid(value) if kind == "iban" else True
