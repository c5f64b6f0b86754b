"""The front door as one ASGI app; it runs under Ray Serve and, in tests, under any ASGI server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serve import (
    auth,
    auth_account,
    auth_oidc,
    chat,
    cited,
    demo,
    health,
    knowledge,
    metrics,
    pages,
    reference,
    widget,
)
from serve.deadlines import AnswerDeadline
from serve.headers import PlainHeaders
from serve.limits import BodyLimit
from serve.measured import Measured
from serve.openapi import Described
from serve.problems import add_problem_handlers
from serve.rates import SignInRates
from serve.services import OpenServices


class WidgetCors:
    """Lets pages of any origin call the widget's routes. They carry bearer tokens, never cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["Retry-After", "RateLimit", "RateLimit-Policy"],
            max_age=3600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        of_widget = scope["type"] == "http" and scope["path"].startswith(widget.router.prefix)
        await (self._open if of_widget else self._plain)(scope, receive, send)


def create_app(open_services: OpenServices) -> FastAPI:
    """Return the app; `open_services` is entered when it starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_services() as services:
            app.state.services = services
            yield

    app = Described(title="Replik", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    add_problem_handlers(app)
    people = (auth, auth_account, auth_oidc)
    for room in (widget, chat, *people, knowledge, health, metrics, demo, cited, reference, pages):
        app.include_router(room.router)
    app.mount("/start", pages.assets())
    app.add_middleware(BodyLimit)
    app.add_middleware(AnswerDeadline)
    app.add_middleware(SignInRates)
    app.add_middleware(WidgetCors)
    app.add_middleware(PlainHeaders)
    app.add_middleware(Measured)
    return app
