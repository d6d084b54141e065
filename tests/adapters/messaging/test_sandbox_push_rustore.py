"""The sandbox shows what is sent to its phones, and the adapter holds against it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.push_rustore import CAPABILITIES, Config, PushRustore
from adapters.messaging.sandbox_push_rustore import RustoreWorld, rustore_app
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from tests.adapters.support import CONTENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

DEVICE = "rustore-push-token-1"
PUSH = replace(CONTENT, buttons=())


@dataclass
class Town:
    """A project, and the adapter that talks to it."""

    world: RustoreWorld
    channel: PushRustore
    client: HttpClient
    url: str

    async def send(self, **more: Any) -> str | None:
        values = {"channel": Channel.PUSH, "account": DEVICE, "content": PUSH, **more}
        return await self.channel.send(outgoing(**values))

    async def refused(self) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.send()
        return caught.value


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    client = HttpClient()
    world = RustoreWorld(project="p1", service_token="service-secret")
    app = web.Application()
    app.add_subapp("/sandbox/rustore", rustore_app(world, ManualClock()))
    server = await serve(app)
    url = address(server, "/sandbox/rustore")
    sender = {"project_id": "p1", "service_token": "service-secret", "clinic": "c1"}
    settings = Config.model_validate({"senders": [sender], "api_base": url})
    yield Town(world, PushRustore(settings, client), client, url)
    await client.close()
    await server.close()


async def test_a_notification_arrives_on_its_phone(town: Town) -> None:
    phone = town.world.phone(DEVICE)
    await town.send()
    assert [item["notification"] for item in phone.shown] == [{"body": CONTENT.text}]


@pytest.mark.rule("H-1")
async def test_a_phone_without_the_app_is_impossible(town: Town) -> None:
    assert (await town.refused()).failure is Failure.IMPOSSIBLE
    town.world.phone(DEVICE).registered = False
    assert (await town.refused()).failure is Failure.IMPOSSIBLE


@pytest.mark.rule("G-6")
async def test_a_gateways_page_leaves_the_outcome_unknown(town: Town) -> None:
    town.world.faults.down = True
    assert (await town.refused()).failure is None


@pytest.mark.parametrize(
    ("project", "token", "message", "status"),
    [
        ("p1", "wrong", {}, 401),
        ("p2", "service-secret", {}, 403),
        ("p1", "service-secret", {}, 400),
        ("p1", "service-secret", {"notification": {"body": "x"}, "data": {"n": 1}}, 400),
        ("p1", "service-secret", {"notification": {"body": "x"}, "token": "?"}, 404),
    ],
)
async def test_wrong_requests_are_refused(
    town: Town, project: str, token: str, message: dict[str, Any], status: int
) -> None:
    url = f"{town.url}/v1/projects/{project}/messages:send"
    headers = {"Authorization": f"Bearer {token}"}
    body = json.dumps({"message": message}).encode()
    assert (await town.client.send(HttpRequest("POST", url, headers, body))).status == status


class TestRustoreConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, [0]
        take = town.world.take
        town.world.phone(DEVICE)

        def counted(project: str, authorization: str, body: Any) -> None:
            asked[0] += 1
            take(project, authorization, body)

        town.world.take = counted  # type: ignore[method-assign]

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.PUSH, account=DEVICE, content=PUSH),
            accept=lambda: None,
            impossible=lambda: faults.fail_next(404),
            temporary=lambda: faults.fail_next(429, retry_after_s=3),
            reject=lambda: faults.fail_next(400),
            lose=lose,
            asked=lambda: asked[0],
            secrets=("service-secret",),
        )
