"""Which words of a sentence carry its meaning, in a form that survives inflection."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from foundation.turns import Language

_WORD: Final = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")
_STEM: Final = 5
_ENDING: Final = 3
"""Letters of the longest inflection."""
_SHORTEST: Final = 3
_COMPOUND: Final = 0.6
_DISTANT: Final = 0.3


def words_of(text: str) -> frozenset[str]:
    """Return a text's words, split at white space: how this package writes word lists."""
    return frozenset(text.split())


STOP: Final = words_of(
    # sv
    "och att är jag ni du vi de inte ej hur det den dem som på för med av till kan har hos er ert era "
    "mitt min mina din ditt dina vår vårt våra vad när var vill från också någon något några mig dig oss "
    "ett en om ska skulle går får få så här där då men eller samt vid efter under över utan bara bli blir "
    "blev vara varit ha hade göra gör måste finns dess detta denna dessa vilken vilket vilka man sig sin "
    "sitt sina kunna vår alla allt hela ja nej "
    # en
    "and to is i you not how it that on for with of can has have the my what when where which who why "
    "want from a an if will would we they he she your yours our their his her its do does did are was "
    "were this these those be been being in at by as or but so then than there here get got may might "
    "must should could also any all some into out up down about after before over under only just no yes "
    "it's don't you're i'm "
    # nb, da
    "og å er jeg dere ikke hvordan som på med av af til deg min mitt mit hva hvad når vil fra noe noget "
    "noen nogen også meg mig et om skal hvor få hvis da eller men etter efter over under uten uden bare "
    "bli bliver blive være ha hadde havde gjøre gør må finnes findes dette disse denne hvilken man seg "
    "sig sin sitt sit kunne alle alt jer jeres vores deres dine mine ja nei nej der her så "
    # fi
    "ja on ei että en se minun miten mitä kun kuinka voin voinko haluan jos mutta tai minä sinä me te he "
    "teidän onko olen missä milloin saan tämä ovat ne nämä niin myös vain kuin joka jotka voi voit voitte "
    "oli ole olla kyllä meidän sen sitä siitä "
)
_SHORT_ENDINGS: Final = words_of("s n r en et er ar or es ens ets na arna erna orna")
"""What may end a word of three letters: "sko" is in "skor", "car" is not in "card"."""
NEGATIONS: Final[dict[Language, frozenset[str]]] = {
    "sv": words_of("inte ej aldrig ingen inget inga utan"),
    "en": words_of("not no never cannot without don't doesn't isn't aren't can't won't"),
    "nb": words_of("ikke aldri ingen intet uten"),
    "da": words_of("ikke aldrig ingen intet uden"),
    "fi": words_of("ei en et emme ette eivät älä"),
}
_NUMBER_SIGN: Final = re.compile(r"\bno\.?\s?(?=\d)", re.IGNORECASE)
"""As in "art. no. 61010", which denies nothing."""


def words(text: str) -> list[str]:
    """Return a text's words in order, case folded."""
    return [word.casefold() for word in _WORD.findall(text)]


def stem(word: str) -> str:
    """Return what stays of a word under most inflections, Nordic or English: its beginning."""
    return word[:_STEM]


def akin(asked: str, word: str) -> float:
    """Return how much of one word is in another, 0..1: all but an ending 1, a part of a compound about half.

    "frakten" is in "frakt" (1), "fraktpriser" and "postfrakt" (.6); "reklamationsrätt" in "reklamera" (.3).
    """
    if asked[:_SHORTEST] != word[:_SHORTEST] and max(len(asked), len(word)) <= _STEM + 1:
        return float(asked == word)
    if asked == word:
        return 1.0
    if asked[0].isdigit() or word[0].isdigit():
        return 0.0
    common = next(
        (n for n, pair in enumerate(zip(asked, word, strict=False)) if pair[0] != pair[1]),
        min(len(asked), len(word)),
    )
    if _inflected(asked, word, common):
        return 1.0
    begins = common >= _STEM - 1 and min(len(asked), len(word)) - common <= _ENDING
    if begins or _last_part(asked, word) or _last_part(word, asked):
        return _COMPOUND
    return _DISTANT if common >= _STEM else 0.0


def _inflected(asked: str, word: str, common: int) -> bool:
    """Say whether two words that begin alike differ by their endings only."""
    endings = asked[common:], word[common:]
    longest = max(map(len, endings))
    if common == _SHORTEST:
        return "" in endings and "".join(endings) in _SHORT_ENDINGS
    return common > longest and common >= _STEM - 1 and longest <= _ENDING


def _last_part(part: str, compound: str) -> bool:
    """Say whether a word, with or without its ending, ends a longer one: `kostnad` in `fraktkostnaden`."""
    bare = part[: max(_STEM - 1, len(part) - 2)]
    at = compound.find(bare, 2) if len(bare) >= _STEM - 1 else -1
    return at > 0 and len(compound) - at - len(bare) <= _ENDING


def matched(asked: Sequence[str], there: Iterable[str]) -> dict[str, float]:
    """Return, of each word asked, how much of it is among other words, 0..1 (`akin`)."""
    others = frozenset(there)
    return {
        word: 1.0 if word in others else max((akin(word, other) for other in others), default=0.0)
        for word in asked
    }


def content(text: str) -> frozenset[str]:
    """Return the stems of a text's meaningful words; numbers are not words here."""
    return frozenset(
        stem(word)
        for word in words(text)
        if word not in STOP and len(word) > 1 and not any(character.isdigit() for character in word)
    )


def negated(text: str, *languages: Language) -> bool:
    """Say whether a sentence in one of these languages denies something."""
    denials = frozenset[str]().union(*(NEGATIONS[language] for language in languages))
    return any(word in denials for word in words(_NUMBER_SIGN.sub(" ", text)))
