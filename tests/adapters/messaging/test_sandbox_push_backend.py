"""The sandbox app takes what is signed, once, and the adapter holds against it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.push_backend import CAPABILITIES, Config, PushBackend
from adapters.messaging.sandbox_push_backend import AppBackend, app_backend_app
from adapters.messaging.sandbox_world import State
from adapters.standard_webhooks import headers_of, key_of
from gateway.core.events import Failure, Receipt
from gateway.core.model import Channel
from gateway.errors import NotFound
from gateway.ports.messaging import SendError
from tests.adapters.messaging.gateway_hook import GatewayHook
from tests.adapters.support import CONTENT, PATIENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Town:
    """A backend, the adapter that talks to it, and the gateway's hook that hears from it."""

    world: AppBackend
    clock: ManualClock
    channel: PushBackend
    hook: GatewayHook
    client: HttpClient
    url: str

    async def idle(self) -> None:
        await self.clock.drive(self.world.idle())

    async def send(self, **more: Any) -> str:
        sent = await self.channel.send(outgoing(**{"channel": Channel.PUSH, **more}))
        assert sent is not None
        return sent.removeprefix("app:")

    async def refused(self, **more: Any) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.send(**more)
        return caught.value

    @property
    def receipts(self) -> list[Receipt]:
        return [item.receipt for item in self.hook.receipts]


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    clock, client = ManualClock(), HttpClient()
    world = AppBackend(clock, client, [SECRET], seed=7)
    app = web.Application()
    app.add_subapp("/sandbox/app", app_backend_app(world, clock))
    server = await serve(app)
    url = address(server, "/sandbox/app/notifications")
    sender = {"name": "app", "url": url, "secrets": [SECRET], "clinic": "c1"}
    settings = Config.model_validate({"senders": [sender]})
    channel = PushBackend(settings, client, clock, allow_private=True)
    hook = GatewayHook(channel)
    gateway = await serve(hook.app)
    world.hook = address(gateway, "/hooks/push?sender=app")
    running = asyncio.ensure_future(world.run())
    yield Town(world, clock, channel, hook, client, url)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await client.close()
    await server.close()
    await gateway.close()


async def test_a_notification_is_shown_and_reported_with_our_reference(town: Town) -> None:
    town.world.install(PATIENT)
    sent = await town.send()
    await town.idle()
    town.world.read(sent)
    await town.idle()
    taken = town.world.notifications[sent]
    assert (taken.request["text"], taken.state) == (CONTENT.text, State.READ)
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED, Receipt.READ]
    assert {item.opaque for item in town.hook.receipts} == {"case|c1|2|A-1"}
    assert {item.provider_id for item in town.hook.receipts} == {f"app:{sent}"}


@pytest.mark.rule("H-1")
async def test_without_a_phone_to_push_to_it_is_impossible(town: Town) -> None:
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "no_device")
    town.world.install(PATIENT, push_on=False)
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "push_off")


@pytest.mark.rule("H-1")
async def test_a_phone_that_is_gone_is_reported_later(town: Town) -> None:
    town.world.install(PATIENT).gone = True
    await town.send()
    await town.idle()
    [found] = town.hook.receipts
    assert (found.receipt, found.failure) == (Receipt.FAILED, Failure.IMPOSSIBLE)


@pytest.mark.rule("G-6")
async def test_a_repeated_request_shows_nothing_twice(town: Town) -> None:
    town.world.install(PATIENT)
    town.world.faults.cut_next = 1
    assert (await town.refused()).failure is None
    sent = await town.send()
    await town.idle()
    assert list(town.world.notifications) == [sent]
    assert town.receipts == [Receipt.SENT, Receipt.DELIVERED]


@pytest.mark.rule("H-4")
async def test_reports_come_again_and_in_another_order(town: Town) -> None:
    town.world.install(PATIENT)
    town.world.faults.repeat_webhooks = 1.0
    town.hook.refuse = 1
    await town.send()
    await town.idle()
    assert set(town.receipts) == {Receipt.SENT, Receipt.DELIVERED}
    assert len(town.receipts) == 3


async def test_without_a_hook_nothing_is_reported(town: Town) -> None:
    town.world.hook = ""
    town.world.install(PATIENT)
    sent = await town.send()
    await town.idle()
    assert town.receipts == []
    assert town.world.notifications[sent].state is State.DELIVERED
    with pytest.raises(NotFound):
        town.world.read("ntf_unknown")


async def test_a_backend_that_is_down_is_tried_later(town: Town) -> None:
    town.world.faults.down = True
    assert (await town.refused()).failure is Failure.TEMPORARY


async def test_what_is_not_signed_or_not_ours_is_refused(town: Town) -> None:
    body = b'{"type": "other", "data": {}}'
    signed = headers_of([key_of(SECRET)], "ntf_1", town.clock.now(), body)
    wrong = {**signed, "webhook-signature": "v1,AAAA"}
    for headers, status in ((signed, 400), (wrong, 403), ({}, 401)):
        answer = await town.client.send(HttpRequest("POST", town.url, headers, body))
        assert answer.status == status
    assert town.world.notifications == {}


class TestPushBackendConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, [0]
        town.world.install(PATIENT)
        town.world.read(await town.send(opaque="case|c1|1|A-1"))
        await town.idle()
        device = town.world.install(PATIENT)
        device.gone = True
        await town.send(opaque="case|c1|3|A-1")
        await town.idle()
        device.gone = False
        take = town.world.take

        def counted(headers: dict[str, str], body: bytes) -> Any:
            asked[0] += 1
            return take(headers, body)

        town.world.take = counted  # type: ignore[method-assign]

        def impossible() -> None:
            device.push_on = False
            town.world.notifications.clear()

        def temporary() -> None:
            device.push_on = True
            faults.fail_next(429, retry_after_s=3)

        def lose() -> None:
            device.push_on = True
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.PUSH),
            accept=lambda: None,
            impossible=impossible,
            temporary=temporary,
            reject=lambda: faults.fail_next(400),
            lose=lose,
            asked=lambda: asked[0],
            secrets=(SECRET,),
            webhook=town.channel,
            inbound=tuple(town.hook.heard),
        )
