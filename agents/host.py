"""A host process: activates conversations, runs their turns, keeps its lease, gives them up again."""

import asyncio
import os
import platform
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from agents.checkpoints import Checkpoints
from agents.conversation import Agent, Conversation, Means
from agents.handover_text import HandoverText
from agents.journal import Owned
from agents.leases import RENEW_S, Fence, Lease
from agents.pace import LONGEST_REST_S, REST, Lag, Limit, Line, Sharing
from agents.passivation import IDLE_S, RESIDENTS, release
from agents.requests import Request, host_channel
from agents.stream import Address, Json
from agents.suggesting import suggest
from foundation.clients.bus.port import Bus, Post
from foundation.crypto import Sealer
from foundation.errors import LeaseLost, OwnershipLost
from foundation.ids import HostId, TenantId, new_uuid, show
from foundation.tenancy import Tenancy
from foundation.turns import Language

log = structlog.get_logger()

TURNS_AT_ONCE = 256
_AT_A_TIME = 1_000


class _Active:
    """A conversation in this host."""

    __slots__ = ("again", "busy", "conversation", "used", "wanted_by")

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.busy = False
        """It stands in line or runs a turn."""
        self.again = False
        """A wake came while it was busy."""
        self.wanted_by: UUID | None = None
        """The host that wants to have it."""
        self.used = 0.0
        """When it last had something to do; monotonic seconds."""


