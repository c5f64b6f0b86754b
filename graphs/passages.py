"""What retrieval finds: passages with the signals that led to them."""

from typing import Protocol
from uuid import UUID

from foundation.ids import TenantId
from foundation.turns import Language, Value


class Passage(Value):
    """A live passage of a tenant's knowledge, with its place and its scores."""

    passage_id: UUID
    source_id: UUID
    version: int
    title: str
    """The source's title."""
    heading: str = ""
    """The heading path, outermost first, joined by ` > `."""
    page: int | None = None
    paragraph: int | None = None
    """The number of its first paragraph on its page, or under its heading; None where it cannot be told."""
    text: str
    language: Language
    similarity: float = 0.0
    """Cosine similarity of query and passage, -1..1; 0 when only found by words."""
    lexical: float = 0.0
    """How well the words match, 0 or more; 0 when only found by meaning."""
    margin: float = 0.0
    """How much nearer it lies to the query than the nearest question in retrieval/elsewhere.py."""
    score: float = 0.0
    """The fused score that ranks, comparable only within one result."""

    def paragraph_of(self, quote: str) -> int | None:
        """Return the number of the paragraph that holds a quote, or its beginning before an ellipsis."""
        at = self.text.find(quote.removesuffix("…")) if quote else -1
        if self.paragraph is None or at < 0:
            return None
        return self.paragraph + self.text[:at].count("\n\n")


class Retriever(Protocol):
    async def search(
        self, tenant_id: TenantId, query: str, *, language: Language, limit: int
    ) -> tuple[Passage, ...]:
        """Return the best passages, best first; the customer's language first where about as good."""
        ...
