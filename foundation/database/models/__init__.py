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
from foundation.database.models.inbox import (
    CannedReply,
    CaseNumber,
    ConversationLabel,
    Customer,
    Inbox,
    MessageWords,
    StaffEvent,
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
from foundation.database.models.tenants import ApiKey, AuditRow, Release, Tenant

__all__ = [
    "Action",
    "Activation",
    "AgentSettings",
    "ApiKey",
    "ApprovedAnswer",
    "AuditRow",
    "Base",
    "CannedReply",
    "CaseNumber",
    "Checkpoint",
    "CitationRow",
    "Conversation",
    "ConversationLabel",
    "Crawl",
    "Customer",
    "Embedding",
    "Erasure",
    "Host",
    "Inbox",
    "Message",
    "MessageWords",
    "ModelSettingsRow",
    "ModelUsageRow",
    "PassageRow",
    "Policy",
    "Rating",
    "Reindex",
    "Release",
    "Source",
    "SourceVersion",
    "StaffEvent",
    "Tenant",
    "Trace",
    "TurnRow",
    "VectorCollection",
]
