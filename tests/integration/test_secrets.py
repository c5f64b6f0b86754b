"""What is sealed at rest is known, and comes under a new key without being lost."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from agents import actions
from agents.model_settings import ModelSettings, ModelSettingsStore
from agents.privacy.case import Case
from agents.privacy.subject import Subject
from agents.sealed import OF_PEOPLE, PASSING, PLAIN, SEALED, Count, rotate, rotate_people
from agents.stream import Address
from agents.threads import Thread
from agents.unfinished import Unfinished
from foundation import api_keys, audit
from foundation.audit_log import AuditLog, Filter
from foundation.clients.chat.endpoint import Endpoint
from foundation.crypto import SealBroken, Sealer
from foundation.identity import oidc_settings, second_factor
from foundation.identity.oidc_settings import OidcSettingsStore
from foundation.ids import ConversationId, KeyId, PersonId, new_uuid
from foundation.personal import Personal
from foundation.tenancy import Tenancy
from graphs.pauses import Version
from tests.support.tenants import audit_actions, make_tenant

pytestmark = pytest.mark.integration

OLD, NEW = "5e" * 32, "7b" * 32
KEY = actions.ActionKey(uuid4(), "order")
RUN = {"run": KEY.run_id, "step": KEY.step, "iteration": KEY.iteration}
PERSON = Case(Subject(email="anna@example.com"))
VERSION = Version(1, "orders@1")
ENDPOINT = Endpoint("compatible", "m", "https://1.1.1.1/v1", "canary-key")


async def test_every_column_of_bytes_is_registered_as_sealed_or_plain(tenancy: Tenancy) -> None:
    async with tenancy.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "select c.relname || '.' || a.attname"
                " from pg_attribute a join pg_class c on c.oid = a.attrelid"
                " where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')"
                " and a.attnum > 0 and not a.attisdropped and a.atttypid = 'bytea'::regtype"
            )
        )
        found = set(rows.scalars())
    # Register a new one in agents/sealed.py: a sealed column that nobody knows is lost with the old key.
    assert found == {each.name for each in SEALED} | {OF_PEOPLE, PASSING} | PLAIN


async def sealed_tenant(engine_of: Tenancy, hex_key: str) -> tuple[Tenancy, Address]:
    """Make a tenant that has one of everything that is sealed."""
    sealer = Sealer.of(hex_key)
    tenancy = Tenancy(engine_of.engine, sealer)
    tenant_id = await make_tenant(tenancy)
    address = Address(tenant_id, ConversationId(new_uuid()))
    await ModelSettingsStore(tenancy, sealer).put(tenant_id, ModelSettings(ENDPOINT), actor="test")
    async with tenancy.session(tenant_id) as session:
        await session.execute(
            text(
                "insert into conversations (tenant_id, id, channel) values (:tenant, :conversation, 'widget')"
            ),
            address.keys(),
        )
        await Unfinished(tenancy, sealer).keep(address, VERSION, Thread()).execute(session)
        sealed = {
            column: sealer.seal(actions.PURPOSE, column.encode(), actions.seal_context(address, KEY, column))
            for column in ("arguments", "result")
        }
        await session.execute(
            text(
                "insert into actions (tenant_id, conversation_id, run_id, step, iteration, action, state,"
                " arguments, result) values (:tenant, :conversation, :run, :step, :iteration, 'order',"
                " 'done', :arguments, :result)"
            ),
            address.keys() | RUN | sealed,
        )
        await session.execute(
            text(
                "insert into oidc_settings (tenant_id, issuer, client_id, client_secret, domains)"
                " values (:tenant, 'https://1.1.1.1', 'replik', :secret, '{example.com}')"
            ),
            {
                "tenant": tenant_id,
                "secret": sealer.seal(oidc_settings.PURPOSE, b"oidc-canary", tenant_id.bytes),
            },
        )
        key_id, job_id = KeyId(new_uuid()), new_uuid()
        identity = sealer.seal(
            api_keys.IDENTITY_PURPOSE, b"identity-canary", api_keys.identity_context(tenant_id, key_id)
        )
        await session.execute(
            text(
                "insert into api_keys (tenant_id, id, kind, prefix, hash, identity_secret,"
                " former_identity_secret, former_identity_until)"
                " values (:tenant, :id, 'publishable', 'pk', :hash, :identity, :identity, now())"
            ),
            {"tenant": tenant_id, "id": key_id, "hash": key_id.bytes, "identity": identity},
        )
        await session.execute(
            text(
                "insert into privacy_jobs (tenant_id, id, kind, actor, subject)"
                " values (:tenant, :id, 'erase', 'test', :subject)"
            ),
            {"tenant": tenant_id, "id": job_id, "subject": PERSON.sealed(sealer, tenant_id, job_id)},
        )
        email = Personal(new_uuid(), "anna@example.com")
        await audit.record(
            session, tenant_id, actor="test", action="person.add", subject="x", after={"email": email}
        )
    return tenancy, address


async def everything_opens(tenancy: Tenancy, address: Address, sealer: Sealer) -> None:
    stored = await ModelSettingsStore(tenancy, sealer).get(address.tenant_id)
    assert stored.endpoint == ENDPOINT
    read = await Unfinished(tenancy, sealer).read(address)
    assert read is not None
    assert read[0] == VERSION
    provider = await OidcSettingsStore(tenancy, sealer).get(address.tenant_id)
    assert provider.client_secret == "oidc-canary"
    async with tenancy.session(address.tenant_id) as session:
        row = (await session.execute(text("select arguments, result from actions"))).one()
        key = (await session.execute(text("select * from api_keys"))).one()
        job = (await session.execute(text("select id, subject from privacy_jobs"))).one()
    for secret in (key.identity_secret, key.former_identity_secret):
        context = api_keys.identity_context(address.tenant_id, key.id)
        assert sealer.open(api_keys.IDENTITY_PURPOSE, bytes(secret), context) == b"identity-canary"
    assert Case.opened(sealer, job.subject, address.tenant_id, job.id) == PERSON
    for column, sealed in row._mapping.items():
        context = actions.seal_context(address, KEY, column)
        assert sealer.open(actions.PURPOSE, bytes(sealed), context) == column.encode()
    log = AuditLog(Tenancy(tenancy.engine, sealer))
    [entry] = await log.page(address.tenant_id, Filter(action="person."))
    assert entry.after == {"email": "anna@example.com"}
    assert (await log.verify(address.tenant_id)).ok


async def test_after_a_rotation_the_new_key_opens_everything_alone(tenancy: Tenancy) -> None:
    sealing, address = await sealed_tenant(tenancy, OLD)
    alone = Sealer.of(NEW)
    with pytest.raises(SealBroken):
        await ModelSettingsStore(sealing, alone).get(address.tenant_id)

    done = await rotate(sealing, address.tenant_id, Sealer.of(NEW, OLD), actor="test")
    assert done == {each.name: Count(resealed=1, left=0) for each in SEALED}
    await everything_opens(sealing, address, alone)
    recorded = await audit_actions(tenancy, address.tenant_id)
    assert recorded == ["models.change", "person.add"] + ["secrets.rotate"] * len(SEALED)

    again = await rotate(sealing, address.tenant_id, Sealer.of(NEW, OLD), actor="test")
    assert again == {each.name: Count() for each in SEALED}
    assert await audit_actions(tenancy, address.tenant_id) == recorded


async def test_a_rotation_goes_on_past_what_no_key_opens_and_reports_it(tenancy: Tenancy) -> None:
    sealing, address = await sealed_tenant(tenancy, OLD)
    async with sealing.session(address.tenant_id) as session:
        # In more than one batch, with a broken one in between.
        await session.execute(
            text(
                "insert into person_keys (tenant_id, subject, wrapped_key)"
                " select :tenant, gen_random_uuid(), decode(repeat('01', 60), 'hex')"
                " from generate_series(1, 250)"
            ),
            {"tenant": address.tenant_id},
        )
    done = await rotate(sealing, address.tenant_id, Sealer.of(NEW, OLD), actor="test")
    assert done["person_keys.wrapped_key"] == Count(resealed=1, left=250)
    await everything_opens(sealing, address, Sealer.of(NEW))


async def test_a_model_key_of_before_there_were_envelopes_opens_and_is_rotated(tenancy: Tenancy) -> None:
    sealing, address = await sealed_tenant(tenancy, OLD)
    context = f"{address.tenant_id}/{ENDPOINT.provider}/{ENDPOINT.base_url}".encode()
    bare = Sealer.of(OLD).seal("model_key", ENDPOINT.key.encode(), context)
    async with sealing.session(address.tenant_id) as session:
        await session.execute(text("update model_settings set api_key = :bare"), {"bare": bare})
    await everything_opens(sealing, address, Sealer.of(OLD))
    await rotate(sealing, address.tenant_id, Sealer.of(NEW, OLD), actor="test")
    await everything_opens(sealing, address, Sealer.of(NEW))


async def test_second_factors_of_people_come_under_the_new_key(tenancy: Tenancy) -> None:
    person_id = PersonId(new_uuid())
    sealed = Sealer.of(OLD).seal(second_factor.PURPOSE, b"factor", person_id.bytes)
    async with tenancy.person(person_id) as session:
        await session.execute(
            text("insert into people (id, email, name) values (:id, :email, 'Anna')"),
            {"id": person_id, "email": f"{person_id.hex}@example.com"},
        )
        await session.execute(
            text("insert into credentials (person_id, totp_secret) values (:id, :sealed)"),
            {"id": person_id, "sealed": sealed},
        )
    rotating = Sealer.of(NEW, OLD)
    assert await rotate_people(tenancy, [person_id], rotating) == Count(resealed=1)
    assert await rotate_people(tenancy, [person_id], rotating) == Count()
    async with tenancy.person(person_id) as session:
        stored = (await session.execute(text("select totp_secret from credentials"))).scalar_one()
    assert Sealer.of(NEW).open(second_factor.PURPOSE, bytes(stored), person_id.bytes) == b"factor"
