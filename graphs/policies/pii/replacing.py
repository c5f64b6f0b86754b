"""Takes personal data out of what customers write, and holds it back in what answers say."""

from collections.abc import Iterable, Sequence

from foundation.turns import Language
from graphs.policies.pii.kinds import KINDS, SECRET, Kind
from graphs.policies.pii.search import find
from graphs.policies.port import ALLOW, Decision


def redact(
    texts: Sequence[str], language: Language, kinds: frozenset[Kind] = frozenset(KINDS)
) -> tuple[list[str], Decision]:
    """Return the texts with `[personnummer 1]` and the like; the same datum has the same number in all.

    The decision's spans are those of the last text, which is the one being judged.
    """
    numbers: dict[tuple[Kind, str], int] = {}
    counts: dict[Kind, int] = {}
    redacted: list[str] = []
    spans: tuple[tuple[int, int], ...] = ()
    for text in texts:
        spans = ()
        parts, at = [], 0
        for found in find(text, language):
            if found.kind not in kinds:
                continue
            key = (found.kind, found.key)
            if key not in numbers:
                counts[found.kind] = numbers[key] = counts.get(found.kind, 0) + 1
            parts += [text[at : found.start], f"[{found.kind} {numbers[key]}]"]
            spans += ((found.start, found.end),)
            at = found.end
        redacted.append("".join([*parts, text[at:]]))
    if not numbers:
        return redacted, ALLOW
    reason = ", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items()))
    return redacted, Decision(action="redact", rule="pii", reason=reason, spans=spans)


def outbound(unit: str, *, before: str, allowed: frozenset[str], language: Language) -> Decision:
    """Judge a unit of an answer, with the unit before it, since a number can be split between the two.

    `allowed` are the keys of what stands in cited passages. Spans are offsets into `before + " " + unit`.
    """
    text = f"{before} {unit}"
    blocked = [
        found
        for found in find(text, language)
        if found.end > len(before) + 1 and (found.kind in SECRET or found.key not in allowed)
    ]
    if not blocked:
        return ALLOW
    kinds = ", ".join(sorted({found.kind for found in blocked}))
    return Decision(
        action="block",
        rule="pii",
        reason=kinds,
        spans=tuple((found.start, found.end) for found in blocked),
        stage="after",
    )


def keys(texts: Iterable[str], language: Language) -> frozenset[str]:
    """Return the canonical forms of all personal data in some texts."""
    return frozenset(found.key for text in texts for found in find(text, language))
