"""An answer begins in time, or the request is told so and given up."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import AnswerTooSlow
from serve.limits import ARCHIVE_BYTES, longest_body_s, most_bytes
from serve.problems import problem
from serve.services import Services

BESIDE_TURN_S = 30.0
"""What a request may take beyond the longest turn."""


class AnswerDeadline:
    """Gives up requests whose answer has not begun in time after their body; streams may last once begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or most_bytes(scope["path"]) == ARCHIVE_BYTES:
            await self._app(scope, receive, send)
            return
        services: Services = scope["app"].state.services
        patience_s = services.settings.turn_deadline_s + BESIDE_TURN_S
        now = asyncio.get_running_loop().time
        begun = False
        clock = asyncio.timeout(longest_body_s(scope["path"]) + patience_s)

        async def heard() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False) and not begun:
                clock.reschedule(now() + patience_s)
            return message

        async def said(message: Message) -> None:
            nonlocal begun
            if not begun:
                begun = True
                clock.reschedule(None)
            await send(message)

        try:
            async with clock:
                await self._app(scope, heard, said)
        except TimeoutError:
            if begun or not clock.expired():
                raise
            await problem(AnswerTooSlow())(scope, receive, send)
