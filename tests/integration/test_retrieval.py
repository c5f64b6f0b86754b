"""Retrieval on a real database and a real Chroma: what is found, and what must never be."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.vectors.chroma import ChromaIndex, collection_name
from foundation.clients.vectors.port import Collection
from foundation.errors import DependencyUnavailable
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy
from foundation.turns import Language
from graphs.retrieval.filters import Filters
from graphs.retrieval.hybrid import HybridRetriever
from graphs.retrieval.words import content_words

pytestmark = pytest.mark.integration

SHOP: tuple[tuple[str, Language], ...] = (
    ("Frakten till ombud kostar 49 kr.", "sv"),
    ("Du har 60 dagars öppet köp.", "sv"),
    ("Pannlampan Norrsken med felkod NL2509 återkallas.", "sv"),
    ("You can return goods within 60 days.", "en"),
    ("Returfrakten dras av från återbetalningen.", "sv"),
)
FILLER: tuple[tuple[str, Language], ...] = tuple(
    (f"Artikel nummer {n}: en påse skruv av sort {chr(97 + n % 26) * 4}.", "sv") for n in range(40)
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A tenant with passages in PostgreSQL and, where wanted, in Chroma."""

    tenancy: Tenancy
    index: ChromaIndex
    embedder: HashingEmbedder

    async def tenant(
        self, passages: Sequence[tuple[str, Language]], *, live: bool = True, title: str = "Källa"
    ) -> tuple[TenantId, list[UUID]]:
        tenant_id = TenantId(new_uuid())
        async with self.tenancy.session(tenant_id) as session:
            await session.execute(
                text("insert into tenants (id, slug, name) values (:t, :slug, 'T')"),
                {"t": tenant_id, "slug": tenant_id.hex},
            )
            await session.execute(
                text("insert into vector_collections (tenant_id, model, generation) values (:t, :m, 1)"),
                {"t": tenant_id, "m": self.embedder.model},
            )
        return tenant_id, await self.add(tenant_id, passages, live=live, title=title)

    async def add(
        self,
        tenant_id: TenantId,
        passages: Sequence[tuple[str, Language]],
        *,
        live: bool,
        title: str,
        audience: str = "customer",
    ) -> list[UUID]:
        ids = [new_uuid() for _ in passages]
        source = new_uuid()
        vectors = await self.embedder.passages([body for body, _ in passages])
        async with self.tenancy.session(tenant_id) as session:
            same = {"t": tenant_id, "s": source, "title": title, "m": self.embedder.model}
            await session.execute(
                text(
                    "insert into sources (tenant_id, id, kind, name, audience)"
                    " values (:t, :s, 'text', :title, :audience)"
                ),
                {**same, "audience": audience},
            )
            await session.execute(
                text(
                    "insert into source_versions"
                    " (tenant_id, source_id, version, file_key, media_type, content_hash, title)"
                    " values (:t, :s, 1, '-', 'text/plain', '-', :title)"
                ),
                same,
            )
            for n, (body, language) in enumerate(passages):
                row = {**same, "id": ids[n], "n": n, "text": body, "l": language, "live": live}
                row |= {"h": sha256(body.encode()).digest(), "v": vectors[n].astype("<f4").tobytes()}
                await session.execute(
                    text(
                        "insert into passages (tenant_id, id, source_id, version, ordinal, text,"
                        " start_offset, end_offset, language, content_hash, live)"
                        " values (:t, :id, :s, 1, :n, :text, 0, 0, :l, :h, :live)"
                    ),
                    row,
                )
                await session.execute(
                    text("insert into embeddings values (:t, :m, :h, :v) on conflict do nothing"), row
                )
        await self.index.upsert(Collection(tenant_id, self.embedder.model, 1), ids, vectors)
        return ids

    def retriever(self, index: ChromaIndex | None = None) -> HybridRetriever:
        return HybridRetriever(self.tenancy, self.embedder, index or self.index)


@pytest.fixture
def shelf(tenancy: Tenancy, chroma_url: str) -> Shelf:
    return Shelf(tenancy, ChromaIndex(chroma_url), HashingEmbedder())


