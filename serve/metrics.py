"""`/api/metrics`: this gateway's own counters, and every host's and the queue's figures, for Prometheus."""

import asyncio
import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from foundation.errors import NotFound, Unauthorized
from foundation.settings import Settings
from serve.deps import ServicesDep
from serve.readings import HostReading, Queue, Reading, read
from serve.services import Services

router = APIRouter(prefix="/api", tags=["operators"])
log = structlog.get_logger()

_PATIENCE_S = 2.0

_HOSTS: Final[tuple[tuple[str, str, Callable[[HostReading], float]], ...]] = (
    ("replik_host_lease_left_seconds", "Time left of the host's lease.", lambda host: host.lease_left_s),
    ("replik_host_up_seconds", "Time since the host started.", lambda host: host.up_s),
    ("replik_host_activations", "Conversations resident in the host.", lambda host: host.active),
    ("replik_host_running_turns", "Turns that run in the host.", lambda host: host.running),
    ("replik_host_turn_limit", "Turns the host lets run at a time just now.", lambda host: host.limit),
    ("replik_host_waiting_wakes", "Wakes that have not begun in the host.", lambda host: host.waiting),
    ("replik_host_turns_total", "Turns finished since the host started.", lambda host: host.turns),
    ("replik_host_failed_turns_total", "Turns that failed of those.", lambda host: host.failed),
    (
        "replik_host_loop_lag_seconds",
        "How late the host's event loop is.",
        lambda host: host.loop_lag_ms / 1_000,
    ),
)
_QUEUE: Final[tuple[tuple[str, str, Callable[[Queue], float]], ...]] = (
    ("replik_turns_queued", "Accepted turns that wait.", lambda queue: queue.queued),
    ("replik_turns_running", "Turns that have begun and not ended.", lambda queue: queue.running),
    (
        "replik_turns_oldest_waiting_seconds",
        "How long the oldest waiting turn has waited.",
        lambda queue: queue.oldest_waiting_s,
    ),
)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, services: ServicesDep) -> Response:
    """Return all figures in Prometheus' text format.

    Raises:
        NotFound: in production mode without `METRICS_TOKEN`.
        Unauthorized: `METRICS_TOKEN` is set, and this is not it.
    """
    _admit(request, services.settings)
    figures = _Figures(services.counters.registry, await _reading(services))
    return Response(generate_latest(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _admit(request: Request, settings: Settings) -> None:
    if settings.metrics_token is None:
        if settings.mode == "production":
            raise NotFound()
        return
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    wanted = settings.metrics_token.get_secret_value()
    if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), wanted.encode()):
        raise Unauthorized()


async def _reading(services: Services) -> Reading | None:
    """Return what the database says; None while it is away: the gateway's own figures matter then most."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await read(services.system)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("metrics_without_database", error=type(error).__name__)
        return None


@dataclass(frozen=True, slots=True)
class _Figures(Collector):
    """Everything of one scrape."""

    own: CollectorRegistry
    reading: Reading | None

    def collect(self) -> Iterable[Metric]:
        for family in self.own.collect():
            # When a counter was made is told by its first sample, and doubles the answer.
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family
        yield GaugeMetricFamily(
            "replik_database_up", "Whether the database answered this scrape.", self.reading is not None
        )
        if self.reading is not None:
            yield from _of_hosts(self.reading.hosts)
            for name, meaning, figure in _QUEUE:
                yield GaugeMetricFamily(name, meaning, figure(self.reading.queue))


def _of_hosts(hosts: Iterable[HostReading]) -> Iterator[Metric]:
    # For some seconds after a restart two may have one name; the series is the newer one's.
    by_name = {host.name: host for host in hosts}
    yield GaugeMetricFamily("replik_hosts", "Hosts that hold a lease.", len(by_name))
    for name, meaning, figure in _HOSTS:
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(name, meaning, labels=["host"])
        for host in by_name.values():
            family.add_metric([host.name], figure(host))
        yield family
