"""Kind `pii`: personal data. What `graphs.policies.pii` finds is redacted, blocked, flagged or handed over.

Redaction numbers each datum (`[telefon 1]`), the same in the whole conversation, so that context survives.
"""

from foundation.turns import Value
from graphs.policies import pii
from graphs.policies.port import Asked, Finding, Said, replace


class Options(Value):
    """Which kinds of personal data count."""

    kinds: tuple[pii.Kind, ...] = pii.KINDS
    cited: bool = False
    """Whether an answer may not even hold what a cited passage has, such as the company's own phone number.
    What stands in no cited passage is withheld without any policy.
    """


def before(asked: Asked, options: Options) -> Finding | None:
    """Find personal data in a customer's text, or only in earlier ones: those are redacted, too."""
    texts, decision = pii.redact([*asked.history, asked.text], asked.language, frozenset(options.kinds))
    if decision.action == "allow":
        return None
    return Finding(decision.reason, decision.spans, texts[-1], tuple(texts[:-1]))


def after(said: Said, options: Options) -> Finding | None:
    """Find personal data in a unit that only a cited passage excuses."""
    if not options.cited:
        return None
    found = [each for each in pii.find(said.text, said.language) if each.kind in options.kinds]
    if not found:
        return None
    spans = tuple((each.start, each.end) for each in found)
    reason = ", ".join(sorted({each.kind for each in found}))
    return Finding(reason, spans, replace(said.text, spans, "[…]"))
