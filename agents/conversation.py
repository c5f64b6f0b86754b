"""A conversation while it is active in a host: it runs one turn at a time and remembers that it is owned."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

from agents.behaviour import channel_mode
from agents.checkpoints import BufferingSaver, Checkpoints
from agents.frames import Passing
from agents.handover_text import HandoverText
from agents.journal import Begun, Done, HandedOver, Idle, Journal, Owned
from agents.journal_statements import FENCED
from agents.leases import Fence, Lease
from agents.publisher import Publisher
from agents.stream import Address, Json
from foundation.clients.bus.port import Bus
from foundation.errors import LeaseLost, OwnershipLost, TurnTimeout
from foundation.ids import show
from foundation.telemetry import TurnSpan, turn_span
from foundation.tenancy import Tenancy
from foundation.turns import Answer, Cited, Delta, Failure, Language, ReplyEvent, Status, Turn
from graphs import notes
from graphs.handover import ChannelOff, Drafted, NeedsPerson
from graphs.pauses import Saver

log = structlog.get_logger()

Why = Literal["interrupt", "takeover"]
"""Why a run is ended: a newer message is to be answered with it, or a person has the conversation."""


class Agent(Protocol):
    """What runs a turn: yields events, the last of which is an `Answer` or a `Failure`."""

    def run(self, turn: Turn, saver: Saver | None = None) -> AsyncGenerator[ReplyEvent, None]:
        """`saver` keeps what the run leaves unfinished.

        Raises:
            NeedsPerson: no agent can go on from here.
        """
        ...


@dataclass(frozen=True, slots=True)
class Means:
    """What all conversations of a host work with."""

    tenancy: Tenancy
    bus: Bus
    lease: Lease
    agent_of: Callable[[Json], Agent]
    """The agent for a release's behaviour."""
    fixed_text: Callable[[str, Language | None], str]
    """A fixed text that customers see, by name and language: `failed`."""
    handover_text: HandoverText
    turn_deadline_s: float
    checkpoints: Checkpoints
    """Where procedures that wait for the customer are kept."""


class Conversation:
    """Small when idle: an address and a fence."""

    __slots__ = ("_address", "_means", "_passing", "_run", "fence")

    def __init__(self, address: Address, means: Means) -> None:
        self._address = address
        self._means = means
        self._run: _Run | None = None
        self._passing = 0
        """Passing events so far; their numbers never start again while the epoch may be the same."""
        self.fence: Fence | None = None
        """Proof of ownership as of the last turn; None when not owned."""

    async def answer_next(self) -> bool | Owned:
        """Answer the oldest waiting turn, if there is one.

        Returns whether more wait, or who else owns the conversation.

        Raises:
            LeaseLost: this host had no lease when it needed one.
            OwnershipLost: another host or a person has the conversation now.
        """
        journal = Journal(self._means.tenancy, self._address, self._means.handover_text)
        try:
            begun = await journal.begin(self._means.lease, self.fence)
        except OwnershipLost:
            self.fence = None
            raise
        if isinstance(begun, Owned):
            self.fence = None
            return begun
        publisher = Publisher(self._means.bus, self._address)
        if isinstance(begun, Idle):
            self.fence = begun.fence
            return False
        if isinstance(begun, HandedOver):
            log.error("turn_poisoned")
            self.fence = None
            publisher.send(begun.stored)
            await publisher.flushed()
            return False
        self.fence = begun.fence
        with structlog.contextvars.bound_contextvars(turn=show("turn", begun.turn.turn_id)):
            try:
                with turn_span(begun.turn, expected=(OwnershipLost,)) as span:
                    return (await self._answer(journal, publisher, begun, span)).more
            except OwnershipLost:
                self.fence = None
                raise
            finally:
                await publisher.flushed()

    def stop(self, why: Why, position: int = 0) -> None:
        """End the run that goes on, if one does; an interrupting message says its `position`."""
        run = self._run
        if run is not None and (why == "takeover" or position > max(run.begun.positions)):
            run.stop(why)

    async def _answer(self, journal: Journal, publisher: Publisher, begun: Begun, span: TurnSpan) -> Done:
        saver = self._means.checkpoints.open(self._address, had_thread=begun.had_thread)
        mode = channel_mode(begun.behaviour, begun.channel)
        run = self._run = _Run(
            self._means.lease, publisher, begun, saver, self._passing, quiet=mode != "autonomous"
        )
        if begun.turn.attempt > 1:
            run.emit("reset", {})
        try:
            final = ChannelOff() if mode == "off" else await self._final(run)
            if not self._means.lease.held:
                raise LeaseLost()
            done = await self._commit(journal, run, final, suggests=mode == "suggest")
            if isinstance(final, Answer | Failure):
                span.ended(final)
        except OwnershipLost:
            trace = run.known if self._means.lease.held else {}
            await journal.keep_taken_over(begun, run.shown, trace)
            raise
        finally:
            self._run = None
            self._passing += run.events
        for frame in done.stored:
            publisher.send(frame)
        return done

    async def _final(self, run: "_Run") -> "Final":
        language = run.begun.turn.language
        try:
            async with asyncio.timeout(self._means.turn_deadline_s):
                return await run.to_end(self._means.agent_of(run.begun.behaviour))
        except TimeoutError:
            log.warning("turn_timeout", deadline_s=self._means.turn_deadline_s)
            code = TurnTimeout.code
        except OwnershipLost:
            raise
        except NeedsPerson as needs:
            return needs
        except Exception:
            # The border of the graph: whatever a node does wrong, the customer gets an answer, we the trace.
            log.exception("turn_failed")
            code = "agent_failed"
        text = self._means.fixed_text("failed", language)
        return Failure(code=code, text=text, language=language or "sv", trace=run.known)

    async def _commit(self, journal: Journal, run: "_Run", final: "Final", *, suggests: bool) -> Done:
        match final:
            case Answer() | Failure() if suggests:
                stored = await journal.hand_over(run.begun, Drafted(), run.shown, final.trace, final)
                done = Done([stored], more=False)
            case Answer():
                done = await journal.commit(run.begun, final, run.saver.settlement(only_if=FENCED))
            case NeedsPerson():
                done = Done([await journal.hand_over(run.begun, final, run.shown, run.known)], more=False)
            case Failure():
                done = await journal.commit_failure(run.begun, final, run.shown)
            case "interrupt":
                done = await journal.commit_interruption(run.begun, run.shown, run.known)
            case _:
                raise OwnershipLost()
        log.info("turn_done", outcome=_outcome(final))
        return done


