"""Teams: who may do what to whom, what holds at once, and that there is always an owner."""

import asyncio

import httpx
import pytest
from sqlalchemy import text

from foundation.ids import new_uuid, show
from foundation.plans import PlanName, choose
from tests.support.gateway import add_key
from tests.support.people import OTHER_PASSWORD, PASSWORD, Owner, Town, sign_up
from tests.support.tenants import audit_actions

pytestmark = pytest.mark.integration

TEAM = "/api/admin/team"
INVITATIONS = "/api/admin/invitations"
ROLES = "/api/admin/roles"


def member(person: Owner) -> str:
    return f"{TEAM}/{show('person', person.person_id)}"


async def test_the_invited_join_once_with_an_account_of_their_own(place: Town, asa: Owner) -> None:
    email = f"n{new_uuid().hex}@example.com"
    invited = await asa.browser.did("POST", INVITATIONS, {"email": email, "role": "agent"})
    assert (invited["email"], invited["role"]) == (email, "agent")
    [waiting] = (await asa.browser.did("GET", INVITATIONS))["invitations"]
    assert waiting == invited
    mail = await place.mail.nth_to(email)
    assert mail["Subject"] == "Inbjudan till Norrsken AB"
    token = await place.mail.token(email)
    browser = place.browser()
    offer = await browser.did("POST", "/api/auth/invitation", {"token": token})
    assert offer == {"tenant": "Norrsken AB", "email": email, "has_account": False}
    accept = {"token": token, "name": "Bo Ek", "password": PASSWORD}
    bare = {"token": token}
    assert await browser.refused("POST", "/api/auth/invitation/accept", bare) == (422, "invalid_input")
    await browser.did("POST", "/api/auth/invitation/accept", accept)
    again = await browser.refused("POST", "/api/auth/invitation/accept", accept)
    assert again == (410, "link_expired")
    state = await browser.sign_in(email)
    assert [tenant["role"] for tenant in state["tenants"]] == ["agent"]
    listed = (await browser.did("GET", TEAM))["members"]
    assert [(one["email"], one["name"], one["role"]) for one in listed] == [
        (asa.email, "Åsa Lind", "owner"),
        (email, "Bo Ek", "agent"),
    ]
    assert (await asa.browser.did("GET", INVITATIONS))["invitations"] == []
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions[-3:] == ["invitation.create", "invitation.accept", "session.begin"]


async def test_who_has_an_account_joins_with_it_and_works_in_either_tenant(place: Town, asa: Owner) -> None:
    bo = await place.owner("Södersol AB")
    await asa.browser.did("POST", INVITATIONS, {"email": bo.email.upper(), "role": "viewer"})
    token = await place.mail.token(bo.email, 2)
    offer = await place.browser().did("POST", "/api/auth/invitation/accept", {"token": token})
    assert offer["has_account"] is True
    state = await bo.browser.did("GET", "/api/auth/session")
    assert [(one["name"], one["role"], one["active"]) for one in state["tenants"]] == [
        ("Södersol AB", "owner", True),
        ("Norrsken AB", "viewer", False),
    ]
    body = {"tenant_id": state["tenants"][1]["id"]}
    state = await bo.browser.did("POST", "/api/auth/tenant", body)
    assert "team.manage" not in state["permissions"]
    assert len((await bo.browser.did("GET", TEAM))["members"]) == 2
    assert await bo.browser.refused("GET", INVITATIONS) == (403, "forbidden")
    stranger = await place.owner()
    elsewhere = {"tenant_id": show("tenant", stranger.tenant_id)}
    assert await bo.browser.refused("POST", "/api/auth/tenant", elsewhere) == (404, "not_found")


async def test_an_unconfirmed_account_goes_to_who_reads_its_mailbox(place: Town, asa: Owner) -> None:
    email = f"v{new_uuid().hex}@example.com"
    await place.browser().did("POST", "/api/auth/sign-up", sign_up(email, password=OTHER_PASSWORD))
    await place.mail.token(email)  # mails are sent in the background, and could overtake each other
    await asa.browser.did("POST", INVITATIONS, {"email": email, "role": "viewer"})
    token = await place.mail.token(email, 2)
    browser = place.browser()
    assert (await browser.did("POST", "/api/auth/invitation", {"token": token}))["has_account"] is False
    accept = {"token": token, "name": "Bo Ek", "password": PASSWORD}
    await browser.did("POST", "/api/auth/invitation/accept", accept)
    squatter = {"email": email, "password": OTHER_PASSWORD}
    assert await browser.refused("POST", "/api/auth/sign-in", squatter) == (401, "wrong_credentials")
    await browser.sign_in(email)


