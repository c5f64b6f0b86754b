"""The lists that a tenant's staff go through: pages, orders, filters and words are the same in all."""

import pytest
from sqlalchemy import text

from foundation import cursors
from foundation.ids import new_uuid, parse
from foundation.tenancy import Tenancy
from tests.support.gateway import FrontDoor
from tests.support.listed import (
    APPROVED,
    CRAWLS,
    EVERY,
    KEYS,
    KNOWLEDGE,
    POLICIES,
    ROLES,
    SOURCES,
    Listed,
    wording,
)
from tests.support.office import Office, code_of, make_office
from tests.support.people import Owner

pytestmark = pytest.mark.integration

NAMES = ("Österlånggatan", "avtal", "Avgifter", "100% ull", "Under_kläder", "Årsbok", "zoo", "Åre", "lista")
"""In the order in which they are made."""

every_list = pytest.mark.parametrize("case", EVERY, ids=str)


@every_list
async def test_each_order_is_gone_through_while_rows_come_and_go(office: Office, case: Listed) -> None:
    for name in NAMES:
        await case.make(office, name)
    assert (await case.page(office))["next"] is None
    for number, sort in enumerate(case.sorts):
        expected = [row[case.id] for row in (await case.page(office, sort=sort))[case.rows]]
        assert len(expected) >= len(NAMES)
        seen, cursor = list[str](), dict[str, str]()
        while True:
            page = await case.page(office, sort=sort, limit=3, **cursor)
            seen += [row[case.id] for row in page[case.rows]]
            if page["next"] is None:
                break
            if not cursor:  # somebody is at work between the first two pages
                await case.make(office, f"a{number}")
                await case.make(office, f"ö{number}")
                if not page[case.rows][-1].get("built_in"):
                    await office.call("DELETE", f"{case.path}/{seen[-1]}")
            cursor = {"cursor": page["next"]}
        added = {row[case.id] for row in (await case.page(office))[case.rows]} - set(expected)
        assert len(added) == 2
        assert [one for one in seen if one not in added] == expected, sort
        assert len(seen) == len(set(seen)), sort


@every_list
async def test_each_order_is_what_its_name_says(office: Office, case: Listed) -> None:
    for name in NAMES:
        await case.make(office, name)
    made = [name.lower() for name in NAMES]
    for sort in case.sorts:
        rows = (await case.page(office, sort=sort))[case.rows]
        order = sort.removeprefix("-")
        match order:
            case "newest" | "oldest":
                told = [case.name(row).lower() for row in rows if case.name(row).lower() in made]
                assert told == (made[::-1] if order == "newest" else made)
            case "name" | "question" | "url" | "email":
                told = [str(row.get(order, case.name(row))).lower() for row in rows]
                assert told == sorted(told, reverse=sort != order)
            case "updated" | "used":
                at = [row["updated_at" if order == "updated" else "last_used_at"] or "" for row in rows]
                assert at == sorted(at, reverse=sort != order)
                assert at[0] != at[-1]
            case _:
                assert sort in ("order", "-order", "standard")


@every_list
async def test_words_are_found_in_large_and_small_letters_and_mean_only_themselves(
    office: Office, case: Listed
) -> None:
    for name in NAMES:
        await case.make(office, name)

    async def found(words: str) -> set[str]:
        return {name.lower() for name in await case.names(office, q=words)}

    assert await found("AV") == {"avtal", "avgifter"}
    assert await found("gift av") == {"avgifter"}
    assert await found("avgifter zoo") == set()
    assert await found("o_o") == set()
    assert await found("%%") == set()
    assert await found("\\") == set()
    if case is not CRAWLS:  # what is not ASCII stands encoded in an address
        assert await found("åRs") == {"årsbok"}
        assert await found("R_k") == {"under_kläder"}
        assert await found("0% ULL") == {"100% ull"}


@every_list
async def test_a_wrong_question_is_refused_with_a_sentence(office: Office, case: Listed) -> None:
    for name in NAMES[:3]:
        await case.make(office, name)
    first, second = case.sorts[:2]
    page = await case.page(office, sort=first, limit=1)
    strange = (
        "x",
        "%00",
        cursors.written(),
        cursors.written("name"),
        cursors.written(first),
        cursors.written(first, "nobody"),
        cursors.written(first, 2**64 - 1, 1),
        cursors.written("name", "a\x00", new_uuid()),
        new_uuid().hex,
    )
    for cursor in strange:
        answer = await office.call("GET", f"{case.path}?sort={first}&cursor={cursor}")
        assert code_of(answer) == (422, "invalid_input"), cursor
    answer = await office.call("GET", f"{case.path}?sort={second}&cursor={page['next']}")
    assert code_of(answer) == (422, "invalid_input")
    assert "the same order" in answer.json()["data"]["detail"]
    answer = await office.call("GET", f"{case.path}?sort=size")
    assert code_of(answer) == (422, "invalid_input")
    assert "'newest'" in answer.json()["data"]["detail"] or case is ROLES
    for bad in ("limit=0", "limit=1001", "limit=many", "nonsense=1", "q=%00", f"cursor={'a' * 2501}"):
        answer = await office.call("GET", f"{case.path}?{bad}")
        assert code_of(answer) == (422, "invalid_input"), bad
        assert answer.json()["data"]["detail"], bad


