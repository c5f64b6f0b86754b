"""OpenAI, Azure OpenAI, and any server that speaks the chat completions protocol."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

import httpx2
from openai import (
    APIConnectionError,
    APIStatusError,
    AsyncAzureOpenAI,
    AsyncOpenAI,
    AsyncStream,
    OpenAIError,
    Timeout,
    omit,
)

from foundation.clients.chat.dialect import Dialect, dialect_of
from foundation.clients.chat.port import Prompt
from foundation.clients.chat.prices import Effort
from foundation.clients.chat.usage import Meter, Used, estimated_tokens
from foundation.errors import ModelFailed

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

_FIRST_PAUSE_S: Final = 0.3
_LONGEST_PAUSE_S: Final = 8.0
_REPEATABLE: Final = frozenset({408, 409, 425, 429})
_UNKNOWN_FIELD: Final = frozenset({400, 422})
"""How servers answer to a field that they do not know."""
_BROKEN: Final = (OpenAIError, httpx2.HTTPError, TimeoutError, ValueError)
"""What a stream can raise: the package's own, the connection's, our deadline's, and malformed JSON."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds, and how often to try again before the first piece."""

    connect_s: float = 5.0
    read_s: float = 20.0
    """Between two pieces, and before the first one."""
    total_s: float = 60.0
    """All tries together."""
    retries: int = 2


@dataclass
class _Call:
    """What is known so far of one call."""

    began: float
    said: list[str] = field(default_factory=list)
    first_s: float | None = None
    counted: tuple[int, int] | None = None
    """Prompt and completion tokens, as the provider says."""
    finish: str | None = None

    def hear(self, text: str, now: float) -> None:
        self.said.append(text)
        if self.first_s is None:
            self.first_s = now - self.began


