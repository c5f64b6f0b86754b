"""Exports and erasures as rows: asked for by people, worked on by whichever gateway takes them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Literal, cast
from uuid import UUID

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.privacy import subjects
from agents.privacy.case import Case
from agents.privacy.erasing import Eraser
from agents.privacy.exporting import export, key_of
from agents.privacy.stores import Proof, Stores
from agents.privacy.subject import Subject
from foundation import audit
from foundation.clients.bus.port import Bus
from foundation.crypto import Sealer
from foundation.errors import Conflict, NotFound
from foundation.ids import TenantId, new_uuid, show
from foundation.tenancy import Tenancy, TenantSession

log = structlog.get_logger()

Kind = Literal["export", "erase"]
KEPT_FOR: Final = timedelta(days=7)
"""How long an export's file is kept."""
MOST_ATTEMPTS: Final = 6
_LEASE_S: Final = 120.0
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class PrivacyJobs:
    """What people ask for and see."""

    tenancy: Tenancy
    sealer: Sealer

    async def ask(self, tenant_id: TenantId, actor: str, kind: Kind, subject: Subject) -> UUID:
        """Queue an export or an erasure; return its id. Who it is about stands in it sealed."""
        job_id = new_uuid()
        async with self.tenancy.session(tenant_id) as session:
            sealed = Case(subject).sealed(self.sealer, tenant_id, job_id)
            values = {"tenant": tenant_id, "job": job_id, "kind": kind, "actor": actor, "subject": sealed}
            await session.execute(_ASK, values)
            await _record(session, tenant_id, actor=actor, action=f"privacy.{kind}.ask", job_id=job_id)
        return job_id

    async def get(self, tenant_id: TenantId, kind: Kind, job_id: UUID) -> Mapping[str, Any]:
        """Return a job's row, without its subject.

        Raises:
            NotFound: there is none of this kind.
        """
        async with self.tenancy.session(tenant_id) as session:
            values = {"tenant": tenant_id, "job": job_id, "kind": kind}
            found = (await session.execute(_GET, values)).mappings().first()
        if found is None:
            raise NotFound(kind="privacy")
        return cast("Mapping[str, Any]", found)

    async def handed_out(self, tenant_id: TenantId, actor: str, job_id: UUID) -> str:
        """Put on record that an export is fetched; return its file's key.

        Raises:
            NotFound: there is no such export.
            Conflict: it is not ready, or no longer kept.
        """
        row = await self.get(tenant_id, "export", job_id)
        if row["state"] != "done":
            raise Conflict(state=row["state"])
        async with self.tenancy.session(tenant_id) as session:
            await _record(session, tenant_id, actor=actor, action="privacy.export.fetch", job_id=job_id)
        return key_of(job_id)


