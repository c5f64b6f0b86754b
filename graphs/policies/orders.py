"""Wordings that try to take over an agent's instructions, in Swedish, English, Norwegian and Danish.

A wording needs a verb of disobedience *and* the agent's own instructions as its object, so that "Can I ignore
the customs form?" is an ordinary question.
"""

import re
from typing import Final

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


def orders(text: str) -> tuple[tuple[int, int], ...]:
    """Return where the first such wording stands in a text, its white space squeezed; else nothing."""
    found = (pattern.search(text) for pattern in _INJECTIONS)
    return next(((match.span(),) for match in found if match), ())