Final = Answer | Failure | NeedsPerson | Why


def _outcome(final: Final) -> str:
    match final:
        case Answer():
            return final.outcome
        case Failure() | NeedsPerson():
            return final.code
    return "interrupted"


class _Run:
    """One run of one turn: numbers its events and remembers what was shown."""

    def __init__(
        self,
        lease: Lease,
        publisher: Publisher,
        begun: Begun,
        saver: BufferingSaver,
        before: int,
        *,
        quiet: bool = False,
    ) -> None:
        """`before`: passing events of the conversation so far; `quiet`: this run shows nothing."""
        self.begun = begun
        self.saver = saver
        self.shown = ""
        self.events = 0
        self._quiet = quiet
        self._lease = lease
        self._publisher = publisher
        self._turn_id = show("turn", begun.turn.turn_id)
        self._first = before + 1
        self._task: asyncio.Task[Answer | Failure] | None = None
        self._why: Why | None = None
        self._notes = notes.Notes()

    @property
    def known(self) -> Json:
        """The trace, as far as the run came."""
        return self._notes.trace()

    def emit(self, name: str, data: Json) -> None:
        """Publish an event that is not stored."""
        if self._quiet:
            return
        if not self._lease.held:
            raise LeaseLost()
        begun = self.begun
        self._publisher.send(
            Passing(
                begun.fence.epoch,
                self._first + self.events,
                self.events,
                self._turn_id,
                begun.control_version,
                ((name, data),),
            )
        )
        self.events += 1

    def stop(self, why: Why) -> None:
        if self._task is not None and self._why is None:
            self._why = why
            self._task.cancel()

    async def to_end(self, agent: Agent) -> Answer | Failure | Why:
        """Run the agent, passing its events on; return its last word, or why it was stopped."""
        self._task = asyncio.create_task(self._events(agent))
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._why is not None and self._task.cancelled():
                return self._why
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            raise

    async def _events(self, agent: Agent) -> Answer | Failure:
        self._notes = notes.take_notes()  # in a task of its own: they end with it
        async with aclosing(agent.run(self.begun.turn, self.saver)) as events:
            async for event in events:
                match event:
                    case Answer() | Failure():
                        return event
                    case Delta():
                        self.shown += "" if self._quiet else event.text
                        self.emit("delta", {"text": event.text})
                    case Status():
                        self.emit("status", {"stage": event.stage})
                    case Cited():
                        self.emit("citation", {"citation": event.citation.model_dump(mode="json")})
        raise RuntimeError("the agent ended without an answer")