@dataclass(frozen=True, slots=True)
class PrivacyWorker:
    """Works the rows off. What it is killed in begins again after `lease_s` seconds."""

    system: AsyncEngine
    stores: Stores
    bus: Bus
    sealer: Sealer
    lease_s: float = _LEASE_S

    async def work(self) -> int:
        """Work on what waits, of all tenants; return how many jobs that were."""
        async with self.system.connect() as connection:
            found = await connection.execute(text("select * from due_privacy(:n)"), {"n": _AT_ONCE})
            due = [(TenantId(row.tenant_id), row.id) for row in found]
        return sum([await self.run(tenant_id, job_id) for tenant_id, job_id in due])

    async def run(self, tenant_id: TenantId, job_id: UUID) -> bool:
        """Work on one job; return whether it was free to be taken.

        Raises:
            DependencyUnavailable: a store is away; the job is taken up again later.
        """
        async with self.stores.tenancy.session(tenant_id) as session:
            values = {"tenant": tenant_id, "job": job_id, "lease": self.lease_s}
            row = (await session.execute(_CLAIM, values)).first()
        if row is None:
            return False
        if row.state == "done":  # an export whose time is up
            await self.stores.files.delete(tenant_id, key_of(job_id))
            await self._end(tenant_id, job_id, "gone", {}, None)
            return True
        case = await self._found(tenant_id, job_id, Case.opened(self.sealer, row.subject, tenant_id, job_id))
        if row.kind == "export":
            counts = await export(self.stores, self.sealer, tenant_id, job_id, case)
            await self._end(tenant_id, job_id, "done", {"exported": counts}, row.actor, expires=KEPT_FOR)
        else:
            await self._erase(tenant_id, job_id, case, row.actor, row.attempts)
        return True

    async def _found(self, tenant_id: TenantId, job_id: UUID, case: Case) -> Case:
        """Return the case with all that is theirs, put on record before anything of it goes."""
        async with self.stores.tenancy.session(tenant_id) as session:
            found = case.found | await subjects.find(session, tenant_id, case.subject)
            case = Case(case.subject, found)
            sealed = case.sealed(self.sealer, tenant_id, job_id)
            await session.execute(_FOUND, {"tenant": tenant_id, "job": job_id, "subject": sealed})
        return case

    async def _erase(self, tenant_id: TenantId, job_id: UUID, case: Case, actor: str, attempts: int) -> None:
        eraser = Eraser(self.stores, self.bus)
        found, pattern = case.found, case.subject.pattern
        for conversation_id in sorted(found.conversations):
            await eraser.conversation(tenant_id, job_id, conversation_id)
            await self._renew(tenant_id, job_id)
        await eraser.customers(tenant_id, job_id, found)
        if pattern is not None:
            await eraser.words(tenant_id, job_id, pattern)
        await eraser.valkey(tenant_id, job_id, found, pattern)
        await eraser.files(tenant_id, job_id, found, pattern)
        await self._renew(tenant_id, job_id)
        proof = await self.stores.prove(tenant_id, found, pattern)
        log.info("person_erased", job=show("privacy", job_id), left=proof.left)
        if not proof.left:
            await self._end(tenant_id, job_id, "done", {"proof": asdict(proof)}, actor)
        elif attempts >= MOST_ATTEMPTS:
            # The sealed subject stays: an operator can have it done again.
            await self._end(tenant_id, job_id, "failed", {"proof": asdict(proof)}, actor)
        else:
            # Such as the words of a run that was still going on: again, each time a little later.
            await self._again(tenant_id, job_id, proof, wait_s=2.0**attempts)

    async def _renew(self, tenant_id: TenantId, job_id: UUID) -> None:
        async with self.stores.tenancy.session(tenant_id) as session:
            await session.execute(_RENEW, {"tenant": tenant_id, "job": job_id, "lease": self.lease_s})

    async def _again(self, tenant_id: TenantId, job_id: UUID, proof: Proof, *, wait_s: float) -> None:
        async with self.stores.tenancy.session(tenant_id) as session:
            await session.execute(_RENEW, {"tenant": tenant_id, "job": job_id, "lease": wait_s})
            await session.execute(
                _REPORT, {"tenant": tenant_id, "job": job_id, "report": {"proof": asdict(proof)}}
            )

    async def _end(
        self,
        tenant_id: TenantId,
        job_id: UUID,
        state: str,
        report: dict[str, Any],
        actor: str | None,
        *,
        expires: timedelta | None = None,
    ) -> None:
        """Put the end on record; that it took place stays for ever, in ids and numbers."""
        values = {"tenant": tenant_id, "job": job_id, "report": report}
        async with self.stores.tenancy.session(tenant_id) as session:
            await session.execute(_REPORT, values)
            ended = (await session.execute(_END, values | {"state": state, "expires": expires})).one()
            if actor is not None:
                told = ended.report if isinstance(ended.report, dict) else json.loads(ended.report)
                action = f"privacy.{ended.kind}.{state}"
                await _record(session, tenant_id, actor=actor, action=action, job_id=job_id, after=told)


async def _record(
    session: TenantSession,
    tenant_id: TenantId,
    *,
    actor: str,
    action: str,
    job_id: UUID,
    after: dict[str, Any] | None = None,
) -> None:
    subject = show("privacy", job_id)
    await audit.record(session, tenant_id, actor=actor, action=action, subject=subject, after=after)


_ASK = text(
    "insert into privacy_jobs (tenant_id, id, kind, actor, subject)"
    " values (:tenant, :job, :kind, :actor, :subject)"
)
_GET = text(
    "select id, kind, state, report, attempts, expires_at, created_at, updated_at from privacy_jobs"
    " where tenant_id = :tenant and id = :job and kind = :kind"
)
_CLAIM = text(
    "update privacy_jobs set state = case when state = 'done' then state else 'running' end,"
    " attempts = attempts + 1, claimed_until = clock_timestamp() + make_interval(secs => :lease),"
    " updated_at = clock_timestamp()"
    " where tenant_id = :tenant and id = :job"
    " and (claimed_until is null or claimed_until < clock_timestamp())"
    " and (state in ('queued', 'running') or expires_at < clock_timestamp())"
    " returning kind, state, actor, subject, attempts"
)
_FOUND = text("update privacy_jobs set subject = :subject where tenant_id = :tenant and id = :job")
_RENEW = text(
    "update privacy_jobs set claimed_until = clock_timestamp() + make_interval(secs => :lease)"
    " where tenant_id = :tenant and id = :job"
)
_REPORT = text(
    "update privacy_jobs set report = report || :report where tenant_id = :tenant and id = :job"
).bindparams(bindparam("report", type_=JSONB))
_END = text(
    "update privacy_jobs set state = :state, claimed_until = null, updated_at = clock_timestamp(),"
    " subject = case when :state = 'failed' then subject end,"
    " expires_at = clock_timestamp() + cast(:expires as interval)"
    " where tenant_id = :tenant and id = :job returning kind, report"
)