class OpenAIChat:
    """A `ChatModel` over HTTP. Closing a stream closes its request."""

    def __init__(
        self,
        client: AsyncOpenAI,
        *,
        provider: str,
        model: str,
        limits: Limits,
        dialect: Dialect,
    ) -> None:
        """`dialect` is what is tried first."""
        self._client = client
        self._provider = provider
        self._model = model
        self._limits = limits
        self._dialect = dialect
        self._understood = False
        """Whether the server has answered in the dialect."""

    @property
    def provider(self) -> str:
        return self._provider

    @property
    def model(self) -> str:
        return self._model

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def stream(
        self, prompts: Sequence[Prompt], *, max_tokens: int, meter: Meter | None = None
    ) -> AsyncGenerator[str, None]:
        """Yield pieces of text as they come; `meter` gets what each answered request used.

        Raises:
            ModelFailed: before the first piece after all retries, or at any point in the middle.
        """
        now = asyncio.get_running_loop().time
        began = now()
        deadline = began + self._limits.total_s
        attempt = 0
        while True:
            call = _Call(began)
            try:
                async with aclosing(self._once(prompts, max_tokens, deadline, call, meter)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except _BROKEN as error:
                pause = _pause(error, attempt)
                # After the first piece a repeat would say the beginning twice.
                spent = call.said or attempt >= self._limits.retries
                if spent or pause is None or pause >= deadline - now():
                    raise ModelFailed(reason=_reason(error)) from error
            attempt += 1
            await asyncio.sleep(pause)

    async def _once(
        self, prompts: Sequence[Prompt], max_tokens: int, deadline: float, call: _Call, meter: Meter | None
    ) -> AsyncGenerator[str, None]:
        async with asyncio.timeout_at(deadline):
            response = await self._ask(prompts, max_tokens)
        try:
            while True:
                # A timeout around a `yield` would hit whoever consumes: only the wait itself is timed.
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(response, None)
                if chunk is None:
                    break
                text, call.finish = _read(chunk, call.finish)
                call.counted = _counted(chunk) or call.counted
                if text:
                    call.hear(text, asyncio.get_running_loop().time())
                    yield text
        finally:
            if meter is not None:
                meter.used.append(self._used(prompts, call))
            await response.close()
        if call.finish != "stop":
            # No reason means that the connection ended early; a length or a filter cut the answer off.
            raise ModelFailed(reason=call.finish or "cut_off")

    async def _ask(self, prompts: Sequence[Prompt], max_tokens: int) -> "AsyncStream[ChatCompletionChunk]":
        """Return the begun answer, asked for in the first dialect that the server understands."""
        if self._understood:
            return await self._request(prompts, max_tokens, self._dialect)
        refused: list[APIStatusError] = []
        for dialect in self._dialect.variants():
            if any(error.param in dialect.fields for error in refused):
                continue
            try:
                response = await self._request(prompts, max_tokens, dialect)
            except APIStatusError as error:
                if error.status_code not in _UNKNOWN_FIELD:
                    raise
                refused.append(error)
                # Where the server does not name the field, the same request without it tells.
                if error.param and error.param not in dialect.fields:
                    break
            else:
                self._dialect, self._understood = dialect, True
                return response
        raise refused[0]

    async def _request(
        self, prompts: Sequence[Prompt], max_tokens: int, dialect: Dialect
    ) -> "AsyncStream[ChatCompletionChunk]":
        return await self._client.chat.completions.create(
            model=self._model,
            messages=[_message(prompt) for prompt in prompts],
            max_completion_tokens=max_tokens if dialect.limit == "max_completion_tokens" else omit,
            max_tokens=max_tokens if dialect.limit == "max_tokens" else omit,
            reasoning_effort=dialect.effort or omit,
            stream=True,
            stream_options={"include_usage": True} if dialect.reports_usage else omit,
        )

    def _used(self, prompts: Sequence[Prompt], call: _Call) -> Used:
        counted = call.counted or (
            estimated_tokens([prompt.text for prompt in prompts]),
            estimated_tokens(call.said),
        )
        wait_ms = None if call.first_s is None else round(call.first_s * 1000, 1)
        return Used(self._provider, self._model, *counted, call.counted is None, wait_ms)


def openai_chat(
    *,
    base_url: str,
    key: str,
    model: str,
    limits: Limits,
    provider: str = "openai",
    effort: Effort | None = None,
    http: httpx2.AsyncClient | None = None,
) -> OpenAIChat:
    """Return a model at OpenAI or a compatible server; `http` carries the requests, if given."""
    client = AsyncOpenAI(
        base_url=base_url, api_key=key, timeout=_timeout(limits), max_retries=0, http_client=http
    )
    dialect = dialect_of(base_url, effort)
    return OpenAIChat(client, provider=provider, model=model, limits=limits, dialect=dialect)


def azure_chat(
    *,
    endpoint: str,
    key: str,
    api_version: str,
    deployment: str,
    limits: Limits,
    effort: Effort | None = None,
    http: httpx2.AsyncClient | None = None,
) -> OpenAIChat:
    """Return a model deployed at Azure OpenAI; `http` carries the requests, if given."""
    client = AsyncAzureOpenAI(
        azure_endpoint=endpoint,
        api_key=key,
        api_version=api_version,
        timeout=_timeout(limits),
        max_retries=0,  # ours keep to the total deadline
        http_client=http,
    )
    dialect = Dialect("max_completion_tokens", effort)
    return OpenAIChat(client, provider="azure", model=deployment, limits=limits, dialect=dialect)


def _timeout(limits: Limits) -> Timeout:
    return Timeout(limits.read_s, connect=limits.connect_s)


def _message(prompt: Prompt) -> "ChatCompletionMessageParam":
    match prompt.role:
        case "system":
            return {"role": "system", "content": prompt.text}
        case "assistant":
            return {"role": "assistant", "content": prompt.text}
        case "user":
            return {"role": "user", "content": prompt.text}


def _read(chunk: "ChatCompletionChunk", finish: str | None) -> tuple[str, str | None]:
    """Return a chunk's text and the finish reason so far.

    Raises:
        ValueError: the chunk is not one; the package does not validate what a server sends.
    """
    try:
        if not chunk.choices:  # the usage report has none
            return "", finish
        choice = chunk.choices[0]
        text = choice.delta.content or ""
        finish = choice.finish_reason or finish
    except (AttributeError, TypeError, KeyError) as error:
        raise ValueError("malformed chunk") from error
    if not isinstance(text, str):
        raise ValueError("malformed chunk")  # noqa: TRY004 # a server's fault, not a caller's
    return text, finish


def _counted(chunk: "ChatCompletionChunk") -> tuple[int, int] | None:
    """Return the prompt's and the completion's tokens if this chunk reports them."""
    usage = getattr(chunk, "usage", None)
    prompt, completion = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if isinstance(prompt, int) and isinstance(completion, int) and prompt >= 0 and completion >= 0:
        return prompt, completion
    return None


def _pause(error: Exception, attempt: int) -> float | None:
    """Return the seconds to wait before trying again, or None when that is of no use."""
    if isinstance(error, APIStatusError):
        if error.code == "insufficient_quota":
            return None
        if error.status_code not in _REPEATABLE and error.status_code < 500:
            return None
        asked = _retry_after(error.response.headers.get("retry-after"))
        if asked is not None:
            return asked
    growing = min(_FIRST_PAUSE_S * 2.0**attempt, _LONGEST_PAUSE_S)
    return growing * random.uniform(0.75, 1.25)  # noqa: S311 # spreads the load, keeps no secret


def _retry_after(header: str | None) -> float | None:
    """Return the seconds a `Retry-After` header asks for: it is a number or a date."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _reason(error: Exception) -> str:
    """Return a word for the log and the answer's data; the provider's text stays behind."""
    if isinstance(error, APIStatusError):
        return f"status_{error.status_code}"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connection" if isinstance(error, APIConnectionError | httpx2.HTTPError) else "malformed"