async def test_an_invitation_can_be_withdrawn_and_another_makes_it_void(place: Town, asa: Owner) -> None:
    email = f"w{new_uuid().hex}@example.com"
    first = await asa.browser.did("POST", INVITATIONS, {"email": email, "role": "viewer"})
    second = await asa.browser.did("POST", INVITATIONS, {"email": email, "role": "agent"})
    await place.mail.nth_to(email, 2)
    mailed = [await place.mail.token(email, number) for number in (1, 2)]
    browser = place.browser()
    offers = [await browser.call("POST", "/api/auth/invitation", {"token": token}) for token in mailed]
    assert sorted(offer.status_code for offer in offers) == [200, 410]
    assert await asa.browser.refused("DELETE", f"{INVITATIONS}/{first['id']}") == (404, "not_found")
    await asa.browser.did("DELETE", f"{INVITATIONS}/{second['id']}")
    for token in mailed:
        refused = await browser.refused("POST", "/api/auth/invitation", {"token": token})
        assert refused == (410, "link_expired")
    assert (await audit_actions(place.tenancy, asa.tenant_id))[-1] == "invitation.withdraw"
    late = await asa.browser.did("POST", INVITATIONS, {"email": email, "role": "viewer"})
    async with place.tenancy.session(asa.tenant_id) as session:
        await session.execute(text("update invitations set expires_at = now()"))
    expired = {"token": await place.mail.token(email, 3)}
    assert await browser.refused("POST", "/api/auth/invitation", expired) == (410, "link_expired")
    assert late["id"] not in str(await asa.browser.did("GET", INVITATIONS))


async def test_nobody_gives_or_takes_more_than_they_have(place: Town, asa: Owner) -> None:
    admin = await place.member(asa, "admin")
    more = (403, "more_than_own")
    invited = {"email": "x@example.com", "role": "owner"}
    assert await admin.browser.refused("POST", INVITATIONS, invited) == more
    assert await admin.browser.refused("PUT", f"{member(admin)}/role", {"role": "owner"}) == more
    assert await admin.browser.refused("PUT", f"{member(asa)}/role", {"role": "viewer"}) == more
    assert await admin.browser.refused("DELETE", member(asa)) == more
    all_of_it = {"name": "Allt", "permissions": ["tenant.delete"]}
    assert await admin.browser.refused("POST", ROLES, all_of_it) == more
    made = await asa.browser.did("POST", ROLES, all_of_it)
    assert await admin.browser.refused("PUT", f"{member(admin)}/role", {"role": made["id"]}) == more
    changed = {"name": "Lite", "permissions": ["team.read"]}
    assert await admin.browser.refused("PUT", f"{ROLES}/{made['id']}", changed) == more
    assert await admin.browser.refused("DELETE", f"{ROLES}/{made['id']}") == more


async def test_a_role_of_ones_own_holds_from_the_next_request_on(place: Town, asa: Owner) -> None:
    own = await asa.browser.did("POST", ROLES, {"name": "Kväll", "permissions": ["team.read"]})
    bo = await place.member(asa, own["id"])
    await bo.browser.did("GET", TEAM)
    assert await bo.browser.refused("GET", "/api/admin/policies") == (403, "forbidden")
    wider = {"name": "Kväll", "permissions": ["behaviour.read"]}
    await asa.browser.did("PUT", f"{ROLES}/{own['id']}", wider)
    await bo.browser.did("GET", "/api/admin/policies")
    assert await bo.browser.refused("GET", TEAM) == (403, "forbidden")
    assert await asa.browser.refused("DELETE", f"{ROLES}/{own['id']}") == (409, "role_in_use")
    changed = await asa.browser.did("PUT", f"{member(bo)}/role", {"role": "viewer"})
    assert changed["role"] == "viewer"
    await asa.browser.did("DELETE", f"{ROLES}/{own['id']}")
    listed = (await asa.browser.did("GET", ROLES))["roles"]
    assert [role["id"] for role in listed] == ["owner", "admin", "editor", "agent", "viewer"]
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert actions[-3:] == ["role.change", "member.change_role", "role.delete"]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"name": "Kväll", "permissions": ["everything"]}, (422, "invalid_input")),
        ({"name": "Owner", "permissions": []}, (422, "invalid_input")),
        ({"name": "", "permissions": []}, (422, "invalid_input")),
        ({"name": "Natt", "permissions": []}, (409, "conflict")),
    ],
)
async def test_bad_roles_are_refused(asa: Owner, body: object, answer: tuple[int, str]) -> None:
    await asa.browser.did("POST", ROLES, {"name": "Natt", "permissions": []})
    assert await asa.browser.refused("POST", ROLES, body) == answer
    assert await asa.browser.refused("PUT", f"{ROLES}/viewer", body) in {(404, "not_found"), answer}


async def test_a_removed_member_is_out_with_the_next_request(place: Town, asa: Owner) -> None:
    bo = await place.member(asa, "editor")
    await bo.browser.did("GET", TEAM)
    await asa.browser.did("DELETE", member(bo))
    assert await bo.browser.refused("GET", TEAM) == (403, "forbidden")
    assert (await bo.browser.did("GET", "/api/auth/session"))["tenants"] == []
    assert await asa.browser.refused("DELETE", member(bo)) == (404, "not_found")
    assert (await audit_actions(place.tenancy, asa.tenant_id))[-1] == "member.remove"


async def test_the_last_owner_stays(place: Town, asa: Owner) -> None:
    await place.member(asa, "admin")
    assert await asa.browser.refused("DELETE", member(asa)) == (409, "last_owner")
    assert await asa.browser.refused("PUT", f"{member(asa)}/role", {"role": "admin"}) == (409, "last_owner")


