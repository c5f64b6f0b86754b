"""Texts whose personal data is known, from ../shared/data/pii, each in one of two halves."""

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from stdnum import iban, luhn

from foundation.turns import Language
from graphs.policies.pii import KINDS, Kind
from tests.eval import pools

Part = Literal["development", "held_out"]
Source = Literal["official", "cases", "synthetic", "vectors"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)

_SYNTHETIC: Final[dict[str, Kind]] = {
    "CREDIT_CARD": "kort",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "telefon",
    "EMAIL_ADDRESS": "e-post",
    "IP_ADDRESS": "ip-adress",
}
_VECTORS: Final[dict[str, tuple[Kind, Language]]] = {
    "email": ("e-post", "en"),
    "iban": ("iban", "en"),
    "phone": ("telefon", "en"),
    "se_organisationsnummer": ("organisationsnummer", "sv"),
    "se_personnummer": ("personnummer", "sv"),
}
_POSITIONS: Final = ("expected_positions", "expected_res")
"""What the vectors' parameters with positions are called."""
_SENTENCES: Final = (
    "Mitt personnummer är {} och jag har inte fått något paket.",
    "Hej! Jag heter Anna Ek ({}), kan ni hjälpa mig?",
    "pnr:{}",
    "{}\nOrder 48213 från 2024-05-01, 1 299 kr",
    "I am {}, please cancel my subscription.",
)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a datum stands in a text."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and all the personal data of the `judged` kinds in it; of other kinds nothing is known."""

    text: str
    language: Language
    spans: tuple[Span, ...]
    judged: frozenset[Kind]
    source: Source
    group: str
    """What the halves are told apart by: all spellings of a number are in the same."""

    @property
    def part(self) -> Part:
        return "held_out" if hashlib.sha256(self.group.encode()).digest()[0] % 2 else "development"


def texts(part: Part, sources: Iterable[Source]) -> Iterator[Labelled]:
    """Yield a half of the texts of some sources."""
    readers: dict[Source, Callable[[], Iterator[Labelled]]] = {
        "official": _official,
        "cases": _cases,
        "synthetic": _synthetic,
        "vectors": _vectors,
    }
    for source in sources:
        yield from (labelled for labelled in readers[source]() if labelled.part == part)


def _official() -> Iterator[Labelled]:
    """Yield each test number in four spellings, and with a wrong last digit, which is no number."""
    for index, row in enumerate(pools.rows("pii/personnummer_all_test_pins.jsonl")):
        digits: str = row["id"]
        hyphenated = f"{digits[2:8]}-{digits[8:]}"
        sentence = _SENTENCES[index % len(_SENTENCES)]
        long = f"{digits[:8]}-{digits[8:]}"
        for text in (digits, hyphenated, sentence.format(long), sentence.format(digits[2:])):
            yield _numbered(text, digits, "official", valid=True)
        wrong = hyphenated[:-1] + str((int(digits[-1]) + 1 + index % 9) % 10)
        yield _numbered(sentence.format(wrong), digits, "official", valid=False)


def _cases() -> Iterator[Labelled]:
    """Yield the edge cases in all their spellings; a company's number is one only where it has its hyphen."""
    for row in pools.rows("pii/personnummer_cases.jsonl"):
        for form in ("long_format", "short_format", "separated_format", "separated_long"):
            text = row.get(form)
            if text and row["type"] == "org":
                spans = (Span("organisationsnummer", 0, len(text)),)
                judged: frozenset[Kind] = frozenset({"personnummer", "organisationsnummer"})
                yield Labelled(text, "sv", spans, judged, "cases", row["id"])
            elif text:
                yield _numbered(text, row["id"], "cases", valid=row["valid"])


def _numbered(text: str, group: str, source: Source, *, valid: bool) -> Labelled:
    """Return a text with one number, from its first digit to its last (or to its letter)."""
    span = Span("personnummer", 0, len(text))
    if source == "official":
        number = next(word for word in _words(text) if sum(c.isdigit() for c in word) >= 10)
        start = text.index(number)
        span = Span("personnummer", start, start + len(number))
    return Labelled(text, "sv", (span,) if valid else (), frozenset({"personnummer"}), source, group)


def _words(text: str) -> list[str]:
    return "".join(c if c.isdigit() or c in "-+" else " " for c in text).split()


def _synthetic() -> Iterator[Labelled]:
    for row in pools.rows("pii/presidio_synth.jsonl"):
        spans = tuple(
            Span(_SYNTHETIC[each["type"]], each["start"], each["end"])
            for each in row["spans"]
            if each["type"] in _SYNTHETIC and _is_one(each["type"], each["value"])
        )
        # Nobody has marked these, but the texts were made from templates that hold none.
        yield Labelled(row["text"], "en", spans, frozenset(KINDS), "synthetic", row["id"])


def _is_one(kind: str, value: str) -> bool:
    """Say whether what was marked is one by its own rules: a made-up check digit makes another number."""
    if kind == "CREDIT_CARD":
        return bool(luhn.is_valid("".join(c for c in value if c.isdigit())))
    return kind != "IBAN_CODE" or bool(iban.is_valid(value, check_country=False))


def _vectors() -> Iterator[Labelled]:
    for name, (kind, language) in _VECTORS.items():
        source = (pools.data() / f"pii/presidio_test_{name}_recognizer.py.txt").read_text(encoding="utf-8")
        found: dict[str, set[tuple[int, int]]] = {}
        for text, positions in _parameters(source):
            # The same text stands there at several strictnesses: what the mildest finds is a number.
            found.setdefault(text, set()).update(positions)
        for text, marked in found.items():
            spans = tuple(Span(kind, start, end) for start, end in sorted(marked))
            yield Labelled(text, language, spans, frozenset({kind}), "vectors", text)


def _parameters(source: str) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
    """Yield the text and the expected positions of every literal test parameter in a test module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr != "parametrize" or len(node.args) != 2:
                continue
            names = [name.strip() for name in ast.literal_eval(node.args[0]).split(",")]
            rows: list[tuple[Any, ...]] = ast.literal_eval(node.args[1])
            at = next(index for index, name in enumerate(names) if name in _POSITIONS)
            yield from ((row[0], row[at]) for row in rows)
