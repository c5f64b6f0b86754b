"""The words around a number that say what it is, and what is left of a number without its punctuation."""

import re
from typing import Final

GAP: Final = r"[ \u00a0]"
"""A space within a number; copied texts have the one that does not break."""

_LINK: Final = r"\W{0,3}(?:(?:är|is|er|on|to|till|til)\b\W{0,2})?\Z"
_NUMBER: Final = r"(?:[\s.:-]{0,2}(?:nr|no|nummer|numret|number|numero|id|kod|code))?"
_REFERENCE: Final = re.compile(
    r"\b(?:order|ordre|beställning|bestilling|tilaus|artikel|artikkel|art|faktura|invoice|lasku|ärende|case"
    r"|ticket|tracking|spårning|sporing|kolli|paket|pakke|försändelse|sändning|leverans|shipment|ocr|referens"
    r"|reference|ref|imei|ean|gtin|isbn|serie|serial|bokning|booking|produkt|product|sku|kvitto|receipt)"
    rf"s?{_NUMBER}\.?{_LINK}",
    re.IGNORECASE,
)
_ACCOUNT: Final = re.compile(
    rf"(?:konto|clearing|\baccount|giro|\b[bp]g){_NUMBER}(?:\W{{0,3}}\d{{4}}(?:-\d)?)?{_LINK}", re.IGNORECASE
)


def after_reference(text: str, at: int) -> bool:
    """Say whether the word right before a number makes it an order's, an article's or a parcel's."""
    return bool(_REFERENCE.search(text, max(0, at - 40), at))


def after_account(text: str, at: int) -> bool:
    """Say whether the word right before a number makes it a bank account's, with or without its clearing."""
    return bool(_ACCOUNT.search(text, max(0, at - 40), at))


def digits_of(text: str) -> str:
    """Return a text's digits."""
    return "".join(character for character in text if character.isdigit())