async def test_of_two_owners_who_remove_each_other_at_once_one_stays(place: Town, asa: Owner) -> None:
    for _ in range(4):
        bo = await place.member(asa, "owner")
        answers = await asyncio.gather(
            asa.browser.call("DELETE", member(bo)), bo.browser.call("DELETE", member(asa))
        )
        assert min(answer.status_code for answer in answers) == 204
        async with place.tenancy.session(asa.tenant_id) as session:
            owners = await session.execute(text("select person_id from memberships where role = 'owner'"))
            [left] = owners.scalars().all()
        asa = asa if left == asa.person_id else bo


async def test_of_two_owners_who_step_down_at_once_one_stays(place: Town, asa: Owner) -> None:
    bo = await place.member(asa, "owner")
    answers = await asyncio.gather(
        *(one.browser.call("PUT", f"{member(one)}/role", {"role": "viewer"}) for one in (asa, bo))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_another_tenants_people_are_not_there(place: Town, asa: Owner) -> None:
    other = await place.owner()
    assert await asa.browser.refused("DELETE", member(other)) == (404, "not_found")
    listed = (await asa.browser.did("GET", TEAM))["members"]
    assert [one["email"] for one in listed] == [asa.email]
    theirs = await other.browser.did("POST", ROLES, {"name": "Deras", "permissions": []})
    given = {"role": theirs["id"]}
    assert await asa.browser.refused("PUT", f"{member(asa)}/role", given) == (422, "invalid_input")


async def test_a_key_works_as_before_beside_sessions(place: Town, asa: Owner) -> None:
    key = await add_key(place.tenancy, asa.tenant_id, "server")
    browser = place.browser()
    response = await browser.call("GET", TEAM, Authorization=f"Bearer {key}")
    assert response.status_code == 200
    # A wrong key is not made up for by a cookie.
    assert await asa.browser.refused("GET", TEAM, Authorization="Bearer sk_wrong") == (401, "unauthorized")
    assert await asa.browser.refused("GET", TEAM, Authorization="Basic eA==") == (401, "unauthorized")


async def test_seats_end_where_the_plan_does_and_the_invited_have_theirs(place: Town, asa: Owner) -> None:
    async def seats() -> tuple[int, int | None]:
        found = (await asa.browser.did("GET", "/api/tenant/usage"))["usage"]
        [row] = [each for each in found if each["name"] == "seats"]
        return row["used"], row["limit"]

    async def plan(name: PlanName) -> None:
        async with place.tenancy.session(asa.tenant_id) as session:
            await choose(session, asa.tenant_id, name, actor="test")

    emails = [f"s{number}{new_uuid().hex}@example.com" for number in range(4)]
    wanted = [{"email": email, "role": "agent"} for email in emails]
    await plan("free")
    assert await seats() == (1, 2)
    answers = await asyncio.gather(*(asa.browser.call("POST", INVITATIONS, one) for one in wanted))
    assert sorted(answer.status_code for answer in answers) == [201, 402, 402, 402]
    [refused, *_] = [answer.json() for answer in answers if answer.status_code == 402]
    assert (refused["code"], refused["data"]) == ("plan_limit", {"name": "seats", "used": 2, "limit": 2})
    assert await seats() == (2, 2)
    [invited] = [each.json() for each in answers if each.status_code == 201]
    # Another one to the same address takes the place of the first.
    await asa.browser.did("POST", INVITATIONS, {"email": invited["email"], "role": "viewer"})
    await plan("business")
    late = next(email for email in emails if email != invited["email"])
    await asa.browser.did("POST", INVITATIONS, {"email": late, "role": "agent"})
    await plan("free")
    assert await seats() == (3, 2)

    async def accept(email: str, number: int) -> httpx.Response:
        body = {"token": await place.mail.token(email, number), "name": "Bo Ek", "password": PASSWORD}
        return await place.browser().call("POST", "/api/auth/invitation/accept", body)

    # What was given stays, and nothing is added to it; the link works again once there is a seat.
    before = await accept(late, 1)
    assert (before.status_code, before.json()["code"]) == (402, "plan_limit")
    waiting = (await asa.browser.did("GET", INVITATIONS))["invitations"]
    [first] = [one["id"] for one in waiting if one["email"] == invited["email"]]
    await asa.browser.did("DELETE", f"{INVITATIONS}/{first}")
    assert (await accept(late, 1)).status_code == 200
    assert await seats() == (2, 2)
    actions = await audit_actions(place.tenancy, asa.tenant_id)
    assert (actions.count("invitation.create"), actions.count("invitation.accept")) == (3, 1)


async def test_who_signs_up_is_on_the_plan_free(place: Town) -> None:
    browser, email = place.browser(), f"f{new_uuid().hex}@example.com"
    await browser.did("POST", "/api/auth/sign-up", sign_up(email))
    await browser.did("POST", "/api/auth/verify", {"token": await place.mail.token(email)})
    await browser.sign_in(email)
    assert (await browser.did("GET", "/api/tenant/settings"))["plan"] == "free"
