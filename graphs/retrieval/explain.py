"""Why a question's passages stand in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from graphs.passages import Passage

Dropped = Literal["duplicate", "filtered", "replaced", "limit"]
"""duplicate: says the same as a better one. filtered: the filters exclude it. replaced: a text that says it
no longer applies, and so stood back behind the limit. limit: others were better."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One candidate. Ranks count from 1; None where there is none (no vector, no shared word, filtered)."""

    passage: Passage
    """`similarity` is the dense similarity, `lexical` the share of the question's weight of words."""
    dense_rank: int | None
    bm25: float
    lexical_rank: int | None
    fused: float
    """Reciprocal ranks of the two, added: what the order would be without learning."""
    fused_rank: int | None
    rank: int | None
    """In the result, after the learned ranking and diversity; None when dropped."""
    contributions: Mapping[str, float]
    """What made `passage.score`, in units of cosine similarity; they add up to it."""
    dropped: Dropped | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All candidates of a question: the result first, in its order, then what was dropped, best first."""

    entries: tuple[Entry, ...]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """What a search returns."""
        return tuple(each.passage for each in self.entries if each.rank is not None)
