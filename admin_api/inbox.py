"""All routes of the inbox, below one prefix."""

from fastapi import APIRouter

from admin_api import (
    canned,
    conversation_changes,
    conversations,
    customers,
    events,
    inboxes,
    presence,
    suggestions,
)

router = APIRouter()
for part in (
    conversations.router,
    conversation_changes.router,
    events.router,
    customers.router,
    inboxes.router,
    canned.router,
    presence.router,
    suggestions.router,
):
    router.include_router(part)