@every_list
async def test_another_tenants_cursor_shows_nothing_but_ones_own(
    office: Office, case: Listed, door: FrontDoor, tenancy: Tenancy
) -> None:
    other = await make_office(door, tenancy)
    for name in NAMES[:4]:
        await case.make(other, name)
        await case.make(office, name)
    own = {row[case.id] for row in (await case.page(office))[case.rows]}
    for sort in case.sorts:
        theirs = await case.page(other, sort=sort, limit=2)
        shown = (await case.page(office, sort=sort, cursor=theirs["next"]))[case.rows]
        assert {row[case.id] for row in shown} <= own


async def test_a_long_name_and_names_that_are_the_same_have_their_place(office: Office) -> None:
    for name in ("å" * 200 + "b", "å" * 200 + "a", "å" * 200, "tvilling", "tvilling", "\x01" * 200):
        made = await office.did("POST", f"{KNOWLEDGE}/sources", {"text": new_uuid().hex})
        await office.did("PATCH", f"{KNOWLEDGE}/sources/{made['source_id']}", {"name": name})
    for sort in ("name", "-name"):
        seen, cursor = list[str](), dict[str, str]()
        while True:
            page = await SOURCES.page(office, sort=sort, limit=1, **cursor)
            seen += [row["source_id"] for row in page["sources"]]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert len(seen) == len(set(seen)) == 6


async def test_sources_and_crawls_are_filtered(office: Office) -> None:
    await office.did("POST", f"{KNOWLEDGE}/sources", {"title": "Text", "text": "Hej."})
    staff = {"url": "https://example.com/internt", "audience": "staff"}
    page = await office.did("POST", f"{KNOWLEDGE}/sources", staff)
    await office.did("POST", f"{KNOWLEDGE}/sources/{page['source_id']}/cancel")
    for asked, expected in (
        ({"kind": "text"}, ["Text"]),
        ({"kind": "file"}, []),
        ({"state": "queued"}, ["Text"]),
        ({"state": "failed", "kind": "url"}, [staff["url"]]),
        ({"audience": "staff"}, [staff["url"]]),
        ({"audience": "customer", "q": "text"}, ["Text"]),
    ):
        assert await SOURCES.names(office, **asked) == expected, asked
    sitemap = {"url": "https://example.com/sitemap.xml", "kind": "sitemap", "audience": "staff"}
    for body in (sitemap, {"url": "https://example.com/"}):
        await office.did("POST", f"{KNOWLEDGE}/crawls", body)
    for asked, expected in (
        ({"kind": "sitemap"}, ["sitemap.xml"]),
        ({"audience": "customer"}, [""]),
        ({"state": "queued", "sort": "url"}, ["", "sitemap.xml"]),
        ({"state": "ready"}, []),
    ):
        assert await CRAWLS.names(office, **asked) == expected, asked
    for bad in ("sources?state=gone", "sources?kind=site", "crawls?state=stale", "crawls?audience=all"):
        assert code_of(await office.call("GET", f"{KNOWLEDGE}/{bad}")) == (422, "invalid_input"), bad


async def test_the_names_from_before_still_do(office: Office) -> None:
    for case in (SOURCES, CRAWLS, APPROVED):
        for name in ("ett", "två", "tre"):
            await case.make(office, name)
        first = await case.page(office, limit=2)
        for after in (first["next"], first[case.rows][-1][case.id]):
            assert await case.names(office, after=after) == ["ett"]
        refused = await office.call("GET", f"{case.path}?after=nonsense")
        assert code_of(refused) == (422, "invalid_input")
        assert await case.names(office, search="TRE") == ["tre"]
        assert len(await case.names(office, search=" ")) == 3


async def test_approved_answers_are_filtered(office: Office) -> None:
    for more in (
        {"name": "Ja?"},
        {"name": "Yes?", "language": "en"},
        {"name": "Av?", "enabled": False},
        {"name": "Internt?", "audience": "staff", "answer": "Bara vi."},
    ):
        name = str(more.pop("name"))
        await office.did("POST", "/api/admin/approved", wording(name, **more))
    for asked, expected in (
        ({"language": "en"}, ["Yes?"]),
        ({"enabled": "false"}, ["Av?"]),
        ({"enabled": "true", "language": "sv"}, ["Internt?", "Ja?"]),
        ({"audience": "staff"}, ["Internt?"]),
        ({"q": "bara INTERNT"}, ["Internt?"]),
    ):
        assert await APPROVED.names(office, **asked) == expected, asked