@pytest.mark.parametrize("size", ["few", "many"])
async def test_the_passage_that_answers_comes_first(shelf: Shelf, size: str) -> None:
    tenant_id, ids = await shelf.tenant(SHOP if size == "few" else SHOP + FILLER)

    found = await shelf.retriever().search(
        tenant_id, "Vad kostar frakten till ombud?", language="sv", limit=4
    )

    assert found[0].passage_id == ids[0]
    assert found[0].title == "Källa"
    assert found[0].lexical > 0.9
    assert found[0].similarity > 0.5
    assert list(found) == sorted(found, key=lambda each: -each.score)


@pytest.mark.parametrize("size", ["few", "many"])
async def test_another_tenants_passages_are_never_found(shelf: Shelf, size: str) -> None:
    mine, _ = await shelf.tenant((("Vi säljer tält.", "sv"), *(FILLER if size == "many" else ())))
    theirs, hidden = await shelf.tenant(SHOP)
    # Even when the other tenant's ids lie in this tenant's collection.
    vectors = await shelf.embedder.passages([body for body, _ in SHOP])
    await shelf.index.upsert(Collection(mine, shelf.embedder.model, 1), hidden, vectors)

    found = await shelf.retriever().search(mine, "Vad kostar frakten till ombud?", language="sv", limit=50)
    nobody = await shelf.retriever().search(
        TenantId(new_uuid()), "Vad kostar frakten till ombud?", language="sv", limit=50
    )

    assert found
    assert not {each.passage_id for each in found} & set(hidden)
    assert nobody == ()
    assert await shelf.retriever().search(theirs, "frakten", language="sv", limit=1)


@pytest.mark.parametrize("size", ["few", "many"])
async def test_passages_that_are_not_live_are_never_found(shelf: Shelf, size: str) -> None:
    tenant_id, _ = await shelf.tenant((("Vi säljer tält.", "sv"), *(FILLER if size == "many" else ())))
    hidden = await shelf.add(tenant_id, SHOP, live=False, title="Utkast")

    found = await shelf.retriever().search(
        tenant_id, "Vad kostar frakten till ombud?", language="sv", limit=50
    )

    assert found
    assert not {each.passage_id for each in found} & set(hidden)


async def test_words_search_only_the_sessions_tenant(shelf: Shelf) -> None:
    tenant_id, ids = await shelf.tenant(SHOP)
    await shelf.tenant(SHOP)

    async with shelf.tenancy.session(tenant_id) as session:
        mine = (
            await session.execute(
                text("select passage_id from search_words('frakten ombud', 50, array['customer'])")
            )
        ).scalars()
        assert set(mine) <= set(ids)
    async with shelf.tenancy.engine.connect() as connection:
        none = (
            await connection.execute(
                text("select * from search_words('frakten ombud', 50, array['customer'])")
            )
        ).all()
    assert none == []


async def test_words_search_finds_compounds_and_survives_odd_input(shelf: Shelf) -> None:
    tenant_id, ids = await shelf.tenant(SHOP)

    async def words(question: str) -> list[UUID]:
        async with shelf.tenancy.session(tenant_id) as session:
            rows = await session.execute(
                text("select passage_id from search_words(:q, 9, array['customer'])"), {"q": question}
            )
            return list(rows.scalars())

    assert ids[4] in await words("retur")
    assert ids[0] in await words("expressfrakt")
    assert await words("NL2509") == [ids[2]]
    for odd in ("", "'", "\\", "a' | 'b", ":*", "& | !", "\u0000".strip("\u0000"), "<->", "😀", "x" * 5000):
        assert isinstance(await words(odd), list)


async def test_helpers_of_the_search_are_closed_to_the_application(shelf: Shelf) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with shelf.tenancy.engine.connect() as connection:
            await connection.execute(text("select search_lexeme('a')"))


