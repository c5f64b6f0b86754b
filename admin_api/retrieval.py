"""A route that shows what a question finds, and why in that order."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from admin_api.desk import DeskDep, id_of
from foundation.ids import show
from foundation.languages import choose
from foundation.turns import Language
from graphs.retrieval.explain import Entry
from graphs.retrieval.filters import Filters


class Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str = Field(min_length=1, max_length=4_000)
    language: Language | None = None
    """The query's; left out, it is told from its words."""
    limit: int = Field(default=8, ge=1, le=50)
    languages: tuple[Language, ...] | None = None
    """Of the passages; left out, all."""
    sources: tuple[str, ...] | None = Field(default=None, max_length=100)
    audience: tuple[Literal["customer", "staff"], ...] = ("customer",)


class Candidate(BaseModel):
    """A passage with the evidence for it; ranks count from 1, null where there is none."""

    passage_id: str
    source_id: str
    title: str
    heading: str
    page: int | None
    language: str
    text: str
    rank: int | None
    """In the result; null when it was dropped."""
    dropped: str | None
    """Why: `duplicate`, `filtered`, `replaced` or `limit`."""
    similarity: float
    dense_rank: int | None
    lexical: float
    """The share of the question's weight of words that it has, 0..1."""
    bm25: float
    lexical_rank: int | None
    fused: float
    fused_rank: int | None
    score: float
    contributions: dict[str, float]
    """What made the score; they add up to it."""


class Ranking(BaseModel):
    language: Language
    candidates: list[Candidate]


router = APIRouter(prefix="/retrieval")


@router.post("")
async def test(desk: DeskDep, question: Question) -> Ranking:
    """Show what a question finds: by meaning, by words, both together, and as the ranking puts it."""
    language = question.language or choose(question.query, conversation=None, default="sv")
    sources = None if question.sources is None else tuple(id_of("source", each) for each in question.sources)
    found = await desk.retriever.explain(
        desk.tenant_id,
        question.query,
        language=language,
        limit=question.limit,
        filters=Filters(question.languages, sources, question.audience),
    )
    return Ranking(language=language, candidates=[_shown(each) for each in found.entries])


def _shown(entry: Entry) -> Candidate:
    passage = entry.passage
    return Candidate(
        passage_id=show("passage", passage.passage_id),
        source_id=show("source", passage.source_id),
        title=passage.title,
        heading=passage.heading,
        page=passage.page,
        language=passage.language,
        text=passage.text,
        rank=entry.rank,
        dropped=entry.dropped,
        similarity=passage.similarity,
        dense_rank=entry.dense_rank,
        lexical=passage.lexical,
        bm25=entry.bm25,
        lexical_rank=entry.lexical_rank,
        fused=entry.fused,
        fused_rank=entry.fused_rank,
        score=passage.score,
        contributions=dict(entry.contributions),
    )
