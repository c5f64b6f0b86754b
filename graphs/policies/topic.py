"""What the agent does not talk about: denied words and meanings, and attempts to take over its instructions.

Injection phrases need a verb of disobedience *and* the agent's own instructions as its object, so that "Can I
ignore the customs form?" is an ordinary question. The gate is the real protection; this only saves work.
"""

import re
from typing import Final

import numpy as np
from pydantic import Field

from foundation.clients.embedding.port import Embedder
from foundation.turns import Value
from graphs.policies.port import ALLOW, Decision
from graphs.words import words

_EN_IGNORE: Final = (
    r"(?:ignore|disregard|forget|override|overlook|bypass|neglect|discard|do not follow|don'?t follow)"
)
_EN_OWN: Final = (
    r"(?:(?:all|any|every|each|of|the|my|those|these) ){0,3}"
    r"(?:previous|prior|above|earlier|preceding|former|foregoing|initial|original|your|system|existing)"
)
_EN_ORDERS: Final = (
    r"(?:instructions?|prompts?|rules|directions|directives|guidelines|commands|programming|orders)"
)
_SV_IGNORE: Final = (
    r"(?:ignorera|glöm|bortse från|strunta i|åsidosätt|hoppa över|følg ikke|ignorer|glem|se bort fra)"
)
_SV_OWN: Final = (
    r"(?:(?:alla|allt|dina|era|de|dessa|alle|dine) ){0,3}"
    r"(?:tidigare|föregående|ovanstående|dina|era|ursprungliga|system\w*|tidligere|forrige|dine)"
)
_SV_ORDERS: Final = r"(?:(?:instruktion|instruks|anvisning|regl|regel|order|direktiv|system)\w*)"
_REVEAL: Final = (
    r"(?:reveal|show|print|repeat|output|display|leak|give|tell|write|what (?:is|are|was|were)|"
    r"visa|avslöja|skriv|upprepa|berätta|vad (?:är|står)|vis|afslør|avslør|gentag|gjenta)"
)
_HIDDEN: Final = (
    r"(?:(?:system|hidden|initial|original|secret|internal|first|dolda|hemliga|ursprungliga|skjulte) ?"
    r"(?:prompt\w*|instruction\w*|message|instruktion\w*|meddelande\w*|instruks\w*)"
    r"|systemprompt\w*|(?:your (?:system )?(?:prompts?|instructions)|dina instruktioner)"
    r"(?! (?:for|on|about|regarding|to|when|för|om|till|när)\b))"
)
_PATTERNS: Final = (
    rf"\b{_EN_IGNORE}(?: \w+)? {_EN_OWN}(?: \w+){{0,2}} {_EN_ORDERS}\b",
    rf"\b{_EN_IGNORE} (?:everything|all|anything) (?:\w+ ){{0,2}}(?:above|before|previously|told)\b",
    rf"\b{_SV_IGNORE} {_SV_OWN}(?: \w+){{0,2}} {_SV_ORDERS}\b",
    rf"\b{_SV_IGNORE} (?:allt|alt) (?:\w+ ){{0,4}}(?:ovan|tidigare|sagt|innan|fått|tidligere|før)\b",
    rf"\b{_REVEAL}\b(?: \w+){{0,4}} {_HIDDEN}",
    r"\byou(?: are|'re) now (?:in )?(?:\w+ ){0,2}(?:dan|jailbroken|unrestricted|unfiltered|developer mode)\b",
    r"\b(?:enable|enter|activate|aktivera) (?:\w+ )?(?:developer|dan|jailbreak|utvecklar) ?(?:mode|läge)",
    r"\bas (?:if|though) you (?:have|had|were under) no (?:rules|restrictions|limits|limitations|filters)\b",
    r"<\|?(?:im_start|im_end|system|endoftext)\|?>|\[/?INST\]|<<SYS>>",
)
_INJECTIONS: Final = tuple(re.compile(pattern, re.IGNORECASE) for pattern in _PATTERNS)


class TopicOptions(Value):
    """What is denied; all empty is allowed, the injection phrases still count then."""

    deny_words: tuple[str, ...] = ()
    """Words or phrases, matched whole and without regard to capitals."""
    deny_examples: tuple[str, ...] = ()
    """Questions like the ones to deny; compared by meaning where an embedder is there."""
    similarity: float = Field(default=0.9, ge=0, le=1)
    """Cosine from which on a question is like an example. E5 models give 0.8 to unrelated texts."""


async def judge(text: str, options: TopicOptions, embedder: Embedder | None) -> Decision:
    """Judge a customer's text; spans are given for injections only."""
    squeezed = re.sub(r"\s+", " ", text)
    for pattern in _INJECTIONS:
        if match := pattern.search(squeezed):
            return Decision(action="block", rule="injection", reason="instructions", spans=(match.span(),))
    if _denied_word(text, options):
        return Decision(action="block", rule="topic", reason="word")
    if embedder is not None and options.deny_examples:
        return await _by_meaning(text, options, embedder)
    return ALLOW


def _denied_word(text: str, options: TopicOptions) -> bool:
    line = f" {' '.join(words(text))} "
    return any(f" {' '.join(words(denied))} " in line for denied in options.deny_words)


async def _by_meaning(text: str, options: TopicOptions, embedder: Embedder) -> Decision:
    # Both sides are questions, so both take the query side of the model.
    vectors = await embedder.queries([text, *options.deny_examples])
    if float(np.max(vectors[1:] @ vectors[0])) < options.similarity:
        return ALLOW
    return Decision(action="block", rule="topic", reason="meaning")
