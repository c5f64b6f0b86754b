"""The route for a suggested reply."""

from fastapi import APIRouter

from admin_api.conversations import address_of
from admin_api.desk import DeskDep
from agents.inbox.suggestions import Suggestion, Suggestions

router = APIRouter(prefix="/conversations/{conversation_id}/suggestion", tags=["inbox"])


@router.post("")
async def suggest(desk: DeskDep, conversation_id: str) -> Suggestion:
    """Let the agent write a reply to the customer's last words; it is not sent, and not stored."""
    return await Suggestions(desk.tenancy, desk.bus).make(address_of(desk, conversation_id))
