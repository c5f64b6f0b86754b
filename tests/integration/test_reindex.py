"""Another embedding model: its index is made beside the one that answers, and takes its place in one step."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.port import Vectors
from foundation.clients.vectors.port import Collection
from foundation.errors import Conflict, DependencyUnavailable
from foundation.tenancy import Tenancy
from graphs.retrieval.hybrid import HybridRetriever
from ingest.compute import ThreadCompute
from ingest.reindex import Reindexer, reindexes, start_reindex
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

GUIDE = "# Guide\n\n" + "\n\n".join(f"## Del {n}\n\nDetta säger del {n}." for n in range(40))


class Newer(HashingEmbedder):
    """Another model; breaks after `lives` batches, and does something at the first."""

    def __init__(self) -> None:
        super().__init__(dimensions=64)
        self.asked: list[str] = []
        self.queried = 0
        self.lives = 1_000

    @property
    def model(self) -> str:
        return "newer"

    async def queries(self, texts: Sequence[str]) -> Vectors:
        self.queried += 1
        return await super().queries(texts)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        if self.lives == 0:
            raise DependencyUnavailable(part="model")
        self.lives -= 1
        self.asked += texts
        return await super().passages(texts)


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    opened = House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)
    await opened.run(await opened.add(GUIDE))
    return opened


async def live(house: House) -> list[tuple[str, int]]:
    async with house.tenancy.session(house.tenant_id) as session:
        rows = await session.execute(text("select model, generation from vector_collections where live"))
        return [(row.model, row.generation) for row in rows]


async def start(house: House, model: str) -> UUID:
    return await start_reindex(house.tenancy, house.tenant_id, "anna", model)


def with_model(house: House, embedder: Newer) -> Reindexer:
    house.ingestion = replace(house.ingestion, compute=ThreadCompute(embedder))
    return Reindexer(house.ingestion)


async def test_another_models_index_takes_the_place_of_the_old_one(house: House) -> None:
    embedder = Newer()
    reindexer = with_model(house, embedder)
    move = await start(house, "newer")
    with pytest.raises(Conflict):
        await start(house, "newer")
    # What is read meanwhile belongs to the new model, and the old one's index goes on answering.
    await house.run(await house.add("# Nytt\n\nEn ny text.", "new.md"))
    assert await live(house) == [("hashing", 1)]

    await reindexer.run(house.tenant_id, move)
    [(model, generation)] = await live(house)
    assert model == "newer"
    assert await house.index.count(Collection(house.tenant_id, model, generation)) == 41
    assert await house.index.count(Collection(house.tenant_id, "hashing", 1)) == 0
    assert len(embedder.asked) == len(set(embedder.asked)) == 41
    [view] = await reindexes(house.tenancy, house.tenant_id)
    assert (view.state, view.done, view.total) == ("ready", 41, 41)
    actions = await audit_actions(house.tenancy, house.tenant_id)
    assert [each for each in actions if each.startswith("knowledge")] == [
        "knowledge.reindex",
        "knowledge.index_live",
    ]
    await reindexer.run(house.tenant_id, move)  # a job that is run twice
    assert await live(house) == [(model, generation)]
    # And what comes later goes to the new one.
    await house.run(await house.add("# Mer\n\nÄnnu en text.", "more.md"))
    assert await house.index.count(Collection(house.tenant_id, model, generation)) == 42


async def test_the_old_model_answers_until_the_switch_and_the_new_one_after_it(house: House) -> None:
    embedder = Newer()
    reindexer = with_model(house, embedder)
    old = HybridRetriever(house.tenancy, HashingEmbedder(), house.index)
    new = HybridRetriever(house.tenancy, embedder, house.index, before=old)

    async def used(question: str) -> tuple[str, bool]:
        """Return what is found first, and whether the new model was asked."""
        asked = embedder.queried
        found = await new.search(house.tenant_id, question, language="sv", limit=3)
        return found[0].text, embedder.queried > asked

    question = "Vad säger del 7?"
    assert await used(question) == ("Detta säger del 7.", False)
    await reindexer.run(house.tenant_id, await start(house, "newer"))
    assert await used(question) == ("Detta säger del 7.", True)


async def test_an_interrupted_move_goes_on_where_it_was(house: House) -> None:
    embedder = Newer()
    reindexer = with_model(house, embedder)
    move = await start(house, "newer")
    embedder.lives = 2
    with pytest.raises(DependencyUnavailable):
        await reindexer.run(house.tenant_id, move)
    [view] = await reindexes(house.tenancy, house.tenant_id)
    assert (view.state, view.done, view.total) == ("embedding", 32, 40)
    assert await live(house) == [("hashing", 1)]
    embedder.lives = 1_000
    await reindexer.run(house.tenant_id, move)
    assert len(embedder.asked) == 40
    assert [model for model, _ in await live(house)] == ["newer"]


async def test_a_lost_index_is_made_anew_without_embedding(house: House) -> None:
    await house.index.drop(Collection(house.tenant_id, "hashing", 1))
    asked = house.embedder.asked.total()
    await Reindexer(house.ingestion).run(house.tenant_id, await start(house, "hashing"))
    assert await live(house) == [("hashing", 2)]
    assert await house.index.count(Collection(house.tenant_id, "hashing", 2)) == 40
    assert house.embedder.asked.total() == asked


async def test_what_goes_while_the_index_is_made_is_not_in_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = await house.sources.list(house.tenant_id)
    reindexer = Reindexer(house.ingestion)
    switch = Reindexer._switch
    replaced: list[str] = []

    async def replace_first(self: Reindexer, *arguments: object) -> object:
        if not replaced:
            changed = GUIDE.replace("säger del 7", "sade del 7").encode()
            await house.sources.replace_file(house.tenant_id, "test", source.id, changed)
            replaced.append(await house.run(source.id))
        return await switch(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Reindexer, "_switch", replace_first)
    await reindexer.run(house.tenant_id, await start(house, "hashing"))
    assert await live(house) == [("hashing", 2)]
    assert await house.index.count(Collection(house.tenant_id, "hashing", 2)) == 40
    assert any("sade del 7" in passage for passage in await house.passages())


async def test_a_move_to_a_model_that_is_not_configured_any_more_fails(house: House) -> None:
    move = await start(house, "newer")
    await Reindexer(house.ingestion).run(house.tenant_id, move)
    [view] = await reindexes(house.tenancy, house.tenant_id)
    assert (view.state, view.reason) == ("failed", "other_model")
    assert await live(house) == [("hashing", 1)]
    assert (await audit_actions(house.tenancy, house.tenant_id))[-1] == "knowledge.reindex_failed"
    await start(house, "newer")  # and another one may be asked for
