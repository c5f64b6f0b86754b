"""The tables as SQLAlchemy models. The migrations are the truth; a test holds the two together."""

from foundation.database.models.base import Base
from foundation.database.models.behaviour import AgentSettings, ApprovedAnswer, Policy, Rating
from foundation.database.models.conversations import (
    Activation,
    Conversation,
    Host,
    Message,
    Trace,
    TurnRow,
)
from foundation.database.models.knowledge import (
    CitationRow,
    Crawl,
    Embedding,
    Erasure,
    PassageRow,
    Reindex,
    Source,
    SourceVersion,
    VectorCollection,
)
from foundation.database.models.language_models import ModelSettingsRow, ModelUsageRow
from foundation.database.models.people import (
    Credentials,
    Invitation,
    MailToken,
    Membership,
    OidcSettingsRow,
    Person,
    RecoveryCode,
    RoleRow,
    SessionRow,
    Throttle,
)
from foundation.database.models.procedures import Action, Checkpoint
from foundation.database.models.settings import (
    PrivacyJob,
    RetentionRun,
    StartedConversations,
    TenantSettingsChange,
    TenantSettingsRow,
)
from foundation.database.models.tenants import ApiKey, AuditHead, AuditRow, PersonKey, Release, Tenant

__all__ = [
    "Action",
    "Activation",
    "AgentSettings",
    "ApiKey",
    "ApprovedAnswer",
    "AuditHead",
    "AuditRow",
    "Base",
    "Checkpoint",
    "CitationRow",
    "Conversation",
    "Crawl",
    "Credentials",
    "Embedding",
    "Erasure",
    "Host",
    "Invitation",
    "MailToken",
    "Membership",
    "Message",
    "ModelSettingsRow",
    "ModelUsageRow",
    "OidcSettingsRow",
    "PassageRow",
    "Person",
    "PersonKey",
    "Policy",
    "PrivacyJob",
    "Rating",
    "RecoveryCode",
    "Reindex",
    "Release",
    "RetentionRun",
    "RoleRow",
    "SessionRow",
    "Source",
    "SourceVersion",
    "StartedConversations",
    "Tenant",
    "TenantSettingsChange",
    "TenantSettingsRow",
    "Throttle",
    "Trace",
    "TurnRow",
    "VectorCollection",
]
