"""What is said twice, and what contradicts itself, is reported; what merely is alike is not."""

from pathlib import Path

import pytest

from foundation.tenancy import Tenancy
from ingest.quality import examine
from tests.support.house import House
from tests.support.tenants import make_tenant

pytestmark = pytest.mark.integration

OLD = "# Returer\n\nDu har 30 dagars öppet köp från den dag du tog emot varan."
NEW = "# Öppet köp\n\nHos oss har du 60 dagars öppet köp från den dag du tog emot varan."
WASH = "# Tvätt\n\nTvätta jackan i 30 grader med flytande tvättmedel och torka den med två tennisbollar."
CARE = "# Skötsel\n\nTvätta jackan i 30 grader med flytande tvättmedel, och torka den med två tennisbollar."
ABOUT = "# Om oss\n\nVi har sålt kläder för fjällen sedan 1987 och har butiker i Åre och Göteborg."


@pytest.fixture
async def house(tenancy: Tenancy, chroma_url: str, tmp_path: Path) -> House:
    return House(tenancy, await make_tenant(tenancy), chroma_url, tmp_path)


async def test_what_people_should_look_at_is_reported(house: House) -> None:
    assert (await examine(house.tenancy, house.tenant_id)).passages == 0
    for content in (OLD, NEW, WASH, CARE, ABOUT):
        await house.run(await house.add(content))
    found = await examine(house.tenancy, house.tenant_id)
    assert (found.passages, found.looked_at) == (5, 5)
    [twice] = found.duplicates
    assert {twice.one.heading, twice.other.heading} == {"Tvätt", "Skötsel"}
    [conflict] = found.contradictions
    assert {conflict.one_says, conflict.other_says} == {OLD.split("\n\n")[1], NEW.split("\n\n")[1]}

    some = await examine(house.tenancy, house.tenant_id, most=2)
    assert (some.passages, some.looked_at) == (5, 2)
    assert (await examine(house.tenancy, await make_tenant(house.tenancy))).passages == 0


async def test_what_has_been_replaced_is_not_held_against_what_holds(house: House) -> None:
    source_id = await house.add(OLD)
    await house.run(source_id)
    await house.sources.replace_file(house.tenant_id, "test", source_id, NEW.encode())
    await house.run(source_id)
    assert (await examine(house.tenancy, house.tenant_id)).contradictions == ()