async def test_words_search_is_the_definers_with_a_fixed_path(shelf: Shelf) -> None:
    await shelf.tenant(SHOP)

    async with shelf.tenancy.engine.connect() as connection:
        definition = (
            await connection.execute(
                text(
                    "select prosecdef, proconfig::text, r.rolname from pg_proc p"
                    " join pg_roles r on r.oid = proowner where proname = 'search_words'"
                )
            )
        ).one()

    assert definition.prosecdef
    assert "search_path=pg_catalog, public" in definition.proconfig
    assert definition.rolname == "replik_definer"


async def test_the_customers_language_comes_first_where_both_answer(shelf: Shelf) -> None:
    both: tuple[tuple[str, Language], ...] = (("Garanti: 24 mån 2026", "sv"), ("Garanti: 24 mån 2026.", "en"))
    tenant_id, ids = await shelf.tenant(both)

    swedish = await shelf.retriever().search(tenant_id, "garanti", language="sv", limit=1)
    english = await shelf.retriever().search(tenant_id, "garanti", language="en", limit=1)

    assert swedish[0].passage_id == ids[0]
    assert english[0].passage_id == ids[1]


async def test_near_duplicates_are_dropped_and_replaced_versions_come_later(shelf: Shelf) -> None:
    old: tuple[tuple[str, Language], ...] = (("Du har 30 dagars öppet köp på allt.", "sv"),)
    new: tuple[tuple[str, Language], ...] = (
        ("Du har 60 dagars öppet köp på allt.", "sv"),
        ("Du har 60 dagars öppet köp på allt!", "sv"),
    )
    tenant_id, [replaced] = await shelf.tenant(old, title="Returpolicy 2024")
    current = await shelf.add(tenant_id, new, live=True, title="Returpolicy 2026")

    now = await shelf.retriever().search(tenant_id, "Hur många dagars öppet köp?", language="sv", limit=5)
    then = await shelf.retriever().search(
        tenant_id, "Hur många dagars öppet köp 2024?", language="sv", limit=5
    )

    assert len(now) == 2
    assert now[0].passage_id in current
    assert now[1].passage_id == replaced
    assert then[0].passage_id == replaced


async def test_while_chroma_is_away_retrieval_goes_on_exactly(shelf: Shelf) -> None:
    tenant_id, ids = await shelf.tenant(SHOP + FILLER)
    away = ChromaIndex("http://127.0.0.1:9")

    found = await shelf.retriever(away).search(tenant_id, "Vad kostar frakten?", language="sv", limit=4)

    assert found[0].passage_id == ids[0]
    with pytest.raises(DependencyUnavailable):
        await away.ping()


async def test_chroma_keeps_small_collections_and_forgets_what_it_is_told(shelf: Shelf) -> None:
    collection = Collection(TenantId(new_uuid()), "text-embedding-3-large", 7)
    vectors = await shelf.embedder.passages(["ett", "två", "tre"])
    ids = [new_uuid() for _ in range(3)]

    assert await shelf.index.search(collection, vectors[0], 5) == []
    await shelf.index.upsert(collection, ids, vectors)
    nearest = await shelf.index.search(collection, vectors[1], 2)
    assert (nearest[0].passage_id, round(nearest[0].similarity, 3), len(nearest)) == (ids[1], 1.0, 2)
    await shelf.index.delete(collection, [ids[1]])
    assert {hit.passage_id for hit in await shelf.index.search(collection, vectors[1], 5)} == {ids[0], ids[2]}

    # Another process drops the collection and builds it again: the handle this one keeps is stale.
    other = ChromaIndex(shelf.index._url.geturl())
    await other.drop(collection)
    assert await shelf.index.search(collection, vectors[1], 5) == []
    await other.drop(collection)
    await shelf.index.upsert(collection, ids, np.asarray(vectors))
    assert len(await other.search(collection, vectors[1], 5)) == 3


def test_names_of_collections_fit_chroma_and_stay_distinct() -> None:
    tenant_id = TenantId(new_uuid())
    models = ["e5-small-q4", "text-embedding-3-large", "Org/Model:v1.5", "org-model-v1-5", "ä" * 80, "x" * 80]
    names = [collection_name(Collection(tenant_id, model, 12345)) for model in models]

    assert len(set(names)) == len(names)
    assert all(3 <= len(name) <= 63 and name.replace("-", "").isalnum() for name in names)
    assert all(name.isascii() and "--" not in name for name in names)


