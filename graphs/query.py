"""What is searched for, out of what a customer wrote."""

import re
from collections.abc import Sequence
from typing import Final

from graphs.policies.pii import KINDS
from graphs.smalltalk import without_smalltalk
from graphs.state import TurnState
from graphs.words import content, words, words_of

_CONTINUES: Final = words_of("och men eller samt and but or og mer entä mutta tai så then")
_ASKS_ON: Final = re.compile(
    r"(?:what|how) about\b|hur är det med\b|hur blir det med\b|vad gäller\b|hva med\b|hvad med\b|entä jos\b",
    re.IGNORECASE,
)
_LONGEST_FOLLOW_UP: Final = 8
_SHORT: Final = 4
_LONGEST_POINTING: Final = 20
_POINTS_BACK: Final = words_of(
    "den det de dem dess denna detta dessa där dit då sådan sådana båda annars istället samma "
    "it its they them their this that these those there then one ones both otherwise instead same "
    "dette disse der så dens deres begge ellers samme "
    "se sen sitä siitä ne niitä niistä tämä tuo siellä sinne silloin molemmat sama"
)
_ABOUT_THEMSELVES: Final = re.compile(
    r"(?i:\b(?:jag heter|mitt namn är|my name is|jeg heter|mit navn er|nimeni on))"
    r"\s+[A-ZÅÄÖÆØ][\w'-]+(?:\s+[A-ZÅÄÖÆØ][\w'-]+)?[,.!]?"
    r"|(?i:\b(?:ring|nå|mejla|maila|call|reach|e-?mail)\s+(?:(?:mig|me|meg)\s+)?(?:(?:på|at|on)\s+)?"
    r"|\b(?:mitt|min|my|mit)\s+\w+(?:\s+\w+)?\s+(?:är|is|er)\s+)?"
    rf"\[(?:{'|'.join(KINDS)}) \d+\][,.!]?(?i:\s*(?:och|and|og)\b)?"
)
"""A name said, and redacted personal data with the words that lead to it: no passage is about these."""


def query_of(state: TurnState) -> str:
    """Return the turn's query, made once: the nodes that compare the question hand it on."""
    return state["query"] or search_query(state["text"], state["history"])


def search_query(text: str, history: Sequence[dict[str, str]]) -> str:
    """Return what to search for: the text, after the customer's previous one if it leans on that.

    Greetings, thanks and what customers say of themselves are left out; they would be compared with the
    passages too.
    """
    asked = without_smalltalk(_without_themselves(text))
    if not follows_up(asked):
        return asked
    before = next((said["text"] for said in reversed(history) if said["author"] == "customer"), "")
    return f"{without_smalltalk(_without_themselves(before))} {asked}".strip()


def leans(text: str) -> bool:
    """Say whether a message may not be understood alone: a follow-up, a short one, one that points back.

    Wider than `follows_up`: who asks this has a model, which says so of what stands alone after all.
    """
    said = words(text)
    points = len(said) <= _LONGEST_POINTING and not _POINTS_BACK.isdisjoint(said)
    return follows_up(text) or len(said) <= _SHORT or points


def _without_themselves(text: str) -> str:
    left = re.sub(r"\s+", " ", _ABOUT_THEMSELVES.sub(" ", text)).strip()
    return left if words(left) else text


def follows_up(text: str) -> bool:
    """Say whether a question leans on the one before: "och till Norge?", "what about kids?", "how long?"."""
    said = words(text)
    if len(said) > _LONGEST_FOLLOW_UP:
        return False
    return bool(said and said[0] in _CONTINUES) or bool(_ASKS_ON.match(text)) or len(content(text)) <= 1
