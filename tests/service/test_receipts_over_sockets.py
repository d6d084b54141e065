"""Receipts from the socket to the case, for each way in which providers name a message.

The adapter, its provider's sandbox, the inbox and the engine are real; only the store is memory.
WhatsApp gives our own id of the attempt back, Exolve names nothing but its own message, and an
SMSC reports on the connection that is used for sending.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient
from adapters.messaging.sandbox import World, templates_of, whatsapp_cloud_app
from adapters.messaging.sandbox_sms_exolve import (
    DELIVERY_STATUSES,
    REFUSALS,
    Application,
    ExolveMessages,
    exolve_app,
)
from adapters.messaging.sandbox_sms_smpp import Smsc
from adapters.messaging.sandbox_world import Business, Callback
from adapters.messaging.sms_exolve import Config as ExolveConfig
from adapters.messaging.sms_exolve import SmsExolve
from adapters.messaging.sms_smpp import Config as SmppConfig
from adapters.messaging.sms_smpp import SmsSmpp
from adapters.messaging.whatsapp_cloud import Config as WhatsAppConfig
from adapters.messaging.whatsapp_cloud import WhatsAppCloud
from gateway.core.case import AttemptState, EntryKind
from gateway.ports.webhook import RawRequest
from gateway.scripts import load_texts
from tests.adapters.support import ManualClock, address, serve
from tests.service.support import SENDER, Node, clinic, node, until

DIGITS, KEY = "15550100001", "sandbox-callback-key"

AFTER_THE_RECEIPTS = 2.0
"""Seconds for which a response is held back at most, so that receipts overtake it."""


class Stage:
    """A provider's sandbox, its clock, and a gateway that takes its callbacks."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.clock = ManualClock()
        self.client = HttpClient()
        self.here: Node | None = None
        self.webhook: Any = None
        self.overtake = False
        self.stack = stack
        stack.push_async_callback(self.client.close)
        self.run(self._flow())

    def run(self, work: Any) -> None:
        task = asyncio.ensure_future(work)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self.stack.push_async_callback(end)

    async def _flow(self) -> None:
        while True:
            self.clock.wake_next()
            await asyncio.sleep(0.001)

    async def serve(self, app: web.Application) -> str:
        server = await serve(app)
        self.stack.push_async_callback(server.close)
        return address(server)

    async def gateway(self) -> str:
        """Serve the hook: verified, parsed, committed, and only then answered."""
        app = web.Application()

        async def take(request: web.Request) -> web.Response:
            raw = RawRequest(
                request.method,
                f"{base}{request.raw_path}",
                dict(request.query),
                {name.lower(): value for name, value in request.headers.items()},
                await request.read(),
            )
            self.webhook.verify(raw)
            await self.take(self.webhook.parse(raw))
            return web.Response()

        app.router.add_route("*", "/{tail:.*}", take)
        base = await self.serve(app)
        return base

    async def take(self, news: Any) -> None:
        assert self.here is not None
        await self.here.service.inbox.take(news)

    @web.middleware
    async def late(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        """Hold the response back until the message has been reported as delivered."""
        response: web.StreamResponse = await handler(request)
        for _ in range(int(AFTER_THE_RECEIPTS / 0.01)):
            if not self.overtake or (self.here and self.here.service.inbox.taken >= 2):
                break
            await asyncio.sleep(0.01)
        return response


async def whatsapp(stage: Stage) -> dict[str, Any]:
    business = Business(SENDER, "sandbox-token")
    templates = templates_of(load_texts(), "callahead_{template}_{language}")
    world = World(stage.clock, stage.client, [business], templates=templates, seed=7)
    world.faults.repeat_webhooks = world.faults.reorder_webhooks = 0.5
    app = web.Application(middlewares=[stage.late])
    app.add_subapp("/sandbox/whatsapp", whatsapp_cloud_app(world, stage.clock))
    sender = {"phone_number_id": SENDER, "access_token": "sandbox-token", "clinic": "zdorovie"}
    config = WhatsAppConfig.model_validate(
        {
            "app_secrets": ["sandbox-secret"],
            "verify_token": "verify",
            "senders": [sender],
            "api_base": f"{await stage.serve(app)}/sandbox/whatsapp",
        }
    )
    stage.webhook = WhatsAppCloud(config, stage.client)
    world.callback = Callback(f"{await stage.gateway()}/hooks/whatsapp", "sandbox-secret")
    stage.run(world.run())
    return {"whatsapp": stage.webhook, "settings": clinic(channels=["whatsapp"])}


async def exolve(stage: Stage) -> dict[str, Any]:
    callbacks = f"{await stage.gateway()}/hooks/sms/exolve?key={KEY}"
    application = Application("sandbox-api-key", frozenset({DIGITS}), callbacks)
    messages = ExolveMessages(stage.clock, stage.client, [application], seed=5)
    messages.world.faults.repeat_webhooks = messages.world.faults.reorder_webhooks = 0.5
    app = web.Application(middlewares=[stage.late])
    app.add_subapp("/exolve", exolve_app(messages, stage.clock))
    sender = {"number": f"+{DIGITS}", "api_key": "sandbox-api-key", "callback_keys": [KEY]}
    config = ExolveConfig.model_validate(
        {
            "senders": [{**sender, "clinic": "zdorovie"}],
            "delivery_statuses": DELIVERY_STATUSES,
            "refusals": REFUSALS,
            "api_base": f"{await stage.serve(app)}/exolve",
        }
    )
    stage.webhook = SmsExolve(config, stage.client, stage.clock)
    stage.run(messages.world.run())
    return {"sms": stage.webhook, "settings": clinic(channels=["sms"])}


async def smpp(stage: Stage) -> dict[str, Any]:
    smsc = Smsc(stage.clock, "clinic", "pass-1", seed=9)
    smsc.faults.repeat_webhooks = smsc.faults.reorder_webhooks = 0.5
    await smsc.start()
    stage.stack.push_async_callback(smsc.close)
    stage.run(smsc.run())
    connection = {
        "host": "127.0.0.1",
        "port": smsc.port,
        "system_id": "clinic",
        "password": "pass-1",
        "response_s": 5,
        "per_second": 1000,
    }
    sender = {"number": f"+{DIGITS}", "clinic": "zdorovie"}
    channel = SmsSmpp(
        SmppConfig.model_validate({"connections": [connection], "senders": [sender]}), stage.clock
    )
    stage.stack.push_async_callback(channel.close)
    stage.run(channel.run(stage.take))
    await until(lambda: all(link.session is not None for link in channel._links.values()))
    return {"sms": channel, "settings": clinic(channels=["sms"])}


@asynccontextmanager
async def gateway_with(provider: Callable[[Stage], Any], *, overtake: bool) -> AsyncIterator[Node]:
    async with AsyncExitStack() as stack:
        stage = Stage(stack)
        stage.overtake = overtake
        async with node(**await provider(stage)) as here:
            stage.here = here
            await here.record()
            here.start()
            yield here


@pytest.mark.rule("H-4", "G-6", "T-3")
@pytest.mark.parametrize(
    ("provider", "overtake"),
    [(whatsapp, False), (whatsapp, True), (exolve, False), (exolve, True), (smpp, False)],
    ids=["opaque", "opaque_first", "provider_id", "provider_id_first", "deliver_sm"],
)
async def test_a_message_is_delivered_and_charged_once(
    provider: Callable[[Stage], Any], overtake: bool
) -> None:
    """Reports come twice and out of order, and some of them before the response to the send."""
    async with gateway_with(provider, overtake=overtake) as here:
        for _ in range(1000):
            if [a.state for a in (await here.case()).attempts] == [AttemptState.DELIVERED]:
                break
            await asyncio.sleep(0.01)
        await until(lambda: here.service.inbox.taken >= 2, seconds=10)
        (attempt,) = (await here.case()).attempts
        assert (attempt.state, attempt.tries) == (AttemptState.DELIVERED, 1)
        assert attempt.provider_id
        assert len(await here.entries(EntryKind.CHARGE)) == 1