async def test_policies_keep_the_order_in_which_they_run(office: Office) -> None:
    made = []
    for number, kind in enumerate(("profanity", "pii", "tone", "pii", "length")):
        body = {"kind": kind, "name": f"{number}", "enabled": kind != "tone", "priority": 9 - number // 2}
        made.append(await office.did("POST", "/api/admin/policies", body))
    assert await POLICIES.names(office) == ["4", "2", "3", "0", "1"]
    first = await POLICIES.page(office, limit=3)
    # Between two pages somebody puts the last first: it is not missed, and the rest neither.
    moved = await office.did("PUT", "/api/admin/policies/order", {"policy_ids": [made[1]["policy_id"]]})
    assert [row["rule"]["name"] for row in moved["policies"]] == ["1", "4", "2", "3", "0"]
    assert moved["next"] is None
    assert [row["rule"]["name"] for row in first["policies"]] == ["4", "2", "3"]
    assert await POLICIES.names(office) == ["1", "4", "2", "3", "0"]
    assert await POLICIES.names(office, sort="-order") == ["0", "3", "2", "4", "1"]
    assert await POLICIES.names(office, kind="pii") == ["1", "3"]
    assert await POLICIES.names(office, enabled="false") == ["2"]
    assert await POLICIES.names(office, enabled="true", sort="newest") == ["4", "3", "1", "0"]
    assert code_of(await office.call("GET", "/api/admin/policies?kind=none")) == (422, "invalid_input")
    published = await office.did("POST", "/api/admin/releases", {})
    assert published["number"] == 2
    frozen = await office.rows("select behaviour -> 'policies' as rules from releases where number = 2")
    assert [rule["name"] for rule in frozen[0].rules] == ["1", "4", "2", "3", "0"]


async def test_keys_are_filtered_by_their_state_and_kind(office: Office) -> None:
    own = {row["name"] for row in (await KEYS.page(office))["keys"]}
    for name in ("gäller", "slut", "återkallad"):
        await KEYS.make(office, name)
    rows = {row["name"]: row for row in (await KEYS.page(office))["keys"]}
    async with office.tenancy.session(office.tenant_id) as session:
        await session.execute(
            text("update api_keys set expires_at = clock_timestamp() where id = :id"),
            {"id": parse("key", rows["slut"]["key_id"])},
        )
    revoked = await office.call("DELETE", f"/api/admin/keys/{rows['återkallad']['key_id']}")
    assert revoked.status_code == 204
    assert set(await KEYS.names(office, state="active")) == {"gäller", *own}
    assert await KEYS.names(office, state="expired") == ["slut"]
    assert await KEYS.names(office, state="revoked") == ["återkallad"]
    assert await KEYS.names(office, kind="publishable", sort="-name", q="ä") == ["gäller"]
    prefix = rows["gäller"]["prefix"]
    assert await KEYS.names(office, q=prefix) == ["gäller"]
    assert await KEYS.names(office, kind="server", q="gäller") == []
    [used, *_] = (await KEYS.page(office, sort="-used"))["keys"]
    assert (used["kind"], used["last_used_at"] is not None) == ("server", True)


async def test_the_team_is_filtered_by_role(asa: Owner) -> None:
    browser = asa.browser
    role = await browser.did("POST", "/api/admin/roles", {"name": "Kassa", "permissions": ["chat.use"]})
    for email, held in (("bo@example.com", "viewer"), ("eva@example.com", role["id"])):
        await browser.did("POST", "/api/admin/invitations", {"email": email, "role": held})

    async def addresses(path: str, rows: str) -> list[str]:
        return [row["email"] for row in (await browser.did("GET", f"/api/admin/{path}"))[rows]]

    assert await addresses("team?role=owner", "members") == [asa.email]
    assert await addresses("team?role=viewer", "members") == []
    assert await addresses(f"team?q={asa.email.upper()}", "members") == [asa.email]
    assert await addresses("invitations", "invitations") == ["eva@example.com", "bo@example.com"]
    assert await addresses("invitations?sort=email", "invitations") == ["bo@example.com", "eva@example.com"]
    assert await addresses("invitations?role=viewer", "invitations") == ["bo@example.com"]
    assert await addresses(f"invitations?role={role['id']}", "invitations") == ["eva@example.com"]
    assert await browser.refused("GET", "/api/admin/team?role=boss") == (422, "invalid_input")


async def test_roles_that_every_tenant_has_come_first(office: Office) -> None:
    for name in ("Butik", "Analys"):
        await ROLES.make(office, name)
    standard = ["owner", "admin", "editor", "agent", "viewer"]
    assert await ROLES.names(office) == [*standard, "Analys", "Butik"]
    assert await ROLES.names(office, sort="name", built_in="true") == sorted(standard)
    assert await ROLES.names(office, built_in="false") == ["Analys", "Butik"]
    rows = (await ROLES.page(office))["roles"]
    assert [row["built_in"] for row in rows] == [True] * 5 + [False] * 2
    assert "tenant.delete" in rows[0]["permissions"]
    assert (rows[0]["id"], rows[5]["id"][:4], rows[5]["permissions"]) == ("owner", "rol_", [])
