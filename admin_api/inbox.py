"""All routes of the inbox, below one prefix."""

from fastapi import APIRouter

from admin_api import conversation_changes, conversations, events

router = APIRouter()
for part in (conversations.router, conversation_changes.router, events.router):
    router.include_router(part)
