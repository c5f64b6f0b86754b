"""Logging: one readable line per event for people, one JSON object for collectors.

Say `log = structlog.get_logger(__name__)` and `log.info("turn.committed", position=7)`. What
`structlog.contextvars.bound_contextvars` holds stands on every line of its block. Records of other libraries
take the same way.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

_SECRET_NAME = re.compile(r"secret|token|authorization|password|passwd|_key$|api_?key|cookie", re.IGNORECASE)
_NOT_SECRET = frozenset({"tokens", "input_tokens", "output_tokens", "total_tokens", "max_tokens"})
_URL_PASSWORD = re.compile(r"(\w://[^\s/@:]*):[^\s/@]+@")
_BEARER = re.compile(r"\b(Bearer|Basic) +[^\s'\",]+", re.IGNORECASE)
_KEY = re.compile(r"\b([sp]k[-_])[\w-]{16,}")
"""Keys of ours and of model providers, in the middle of a sentence of somebody else's."""
_HIDDEN = "[hidden]"
_CHATTY = ("alembic", "httpx", "httpcore", "asyncio", "urllib3", "openai", "chromadb", "procrastinate")
"""Libraries whose everyday lines say nothing to an operator."""


def configure_logging(
    level: str = "INFO", fmt: Literal["console", "json"] = "console", stream: TextIO | None = None
) -> None:
    """Set up logging of this process; may be called again. `stream` is standard error if not given."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso" if fmt == "json" else "%H:%M:%S", utc=fmt == "json"),
        structlog.processors.StackInfoRenderer(),
        _without_ray,
        # Plain tracebacks: the rich ones print local variables, and with them customers' words and keys.
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(fmt, stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _without_ray(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop the timestamp that Ray adds to every record."""
    event.pop("_ray_timestamp_ns", None)
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what is named like a secret or has the form of one, and passwords in URLs, at any depth."""
    return {key: _safe(key, value) for key, value in event.items()}


def _safe(key: object, value: object) -> object:
    name = str(key)
    if value is not None and _SECRET_NAME.search(name) and name.lower() not in _NOT_SECRET:
        return _HIDDEN
    if isinstance(value, str):
        return _masked(value)
    if isinstance(value, Mapping):
        return {inner: _safe(inner, content) for inner, content in value.items()}
    if isinstance(value, list | tuple):
        return [_safe("", content) for content in value]
    return value


def _masked(text: str) -> str:
    text = _URL_PASSWORD.sub(rf"\1:{_HIDDEN}@", text)
    text = _BEARER.sub(rf"\1 {_HIDDEN}", text)
    return _KEY.sub(rf"\1{_HIDDEN}", text)


def _renderer(fmt: str, stream: TextIO) -> Processor:
    if fmt == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
