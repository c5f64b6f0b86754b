"""What an export or erasure is about, sealed while it is worked on, so that its row names nobody."""

import json
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from agents.privacy.subject import Subject
from agents.privacy.subjects import Found
from foundation.crypto import Sealer
from foundation.ids import TenantId

PURPOSE: Final = "privacy_subject"


@dataclass(frozen=True, slots=True)
class Case:
    """A person and what was found of them: an erasure that is cut short must know it when all traces that led
    there are gone.
    """

    subject: Subject
    found: Found = field(default_factory=Found)

    def sealed(self, sealer: Sealer, tenant_id: TenantId, job_id: UUID) -> bytes:
        """Return it as it is stored."""
        value = {
            "subject": self.subject.model_dump(mode="json"),
            "conversations": sorted(str(one) for one in self.found.conversations),
            "visitors": sorted(str(one) for one in self.found.visitors),
            "customers": sorted(str(one) for one in self.found.customers),
        }
        return sealer.seal(PURPOSE, json.dumps(value).encode(), job_context(tenant_id, job_id))

    @classmethod
    def opened(cls, sealer: Sealer, sealed: bytes, tenant_id: TenantId, job_id: UUID) -> "Case":
        """Return what was stored.

        Raises:
            SealBroken: it was altered, or is another job's.
        """
        value = json.loads(sealer.open(PURPOSE, bytes(sealed), job_context(tenant_id, job_id)))
        kinds = ("conversations", "visitors", "customers")
        found = Found(**{name: frozenset(map(UUID, value[name])) for name in kinds})
        return cls(Subject.model_validate(value["subject"]), found)


def job_context(tenant_id: TenantId, job_id: UUID) -> bytes:
    return f"{tenant_id}/{job_id}".encode()
