"""The headers that every answer carries. What a route sets itself stays as it is."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.plain import PLAIN
from serve.rates import rate_headers
from serve.services import Services

HSTS = "max-age=63072000; includeSubDomains"


class PlainHeaders:
    """Adds what fits every answer: security, caching of the API, and what is left of the rate limits."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})  # the same for the routes, which leave their verdicts there

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _headers(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


def _headers(scope: Scope) -> dict[str, str]:
    services: Services = scope["app"].state.services
    wanted = PLAIN | rate_headers(scope)
    if scope["path"].startswith("/api/"):
        wanted["Cache-Control"] = "no-store"
    if services.settings.mode == "production":
        wanted["Strict-Transport-Security"] = HSTS
    return wanted
