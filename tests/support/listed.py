"""The lists of the API that go alike: where each is, and how to make a row of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import quote, unquote

from sqlalchemy import text

from admin_api import approved, crawls, keys, policies, roles, sources, team
from admin_api.listing import ListQuery
from foundation.ids import new_uuid
from tests.support.office import Office
from tests.support.tenants import add_person

Row = dict[str, Any]
Make = Callable[[Office, str], Coroutine[Any, Any, object]]


@dataclass(frozen=True)
class Listed:
    """A list of the API, and how to make a row of it that is found by its name."""

    path: str
    rows: str
    """What the answer calls them."""
    asked: type[ListQuery]
    make: Make
    name: Callable[[Row], str]
    id: str

    def __str__(self) -> str:
        return self.rows

    @property
    def sorts(self) -> tuple[str, ...]:
        return get_args(self.asked.model_fields["sort"].annotation)

    async def page(self, office: Office, **asked: object) -> Any:
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())
        return await office.did("GET", f"{self.path}?{query}")

    async def names(self, office: Office, **asked: object) -> list[str]:
        return list(map(self.name, (await self.page(office, **asked))[self.rows]))


async def _source(office: Office, name: str) -> object:
    body = {"title": name, "text": f"Om {name}."}
    return await office.did("POST", "/api/admin/knowledge/sources", body)


async def _crawl(office: Office, name: str) -> object:
    body = {"url": f"https://example.com/{quote(name)}"}
    return await office.did("POST", "/api/admin/knowledge/crawls", body)


async def _approved(office: Office, name: str) -> object:
    return await office.did("POST", "/api/admin/approved", wording(name))


def wording(name: str, **more: object) -> dict[str, object]:
    return {"question": name, "answer": "Ja, absolut.", "language": "sv"} | more


async def _policy(office: Office, name: str) -> object:
    return await office.did("POST", "/api/admin/policies", {"kind": "profanity", "name": name})


async def _key(office: Office, name: str) -> object:
    return await office.did("POST", "/api/admin/keys", {"kind": "publishable", "name": name})


async def _member(office: Office, name: str) -> object:
    return await add_person(office.tenancy, office.tenant_id, name)


async def _role(office: Office, name: str) -> object:
    return await office.did("POST", "/api/admin/roles", {"name": name, "permissions": []})


async def _invitation(office: Office, name: str) -> object:
    """Ask somebody in without the mail that another test reads."""
    statement = text(
        "insert into invitations (tenant_id, id, email, role, token_hash, invited_by, expires_at)"
        " values (:tenant, :id, :email, 'viewer', :hash, 'test', clock_timestamp() + interval '1 day')"
    )
    values = {
        "tenant": office.tenant_id,
        "id": new_uuid(),
        "email": f"{name.lower()}@example.com",
        "hash": new_uuid().bytes,
    }
    async with office.tenancy.session(office.tenant_id) as session:
        return await session.execute(statement, values)


KNOWLEDGE = "/api/admin/knowledge"
SOURCES = Listed(
    f"{KNOWLEDGE}/sources", "sources", sources.Asked, _source, lambda row: str(row["name"]), "source_id"
)
CRAWLS = Listed(
    f"{KNOWLEDGE}/crawls",
    "crawls",
    crawls.Asked,
    _crawl,
    lambda row: unquote(row["url"].rpartition("/")[2]),
    "crawl_id",
)
APPROVED = Listed(
    "/api/admin/approved",
    "approved",
    approved.Asked,
    _approved,
    lambda row: str(row["wording"]["question"]),
    "approved_id",
)
POLICIES = Listed(
    "/api/admin/policies",
    "policies",
    policies.Asked,
    _policy,
    lambda row: str(row["rule"]["name"]),
    "policy_id",
)
KEYS = Listed("/api/admin/keys", "keys", keys.Asked, _key, lambda row: str(row["name"]), "key_id")
TEAM = Listed(
    "/api/admin/team", "members", team.MembersAsked, _member, lambda row: str(row["name"]), "person_id"
)
INVITATIONS = Listed(
    "/api/admin/invitations",
    "invitations",
    team.InvitationsAsked,
    _invitation,
    lambda row: str(row["email"].removesuffix("@example.com")),
    "id",
)
ROLES = Listed("/api/admin/roles", "roles", roles.Asked, _role, lambda row: str(row["name"]), "id")
EVERY = (SOURCES, CRAWLS, APPROVED, POLICIES, KEYS, TEAM, INVITATIONS, ROLES)
