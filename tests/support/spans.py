"""The spans that the code under test makes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from foundation import telemetry


@dataclass(frozen=True, slots=True)
class Spans:
    """What has been traced; a span is there when it has ended."""

    exporter: InMemorySpanExporter

    def all(self) -> list[ReadableSpan]:
        """Return every span, in the order in which they ended."""
        return list(self.exporter.get_finished_spans())

    def one(self, name: str) -> ReadableSpan:
        """Return the only span of that name."""
        [found] = [span for span in self.all() if span.name == name]
        return found

    def text(self) -> str:
        """Return everything that would leave the process."""
        return "\n".join(span.to_json() for span in self.all())


@contextmanager
def kept_spans() -> Iterator[Spans]:
    """Keep this process's spans for the length of the block, instead of sending them somewhere.

    The process's own provider is left alone, since it can be set only once.
    """
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "_tracer", provider.get_tracer("replik"))
        yield Spans(exporter)
    provider.shutdown()
