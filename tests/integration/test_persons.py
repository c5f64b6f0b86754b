"""People that are made without mail: by a command, and for the demo."""

from pathlib import Path

import pytest

from foundation.database.roles import DatabaseUrls
from foundation.identity import emails
from foundation.ids import new_uuid
from serve.demo import OWN, OWNER_EMAIL, SHOP, demo_password
from serve.persons import WantedPerson, place_person
from serve.seed import seed
from tests.support.people import OTHER_PASSWORD, PASSWORD, town
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration


async def test_the_demos_owner_signs_in_with_the_printed_password(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    async with town(database_urls, redis_url, tmp_path) as place:
        settings = place.door.services.settings
        assert emails.normal(OWNER_EMAIL) == OWNER_EMAIL
        await seed(place.tenancy, settings)
        browser = place.browser()
        state = await browser.sign_in(OWNER_EMAIL, demo_password(settings))
        assert {(one["slug"], one["role"]) for one in state["tenants"]} == {
            (SHOP.slug, "owner"),
            (OWN.slug, "owner"),
        }
        # A later start changes nothing; one with another key has another password.
        await seed(place.tenancy, settings)
        await browser.did("GET", "/api/auth/session")
        await seed(place.tenancy, settings.evolve(encryption_key="6f" * 32))
        assert await browser.refused("GET", "/api/auth/session") == (401, "unauthorized")


async def test_the_first_owner_is_placed_and_keeps_a_password_they_have(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    async with town(database_urls, redis_url, tmp_path) as place:
        tenant_id, second = await make_tenant(place.tenancy), await make_tenant(place.tenancy)
        email = f"p{new_uuid().hex}@example.com"
        wanted = WantedPerson(email, "Åsa", PASSWORD, "owner")
        assert PASSWORD not in repr(wanted)
        person_id = await place_person(place.tenancy, tenant_id, wanted, actor="cli")
        other = WantedPerson(email, "Åsa", OTHER_PASSWORD, "viewer")
        assert await place_person(place.tenancy, second, other, actor="cli") == person_id
        state = await place.browser().sign_in(email)
        assert [one["role"] for one in state["tenants"]] == ["owner", "viewer"]
        assert await audit_actions(place.tenancy, second) == ["member.add"]
