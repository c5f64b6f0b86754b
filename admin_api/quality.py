"""A route that says what people should look at in a knowledge base."""

from fastapi import APIRouter
from pydantic import BaseModel

from admin_api.desk import DeskDep
from foundation.ids import show
from ingest.quality import Place, examine


class Passage(BaseModel):
    passage_id: str
    source_id: str
    title: str
    heading: str
    page: int | None
    text: str


class Twice(BaseModel):
    """Two passages that say nearly the same."""

    one: Passage
    other: Passage
    alike: float
    """The share of their words in common, 0..1."""


class Conflicting(BaseModel):
    """Two passages that say the same of different amounts."""

    one: Passage
    other: Passage
    one_says: str
    other_says: str


class Quality(BaseModel):
    passages: int
    looked_at: int
    """The newest, where there are too many to compare all."""
    duplicates: list[Twice]
    contradictions: list[Conflicting]


router = APIRouter(prefix="/quality")


@router.get("")
async def quality(desk: DeskDep) -> Quality:
    """Report live passages that say nearly the same, and those whose amounts contradict each other."""
    found = await examine(desk.tenancy, desk.tenant_id)
    return Quality(
        passages=found.passages,
        looked_at=found.looked_at,
        duplicates=[
            Twice(one=_passage(each.one), other=_passage(each.other), alike=each.alike)
            for each in found.duplicates
        ],
        contradictions=[
            Conflicting(
                one=_passage(each.one),
                other=_passage(each.other),
                one_says=each.one_says,
                other_says=each.other_says,
            )
            for each in found.contradictions
        ],
    )


def _passage(place: Place) -> Passage:
    return Passage(
        passage_id=show("passage", place.passage_id),
        source_id=show("source", place.source_id),
        title=place.title,
        heading=place.heading,
        page=place.page,
        text=place.text,
    )
