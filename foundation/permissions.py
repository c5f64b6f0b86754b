"""What may be done, by which role, and who is asking: the whole of authorization on one screen.

A route names the one permission it needs in `serve.access`; a role or an API key is a set of them.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from foundation.ids import KeyId, PersonId, TenantId

Permission = Literal[
    "chat.use",
    "conversation.read",
    "conversation.reply",
    "conversation.manage",
    "conversation.reveal",
    "inbox.manage",
    "knowledge.read",
    "knowledge.write",
    "behaviour.read",
    "behaviour.write",
    "behaviour.publish",
    "usage.read",
    "team.read",
    "team.manage",
    "key.read",
    "key.manage",
    "settings.read",
    "settings.manage",
    "privacy.manage",
    "audit.read",
    "tenant.delete",
]
"""`reply` is to speak as a person, `manage` to assign, label and close, `reveal` to see redacted words."""

PERMISSIONS: frozenset[Permission] = frozenset(get_args(Permission))

Role = Literal["owner", "admin", "editor", "agent", "viewer"]

_VIEWER: frozenset[Permission] = frozenset(
    {"conversation.read", "knowledge.read", "behaviour.read", "usage.read", "team.read", "settings.read"}
)
_AGENT: frozenset[Permission] = _VIEWER | {"conversation.reply", "conversation.manage", "conversation.reveal"}
_EDITOR: frozenset[Permission] = _VIEWER | {"knowledge.write", "behaviour.write", "behaviour.publish"}

ROLES: dict[Role, frozenset[Permission]] = {
    "owner": PERMISSIONS,
    "admin": PERMISSIONS - {"tenant.delete"},
    "editor": _EDITOR,
    "agent": _AGENT,
    "viewer": _VIEWER,
}
"""The roles that every tenant has; it may make others of the same permissions."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, for which tenant, and what they may do there."""

    tenant_id: TenantId
    actor: str
    """As the audit log names them: `person:<hex>`, `key:<hex>`, `demo`."""
    permissions: frozenset[Permission]
    person_id: PersonId | None = None
    """Only when a person is signed in; a key is nobody."""
    key_id: KeyId | None = None
    """Only when a server calls with its key."""

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions
