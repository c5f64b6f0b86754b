"""Making people without mail: the demo's owner, and production's first by `replik person create`."""

from dataclasses import dataclass, field

from sqlalchemy import select

from foundation.database.models import Credentials, Membership
from foundation.identity import sessions
from foundation.identity.accounts import NewPerson, add_member, add_person, person_of, set_password
from foundation.identity.hashing import Hashing
from foundation.ids import PersonId, TenantId, new_uuid
from foundation.permissions import Role
from foundation.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class WantedPerson:
    """`email` in its normal form."""

    email: str
    name: str
    password: str = field(repr=False)
    role: Role


async def place_person(
    tenancy: Tenancy, tenant_id: TenantId, wanted: WantedPerson, *, actor: str, resets: bool = False
) -> PersonId:
    """Make a person with a confirmed address, or find them, and see that they are in the team.

    Who has an account keeps its password, unless this `resets` it, which ends their sessions; who is in the
    team keeps the role.

    Raises:
        PlanLimit: the team and those invited have all seats.
    """
    hashing = Hashing()
    found = await person_of(tenancy, wanted.email)
    person_id = found or PersonId(new_uuid())
    async with tenancy.person(person_id) as session:
        stored = await session.scalar(select(Credentials.password_hash))
    fits = await hashing.fits(stored, wanted.password)
    hashed = "" if fits else await hashing.hash(wanted.password)
    async with tenancy.person(person_id, tenant_id) as session:
        if found is None:
            await add_person(
                session, NewPerson(person_id, wanted.email, wanted.name, "sv", hashed, verified=True)
            )
        elif resets and not fits:
            await set_password(session, hashed)
            await sessions.end_others(session, None)
        if await session.get(Membership, (tenant_id, person_id)) is None:
            await add_member(session, tenant_id, person_id, wanted.role, actor)
    return person_id
