"""Everything that is sealed at rest, in one table, and how it is sealed anew under the newest key.

A test holds the table against the database: a column of bytes is in `SEALED`, in `PLAIN`, or one of the two
that are named beside them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, text

from agents import actions, model_settings, unfinished
from agents.privacy import case
from agents.stream import Address
from foundation import api_keys, audit, envelopes, personal
from foundation.crypto import KEY_ID, SealBroken, Sealer
from foundation.database.models import Credentials
from foundation.identity import oidc_settings, second_factor
from foundation.ids import ConversationId, PersonId, TenantId
from foundation.tenancy import Tenancy, TenantSession
from graphs.pauses import Version

_BATCH = 200

Row = Any
"""A row with the columns that a seal is bound to."""
Reseal = Callable[[Sealer, Row, bytes], bytes]


@dataclass(frozen=True, slots=True)
class SealedColumn:
    table: str
    column: str
    keys: tuple[str, ...]
    """The primary key."""
    reseal: Reseal
    """Returns what was sealed, under the newest key; raises `SealBroken`."""
    bound_to: tuple[str, ...] = ()
    """Columns beside the key that the seal is bound to."""

    @property
    def name(self) -> str:
        return f"{self.table}.{self.column}"


def _plainly(purpose: str, context: Callable[[Row], bytes]) -> Reseal:
    def reseal(sealer: Sealer, row: Row, sealed: bytes) -> bytes:
        bound = context(row)
        return sealer.seal(purpose, sealer.open(purpose, sealed, bound), bound)

    return reseal


def _model_key(sealer: Sealer, row: Row, sealed: bytes) -> bytes:
    bound = model_settings.key_context(row.tenant_id, row.provider, row.base_url)
    return envelopes.rewrap(sealer, model_settings.PURPOSE, sealed, bound)


def _of_action(column: str) -> Reseal:
    def context(row: Row) -> bytes:
        key = actions.ActionKey(row.run_id, row.step, row.iteration)
        return actions.seal_context(_address(row), key, column)

    return _plainly(actions.PURPOSE, context)


def _address(row: Row) -> Address:
    return Address(TenantId(row.tenant_id), ConversationId(row.conversation_id))


_ACTION: Final = ("tenant_id", "conversation_id", "run_id", "step", "iteration")

SEALED: Final = (
    SealedColumn("model_settings", "api_key", ("tenant_id",), _model_key, ("provider", "base_url")),
    SealedColumn(
        "person_keys",
        "wrapped_key",
        ("tenant_id", "subject"),
        _plainly(personal.PURPOSE, lambda row: personal.key_context(row.tenant_id, row.subject)),
    ),
    SealedColumn(
        "checkpoints",
        "payload",
        ("tenant_id", "conversation_id"),
        _plainly(
            unfinished.PURPOSE,
            lambda row: unfinished.seal_context(_address(row), Version(row.release, row.graph)),
        ),
        ("release", "graph"),
    ),
    SealedColumn(
        "oidc_settings",
        "client_secret",
        ("tenant_id",),
        _plainly(oidc_settings.PURPOSE, lambda row: bytes(row.tenant_id.bytes)),
    ),
    *(
        SealedColumn(
            "api_keys",
            column,
            ("tenant_id", "id"),
            _plainly(api_keys.IDENTITY_PURPOSE, lambda row: api_keys.identity_context(row.tenant_id, row.id)),
        )
        for column in ("identity_secret", "former_identity_secret")
    ),
    SealedColumn(
        "privacy_jobs",
        "subject",
        ("tenant_id", "id"),
        _plainly(case.PURPOSE, lambda row: case.job_context(row.tenant_id, row.id)),
    ),
    SealedColumn("actions", "arguments", _ACTION, _of_action("arguments")),
    SealedColumn("actions", "result", _ACTION, _of_action("result")),
)

OF_PEOPLE: Final = "credentials.totp_secret"
"""Sealed, too, but no tenant's: see `rotate_people`."""

PASSING: Final = "mail_outbox.mail"
"""Sealed, too, and gone within a day: it is not sealed anew."""

PLAIN: Final = frozenset(
    {
        "api_keys.former_hash",
        "api_keys.hash",
        "approved_answers.vectors",
        "audit.hash",
        "audit_heads.hash",
        "embeddings.content_hash",
        "embeddings.vector",
        "invitations.token_hash",
        "mail_outbox.link",
        "mail_outbox.recipient",
        "mail_tokens.hash",
        "messages.body_hash",
        "passages.content_hash",
        "recovery_codes.hash",
        "sessions.token_hash",
        "source_versions.content_hash",
        "sources.fetched_hash",
        "throttles.key",
    }
)
"""Columns of bytes that hold hashes and vectors, not secrets."""


