"""Releases: drafts frozen into a numbered, immutable behaviour.

The newest answers; going back is publishing an earlier one anew.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from agents.behaviour import Behaviour, Settings
from agents.policies import listed
from agents.ratings import calibration_of
from foundation import audit
from foundation.database.models import AgentSettings, Release
from foundation.errors import NotFound
from foundation.ids import TenantId, show
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Value


class PublishedRelease(Value):
    number: int
    note: str
    published_by: str
    published_at: datetime
    restored_from: int | None
    """The earlier release whose behaviour it brought back."""
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Releases:
    """Publishing, and looking at what was published. Every change has its audit row."""

    tenancy: Tenancy

    async def all(self, tenant_id: TenantId, *, before: int | None, limit: int) -> list[PublishedRelease]:
        """Return releases, newest first; those below `before` if given."""
        wanted = select(Release).order_by(Release.number.desc()).limit(limit)
        if before is not None:
            wanted = wanted.where(Release.number < before)
        async with self.tenancy.session(tenant_id) as session:
            return [_view(row) for row in (await session.execute(wanted)).scalars()]

    async def get(self, tenant_id: TenantId, number: int) -> PublishedRelease:
        """Raises: NotFound."""
        async with self.tenancy.session(tenant_id) as session:
            return _view(await _release(session, number))

    async def publish(self, tenant_id: TenantId, actor: str, note: str = "") -> PublishedRelease:
        """Freeze the drafts as they are now into the next release, which holds from each next turn on."""
        async with self.tenancy.session(tenant_id) as session:
            newest = await _newest(session)
            settings = await _settings(session)
            graph = Behaviour.model_validate(newest.behaviour)
            behaviour = Behaviour(
                graph=graph.graph,
                double_texting=settings.double_texting or graph.double_texting,
                threshold=settings.threshold,
                policies=tuple(view.rule for view in await listed(session)),
                channels=settings.channels,
                calibration=await calibration_of(session),
            )
            return await _add(session, _By(tenant_id, actor, note), newest.number, behaviour)

    async def restore(self, tenant_id: TenantId, actor: str, number: int, note: str = "") -> PublishedRelease:
        """Publish an earlier release's behaviour again; drafts stay as they are.

        Raises:
            NotFound: there is no such release.
        """
        async with self.tenancy.session(tenant_id) as session:
            newest = await _newest(session)
            earlier = Behaviour.model_validate((await _release(session, number)).behaviour)
            return await _add(session, _By(tenant_id, actor, note), newest.number, earlier, number)

    async def settings(self, tenant_id: TenantId) -> Settings:
        """Return the drafted settings."""
        async with self.tenancy.session(tenant_id) as session:
            return await _settings(session)

    async def set(self, tenant_id: TenantId, actor: str, settings: Settings) -> Settings:
        """Replace the drafted settings."""
        async with self.tenancy.session(tenant_id) as session:
            before = await _settings(session)
            await session.merge(AgentSettings(tenant_id=tenant_id, settings=settings.model_dump(mode="json")))
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="agent_settings.change",
                subject=show("tenant", tenant_id),
                before=before.model_dump(mode="json"),
                after=settings.model_dump(mode="json"),
            )
        return settings


@dataclass(frozen=True, slots=True)
class _By:
    """Who publishes for whom, and why."""

    tenant_id: TenantId
    actor: str
    note: str


async def _newest(session: TenantSession) -> Release:
    # Two who publish at once get two numbers: the second waits here for the first.
    await session.execute(
        text("select pg_advisory_xact_lock(hashtextextended(current_setting('app.tenant_id'), 9))")
    )
    return (await session.execute(select(Release).order_by(Release.number.desc()).limit(1))).scalar_one()


async def _release(session: TenantSession, number: int) -> Release:
    found = (await session.execute(select(Release).where(Release.number == number))).scalar_one_or_none()
    if found is None:
        raise NotFound(kind="release")
    return found


async def _settings(session: TenantSession) -> Settings:
    found = (await session.execute(select(AgentSettings.settings))).scalar_one_or_none()
    return Settings.model_validate(found or {})


async def _add(
    session: TenantSession, by: _By, newest: int, behaviour: Behaviour, restored_from: int | None = None
) -> PublishedRelease:
    row = Release(
        tenant_id=by.tenant_id,
        number=newest + 1,
        behaviour=behaviour.model_dump(mode="json"),
        note=by.note,
        published_by=by.actor,
        restored_from=restored_from,
        published_at=await session.scalar(select(func.clock_timestamp())),
    )
    session.add(row)
    await audit.record(
        session,
        by.tenant_id,
        actor=by.actor,
        action="release.publish" if restored_from is None else "release.restore",
        subject=str(row.number),
        before={"number": newest},
        after={"number": row.number, "note": by.note, "policies": len(behaviour.policies)}
        | ({"restored_from": restored_from} if restored_from else {}),
    )
    return _view(row)


def _view(row: Release) -> PublishedRelease:
    return PublishedRelease(
        number=row.number,
        behaviour=Behaviour.model_validate(row.behaviour),
        note=row.note,
        published_by=row.published_by,
        published_at=row.published_at,
        restored_from=row.restored_from,
    )
