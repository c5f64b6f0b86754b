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
from foundation.database.models.procedures import Action, Checkpoint
from foundation.database.models.settings import (
    PrivacyJob,
    RetentionRun,
    StartedConversations,
    TenantSettingsChange,
    TenantSettingsRow,
)
from foundation.database.models.tenants import ApiKey, AuditRow, Release, Tenant

__all__ = [
    "Action",
    "Activation",
    "AgentSettings",
    "ApiKey",
    "ApprovedAnswer",
    "AuditRow",
    "Base",
    "Checkpoint",
    "CitationRow",
    "Conversation",
    "Crawl",
    "Embedding",
    "Erasure",
    "Host",
    "Message",
    "ModelSettingsRow",
    "ModelUsageRow",
    "PassageRow",
    "Policy",
    "PrivacyJob",
    "Rating",
    "Reindex",
    "Release",
    "RetentionRun",
    "Source",
    "SourceVersion",
    "StartedConversations",
    "Tenant",
    "TenantSettingsChange",
    "TenantSettingsRow",
    "Trace",
    "TurnRow",
    "VectorCollection",
]