STAFF: tuple[tuple[str, Language], ...] = tuple(
    (f"Internt: frakten till ombud får sänkas till {n} kr.", "sv") for n in range(60)
)


@pytest.mark.parametrize("index", ["chroma", "away", "few"])
async def test_what_is_for_staff_is_never_found_for_customers(shelf: Shelf, index: str) -> None:
    tenant_id, [answer, *_] = await shelf.tenant(SHOP if index == "few" else SHOP + FILLER)
    staff = await shelf.add(
        tenant_id, STAFF[:3] if index == "few" else STAFF, live=True, title="Handbok", audience="staff"
    )
    retriever = shelf.retriever(ChromaIndex("http://127.0.0.1:9") if index == "away" else None)
    question = "Vad kostar frakten till ombud?"

    customers = await retriever.search(tenant_id, question, language="sv", limit=5)
    both = await retriever.search(
        tenant_id, question, language="sv", limit=5, filters=Filters(audience=("customer", "staff"))
    )

    # The sixty nearest of the index are for staff, and there are still as many as were asked for.
    assert len(customers) == 5
    assert customers[0].passage_id == answer
    assert not {each.passage_id for each in customers} & set(staff)
    assert {each.passage_id for each in both} & set(staff)


async def test_filters_by_language_and_source(shelf: Shelf) -> None:
    tenant_id, ids = await shelf.tenant(SHOP + FILLER)
    [other] = await shelf.add(tenant_id, (("Frakten hem kostar 99 kr.", "sv"),), live=True, title="Hem")
    retriever, question = shelf.retriever(), "Vad kostar frakten till ombud?"
    everything = await retriever.search(tenant_id, question, language="sv", limit=50)
    source = next(each.source_id for each in everything if each.passage_id == other)

    english = await retriever.search(
        tenant_id, question, language="sv", limit=5, filters=Filters(languages=("en",))
    )
    home = await retriever.search(
        tenant_id, question, language="sv", limit=5, filters=Filters(sources=(source,))
    )
    nothing = await retriever.search(tenant_id, question, language="sv", limit=5, filters=Filters(sources=()))

    assert [each.passage_id for each in english] == [ids[3]]
    assert [each.passage_id for each in home] == [other]
    assert nothing == ()


async def test_an_explanation_is_the_ranking_with_its_reasons(shelf: Shelf) -> None:
    tenant_id, ids = await shelf.tenant(SHOP + FILLER)
    await shelf.add(tenant_id, STAFF[:2], live=True, title="Handbok", audience="staff")
    question = "Vad kostar frakten till ombud?"

    found = await shelf.retriever().search(tenant_id, question, language="sv", limit=4)
    explained = await shelf.retriever().explain(tenant_id, question, language="sv", limit=4)

    assert explained.passages == found
    assert [each.rank for each in explained.entries[:5]] == [1, 2, 3, 4, None]
    assert explained.entries[0].passage.passage_id == ids[0]
    assert explained.entries[0].lexical_rank == 1
    assert explained.entries[0].bm25 > 0
    assert {each.dropped for each in explained.entries} == {None, "limit", "filtered"}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Kan jag hyra skidor?", "Skiduthyrning: dagspris 349 kr."),
        ("Kan jag hyra skidor?", "Uthyrning sker i butiken."),
        ("Hur fungerar uthyrningen?", "Du kan hyra i butiken."),
        ("reklamation", "Reklamationsrätten är tre år."),
    ],
)
async def test_words_find_their_compounds_and_relatives(shelf: Shelf, question: str, answer: str) -> None:
    tenant_id, [wanted, *_] = await shelf.tenant(((answer, "sv"), *FILLER))

    async with shelf.tenancy.session(tenant_id) as session:
        found = await session.execute(
            text("select passage_id from search_words(:q, 9, array['customer'])"),
            {"q": " ".join(content_words(question))},
        )
        assert [row.passage_id for row in found] == [wanted]
