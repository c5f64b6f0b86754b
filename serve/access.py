"""Who may call which route: one line for each, in one place. A route that is not here answers nobody.

Staff and server keys need the permission beside the route; the others are let in by what they show.
"""

from collections.abc import Mapping
from functools import cache
from re import Pattern
from typing import Final, Literal, get_args

from starlette.routing import compile_path

from foundation.errors import Forbidden
from foundation.permissions import PERMISSIONS, Permission

Shown = Literal[
    "nothing",
    "publishable key",
    "visitor token",
    "session",
    "mailed token",
    "signed link",
    "this machine",
    "metrics token",
]
"""What lets in those who need no permission: customers, operators, people in their own matters, anybody."""

SHOWN: frozenset[str] = frozenset(get_args(Shown))

_CHAT = "/api/chat/conversations"
_ADMIN = "/api/admin"
_AUTH = "/api/auth"
_CONVERSATION = "/api/admin/conversations/{conversation_id}"
_SOURCE = "/api/admin/knowledge/sources/{source_id}"

ROUTES: Final[Mapping[str, Permission | Shown]] = {
    # Customers
    f"POST {_CHAT}": "publishable key",
    f"POST {_CHAT}/{{conversation_id}}/messages": "visitor token",
    f"GET {_CHAT}/{{conversation_id}}/events": "visitor token",
    f"POST {_CHAT}/{{conversation_id}}/handover": "visitor token",
    f"POST {_CHAT}/{{conversation_id}}/token": "visitor token",
    # A company's own servers
    "POST /api/chat/message": "chat.use",
    "POST /api/chat/stream": "chat.use",
    "POST /api/conversations/handover": "chat.use",
    # Behaviour
    f"GET {_ADMIN}/policies": "behaviour.read",
    f"POST {_ADMIN}/policies": "behaviour.write",
    f"GET {_ADMIN}/policies/kinds": "behaviour.read",
    f"PUT {_ADMIN}/policies/order": "behaviour.write",
    f"POST {_ADMIN}/policies/try": "behaviour.read",
    f"GET {_ADMIN}/policies/{{policy_id}}": "behaviour.read",
    f"PUT {_ADMIN}/policies/{{policy_id}}": "behaviour.write",
    f"DELETE {_ADMIN}/policies/{{policy_id}}": "behaviour.write",
    f"GET {_ADMIN}/agent/settings": "behaviour.read",
    f"PUT {_ADMIN}/agent/settings": "behaviour.write",
    f"GET {_ADMIN}/agent/dial": "behaviour.read",
    f"GET {_ADMIN}/releases": "behaviour.read",
    f"POST {_ADMIN}/releases": "behaviour.publish",
    f"GET {_ADMIN}/releases/{{number}}": "behaviour.read",
    f"POST {_ADMIN}/releases/{{number}}/restore": "behaviour.publish",
    f"GET {_ADMIN}/approved": "behaviour.read",
    f"POST {_ADMIN}/approved": "behaviour.write",
    f"GET {_ADMIN}/approved/{{approved_id}}": "behaviour.read",
    f"PUT {_ADMIN}/approved/{{approved_id}}": "behaviour.write",
    f"DELETE {_ADMIN}/approved/{{approved_id}}": "behaviour.write",
    f"GET {_ADMIN}/model": "behaviour.read",
    f"PUT {_ADMIN}/model": "settings.manage",
    f"GET {_ADMIN}/model/usage": "usage.read",
    # Conversations
    f"POST {_ADMIN}/conversations/{{conversation_id}}/messages/{{position}}/correction": "behaviour.write",
    f"PUT {_ADMIN}/conversations/{{conversation_id}}/messages/{{position}}/rating": "conversation.manage",
    f"GET {_ADMIN}/conversations/{{conversation_id}}/turns": "conversation.read",
    f"GET {_ADMIN}/conversations/{{conversation_id}}/turns/{{turn_id}}": "conversation.read",
    # Inbox
    f"GET {_ADMIN}/conversations": "conversation.read",
    f"GET {_ADMIN}/conversations/counts": "conversation.read",
    f"GET {_CONVERSATION}": "conversation.read",
    f"PATCH {_CONVERSATION}": "conversation.manage",
    f"GET {_CONVERSATION}/messages": "conversation.read",
    f"POST {_CONVERSATION}/reply": "conversation.reply",
    f"POST {_CONVERSATION}/notes": "conversation.reply",
    f"POST {_CONVERSATION}/take-over": "conversation.reply",
    f"POST {_CONVERSATION}/hand-back": "conversation.reply",
    f"POST {_CONVERSATION}/messages/{{position}}/reveal": "conversation.reveal",
    f"GET {_ADMIN}/events": "conversation.read",
    f"GET {_ADMIN}/customers": "conversation.read",
    f"GET {_ADMIN}/customers/{{customer_id}}": "conversation.read",
    f"PATCH {_ADMIN}/customers/{{customer_id}}": "conversation.manage",
    f"GET {_ADMIN}/inboxes": "conversation.read",
    f"POST {_ADMIN}/inboxes": "inbox.manage",
    f"PUT {_ADMIN}/inboxes/{{inbox_id}}": "inbox.manage",
    f"DELETE {_ADMIN}/inboxes/{{inbox_id}}": "inbox.manage",
    f"GET {_ADMIN}/canned-replies": "conversation.read",
    f"POST {_ADMIN}/canned-replies": "inbox.manage",
    f"PUT {_ADMIN}/canned-replies/{{canned_id}}": "inbox.manage",
    f"DELETE {_ADMIN}/canned-replies/{{canned_id}}": "inbox.manage",
    f"POST {_ADMIN}/conversations/{{conversation_id}}/merge": "conversation.manage",
    f"PUT {_ADMIN}/conversations/{{conversation_id}}/presence": "conversation.read",
    f"GET {_ADMIN}/conversations/{{conversation_id}}/presence": "conversation.read",
    f"POST {_CONVERSATION}/suggestion": "conversation.reply",
    # Knowledge
    f"GET {_ADMIN}/knowledge/sources": "knowledge.read",
    f"POST {_ADMIN}/knowledge/sources": "knowledge.write",
    f"GET {_SOURCE}": "knowledge.read",
    f"PATCH {_SOURCE}": "knowledge.write",
    f"DELETE {_SOURCE}": "knowledge.write",
    f"GET {_SOURCE}/events": "knowledge.read",
    f"PUT {_SOURCE}/content": "knowledge.write",
    f"POST {_SOURCE}/resync": "knowledge.write",
    f"POST {_SOURCE}/cancel": "knowledge.write",
    f"GET {_SOURCE}/versions": "knowledge.read",
    f"GET {_SOURCE}/versions/{{number}}/text": "knowledge.read",
    f"GET {_SOURCE}/versions/{{number}}/chunks": "knowledge.read",
    f"GET {_SOURCE}/versions/{{number}}/diff": "knowledge.read",
    f"GET {_SOURCE}/versions/{{number}}/answers": "conversation.read",
    f"POST {_SOURCE}/versions/{{number}}/restore": "knowledge.write",
    f"GET {_ADMIN}/knowledge/erasures/{{erasure_id}}": "knowledge.read",
    f"GET {_ADMIN}/knowledge/crawls": "knowledge.read",
    f"POST {_ADMIN}/knowledge/crawls": "knowledge.write",
    f"GET {_ADMIN}/knowledge/crawls/{{crawl_id}}": "knowledge.read",
    f"DELETE {_ADMIN}/knowledge/crawls/{{crawl_id}}": "knowledge.write",
    f"POST {_ADMIN}/knowledge/crawls/{{crawl_id}}/resync": "knowledge.write",
    f"GET {_ADMIN}/knowledge/answers/changed": "conversation.read",
    f"GET {_ADMIN}/knowledge/quality": "knowledge.read",
    f"POST {_ADMIN}/knowledge/retrieval": "knowledge.read",
    "POST /api/knowledge/export": "knowledge.read",
    "POST /api/knowledge/import": "knowledge.write",
    "GET /api/embeddings": "knowledge.read",
    "POST /api/embeddings": "knowledge.write",
    # Audit
    f"GET {_ADMIN}/audit": "audit.read",
    f"GET {_ADMIN}/audit/export": "audit.read",
    f"POST {_ADMIN}/audit/verify": "audit.read",
    # A team
    f"GET {_ADMIN}/team": "team.read",
    f"PUT {_ADMIN}/team/{{person_id}}/role": "team.manage",
    f"DELETE {_ADMIN}/team/{{person_id}}": "team.manage",
    f"GET {_ADMIN}/roles": "team.read",
    f"POST {_ADMIN}/roles": "team.manage",
    f"PUT {_ADMIN}/roles/{{role_id}}": "team.manage",
    f"DELETE {_ADMIN}/roles/{{role_id}}": "team.manage",
    f"GET {_ADMIN}/invitations": "team.manage",
    f"POST {_ADMIN}/invitations": "team.manage",
    f"DELETE {_ADMIN}/invitations/{{invitation_id}}": "team.manage",
    f"GET {_ADMIN}/oidc": "settings.manage",
    f"PUT {_ADMIN}/oidc": "settings.manage",
    f"DELETE {_ADMIN}/oidc": "settings.manage",
    # People
    f"POST {_AUTH}/sign-up": "nothing",
    f"POST {_AUTH}/verify": "mailed token",
    f"POST {_AUTH}/sign-in": "nothing",
    f"POST {_AUTH}/reset": "nothing",
    f"POST {_AUTH}/reset/confirm": "mailed token",
    f"POST {_AUTH}/invitation": "mailed token",
    f"POST {_AUTH}/invitation/accept": "mailed token",
    f"GET {_AUTH}/oidc/start": "nothing",
    f"GET {_AUTH}/oidc/callback": "nothing",
    f"POST {_AUTH}/second-factor": "session",
    f"POST {_AUTH}/sign-out": "session",
    f"GET {_AUTH}/session": "session",
    f"POST {_AUTH}/tenant": "session",
    f"GET {_AUTH}/sessions": "session",
    f"DELETE {_AUTH}/sessions": "session",
    f"DELETE {_AUTH}/sessions/{{session_id}}": "session",
    f"POST {_AUTH}/password": "session",
    f"POST {_AUTH}/totp": "session",
    f"POST {_AUTH}/totp/confirm": "session",
    f"POST {_AUTH}/totp/disable": "session",
    f"POST {_AUTH}/totp/recovery-codes": "session",
    # Keys
    f"GET {_ADMIN}/keys": "key.read",
    f"POST {_ADMIN}/keys": "key.manage",
    f"GET {_ADMIN}/keys/{{key_id}}": "key.read",
    f"PATCH {_ADMIN}/keys/{{key_id}}": "key.manage",
    f"DELETE {_ADMIN}/keys/{{key_id}}": "key.manage",
    f"POST {_ADMIN}/keys/{{key_id}}/rotate": "key.manage",
    f"POST {_ADMIN}/keys/{{key_id}}/identity-secret": "key.manage",
    "POST /api/tenant/api-key": "key.manage",
    # The tenant itself, and people's data
    "GET /api/tenant/settings": "settings.read",
    "PUT /api/tenant/settings": "settings.manage",
    "PATCH /api/tenant/settings": "settings.manage",
    "GET /api/tenant/settings/history": "settings.read",
    "GET /api/tenant/usage": "usage.read",
    "DELETE /api/tenant": "tenant.delete",
    f"POST {_ADMIN}/privacy/exports": "privacy.manage",
    f"GET {_ADMIN}/privacy/exports/{{job_id}}": "privacy.manage",
    f"GET {_ADMIN}/privacy/exports/{{job_id}}/file": "privacy.manage",
    f"POST {_ADMIN}/privacy/erasures": "privacy.manage",
    f"GET {_ADMIN}/privacy/erasures/{{job_id}}": "privacy.manage",
    # Operators and the start page
    "GET /api/health": "nothing",
    "GET /api/health/live": "nothing",
    "GET /api/metrics": "metrics token",
    "GET /api/demo": "this machine",
    "GET /api/demo/sources": "this machine",
    "POST /api/demo/sources": "this machine",
    "GET /api/demo/sources/{source_id}/events": "this machine",
}


def needed(method: str, path: str) -> Permission:
    """Return the permission that a request needs.

    Raises:
        Forbidden: no route that takes permissions is known by this name.
    """
    for known, pattern, answer in _patterns():
        if known == method and pattern.fullmatch(path):
            if answer in PERMISSIONS:
                return answer
            break
    raise Forbidden(reason="unlisted")


@cache
def _patterns() -> tuple[tuple[str, Pattern[str], Permission | Shown], ...]:
    """Return the table ready to match; literal words come before placeholders, as the router has them."""
    rows = sorted(ROUTES.items(), key=lambda row: row[0].count("{"))
    return tuple((*_compiled(route), answer) for route, answer in rows)


def _compiled(route: str) -> tuple[str, Pattern[str]]:
    method, _, path = route.partition(" ")
    return method, compile_path(path)[0]
