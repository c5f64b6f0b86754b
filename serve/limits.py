"""A limit on request bodies, held while they arrive and not after."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foundation.errors import BodyTooLarge
from serve.problems import problem

CHAT_BYTES = 64 * 1024
UPLOAD_BYTES = 26 * 1024 * 1024
ARCHIVE_BYTES = 4 * 1024 * 1024 * 1024
_UPLOADS = {
    "/api/demo/": UPLOAD_BYTES,
    "/api/admin/knowledge/": UPLOAD_BYTES,
    "/api/knowledge/import": ARCHIVE_BYTES,
}


class BodyLimit:
    """Refuses with 413 as soon as a body is known to be too large."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((most for path, most in _UPLOADS.items() if scope["path"].startswith(path)), CHAT_BYTES)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            await problem(BodyTooLarge(limit_bytes=limit))(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message if received <= limit else {"type": "http.disconnect"}

        async def unless_too_large(message: Message) -> None:
            if received <= limit:
                await send(message)

        try:
            await self._app(scope, counted, unless_too_large)
        except ClientDisconnect:
            if received <= limit:
                raise
        if received > limit:
            # Whatever the app made of the cut body, this is what was wrong with it.
            await problem(BodyTooLarge(limit_bytes=limit))(scope, receive, send)
