"""What a model wrote: given again to who asks the same, and kept for staff when a person is fetched."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import text

from foundation.clients.cache.valkey import ValkeyCache
from foundation.database.roles import DatabaseUrls
from foundation.ids import new_uuid
from foundation.tenancy import Tenancy
from tests.integration.test_behaviour_http import Keeper, make_keeper
from tests.servers.openai_server import Behaviour, OpenAIServer, running
from tests.support.gateway import OpenShop, open_shop, settings_for

pytestmark = pytest.mark.integration

QUESTION = "Vad kostar frakten till ombud?"


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with running() as server:
        server.script(Behaviour(("Frakten kostar 49 kr till ombud [1].",)))
        yield server


@pytest.fixture
async def shop(
    database_urls: DatabaseUrls, redis_url: str, chroma_url: str, tmp_path: Path, model: OpenAIServer
) -> AsyncIterator[OpenShop]:
    settings = settings_for(
        database_urls,
        redis_url,
        tmp_path,
        chroma_url=chroma_url,
        llm_provider="openai",
        openai_base_url=model.url,
        openai_api_key=SecretStr("k"),
    )
    async with open_shop(settings) as opened:
        yield opened


@pytest.fixture
async def keeper(shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> Keeper:
    return await make_keeper(shop, tenancy, chroma_url, tmp_path)


async def answered(keeper: Keeper, question: str, **more: object) -> tuple[str, str]:
    """Return an answer's text and who gave it."""
    asked = await keeper.ask(question, **more)
    assert asked["message"]["outcome"] == "answered", asked
    return asked["message"]["text"], (await keeper.turn(asked))["trace"]["answerer"]


async def test_the_same_question_is_answered_without_the_model(keeper: Keeper, model: OpenAIServer) -> None:
    said, by = await answered(keeper, QUESTION)
    assert not by.startswith("cache")
    asked = len(model.requests)
    for again in ("vad kostar frakten till ombud", "Hej! Vad kostar frakt till ombud?", QUESTION):
        repeated = await keeper.ask(again)
        assert repeated["message"]["text"] == said, again
        assert repeated["message"]["citations"][0]["quote"]
        assert (await keeper.turn(repeated))["trace"]["answerer"].startswith("cache of")
    assert len(model.requests) == asked


@pytest.mark.parametrize(
    "other", ["Vad kostar frakten till ombud i Norge?", "Kostar frakten till ombud inte 49 kr?"]
)
async def test_another_question_is_searched_for(keeper: Keeper, other: str) -> None:
    await answered(keeper, QUESTION)
    turn = await keeper.turn(await keeper.ask(other))
    assert turn["trace"]["timings_ms"]["retrieve"] > 0
    assert not turn["trace"]["answerer"].startswith("cache")


async def test_follow_ups_and_personal_questions_are_not_kept(keeper: Keeper, model: OpenAIServer) -> None:
    first = await keeper.ask("Kan underkläder returneras?")
    _, by = await answered(keeper, QUESTION, conversation_id=first["conversation_id"])
    assert not by.startswith("cache")
    _, by = await answered(keeper, f"{QUESTION} 070-123 45 67")
    assert not by.startswith("cache")
    _, by = await answered(keeper, QUESTION)
    assert not by.startswith("cache")
    _, by = await answered(keeper, f"{QUESTION} 070-123 45 67")
    assert not by.startswith("cache")


async def test_other_tenants_and_other_releases_have_their_own(
    keeper: Keeper, shop: OpenShop, tenancy: Tenancy, chroma_url: str, tmp_path: Path
) -> None:
    await answered(keeper, QUESTION)
    other = await make_keeper(shop, tenancy, chroma_url, tmp_path / "other")
    assert not (await answered(other, QUESTION))[1].startswith("cache")
    await keeper.did("POST", "/releases", {})
    assert not (await answered(keeper, QUESTION))[1].startswith("cache")
    assert (await answered(keeper, QUESTION))[1].startswith("cache")


async def test_an_answer_goes_when_what_it_cites_has_changed(keeper: Keeper) -> None:
    await answered(keeper, QUESTION)
    assert (await answered(keeper, QUESTION))[1].startswith("cache")
    [source] = (await keeper.did("GET", "/knowledge/sources"))["sources"]
    deleted = await keeper.did("DELETE", f"/knowledge/sources/{source['source_id']}")
    assert deleted["erasure_id"]
    gone = await keeper.ask(QUESTION)
    assert gone["message"]["outcome"] == "unknown"


async def test_what_a_customer_had_seen_before_a_policy_fetched_a_person_is_kept_for_staff(
    keeper: Keeper, model: OpenAIServer
) -> None:
    model.script(Behaviour(("Frakten kostar 49 kr till ombud [1]. ", "Underkläder kan inte returneras [1].")))
    denied = {"deny_words": ["underkläder"]}
    late = {"kind": "topic", "mode": "handover", "stage": "after", "options": denied}
    await keeper.did("POST", "/policies", late)
    await keeper.did("POST", "/releases", {})
    asked = await keeper.ask(QUESTION)
    assert asked["message"] is None
    async with keeper.tenancy.session(keeper.tenant_id) as session:
        found = await session.execute(
            text("select kind, visibility, parts from messages where author = 'agent' order by position")
        )
        [row] = found.all()
    assert (row.kind, row.visibility) == ("partial", "internal")
    assert "49 kr" in row.parts[0]["text"]
    assert "Underkläder" not in row.parts[0]["text"]


async def test_a_bucket_ends_and_begins_anew_when_it_is_full(redis_url: str) -> None:
    cache, redis = ValkeyCache(redis_url), Redis.from_url(redis_url)
    bucket = str(new_uuid())
    for number in range(3):
        key = bytes([number])
        await cache.put(bucket, key, b"entry", key * 2, seconds=60, most=3)
        await cache.put(bucket, key, b"newer", key * 2, seconds=60, most=3)
    assert await cache.index(bucket) == b"\0\0\1\1\2\2"
    assert await cache.get(bucket, b"\1") == b"newer"
    await cache.drop(bucket, b"\1")
    assert await cache.get(bucket, b"\1") is None
    await cache.put(bucket, b"\3", b"entry", b"\3\3", seconds=60, most=2)
    assert await cache.index(bucket) == b"\3\3"
    for key in [each async for each in redis.scan_iter(f"replik:cache:*{bucket}*")]:
        assert 0 < await redis.ttl(key) <= 60
    await cache.close()
    await redis.aclose()


async def test_without_valkey_nothing_is_kept_and_nothing_fails() -> None:
    cache = ValkeyCache("redis://127.0.0.1:9")
    await cache.put("b", b"k", b"entry", b"row", seconds=60, most=3)
    assert await cache.get("b", b"k") is None
    assert await cache.index("b") == b""
    await cache.drop("b", b"k")
    await cache.close()
