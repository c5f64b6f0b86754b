"""What the nodes of a turn work with; handed to them as LangGraph's runtime context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from foundation.clients.embedding.port import Embedder
from foundation.turns import Language
from graphs.answerers.port import Answerer
from graphs.approved import ApprovedAnswers
from graphs.cache import AnswerCache
from graphs.confidence.calibration import Calibration
from graphs.meanings import Meanings
from graphs.passages import Passage, Retriever
from graphs.policies.chain import Chain
from graphs.replies import Replies
from graphs.rewriting import Rewriter


class Scored(Protocol):
    """How likely the passages answer the question."""

    @property
    def value(self) -> float:
        """0..1."""
        ...

    @property
    def parts(self) -> Mapping[str, float]:
        """What it is made of, for the trace."""
        ...


class Confidence(Protocol):
    def __call__(self, question: str, language: Language, passages: Sequence[Passage], /) -> Scored: ...


@dataclass(frozen=True, slots=True)
class Ports:
    """One tenant's, or everyone's: nothing in here remembers a turn."""

    retriever: Retriever
    answerer: Answerer
    confidence: Confidence
    replies: Replies
    embedder: Embedder | None = None
    """For the meanings of policies; without it only words count."""
    meanings: Meanings | None = None
    """Compares answers with passages in other languages; else only a model's citations lead there."""
    rewriter: Rewriter | None = None
    """Makes follow-up questions stand alone; without it the rules of `graphs.query` do."""
    approved: ApprovedAnswers | None = None
    """The wordings that people fixed; without it there are none."""
    cache: AnswerCache | None = None
    """Answers a model gave before; without it none are kept."""
    calibration: Calibration = field(default_factory=Calibration)
    """What the tenant's own ratings make of the confidence."""
    policies: Chain = field(default_factory=Chain)
    """The rules of the release and the graph."""
