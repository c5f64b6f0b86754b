"""Routes for policies: edit them, order them, try them on a text. Publishing a release makes them hold."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from admin_api import listing
from admin_api.desk import Desk, DeskDep, id_of
from agents.policies import Filter, Policies, PolicyView, Sort
from foundation.ids import PolicyId
from foundation.languages import choose
from foundation.turns import Language
from graphs.config import load_config
from graphs.policies.chain import Chain
from graphs.policies.port import Decision, Said, Stage
from graphs.policies.rules import KINDS, KindName, Rule


class PolicyState(BaseModel):
    """A policy as it is drafted."""

    policy_id: str
    rule: Rule
    created_at: datetime
    updated_at: datetime


class PolicyList(BaseModel):
    policies: list[PolicyState]
    next: str | None = None
    """Give this as `cursor` for the ones that follow; null at the end."""


class Asked(listing.ListQuery):
    """Which policies, in the order in which they run if no other is said. Words are looked for in names."""

    sort: Sort = "order"
    kind: KindName | None = None
    enabled: bool | None = None


class Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    policy_ids: list[str] = Field(max_length=500)
    """The first runs first; those left out come after."""


class Trial(BaseModel):
    """A text to try policies on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1, max_length=20_000)
    stage: Stage = "before"
    language: Language | None = None
    """The text's; left out, it is told from its words."""
    rule: Rule | None = None
    """One policy, as it might be; left out, all drafts with those of the graph."""


class Tried(BaseModel):
    """What would happen."""

    text: str
    """As it would go on: redacted or rewritten."""
    verdict: str
    """`pass`, `block` or `handover`."""
    language: Language
    decisions: list[Decision]


class KindState(BaseModel):
    """What policies of a kind can be."""

    kind: str
    about: str
    modes: list[str]
    """What can follow when it strikes; the first is the default."""
    stages: list[str]
    options: dict[str, Any]
    """JSON Schema."""


class KindList(BaseModel):
    kinds: list[KindState]


router = APIRouter(prefix="/policies", tags=["policies"])


@router.get("")
async def listed(desk: DeskDep, asked: Annotated[Asked, Query()]) -> PolicyList:
    """List policies."""
    wanted = Filter(asked.kind, asked.enabled)
    page = await Policies(desk.tenancy).page(desk.tenant_id, asked.paging, wanted)
    return PolicyList(policies=[_state(view) for view in page.items], next=page.next)


@router.post("", status_code=201)
async def add(desk: DeskDep, rule: Rule) -> PolicyState:
    """Add a policy to the drafts."""
    return _state(await Policies(desk.tenancy).add(desk.tenant_id, desk.actor, rule))


@router.get("/kinds")
async def kinds() -> KindList:
    """List what policies there can be, and what they can be told."""
    return KindList(
        kinds=[
            KindState(
                kind=name,
                about=(kind.options.__doc__ or "").strip(),
                modes=list(kind.modes),
                stages=list(kind.stages),
                options=kind.options.model_json_schema(),
            )
            for name, kind in KINDS.items()
        ]
    )


@router.put("/order")
async def order(desk: DeskDep, body: Order) -> PolicyList:
    """Say in which order policies run."""
    ids = [PolicyId(id_of("policy", one)) for one in body.policy_ids]
    views = await Policies(desk.tenancy).order(desk.tenant_id, desk.actor, ids)
    return PolicyList(policies=[_state(view) for view in views])


@router.post("/try")
async def try_on(desk: DeskDep, body: Trial) -> Tried:
    """Say what policies would do with a text. Nothing is stored, and nobody hears of it."""
    language = body.language or choose(body.text, conversation=None, default="sv")
    chain = Chain([body.rule] if body.rule else await _drafts(desk))
    if body.stage == "before":
        judged = await chain.before(body.text, language, embedder=desk.retriever.embedder)
    else:
        judged = chain.after(Said(body.text, language))
    verdict = judged.verdict
    return Tried(
        text=judged.text,
        verdict=verdict.action if verdict else "pass",
        language=language,
        decisions=list(judged.decisions),
    )


@router.get("/{policy_id}")
async def get(desk: DeskDep, policy_id: str) -> PolicyState:
    """Show one policy."""
    known = PolicyId(id_of("policy", policy_id))
    return _state(await Policies(desk.tenancy).get(desk.tenant_id, known))


@router.put("/{policy_id}")
async def change(desk: DeskDep, policy_id: str, rule: Rule) -> PolicyState:
    """Replace a policy; what is left out becomes what it is for a new one."""
    known = PolicyId(id_of("policy", policy_id))
    return _state(await Policies(desk.tenancy).change(desk.tenant_id, desk.actor, known, rule))


@router.delete("/{policy_id}", status_code=204)
async def delete(desk: DeskDep, policy_id: str) -> None:
    """Take a policy out of the drafts; releases that have it keep it."""
    await Policies(desk.tenancy).delete(desk.tenant_id, desk.actor, PolicyId(id_of("policy", policy_id)))


async def _drafts(desk: Desk) -> Sequence[Rule]:
    own = [view.rule for view in await Policies(desk.tenancy).all(desk.tenant_id)]
    return [*load_config().policies, *own]


def _state(view: PolicyView) -> PolicyState:
    return PolicyState(
        policy_id=view.rule.id, rule=view.rule, created_at=view.created_at, updated_at=view.updated_at
    )