class Host:
    """Runs many conversations on one event loop."""

    def __init__(
        self,
        *,
        tenancy: Tenancy,
        bus: Bus,
        agent_of: Callable[[Json], Agent],
        fixed_text: Callable[[str, Language | None], str],
        turn_deadline_s: float,
        sealer: Sealer,
        lease_engine: AsyncEngine | None = None,
        turns_at_once: int = TURNS_AT_ONCE,
        residents: int = RESIDENTS,
        idle_s: float = IDLE_S,
    ) -> None:
        """`sealer` seals what is stored of unfinished procedures.

        `lease_engine` is one that turns do not use, so that a busy pool cannot cost the lease. At most
        `residents` idle conversations stay active, each for `idle_s` seconds.
        """
        self._tenancy = tenancy
        self._bus = bus
        self._lease = Lease(lease_engine or tenancy.engine, HostId(new_uuid()))
        checkpoints = Checkpoints(tenancy, sealer)
        self._means = Means(
            tenancy=tenancy,
            bus=bus,
            lease=self._lease,
            agent_of=agent_of,
            fixed_text=fixed_text,
            handover_text=HandoverText(tenancy, fixed_text),
            turn_deadline_s=turn_deadline_s,
            checkpoints=checkpoints,
        )
        self._residents = residents
        self._idle_s = idle_s
        self._active: OrderedDict[Address, _Active] = OrderedDict()
        """Least recently used first."""
        self._line: Line[Address] = Line()
        self._limit = Limit(turns_at_once)
        self._sharing = Sharing()
        self._lag = Lag()
        self._turns: set[asyncio.Task[None]] = set()
        self._background: set[asyncio.Task[None]] = set()
        self._dropped: set[Address] = set()
        """Conversations that could not be run while the lease was lost; tried again when it is back."""
        self._draining = False
        self._finished = self._failed = 0

    @property
    def host_id(self) -> HostId:
        return self._lease.host_id

    @property
    def active(self) -> int:
        """How many conversations are active here, idle ones included."""
        return len(self._active)

    def load(self) -> int:
        """Return how many turns run or wait to be run."""
        return self._line.running + len(self._line)

    def stats(self) -> dict[str, object]:
        """Return what operators and gateways see of this host; `loop_lag_ms`: the worst since last asked."""
        return {
            "name": f"{platform.node()}:{os.getpid()}",
            "active": len(self._active),
            "running": self._line.running,
            "waiting": len(self._line),
            "turns": self._finished,
            "failed": self._failed,
            "limit": int(self._limit.now),
            "loop_lag_ms": self._lag.take_worst_ms(),
        }

    async def start(self) -> None:
        """Take the first lease and begin to renew it and to listen."""
        await self._lease.renew(self.stats())
        await self._lease.forget_the_dead()
        self._spawn(self._keep_lease())
        self._spawn(self._listen())
        self._spawn(self._keep_pace())
        self._spawn(self._lag.watch(self._limit, lambda: self._line.running, self._sharing))

    def wake(self, address: Address) -> None:
        """See to it that the conversation's waiting turns are answered; returns at once."""
        if self._draining:
            return
        active = self._active.get(address)
        if active is None:
            active = self._active[address] = _Active(Conversation(address, self._means))
        if active.busy:
            active.again = True
            return
        active.busy = True
        self._active.move_to_end(address)
        self._sharing.came(address.tenant_id, time.monotonic())
        self._line.add(address.tenant_id, address)
        self._start_turns()

    async def idle(self) -> None:
        """Wait until no conversation has anything to do."""
        while self._turns or len(self._line):
            if self._turns:
                await asyncio.wait(self._turns)
            await asyncio.sleep(0.001)  # who waits now may be resting

    async def drain(self, deadline_s: float) -> None:
        """Finish running turns up to the deadline, then give everything up in one statement."""
        self._draining = True
        if self._turns:
            _, late = await asyncio.wait(self._turns, timeout=deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        background = list(self._background)
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await self._lease.end()

    def _start_turns(self) -> None:
        if self._draining:
            return
        for address in self._line.take(int(self._limit.now), time.monotonic()):
            task = asyncio.create_task(self._turn(address))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)

    async def _turn(self, address: Address) -> None:
        structlog.contextvars.bind_contextvars(
            tenant=show("tenant", address.tenant_id),
            conversation=show("conversation", address.conversation_id),
        )
        active = self._active[address]
        active.again = False
        more = False
        began = time.monotonic()
        try:
            more = await self._answered(address, active)
        finally:
            self._done(address.tenant_id, began)
            self._after(address, active, more=more)
            self._start_turns()

    def _done(self, tenant_id: TenantId, began: float) -> None:
        """Take note of a turn's end; who has a queue and shares a crowded loop rests."""
        now = time.monotonic()
        if not (self._limit.crowded and self._sharing.is_now(now) and self._line.waits(tenant_id)):
            self._line.done(tenant_id)
            return
        rest_s = min(REST * (now - began), LONGEST_REST_S)
        self._line.done(tenant_id, rests_until=now + rest_s)
        asyncio.get_running_loop().call_later(rest_s, self._start_turns)

    async def _answered(self, address: Address, active: _Active) -> bool:
        """Answer one turn; return whether another one waits."""
        try:
            more = await active.conversation.answer_next()
        except OwnershipLost as lost:
            log.info("ownership_lost")
            # By now the lease may be back: the turn must not wait for the sweeper to find it overdue.
            if isinstance(lost, LeaseLost) or not self._lease.held:
                self._dropped.add(address)
        except Exception:
            # The border of an activation: its turns stay in the mailbox, and are tried again at a renewal.
            log.exception("activation_failed")
            self._failed += 1
            self._dropped.add(address)
        else:
            if isinstance(more, Owned):
                await self._bus.post(Request("release", address, by=self.host_id).post(more.host_id))
                return False
            self._finished += 1
            return more
        return False

    def _after(self, address: Address, active: _Active, *, more: bool) -> None:
        active.busy = False
        active.used = time.monotonic()
        self._active.move_to_end(address)
        if active.wanted_by is not None:
            self._spawn(self._hand_on(address, active.wanted_by))
        elif more or active.again:
            self.wake(address)
        elif active.conversation.fence is None:
            del self._active[address]

    async def _hand_on(self, address: Address, to: UUID) -> None:
        """Release a conversation and wake the host that wants it."""
        active = self._active.pop(address, None)
        if active is not None and active.conversation.fence is not None and self._lease.held:
            await self._release(address.tenant_id, [(address, active.conversation.fence)])
        await self._bus.post(Request("wake", address).post(to))

    async def _suggest(self, request: Request) -> None:
        """Write a reply for staff, and post it to whoever asked."""
        written = await suggest(self._tenancy, self._means.agent_of, request.address)
        await self._bus.post(Post(request.reply_to, written))

    async def _keep_pace(self) -> None:
        """Start what the limit allows as it grows, and passivate what has long been idle."""
        while True:
            await asyncio.sleep(0.05)
            self._start_turns()
            if len(self._active) > self._residents or self._oldest_idle_s() > self._idle_s:
                await self._passivate()

    def _oldest_idle_s(self) -> float:
        oldest = next(iter(self._active.values()), None)
        return 0.0 if oldest is None or oldest.busy else time.monotonic() - oldest.used

    async def _passivate(self) -> None:
        """Let go of the conversations that are idle longest, of so many at a time as hold up no turn."""
        now = time.monotonic()
        going: dict[TenantId, list[tuple[Address, Fence]]] = defaultdict(list)
        for _ in range(min(len(self._active), _AT_A_TIME)):
            address, active = next(iter(self._active.items()))
            if active.busy:
                self._active.move_to_end(address)
                continue
            if len(self._active) <= self._residents and now - active.used <= self._idle_s:
                break
            del self._active[address]
            if active.conversation.fence is not None:
                going[address.tenant_id].append((address, active.conversation.fence))
        for tenant_id, released in going.items():
            await self._release(tenant_id, released)

    async def _release(self, tenant_id: TenantId, released: list[tuple[Address, Fence]]) -> None:
        try:
            await release(self._tenancy, tenant_id, released)
        except Exception as error:  # noqa: BLE001 - they stay ours by name, and can be had for the asking
            log.warning("not_released", conversations=len(released), error=type(error).__name__)

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await self._lease.renew(self.stats())
            except Exception as error:  # noqa: BLE001 - the heartbeat must outlive any fault of the database
                # Past its deadline the host starts no effect; the next second may be better.
                log.warning("lease_not_renewed", error=type(error).__name__)
            else:
                dropped, self._dropped = self._dropped, set()
                for address in dropped:
                    self.wake(address)

    async def _listen(self) -> None:
        async with self._bus.subscribe(host_channel(self.host_id)) as requests:
            while True:
                for payload in await requests.take(timeout=60):
                    if not payload:
                        continue
                    try:
                        self._handle(Request.of(payload))
                    except (ValueError, KeyError):
                        log.warning("request_not_understood", size=len(payload))

    def _handle(self, request: Request) -> None:
        active = self._active.get(request.address)
        match request.what:
            case "stop":
                if active is not None:
                    active.conversation.stop("takeover")
            case "suggest":
                self._spawn(self._suggest(request))
            case "release" if active is not None and request.by is not None:
                if active.busy:
                    active.wanted_by = request.by
                else:
                    self._spawn(self._hand_on(request.address, request.by))
            case "interrupt" if active is not None and active.busy:
                active.again = True
                active.conversation.stop("interrupt", request.position)
            case _:
                # Asked to wake, or to release what is not active here though the database says that it is
                # ours: then it was dropped, and this host is the one who can run it without waiting.
                self.wake(request.address)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