@dataclass(frozen=True, slots=True)
class Count:
    resealed: int = 0
    left: int = 0
    """Still under another key: it cannot be opened, or was written meanwhile under an older one."""

    def plus(self, other: "Count") -> "Count":
        return Count(self.resealed + other.resealed, self.left + other.left)


async def rotate(tenancy: Tenancy, tenant_id: TenantId, sealer: Sealer, *, actor: str) -> dict[str, Count]:
    """Seal anew all of a tenant that is not under the newest key; return counts by `table.column`.

    Every batch is a transaction with its audit row; to stop and to run again, or twice at once, is safe.
    """
    return {each.name: await _column(tenancy, tenant_id, sealer, each, actor) for each in SEALED}


async def rotate_people(tenancy: Tenancy, people: Iterable[PersonId], sealer: Sealer) -> Count:
    """Seal anew the second factors of people that are not under the newest key; safe to run again."""
    count = Count()
    for person_id in people:
        async with tenancy.person(person_id) as session:
            row = (await session.scalars(select(Credentials).with_for_update())).one_or_none()
            if row is None or row.totp_secret is None or row.totp_secret[KEY_ID] == sealer.newest_id:
                continue
            try:
                secret = sealer.open(second_factor.PURPOSE, row.totp_secret, person_id.bytes)
            except SealBroken:
                count = count.plus(Count(left=1))
                continue
            row.totp_secret = sealer.seal(second_factor.PURPOSE, secret, person_id.bytes)
            count = count.plus(Count(resealed=1))
    return count


async def _column(
    tenancy: Tenancy, tenant_id: TenantId, sealer: Sealer, column: SealedColumn, actor: str
) -> Count:
    count, last = 0, None
    while True:
        async with tenancy.session(tenant_id) as session:
            rows = await _older(session, tenant_id, sealer, column, last)
            done = [await _reseal(session, sealer, column, row) for row in rows]
            if any(done):
                await audit.record(
                    session,
                    tenant_id,
                    actor=actor,
                    action="secrets.rotate",
                    subject=column.name,
                    after={"resealed": sum(done), "key": sealer.newest_id.hex()},
                )
            count += sum(done)
            if len(rows) < _BATCH:
                return Count(count, await _left(session, tenant_id, sealer, column))
            last = rows[-1]


async def _older(
    session: TenantSession, tenant_id: TenantId, sealer: Sealer, column: SealedColumn, after: Row | None
) -> list[Row]:
    keys = ", ".join(column.keys)
    wanted = ", ".join((*column.keys, *column.bound_to, f"{column.column} as sealed"))
    beyond = f" and ({keys}) > ({', '.join(f':{key}' for key in column.keys)})" if after else ""
    # All names are those of SEALED.
    query = f"select {wanted} from {column.table} where {_OLD}{beyond} order by {keys} limit {_BATCH}"  # noqa: S608
    known = {key: getattr(after, key) for key in column.keys} if after else {}
    found = await session.execute(text(query.format(column=column.column)), known | _old(tenant_id, sealer))
    return list(found)


async def _reseal(session: TenantSession, sealer: Sealer, column: SealedColumn, row: Row) -> bool:
    try:
        anew = column.reseal(sealer, row, bytes(row.sealed))
    except SealBroken:
        return False
    same = " and ".join(f"{key} = :{key}" for key in (*column.keys, *column.bound_to))
    # Only over what was read: a newer value must not be written over.
    query = f"update {column.table} set {column.column} = :anew where {same} and {column.column} = :sealed"  # noqa: S608
    values = {key: getattr(row, key) for key in (*column.keys, *column.bound_to)}
    changed = await session.execute(
        text(f"{query} returning 1"), values | {"anew": anew, "sealed": row.sealed}
    )
    return changed.first() is not None


async def _left(session: TenantSession, tenant_id: TenantId, sealer: Sealer, column: SealedColumn) -> int:
    query = f"select count(*) from {column.table} where {_OLD}"  # noqa: S608
    found = await session.execute(text(query.format(column=column.column)), _old(tenant_id, sealer))
    return int(found.scalar_one())


def _old(tenant_id: TenantId, sealer: Sealer) -> dict[str, Any]:
    return {"tenant": tenant_id, "newest": sealer.newest_id}


_OLD: Final = (
    "tenant_id = :tenant"
    f" and substring({{column}} from {KEY_ID.start + 1} for {KEY_ID.stop - KEY_ID.start}) <> :newest"
)
