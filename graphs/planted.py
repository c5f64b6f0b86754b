"""Orders to the assistant that stand in a passage. Knowledge speaks to people, an attack to a model.

Only what people have no use for counts: to set aside the rules one was given, to be told that one is a model,
and a prompt's own marks. "Ignore the instructions in the box" and "ask the chatbot" are help for people.
"""

import re
from typing import Final

from graphs.passages import Passage
from graphs.units import units

_SET_ASIDE: Final = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|overlook|neglect"
    r"|ignorera|bortse\s+från|glöm(?:\s+bort)?|strunta\s+i|åsidosätt|frångå"
    r"|ignorer|glem|se\s+bort\s+fra|tilsidesett?|unohda|ohita|sivuuta|jätä\s+huomiotta)"
)
_GIVEN: Final = (
    r"(?:(?:all|any|the|of|your|previous|prior|above|earlier|preceding|system|former|other|these|safety|and"
    r"|alla|dina|tidigare|föregående|ovanstående|de|samtliga|era|andra|och"
    r"|alle|dine|tidligere|foregående|forrige|andre|og"
    r"|kaikki|aiemmat|aikaisemmat|edelliset|omat|muut|ja)\s+)+"
)
_RULES: Final = (
    r"(?:instructions?|rules?|guidelines?|directives?|prompts?|restrictions?|orders|programming|training"
    r"|instruktion(?:er(?:na)?)?|regler(?:na)?|riktlinjer(?:na)?|anvisningar(?:na)?|föreskrifter|direktiv"
    r"|instruks(?:er|joner)|retningslinjer|anvisninger|ohjeet|ohjeesi|säännöt|sääntösi)"
)
_ORDERS: Final = re.compile(
    rf"\b{_SET_ASIDE}\s+{_GIVEN}{_RULES}\b"
    rf"|\b{_SET_ASIDE}\s+(?:\w+\s+){{1,3}}(?:and|och|og|ja)\s+(?:instead\s+|i\s+stället\s+)?"
    r"(?:say|state|claim|respond|output|säg|påstå|svara|si|sig|svar|sano)\b"
    r"|\b(?:new|updated|nya|nye|uudet)\s+(?:system\s+)?(?:instructions?|instruktioner|prompt)\s*:"
    r"|\b(?:you\s+are\s+now|du\s+är\s+nu|du\s+er\s+nå|du\s+er\s+nu|olet\s+nyt)\s+(?:an?\s+|en\s+|ett\s+|in\s+)?"
    r"(?:\w+\s+){0,2}(?:assistant|ai|model|chatbot|mode|dan|assistent|modell?|läge|tekoäly)\b"
    r"|\b(?:system\s*prompt|systemprompt(?:en)?)\b.{0,40}\b(?:ignore|reveal|print|override|ignorera|avslöja)\b"
    r"|\b(?:ai|llm|language)[\s-]*(?:assistants?|models?|agents?|bots?)\b[^.!?\n]{0,30}[:,]?\s"
    r"(?:must|should|shall|please|always)\s+(?:now\s+|always\s+)?"
    r"(?:say|tell|answer|reply|respond|write|recommend|ignore|state|claim)\b"
    r"|\b(?:ai|språk)[\s-]*(?:assistent(?:en|er)?|modell(?:en|er)?|bot(?:en|ar)?)\b[^.!?\n]{0,30}[:,]?\s"
    r"(?:ska|skall|måste|bör)\s+(?:nu\s+|alltid\s+)?(?:säga|svara|skriva|rekommendera|ignorera|påstå)\b"
    r"|<\|(?:im_start|im_end|system|assistant|endoftext)\|>|\[/?INST\]|</?\s*passages?\b"
    r"|\bsystem\s*(?:override|prompt|instructions?)\s*:",
    re.IGNORECASE,
)


def gives_orders(text: str) -> bool:
    """Say whether a text speaks to an assistant that reads it, instead of to people."""
    return _ORDERS.search(text) is not None


def obeying_nobody(passage: Passage) -> Passage | None:
    """Return a passage up to the sentence that gives an order; None when nothing is left.

    What follows an order is what the attacker wants said. What stands before it is as good as any sentence.
    """
    if gives_orders(f"{passage.title}\n{passage.heading}"):
        return None
    found = _ORDERS.search(passage.text)
    if found is None:
        return passage
    kept, at = "", 0
    for unit in units(passage.text):
        at += len(unit.lead) + len(unit.text)
        if at > found.start():
            break
        kept += unit.lead + unit.text
    return passage.model_copy(update={"text": kept.strip()}) if kept.strip() else None
