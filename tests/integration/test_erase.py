"""What is deleted is gone: rows at once, files and vectors after it, and a check says so."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation.clients.vectors.port import Collection
from foundation.errors import DependencyUnavailable, NotFound
from foundation.ids import TenantId, new_uuid
from foundation.tenancy import Tenancy
from ingest.erase import _TENANT_TABLES, Eraser, Proof, delete_source, delete_tenant, proof_of
from tests.support.house import House
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

CANARY = "Zebrafinken Zixi sjunger klockan sju."


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


def eraser(house: House) -> Eraser:
    return Eraser(house.tenancy, house.files, house.index)


async def told_of(house: House, words: str, tenant_id: TenantId) -> list[str]:
    """Return the tables in whose rows, as text, these words stand for the tenant."""
    async with house.tenancy.session(tenant_id) as session:
        tables = await session.execute(text(_TENANT_TABLES))
        found = []
        for table in tables.scalars().all():
            like = text(f"select count(*) from {table} as r where r::text like :words")
            if (await session.execute(like, {"words": f"%{words}%"})).scalar_one():
                found.append(table)
    return found


def files_with(folder: Path, words: str) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and words.encode() in each.read_bytes()]


async def test_a_deleted_source_leaves_nothing_and_its_neighbour_everything(
    house: House, tmp_path: Path
) -> None:
    shared = "Detta stycke har båda."
    kept = await house.add(f"# Kvar\n\n{shared}", "kept.md")
    gone = await house.add(f"# Fågel\n\n{CANARY}\n\n# Kvar\n\n{shared}", "gone.md")
    for source_id in (kept, gone):
        await house.run(source_id)
    await house.sources.replace_file(house.tenant_id, "test", gone, f"# Fågel\n\n{CANARY} Jo.".encode())
    await house.run(gone)
    assert files_with(tmp_path, "Zixi")

    erasure = await delete_source(house.tenancy, house.tenant_id, "anna", gone)
    # From the commit on nothing finds it; files and vectors are still there, and noted.
    assert await house.passages() == [shared]
    assert await told_of(house, "Zixi", house.tenant_id) == []
    assert files_with(tmp_path, "Zixi")
    assert (await proof_of(house.tenancy, house.tenant_id, erasure))[0] == "queued"

    assert await eraser(house).run(house.tenant_id, erasure) == Proof(0, 0, 0)
    assert files_with(tmp_path, "Zixi") == []
    assert await house.indexed() == [shared]
    assert await proof_of(house.tenancy, house.tenant_id, erasure) == (
        "done",
        {"rows": 0, "files": 0, "vectors": 0},
    )
    async with house.tenancy.session(house.tenant_id) as session:
        vectors = await session.execute(text("select count(*) from embeddings"))
        assert vectors.scalar_one() == 1  # the neighbour's
    assert (await audit_actions(house.tenancy, house.tenant_id))[-1] == "source.delete"
    with pytest.raises(NotFound):
        await delete_source(house.tenancy, house.tenant_id, "anna", gone)


async def test_an_erasure_that_was_cut_short_goes_on(house: House, tmp_path: Path) -> None:
    source_id = await house.add(f"# Fågel\n\n{CANARY}")
    await house.run(source_id)
    erasure = await delete_source(house.tenancy, house.tenant_id, "anna", source_id)
    index = house.index

    class Away:
        async def delete(self, _collection: Collection, _ids: object) -> None:
            raise DependencyUnavailable(part="vectors")

    cut = Eraser(house.tenancy, house.files, Away())  # type: ignore[arg-type]
    with pytest.raises(DependencyUnavailable):
        await cut.run(house.tenant_id, erasure)
    assert (await proof_of(house.tenancy, house.tenant_id, erasure))[0] == "erasing"
    assert await index.count(Collection(house.tenant_id, "hashing", 1)) == 1
    assert (await eraser(house).run(house.tenant_id, erasure)).clean
    assert await index.count(Collection(house.tenant_id, "hashing", 1)) == 0


async def test_what_is_still_there_is_not_called_gone(house: House) -> None:
    """A file that cannot be deleted is found by the check."""
    source_id = await house.add(f"# Fågel\n\n{CANARY}")
    await house.run(source_id)
    erasure = await delete_source(house.tenancy, house.tenant_id, "anna", source_id)

    class Stubborn(type(house.files)):  # type: ignore[misc]
        async def delete(self, _tenant_id: TenantId, _key: str) -> None:
            return

    stubborn = Stubborn(house.files._root)
    proof = await Eraser(house.tenancy, stubborn, house.index).run(house.tenant_id, erasure)
    assert proof == Proof(rows=0, files=2, vectors=0)
    assert (await proof_of(house.tenancy, house.tenant_id, erasure))[0] == "failed"
    assert (await eraser(house).run(house.tenant_id, erasure)).clean


async def test_a_deleted_tenant_leaves_nothing(house: House, tmp_path: Path) -> None:
    other = House(house.tenancy, await make_tenant(house.tenancy), house.index._url.geturl(), tmp_path)
    for each in (house, other):
        await each.run(await each.add(f"# Fågel\n\n{CANARY}"))

    erasure = await delete_tenant(house.tenancy, house.tenant_id)
    assert (await eraser(house).run(house.tenant_id, erasure)).clean
    assert await told_of(house, "Zixi", house.tenant_id) == []
    assert not (tmp_path / "files" / house.tenant_id.hex).exists()
    assert await house.index.count(Collection(house.tenant_id, "hashing", 1)) == 0
    assert (await proof_of(house.tenancy, house.tenant_id, erasure))[0] == "done"
    assert await other.passages() == [CANARY]
    assert await other.indexed() == [CANARY]
    with pytest.raises(NotFound):
        await delete_tenant(house.tenancy, house.tenant_id)


async def test_nobody_erases_for_another_tenant(house: House) -> None:
    source_id = await house.add("Text.")
    other = await make_tenant(house.tenancy)
    with pytest.raises(NotFound):
        await delete_source(house.tenancy, other, "eve", source_id)
    erasure: UUID = await delete_source(house.tenancy, house.tenant_id, "anna", source_id)
    with pytest.raises(NotFound):
        await eraser(house).run(other, erasure)
    with pytest.raises(NotFound):
        await proof_of(house.tenancy, house.tenant_id, new_uuid())
