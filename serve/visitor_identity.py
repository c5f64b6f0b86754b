"""Who a visitor is to the company: a JSON web token (RFC 7519) that the company's own server has signed."""

import time
from collections.abc import Iterable
from typing import Annotated

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from agents.admission import Vouched
from foundation.errors import IdentityRefused
from serve.texts import printable

LONGEST_S = 3600
"""From `iat` to `exp`: one that is found later opens nothing."""
LEEWAY_S = 60
"""How far the company's clock may be off."""
LONGEST_TOKEN = 4_096
_ALGORITHM = "HS256"


class Identity(BaseModel):
    """What the company says of its visitor."""

    model_config = ConfigDict(frozen=True, strict=True)

    sub: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(printable)]
    """The visitor's id at the company, which never becomes somebody else's."""
    name: Annotated[str, Field(max_length=200), AfterValidator(printable)] | None = None
    email: Annotated[str, Field(max_length=320), AfterValidator(printable)] | None = None
    iat: int
    exp: int

    @property
    def vouched(self) -> Vouched:
        """What is kept of it."""
        return Vouched(self.sub, self.name or None, self.email or None)


def read_identity(token: str, secrets: Iterable[str], now: float | None = None) -> Identity:
    """Return what a token says, if it is signed by HS256 with one of the secrets and holds now.

    The algorithm is ours, not the token's: `none` and public-key algorithms are refused.

    Raises:
        IdentityRefused: it is not, or its claims are missing, too long, early, over, or valid too long.
    """
    if len(token) > LONGEST_TOKEN:
        raise IdentityRefused(reason="too_long")
    identity = _claims(token, secrets)
    now = time.time() if now is None else now
    if identity.exp <= now - LEEWAY_S:
        raise IdentityRefused(reason="expired")
    if identity.iat > now + LEEWAY_S:
        raise IdentityRefused(reason="early")
    if not 0 < identity.exp - identity.iat <= LONGEST_S:
        raise IdentityRefused(reason="lifetime")
    return identity


def _claims(token: str, secrets: Iterable[str]) -> Identity:
    for secret in secrets:
        try:
            signed = jws.deserialize_compact(token, OctKey.import_key(secret), algorithms=[_ALGORITHM])
        except (JoseError, ValueError):
            continue
        try:
            return Identity.model_validate_json(signed.payload)
        except ValidationError:
            raise IdentityRefused(reason="claims") from None
    raise IdentityRefused(reason="signature")
