"""What the tests of the SMS channels share: the gateway's hook, and what came in on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import pytest
from aiohttp import web

from adapters.http import HttpClient
from gateway.core.events import Receipt
from gateway.core.model import Channel
from gateway.errors import Forbidden, Unauthenticated
from gateway.ports.messaging import Inbound, InboundMessage, InboundReceipt, Messaging, SendError
from gateway.ports.webhook import RawRequest, Webhook
from tests.adapters.support import ManualClock, address, outgoing, serve


class Channelled(Messaging, Webhook, Protocol):
    """An adapter that is its own webhook."""


class Runs(Protocol):
    """A sandbox's world."""

    async def run(self) -> None: ...

    async def idle(self) -> None: ...


@dataclass
class Town:
    """An adapter, the sandbox it talks to, and the gateway's hook that hears from it."""

    channel: Channelled
    world: Runs
    clock: ManualClock
    heard: list[RawRequest] = field(default_factory=list)
    refuse: int = 0

    @property
    def said(self) -> list[Inbound]:
        """Everything that came in, in order."""
        return [item for request in self.heard for item in self.channel.parse(request)]

    @property
    def receipts(self) -> list[Receipt]:
        return [item.receipt for item in self.said if isinstance(item, InboundReceipt)]

    @property
    def messages(self) -> list[InboundMessage]:
        return [item for item in self.said if isinstance(item, InboundMessage)]

    async def idle(self) -> None:
        await self.clock.drive(self.world.idle())

    async def send(self, channel: Channel = Channel.SMS, **more: object) -> str:
        sent = await self.channel.send(outgoing(channel=channel, **more))
        assert sent is not None
        return sent

    async def refused(self, channel: Channel = Channel.SMS, **more: object) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.channel.send(outgoing(channel=channel, **more))
        return caught.value


class Hook:
    """The gateway's hook: it verifies before it listens. `url` is where it is served."""

    def __init__(self) -> None:
        self.town: Town | None = None
        self.url = ""
        self.forged = 0

    async def take(self, request: web.Request) -> web.Response:
        town = self.town
        assert town is not None
        found = RawRequest(
            request.method,
            f"{self.url}{request.raw_path}",
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        try:
            town.channel.verify(found)
        except (Forbidden, Unauthenticated):
            self.forged += 1
            return web.Response(status=403)
        if town.refuse > 0:
            town.refuse -= 1
            return web.Response(status=500)
        town.heard.append(found)
        return web.Response()


@asynccontextmanager
async def hook_served() -> AsyncIterator[Hook]:
    hook, app = Hook(), web.Application()
    app.router.add_route("*", "/{tail:.*}", hook.take)
    server = await serve(app)
    hook.url = address(server)
    try:
        yield hook
    finally:
        await server.close()
    assert not hook.forged


@asynccontextmanager
async def running(world: Runs, *clients: HttpClient) -> AsyncIterator[None]:
    task = asyncio.ensure_future(world.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for client in clients:
            await client.close()
