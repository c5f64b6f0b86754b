"""Spans leave the process when a collector is named, whole and authenticated, and never otherwise."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.trace import StatusCode

from foundation.telemetry import span
from tests.support.spans import Spans, kept_spans

ROOT = Path(__file__).resolve().parents[3]

TURN = """
import asyncio, sys
from foundation.settings import Settings
from foundation.telemetry import configure_tracing, end_tracing, turn_span
from tests.unit.graphs.fakes import shop, turn

async def main():
    agent, _ = shop("Du har 30 dagars öppet köp [1].")
    for _ in range(int(sys.argv[1])):
        asked = turn("Hur lång är returtiden hos er?")
        with turn_span(asked) as traced:
            traced.ended([event async for event in agent.agent.run(asked)][-1])

import os
configure_tracing(Settings.load(os.environ))
configure_tracing(Settings.load(os.environ))
asyncio.run(main())
end_tracing()
print("exporter" if "opentelemetry.exporter.otlp.proto.grpc" in sys.modules else "nothing", "loaded")
"""


@dataclass
class Collector(TraceServiceServicer):
    """An OpenTelemetry collector that keeps what it gets."""

    port: int = 0
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str | bytes]] = field(default_factory=list)

    def Export(  # noqa: N802 - the protocol's name
        self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> ExportTraceServiceResponse:
        self.requests.append(request)
        self.headers.append(dict(context.invocation_metadata()))
        return ExportTraceServiceResponse()

    def names(self) -> list[str]:
        return [
            span.name
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector() -> Iterator[Collector]:
    listening = Collector()
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(listening, server)  # type: ignore[no-untyped-call]
    listening.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield listening
    server.stop(0).wait()


def run_turns(turns: int, **environ: str) -> str:
    """Run turns in a process of their own, since tracing is set up once per process; return its last line."""
    done = subprocess.run(
        [sys.executable, "-c", TURN, str(turns)],
        cwd=ROOT,
        env={"PATH": "", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_turn_arrives_at_the_collector_with_its_nodes(collector: Collector) -> None:
    said = run_turns(
        2,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}",
        OTEL_EXPORTER_OTLP_HEADERS="api-key=abc",
    )
    assert said == "exporter loaded"
    assert collector.names().count("turn") == 2
    assert collector.names().count("node generate") == 2
    assert {headers["api-key"] for headers in collector.headers} == {"abc"}
    [resource] = collector.requests[0].resource_spans
    named = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
    assert named["service.name"] == "replik"
    assert named["service.instance.id"].rpartition(":")[2].isdigit()


def test_turns_outside_the_share_are_not_traced(collector: Collector) -> None:
    run_turns(
        3, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}", OTEL_TRACES_SAMPLER_ARG="0"
    )
    assert collector.requests == []


def test_without_a_collector_nothing_is_loaded_that_could_send() -> None:
    assert run_turns(1) == "nothing loaded"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with kept_spans() as kept:
        yield kept


def attributes(spans: Sequence[object]) -> list[dict[str, object]]:
    return [dict(getattr(one, "attributes", None) or {}) for one in spans]


def test_an_expected_end_is_no_error(spans: Spans) -> None:
    for expected in ((KeyError,), ()):
        with pytest.raises(KeyError), span("step", {"a": 1}, expected=expected):
            raise KeyError("what a customer said")
    calm, failed = spans.all()
    assert attributes([calm, failed]) == [
        {"a": 1, "replik.ended_by": "KeyError"},
        {"a": 1, "error.type": "KeyError"},
    ]
    assert [one.status.status_code for one in (calm, failed)] == [StatusCode.UNSET, StatusCode.ERROR]
    assert "customer" not in spans.text()
