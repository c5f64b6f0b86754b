"""The room's door: an agent runs turns."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, cast

from langgraph.types import Command

from foundation.errors import ReplikError
from foundation.languages import choose
from foundation.turns import (
    Answer,
    Citation,
    Cited,
    Delta,
    Failure,
    Language,
    Outcome,
    ReplyEvent,
    Turn,
)
from graphs import notes
from graphs.builder import can_pause, compiled, with_saver
from graphs.config import GraphConfig
from graphs.handover import NeedsPerson, ProcedureOutdated
from graphs.pauses import Saver, Version, question_in
from graphs.policies.chain import Chain
from graphs.policies.rules import Rule
from graphs.ports import Ports
from graphs.state import TurnState

_SCORES: Final = ("passage_id", "title", "similarity", "lexical", "score")


@dataclass
class _Said:
    """What a run has shown."""

    text: str = ""
    citations: list[Citation] = field(default_factory=list)

    def note(self, event: ReplyEvent) -> None:
        match event:
            case Delta():
                self.text += event.text
            case Cited():
                self.citations.append(event.citation)


class Agent:
    """One graph with its ports; it remembers nothing between turns and can run many at once."""

    def __init__(self, config: GraphConfig, ports: Ports, rules: Iterable[Rule] = ()) -> None:
        """`rules` are the tenant's own, beside the graph's.

        Raises:
            ConfigInvalid: the config names what there is not.
        """
        self._config = config
        self._ports = replace(ports, policies=Chain((*config.policies, *rules)))
        self._graph = compiled(config)
        self._pauses = can_pause(config)
        self._version = f"{config.name}@{config.version}"

    async def run(self, turn: Turn, saver: Saver | None = None) -> AsyncGenerator[ReplyEvent, None]:
        """Answer a turn: any number of Status, Cited and Delta, then exactly one Answer or Failure.

        The deltas joined are the Answer's text. Closing the generator cancels the run and the provider's
        request. A port's `ReplikError` ends in a Failure with its code; any other exception is a fault of
        ours and is raised.

        A graph that can pause needs the conversation's `saver`. When it stops to ask, the Answer is the
        question, with outcome `asked`; the next turn's text is taken as the reply to it.

        Raises:
            NeedsPerson: the agent cannot go on, for example because the unfinished procedure is another
                version's.
        """
        resumes = await self._resumes(turn, saver)
        state = self._start(turn)
        events = self._events(turn, state, saver, resumes=resumes)
        said = _Said()
        noted = notes.current()
        noted.trace = lambda: self._so_far(state, noted)
        try:
            async with aclosing(events) as stream:
                async for mode, item in stream:
                    if mode == "custom":
                        event = cast("ReplyEvent", item)
                        said.note(event)
                        yield event
                    else:
                        state = cast("TurnState", item)
        except NeedsPerson:
            raise
        except ReplikError as error:
            yield self._failure(state, error.code, noted)
            return
        question = question_in(state)
        if question is not None:
            asked = Delta(text=f"\n\n{question}" if said.text else question)
            said.note(asked)
            yield asked
            yield self._asked(state, said)
        elif state["failure"]:
            yield self._failure(state, state["failure"], noted)
        else:
            yield self._resumed(state, said) if resumes else self._answer(state)

    async def _resumes(self, turn: Turn, saver: Saver | None) -> bool:
        """Return whether the turn's text is the reply to a procedure's question."""
        if saver is None:
            if self._pauses:
                raise RuntimeError(f"{self._version} can pause and needs a saver")
            return False
        version = Version(turn.release, self._version)
        paused = await saver.paused()
        if paused is not None and paused != version:
            raise ProcedureOutdated(graph=paused.graph, release=paused.release)
        saver.begin(version)
        return paused is not None

    def _events(
        self, turn: Turn, state: TurnState, saver: Saver | None, *, resumes: bool
    ) -> AsyncGenerator[tuple[str, object], None]:
        if saver is None or not self._pauses:
            events = self._graph.astream(state, context=self._ports, stream_mode=["custom", "values"])
        else:
            events = with_saver(self._graph, saver).astream(
                # Plain input to a thread that waits would begin it anew.
                Command(resume=turn.text) if resumes else state,
                {"configurable": {"thread_id": str(turn.conversation_id)}},
                context=self._ports,
                stream_mode=["custom", "values"],
                durability="exit",
            )
        return cast("AsyncGenerator[tuple[str, object], None]", events)

    def _start(self, turn: Turn) -> TurnState:
        language = choose(turn.text, conversation=turn.language, default=self._config.language)
        return {
            "tenant_id": str(turn.tenant_id),
            "text": turn.text,
            "history": [said.model_dump(mode="json") for said in turn.history],
            "language": language,
            "audience": turn.audience,
            "release": turn.release,
            "query": "",
            "rewriting": None,
            "passages": [],
            "confidence": None,
            "raw_confidence": None,
            "confidence_parts": {},
            "answer": "",
            "citations": [],
            "withheld": 0,
            "outcome": "unknown",
            "offer_person": False,
            "failure": "",
            "answerer": "",
            "approved": "",
            "model": None,
            "policies": [],
            "timings": {},
        }

    def _answer(self, state: TurnState) -> Answer:
        return Answer(
            text=state["answer"],
            outcome=cast("Outcome", state["outcome"]),
            language=cast("Language", state["language"]),
            confidence=state["confidence"],
            citations=tuple(Citation.model_validate(citation) for citation in state["citations"]),
            offer_person=state["offer_person"],
            trace=self._trace(state),
        )

    def _asked(self, state: TurnState, said: "_Said") -> Answer:
        return Answer(
            text=said.text,
            outcome="asked",
            language=cast("Language", state["language"]),
            citations=tuple(said.citations),
            trace=self._trace(state),
        )

    def _resumed(self, state: TurnState, said: "_Said") -> Answer:
        """Return the answer without what was said before the question: that stands in an earlier turn."""
        return self._answer(state).model_copy(update={"text": said.text, "citations": tuple(said.citations)})

    def _failure(self, state: TurnState, code: str, noted: notes.Notes) -> Failure:
        language = cast("Language", state["language"])
        text = self._ports.replies.text("failed", language)
        return Failure(code=code, text=text, language=language, trace=self._so_far(state, noted))

    def _so_far(self, state: TurnState, noted: notes.Notes) -> dict[str, object]:
        """Return the trace of a run that did not reach its end, and the node in which it stopped."""
        stopped: dict[str, object] = {"ended_in": noted.ended_in} if noted.ended_in else {}
        return self._trace(noted.over(state)) | stopped

    def _trace(self, state: TurnState) -> dict[str, object]:
        return {
            "graph": self._version,
            "language": state["language"],
            "query": state["query"],
            # A procedure that an earlier version began has none.
            "rewriting": state.get("rewriting"),
            "policies": state["policies"],
            "passages": [{field: passage[field] for field in _SCORES} for passage in state["passages"]],
            "confidence": state["confidence"],
            "raw_confidence": state["raw_confidence"],
            "confidence_parts": state["confidence_parts"],
            "threshold": self._config.threshold,
            "answerer": state["answerer"],
            "approved": state["approved"],
            "model": state["model"],
            "withheld": state["withheld"],
            "timings_ms": state["timings"],
        }
