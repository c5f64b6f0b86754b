"""Links that are mailed: single use, for a limited time, stored as hashes."""

from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import delete, func

from foundation.database.models import MailToken
from foundation.identity.errors import LinkExpired
from foundation.identity.tokens import new_token, token_hash
from foundation.ids import PersonId
from foundation.tenancy import Tenancy, TenantSession

Kind = Literal["verify", "reset"]
LIFETIME: Final[dict[Kind, timedelta]] = {"verify": timedelta(days=1), "reset": timedelta(hours=1)}


async def issue(session: TenantSession, person_id: PersonId, kind: Kind) -> str:
    """Return a fresh token; earlier ones of the person and kind end."""
    await session.execute(delete(MailToken).where(MailToken.kind == kind))
    token = new_token()
    expires_at = func.clock_timestamp() + LIFETIME[kind]
    session.add(MailToken(hash=token_hash(token), person_id=person_id, kind=kind, expires_at=expires_at))
    await session.flush()
    return token


async def owner(tenancy: Tenancy, token: str, kind: Kind) -> PersonId:
    """Return whose token it is; it stays valid.

    Raises:
        LinkExpired: nobody's, or it was used or has expired.
    """
    [row] = await tenancy.ask(
        "select person_of_mail_token(%(hash)s, %(kind)s) as id", {"hash": token_hash(token), "kind": kind}
    )
    if row.id is None:
        raise LinkExpired()
    return PersonId(row.id)


async def use(session: TenantSession, token: str, kind: Kind) -> None:
    """Use a token up, in the transaction of what it allows.

    Raises:
        LinkExpired: somebody was faster.
    """
    used = await session.execute(
        delete(MailToken)
        .where(
            MailToken.hash == token_hash(token),
            MailToken.kind == kind,
            MailToken.expires_at > func.clock_timestamp(),
        )
        .returning(MailToken.hash)
    )
    if used.first() is None:
        raise LinkExpired()
