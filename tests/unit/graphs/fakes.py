"""What the turn graph needs of the outside, as tests want it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from foundation.clients.embedding.port import Embedder
from foundation.errors import ModelFailed
from foundation.ids import ConversationId, TenantId, TurnId, new_uuid
from foundation.turns import Delta, Language, ReplyEvent, Turn, Utterance
from graphs.agent import Agent
from graphs.answerers.port import Answerer, Question
from graphs.config import GraphConfig, load_config
from graphs.passages import Passage
from graphs.policies.rules import Rule
from graphs.ports import Ports
from graphs.replies import load_replies

RETURNS = (
    "Du har 30 dagars öppet köp. Varan ska vara oanvänd. Frakten kostar 1 299 kr. "
    "Underkläder kan inte returneras. Kontakta oss på info@butiken.se eller 08-123 456 78. "
    "Läs mer på https://butiken.se/villkor."
)


def passage(text: str = RETURNS, language: Language = "sv", title: str = "Villkor") -> Passage:
    return Passage(
        passage_id=uuid4(), source_id=uuid4(), version=1, title=title, text=text, language=language, score=1
    )


@dataclass
class FakeRetriever:
    passages: tuple[Passage, ...]
    queries: list[str] = field(default_factory=list)
    error: Exception | None = None

    async def search(
        self, tenant_id: TenantId, query: str, *, language: Language, limit: int
    ) -> tuple[Passage, ...]:
        self.queries.append(query)
        if self.error:
            raise self.error
        return self.passages[:limit]


@dataclass
class FakeAnswerer:
    pieces: Sequence[str | ModelFailed]
    name: str = "fake"
    guarded: str = ""
    asked: list[Question] = field(default_factory=list)
    closed: bool = False

    async def writer(self, _tenant_id: TenantId | None, /) -> str:
        return self.name

    async def answer(self, question: Question) -> AsyncGenerator[str, None]:
        self.asked.append(question)
        try:
            for piece in self.pieces:
                if isinstance(piece, ModelFailed):
                    raise piece
                yield piece
        finally:
            self.closed = True


@dataclass(frozen=True)
class FakeScore:
    value: float
    parts: Mapping[str, float]


@dataclass
class Shop:
    """An agent with fakes around it."""

    answerer: Answerer
    passages: tuple[Passage, ...] = field(default_factory=lambda: (passage(),))
    certainty: float = 0.9
    config: GraphConfig = field(default_factory=load_config)
    embedder: Embedder | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        self.retriever = FakeRetriever(self.passages)
        self.ports = Ports(
            retriever=self.retriever,
            answerer=self.answerer,
            confidence=self._confidence,
            replies=load_replies(),
            embedder=self.embedder,
        )
        self.agent = Agent(self.config, self.ports, self.rules)

    def _confidence(self, question: str, language: Language, passages: Sequence[Passage], /) -> FakeScore:
        return FakeScore(self.certainty, {"similarity": 0.8})

    async def ask(
        self, text: str, *, language: Language | None = None, history: Sequence[Utterance] = ()
    ) -> list[ReplyEvent]:
        """Return all events of one turn."""
        return [event async for event in self.agent.run(turn(text, language=language, history=history))]


def shop(*pieces: str | ModelFailed, **changes: object) -> tuple[Shop, FakeAnswerer]:
    """Return a shop whose answerer says these pieces."""
    answerer = FakeAnswerer(pieces)
    return Shop(answerer, **changes), answerer  # type: ignore[arg-type]


def turn(text: str, *, language: Language | None = None, history: Sequence[Utterance] = ()) -> Turn:
    return Turn(
        tenant_id=TenantId(new_uuid()),
        conversation_id=ConversationId(new_uuid()),
        turn_id=TurnId(new_uuid()),
        text=text,
        history=tuple(history),
        language=language,
        release=1,
    )


def shown(events: Sequence[ReplyEvent]) -> str:
    """Return what the customer saw while it streamed."""
    return "".join(event.text for event in events if isinstance(event, Delta))
