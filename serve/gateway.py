"""The front door on Ray Serve: stateless gateways before the hosts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from ray import serve as ray_serve
from ray.exceptions import TaskCancelledError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.assembly import assemble
from agents.deployment import Assemble, ServeWaker, host_app, keep_to_own_address
from agents.inbox.changing import Changes
from agents.inbox.clock import tick_for_ever
from agents.scaling import BUSY, CpuShare, gateway_scaling
from agents.waker import Waker, sweep_for_ever
from foundation.settings import Settings
from foundation.shared_log import log_to_foreground
from serve.app import create_app
from serve.assembly import open_services
from serve.background import running
from serve.services import Services
from serve.upkeep import keep_up

APP = "replik"


async def _sweeper(services: Services, waker: Waker) -> None:
    await sweep_for_ever(services.system, waker, turn_deadline_s=services.settings.turn_deadline_s)


class Departures:
    """Ray Serve cancels the reading from a client that goes; for the app that is a plain disconnect."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def heard() -> Message:
            try:
                return await receive()
            except TaskCancelledError:
                return {"type": "http.disconnect"}

        await self._app(scope, heard, send)


class Gateway:
    """A gateway process: the app is served from it, and it says how busy it is."""

    def __init__(self, _hosts: object) -> None:
        """`_hosts` only says that hosts belong to the application; the app asks for them by name."""
        keep_to_own_address()
        self._share = CpuShare()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Say how busy this process is; Serve asks, and `ByLoad` decides."""
        return {BUSY: self._share.read()}


def front_door(settings: Settings, hosts: Assemble = assemble) -> ray_serve.Application:
    """Return the whole application: gateways, which reach over a ring the hosts that `hosts` builds."""

    def build() -> FastAPI:
        log_to_foreground(settings)

        @asynccontextmanager
        async def services() -> AsyncIterator[Services]:
            waker = ServeWaker(ray_serve.get_deployment_handle("ConversationHost", APP))
            async with (
                open_services(settings, waker) as opened,
                running(_sweeper(opened, waker)),
                running(keep_up(opened)),
                running(tick_for_ever(opened.system, Changes(opened.tenancy, opened.bus))),
            ):
                yield opened

        app = create_app(services)
        app.add_middleware(Departures)
        return app

    deployment: Any = ray_serve.deployment(
        name="Gateway",
        **gateway_scaling(settings),
        max_ongoing_requests=10_000,
        # Open streams would hold up a shutdown for ever; clients resume them elsewhere.
        graceful_shutdown_timeout_s=1,
        graceful_shutdown_wait_loop_s=0.2,
        health_check_period_s=1,
        ray_actor_options={"num_cpus": 0},
    )(ray_serve.ingress(build)(Gateway))
    return deployment.bind(host_app(settings, hosts))  # type: ignore[no-any-return]
