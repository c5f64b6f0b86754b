"""How much of the personal data in ../shared/data/pii is found, and how much of what is found is any.

Run: .venv/bin/python -m tests.eval.pii

- Recall: of the marked data, those of which every letter and digit is taken by findings of their kind. Half a
  number found is a number leaked.
- Precision: of the findings, those that have more than half of their letters and digits in what is marked as
  their kind. One that is right by its digits, but of another kind, is wrong.
- texts: the texts in which something of the kind is marked. Precision counts the findings in all texts that
  are judged for the kind, most of which hold none.

Texts: every official test number as 12 digits, as 10 with a hyphen and in sentences (with century and
hyphen; 10 bare digits), and once with a wrong check digit, which must not be found; the edge cases in all
their spellings; the synthetic texts; the vectors of another recogniser, judged for its own kind only.
A marked card that fails Luhn, or a marked IBAN with a wrong check digit or structure, is none by
definition: it is not marked, so it lowers no recall, and a finding there is wrong.

A hash of the number, the case or the text decides its half. The code was improved on the development half
alone; but the vectors and the edge cases are short files that were read whole, so on them `held_out` is not
unseen (`sources` measures without them). There is no such material for bank accounts.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graphs.policies import pii
from graphs.policies.pii import Kind
from tests.eval.pii_texts import SOURCES, Labelled, Part, Source, Span, texts

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was missed and what was wrongly found in a text."""

    labelled: Labelled
    missed: tuple[Span, ...]
    wrong: tuple[Span, ...]
    found: tuple[Span, ...]


def measure(part: Part = "held_out", sources: Iterable[Source] = SOURCES) -> Figures:
    """Return precision, recall and texts of every kind that is marked in a half of the material."""
    marked, missed, found, wrong, holding = (Counter[Kind]() for _ in range(5))
    for outcome in outcomes(part, sources):
        marked.update(span.kind for span in outcome.labelled.spans)
        missed.update(span.kind for span in outcome.missed)
        found.update(span.kind for span in outcome.found)
        wrong.update(span.kind for span in outcome.wrong)
        holding.update({span.kind for span in outcome.labelled.spans})
    return {
        kind: {
            "precision": round(1 - wrong[kind] / found[kind], 4) if found[kind] else 1.0,
            "recall": round(1 - missed[kind] / marked[kind], 4),
            "texts": holding[kind],
        }
        for kind in pii.KINDS
        if marked[kind]
    }


def both() -> dict[str, Figures]:
    """Return the figures of the two halves."""
    return {"development": measure("development"), "held_out": measure("held_out")}


def outcomes(part: Part, sources: Iterable[Source] = SOURCES) -> Iterator[Outcome]:
    """Yield what becomes of every text: the development half's are for reading."""
    for labelled in texts(part, sources):
        found = tuple(
            Span(each.kind, each.start, each.end)
            for each in pii.find(labelled.text, labelled.language)
            if each.kind in labelled.judged
        )
        missed = tuple(span for span in labelled.spans if _covered(labelled.text, span, found) < 1)
        wrong = tuple(span for span in found if _covered(labelled.text, span, labelled.spans) <= 0.5)
        yield Outcome(labelled, missed, wrong, found)


def _covered(text: str, span: Span, others: Iterable[Span]) -> float:
    """Return the share of a span's letters and digits that others of its kind take."""
    own = {at for at in range(span.start, span.end) if text[at].isalnum()}
    taken = {at for other in others if other.kind == span.kind for at in range(other.start, other.end)}
    return len(own & taken) / len(own)


if __name__ == "__main__":
    json.dump(both(), sys.stdout, ensure_ascii=False, indent=1)
