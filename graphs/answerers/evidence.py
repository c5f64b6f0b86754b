"""What of a passage may be quoted: whole sentences, list items, table rows with their headers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from graphs.passages import Passage
from graphs.units import Unit, units
from graphs.words import words

Form = Literal["sentence", "item", "row"]

_MARKER: Final = re.compile(r"^(?:[-*+•]|\d{1,3}[.)])\s+")
_RULE: Final = re.compile(r"^\|?[\s:|-]+\|?$")
_ENDS: Final = re.compile(r"[.!?…:][\"'”’»)*_\]]*$")
_CITATION: Final = re.compile(r"\s*\[\d{1,3}(?:,\s*\d{1,3})*\](?!\()")
_MARKUP: Final = re.compile(
    r"\*\*|__|~~|`|(?<!\w)[*_](?=\w)|(?<=[\w.!?)])[*_](?!\w)|^\s*>\s|^#{1,6}\s|!(?=\[)|\\(?=[*_#`\[\]])"
)
_LINK: Final = re.compile(r"\[([^\]]+)\]\((?:[^()\s]|\([^()]*\))*\)")
_JUNK: Final = re.compile(
    r"^(?:page|sida|side|sivu)\s+\d+|©|\bcookies?\b.*\b(?:accept|godkänn)"
    r"|^(?:läs mer|read more|skip to|hoppa till)"
    r"|\s[·›»|]\s.*\s[·›»|]\s|^\W*$",
    re.IGNORECASE,
)
_NOTE: Final = re.compile(r"^[^\W\d][^:]{1,60}:\s+\S.*\d")
_LEANS: Final = re.compile(
    r"^(?:det|den|de|detta|dessa|då|där|dit|därefter|annars|dock|it|this|these|they|then|otherwise|however|that"
    r"|dette|disse|der|ellers|sen|sitten|muuten|se|ne)\b",
    re.IGNORECASE,
)
_ASKER: Final = re.compile(r"^(?:jag|min|mitt|mina|i|i'm|i've|my|jeg|mine|minä|minun)\b", re.IGNORECASE)
"""How the customer of a written question speaks, and the company does not."""
_FEW = 3
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that may be quoted."""

    number: int
    """The passage's place, from 0."""
    order: int
    """Its place in the passage."""
    text: str
    form: Form
    context: str = ""
    """What it stands under: a question it answers, the sentence that leads a list in, else the heading."""
    led: bool = False
    """`context` is a sentence of the passage that may be quoted before it."""

    @property
    def standing(self) -> str:
        """The text after what it stands under."""
        return f"{self.context} {self.text}".strip()

    @property
    def leans(self) -> bool:
        """Whether it begins with a word that needs the sentence before it."""
        return self.form == "sentence" and _LEANS.match(self.text) is not None


def evidence(number: int, passage: Passage) -> list[Evidence]:
    """Return what may be quoted of a passage, in reading order.

    Left out: headings, page headers and footers, navigation, sentences without a beginning or an end.
    """
    heading = passage.heading.rsplit(" > ", 1)[-1]
    context, led = heading, False
    found: list[Evidence] = []
    for place, unit in enumerate(units(passage.text)):
        if unit.kind == "heading":
            context, led = _plain(unit.text.lstrip("# ")), False
        elif unit.kind in ("table", "item"):
            parts = _rows(unit.text) if unit.kind == "table" else [_plain(_MARKER.sub("", unit.text))]
            form: Form = "row" if unit.kind == "table" else "item"
            found += [Evidence(number, 0, part, form, context, led) for part in parts if _sound_part(part)]
        elif unit.kind == "prose":
            if led and "\n\n" in unit.lead:
                context, led = heading, False
            for part in _sentences(unit):
                if part.endswith((":", "?")):
                    if part.endswith("?") and found and found[-1].form == "sentence":
                        found = found[:-1] if _ASKER.match(found[-1].text) else found
                    context, led = part, part.endswith(":")
                elif _sound(part, first=place == 0):
                    found.append(Evidence(number, 0, part, "sentence", context))
    return _numbered(_joined(found))


def _sentences(unit: Unit) -> Iterator[str]:
    """Yield a unit of prose; where its lines end in sentences or labels, line by line."""
    lines = [line for line in unit.text.split("\n") if line.strip()]
    if len(lines) > 1 and all(_ENDS.search(line.strip()) or _NOTE.match(line.strip()) for line in lines):
        yield from (_plain(line) for line in lines)
    else:
        yield _plain(unit.text)


def _plain(text: str) -> str:
    """Return text on one line, without citations of its own and without marks of Markdown."""
    return _MARKUP.sub("", _LINK.sub(r"\1", " ".join(_CITATION.sub("", text).split()))).strip()


def _rows(table: str) -> list[str]:
    """Return a table's rows, each readable alone: `Mail: 49 kr`, `Boat: 1 day 50 kr, 2 days 90 kr`."""
    lines = [line.strip() for line in table.split("\n") if line.strip()]
    cells = [[_plain(cell) for cell in line.strip("|").split("|")] for line in lines if not _RULE.match(line)]
    if len(cells) < 2 or len(lines) == len(cells):
        return [", ".join(cell for cell in row if cell) for row in cells]
    header, *body = cells
    return [_row(header, row) for row in body]


def _row(header: Sequence[str], row: Sequence[str]) -> str:
    named = [
        value if len(row) == 2 or not name or value.startswith(name) else f"{name} {value}"
        for name, value in zip(header[1:], row[1:], strict=False)
        if value
    ]
    return f"{row[0]}: {', '.join(named)}" if row[0] and named else ", ".join([row[0], *named]).strip(", ")


def _sound(sentence: str, *, first: bool) -> bool:
    """Say whether a piece of prose is a whole sentence, or a note such as `Telefon: 010-555 01 23`."""
    if len(sentence) > _LONGEST or _JUNK.search(sentence):
        return False
    if first and sentence[:1].islower():
        return False
    return bool(_ENDS.search(sentence)) or _NOTE.match(sentence) is not None


def _sound_part(part: str) -> bool:
    return 3 <= len(part) <= _LONGEST and not _JUNK.search(part)


def _joined(found: Sequence[Evidence]) -> list[Evidence]:
    """Join what was cut too early: sentences of a few words (`Nej.`)."""
    result: list[Evidence] = []
    for each in found:
        last = result[-1] if result else None
        if (
            last is not None
            and last.form == each.form == "sentence"
            and last.context == each.context
            and len(words(last.text)) < _FEW
        ):
            result[-1] = replace(last, text=f"{last.text} {each.text}")
        else:
            result.append(each)
    return result


def _numbered(found: Sequence[Evidence]) -> list[Evidence]:
    return [replace(each, order=order) for order, each in enumerate(found)]
