"""What operations look at: is the process alive, may it get traffic, and how is it doing?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from gateway.errors import StoreError
from gateway.ports.store import StoreFigures
from gateway.service.assembly import Service
from gateway.web.bodies import json_response
from gateway.web.endpoints import TEXT, Content, Endpoint, Response, list_of, shape
from gateway.web.metrics import CONTENT_TYPE, Metrics

log = logging.getLogger("callahead.health")

PING_S = 2.0
"""How long a dependency may take to answer before it counts as down."""

Ping: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when the dependency is well, raises when it is not."""

_BOOLEAN = {"type": "boolean"}
_PINGS = shape({"ready": _BOOLEAN, "pings": list_of(shape({"name": TEXT, "ok": _BOOLEAN}))})


class NotWell(Exception):
    """A part of this process does not run."""


def running(task: asyncio.Task[None]) -> Ping:
    """Return a ping that fails once the task has ended: `running(supervisor.serve(…))`."""

    async def ping() -> None:
        if task.done():
            raise NotWell

    return ping


def until_set(event: asyncio.Event) -> Ping:
    """Return a ping that fails once an event is set: the process takes no new work."""

    async def ping() -> None:
        if event.is_set():
            raise NotWell

    return ping


class Health:
    """Asks all dependencies. `draining` is set while the process finishes its requests."""

    def __init__(self, service: Service, pings: Mapping[str, Ping], metrics: Metrics) -> None:
        self._service = service
        self._pings = {"store": service.store.ping, **pings}
        self._metrics = metrics
        self.draining = asyncio.Event()

    async def live(self, _request: web.Request) -> web.Response:
        """Answer: whoever can answer is alive."""
        return json_response({"live": True})

    async def ready(self, _request: web.Request) -> web.Response:
        """Ask every dependency at once; 503 while one is down or the process is draining."""
        found = await asyncio.gather(*(self._ask(name) for name in self._pings))
        pings = [{"name": name, "ok": ok} for name, ok in zip(self._pings, found, strict=True)]
        pings.append({"name": "draining", "ok": not self.draining.is_set()})
        well = all(found) and not self.draining.is_set()
        return json_response({"ready": well, "pings": pings}, 200 if well else 503)

    async def _ask(self, name: str) -> bool:
        well = True
        try:
            async with asyncio.timeout(PING_S):
                await self._pings[name]()
        except Exception as error:  # noqa: BLE001 - whatever it is, the dependency is not well
            well = False
            log.warning("not ready", extra={"ping": name, "error": type(error).__name__})
        self._metrics.dependency(name, up=well)
        return well

    async def metrics(self, _request: web.Request) -> web.Response:
        """Show the figures; those of the store are left out while it does not answer."""
        figures: StoreFigures | None = None
        try:
            async with asyncio.timeout(PING_S):
                figures = await self._service.store.figures()
        except (StoreError, TimeoutError):
            self._metrics.dependency("store", up=False)
        text = self._metrics.text(self._service, figures)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        return (
            Endpoint(
                "GET",
                "/health/live",
                self.live,
                "live",
                "Is the process alive?",
                (Response(200, "It is.", Content(shape({"live": {"const": True}}))),),
                keyed=False,
                tag="operations",
            ),
            Endpoint(
                "GET",
                "/health/ready",
                self.ready,
                "ready",
                "May the process get traffic?",
                (
                    Response(200, "Every dependency answers.", Content(_PINGS)),
                    Response(503, "Some do not, or the process is stopping.", Content(_PINGS)),
                ),
                keyed=False,
                tag="operations",
            ),
            Endpoint(
                "GET",
                "/metrics",
                self.metrics,
                "metrics",
                "Figures for Prometheus",
                (Response(200, "Figures.", Content(TEXT, "text/plain")),),
                keyed=False,
                tag="operations",
            ),
        )
