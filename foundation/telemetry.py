"""Traces of turns (OpenTelemetry): a span per turn, and in it one per node of its graph.

Spans hold ids, names and numbers, never what a customer, a document or an exception says. Without
`OTEL_EXPORTER_OTLP_ENDPOINT` a span costs about a microsecond and goes nowhere.
"""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final

from opentelemetry import context, trace
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from foundation.ids import show
from foundation.settings import Settings
from foundation.turns import Answer, Failure, Turn

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

EXPORT_S: Final = 1.0
"""How often finished spans leave a process; what a kill may cost."""

_tracer: Tracer = trace.get_tracer("replik")


class span:  # noqa: N801 - reads as a phrase: `with span("node retrieve", facts):`
    """A span around a block, the child of the one that is current; given to the block as it is.

    Of an exception only the type is kept: its text may hold what a customer said. Those in `expected` are no
    error: a pause of a graph, an ownership that was lost.
    """

    __slots__ = ("_attributes", "_expected", "_name", "_span", "_token")

    def __init__(
        self,
        name: str,
        attributes: Mapping[str, str | int],
        *,
        expected: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._name = name
        self._attributes = attributes
        self._expected = expected

    def __enter__(self) -> Span:
        self._span = _tracer.start_span(self._name, attributes=self._attributes)
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        context.detach(self._token)
        if kind is not None and issubclass(kind, self._expected):
            self._span.set_attribute("replik.ended_by", kind.__name__)
        elif kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """The span of one attempt at a turn."""

    span: Span

    def ended(self, final: Answer | Failure) -> None:
        """Say how the attempt came out."""
        if isinstance(final, Failure):
            self.span.set_attribute("replik.outcome", "failed")
            self.span.set_attribute("error.type", final.code)
            self.span.set_status(Status(StatusCode.ERROR))
            return
        self.span.set_attribute("replik.outcome", final.outcome)
        if final.confidence is not None:
            self.span.set_attribute("replik.confidence", final.confidence)


@contextmanager
def turn_span(turn: Turn, *, expected: tuple[type[BaseException], ...] = ()) -> Iterator[TurnSpan]:
    """Trace one attempt at a turn, its run and its commit; see `span` for `expected`."""
    facts: dict[str, str | int] = {
        "replik.tenant": show("tenant", turn.tenant_id),
        "replik.conversation": show("conversation", turn.conversation_id),
        "replik.turn": show("turn", turn.turn_id),
        "replik.attempt": turn.attempt,
        "replik.release": turn.release,
    }
    with span("turn", facts, expected=expected) as current:
        yield TurnSpan(current)


def configure_tracing(settings: Settings) -> None:
    """Send this process's spans to the collector that the settings name; do nothing when they name none.

    May be called again. Whoever calls it ends with `end_tracing`.
    """
    if settings.otel_exporter_otlp_endpoint is None or _configured() is not None:
        return
    # Loaded here, so that a process without tracing does not carry gRPC and the exporter.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    headers = settings.otel_exporter_otlp_headers
    exporter = OTLPSpanExporter(
        endpoint=settings.otel_exporter_otlp_endpoint,
        headers=headers.get_secret_value() if headers is not None else None,
    )
    trace.set_tracer_provider(provider_for(exporter, share=settings.otel_traces_sampler_arg))


def provider_for(exporter: "SpanExporter", *, share: float = 1.0) -> "TracerProvider":
    """Return a provider that exports each second; `share` of the turns is traced, whole or not at all."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(share)),
        resource=Resource.create({"service.name": "replik", "service.instance.id": process_name()}),
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=EXPORT_S * 1_000))
    return provider


def end_tracing() -> None:
    """Send what has not been sent and stop; blocks for as long as the collector may take (10 s)."""
    provider = _configured()
    if provider is not None:
        provider.shutdown()


def process_name() -> str:
    """Return the name under which operators see this process: `node:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _configured() -> "TracerProvider | None":
    provider = trace.get_tracer_provider()
    # The SDK's own class is not named here: without an endpoint we do not load it.
    return None if isinstance(provider, trace.ProxyTracerProvider) else provider  # type: ignore[return-value]
