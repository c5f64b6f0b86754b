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
    "Embedding",
    "Erasure",
    "Host",
    "Message",
    "ModelSettingsRow",
    "ModelUsageRow",
    "PassageRow",
    "PersonKey",
    "Policy",
    "Rating",
    "Reindex",
    "Release",
    "Source",
    "SourceVersion",
    "Tenant",
    "Trace",
    "TurnRow",
    "VectorCollection",
]
