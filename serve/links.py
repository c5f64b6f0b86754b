"""Links that open the cited place: sealed, so that they need no sign-in and cannot be guessed."""

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from agents.stream import StreamEvent
from foundation.crypto import Tokens
from foundation.errors import NotFound, Unauthorized
from foundation.ids import PassageId, TenantId
from serve.services import Services

LINK_S = 30 * 24 * 3600.0
"""A link opens for so many seconds. Each time an event is sent its links are sealed anew."""

_PURPOSE = "cited"
_ENOUGH: Final = 48
"""Characters of a quote that tell where it begins."""


@dataclass(frozen=True, slots=True)
class CitedPlace:
    """What a link opens."""

    tenant_id: TenantId
    passage_id: PassageId
    quote: str = ""
    """The beginning of what was quoted; empty for the whole passage."""


def cited_url(services: Services, tenant_id: TenantId, passage_id: UUID, quote: str = "") -> str:
    """Return the path of the page that shows a passage in its document, open at the quote."""
    begins = quote.removesuffix("…")[:_ENOUGH]
    token = services.tokens.seal(_PURPOSE, [tenant_id.hex, passage_id.hex, begins], LINK_S)
    base = str(services.settings.public_url).rstrip("/") if services.settings.public_url else ""
    return f"{base}/cited/{token}#{'quote' if begins else 'cited'}"


def open_cited(tokens: Tokens, token: str) -> CitedPlace:
    """Return what a link opens.

    Raises:
        NotFound: the link is not ours, or has expired.
    """
    try:
        tenant_id, passage_id, *quote = cast("list[str]", tokens.open(_PURPOSE, token))
    except Unauthorized:
        raise NotFound() from None
    # Links of before had no quote.
    return CitedPlace(TenantId(UUID(tenant_id)), PassageId(UUID(passage_id)), "".join(quote))


def with_links(services: Services, tenant_id: TenantId, event: StreamEvent) -> StreamEvent:
    """Return the event with `url` filled in on its citations."""

    def linked(citation: dict[str, Any]) -> dict[str, Any]:
        passage_id, quote = UUID(citation["passage_id"]), citation["quote"]
        return citation | {"url": cited_url(services, tenant_id, passage_id, quote)}

    if event.name == "citation":
        return StreamEvent(event.id, event.name, event.data | {"citation": linked(event.data["citation"])})
    if event.name == "message" and event.data.get("citations"):
        citations = [linked(citation) for citation in event.data["citations"]]
        return StreamEvent(event.id, event.name, event.data | {"citations": citations})
    return event
