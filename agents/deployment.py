"""Conversations on Ray Serve: the one module of this package that imports ray.

`ConversationHost` replicas run conversations; gateways reach them over a consistent-hash ring. The ring is a
hint, the lease in the database decides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import ray
import structlog
from ray import serve as ray_serve
from ray._common.tls_utils import add_port_to_grpc_server
from ray.serve._private import replica as ray_replica
from ray.serve.config import RequestRouterConfig
from ray.serve.experimental.consistent_hash_router import ConsistentHashRouter
from ray.serve.handle import DeploymentHandle

from agents.assembly import Assembled, assemble
from agents.scaling import TURNS, host_scaling
from agents.stream import Address
from foundation.ids import ConversationId, TenantId
from foundation.settings import Settings
from foundation.shared_log import log_to_foreground
from foundation.telemetry import configure_tracing, end_tracing

log = structlog.get_logger()

WAKE_S = 1.5
WAKE_TRIES = 3

Assemble = Callable[[Settings], Awaitable[Assembled]]
"""Builds a started host in its process: `assemble`, or what a test or a benchmark puts in its place."""


def keep_to_own_address() -> None:
    """Have this replica take other replicas' calls on its node's address only; call it when one is made.

    Ray opens that port on all interfaces, whatever address Ray was told, and unpickles what comes: whoever
    reaches it runs code.
    """

    add_port: Callable[[Any, str], int] = add_port_to_grpc_server
    own_address: Callable[[], str] = ray.util.get_node_ip_address

    def listen(server: Any, address: str) -> int:
        port = address.rpartition(":")[2]
        return add_port(server, f"{own_address()}:{port}")

    vars(ray_replica)["add_port_to_grpc_server"] = listen


class StickyRouter(ConsistentHashRouter):
    """The consistent-hash ring with enough routing tasks.

    The stock limit of min(50, 2 x replicas) let one stopped host hold up the wakes of healthy ones, since all
    routing tasks were busy probing it.
    """

    @property
    def max_num_routing_tasks(self) -> int:
        return 1_000


_ROUTER: dict[str, Any] = {
    "request_router_class": StickyRouter,
    "request_router_kwargs": {"num_fallback_replicas": 0},
}


@ray_serve.deployment(
    name="ConversationHost",
    max_ongoing_requests=10_000,
    health_check_period_s=1,
    health_check_timeout_s=2,
    request_router_config=RequestRouterConfig(**_ROUTER),
)
class ConversationHost:
    """A host process. Its replicas share nothing but the database."""

    def __init__(self, settings: Settings, build: Assemble = assemble) -> None:
        keep_to_own_address()
        log_to_foreground(settings)
        configure_tracing(settings)
        self._settings = settings
        self._build = build
        self._assembled: Assembled | None = None
        self._starting = asyncio.Lock()

    async def wake(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """Answer what waits in this conversation's mailbox; returns at once."""
        assembled = await self._started()
        assembled.host.wake(Address(TenantId(tenant_id), ConversationId(conversation_id)))

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Say how many turns there are; Serve asks, and `ByLoad` decides."""
        return {TURNS: float((await self._started()).host.load())}

    async def check_health(self) -> None:
        """Start on the first check, so that a replica is only ready when it can run turns."""
        await self._started()

    async def __del__(self) -> None:
        try:
            if self._assembled is not None:
                await self._assembled.close(self._settings.turn_deadline_s)
        finally:
            await asyncio.to_thread(end_tracing)

    async def _started(self) -> Assembled:
        async with self._starting:
            if self._assembled is None:
                try:
                    self._assembled = await self._build(self._settings)
                except Exception:
                    log.exception("host_does_not_start")
                    raise
            return self._assembled


class ServeWaker:
    """Wakes over the ring; a host that does not answer in time is passed over for another place on it."""

    def __init__(self, hosts: DeploymentHandle[Any]) -> None:
        self._hosts = hosts

    async def wake(self, address: Address) -> None:
        for attempt in range(WAKE_TRIES):
            place = address.conversation_id.hex + (f"#{attempt}" if attempt else "")
            try:
                async with asyncio.timeout(WAKE_S):
                    await self._hosts.options(session_id=place).wake.remote(
                        address.tenant_id, address.conversation_id
                    )
                    return
            except Exception as error:  # noqa: BLE001 - Ray wraps whatever befell the replica in many types
                # The sweeper makes up for a lost wake.
                log.warning("wake_failed", attempt=attempt, error=type(error).__name__)


def host_app(settings: Settings, build: Assemble = assemble) -> ray_serve.Application:
    """Return the deployment of hosts, sized for one machine; `build` makes the host in each process."""
    deployment: Any = ConversationHost
    return deployment.options(  # type: ignore[no-any-return]
        **host_scaling(settings),
        graceful_shutdown_timeout_s=settings.turn_deadline_s + 10,
        ray_actor_options={"num_cpus": 0},
    ).bind(settings, build)
