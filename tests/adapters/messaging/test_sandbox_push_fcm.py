"""The sandbox keeps Google's rules, and the adapter holds against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.http import HttpClient, HttpRequest
from adapters.messaging.push_fcm import CAPABILITIES, Config, PushFcm
from adapters.messaging.push_fcm_token import build as build_exchange
from adapters.messaging.push_fcm_token import read_service_account
from adapters.messaging.sandbox_push_fcm import ERRORS, FcmError, FcmWorld, fcm_app
from gateway.core.events import Failure
from gateway.core.model import Channel
from gateway.ports.messaging import SendError
from tests.adapters.support import CONTENT, ManualClock, address, outgoing, serve
from tests.contracts.messaging_conformance import MessagingConformance, Peer

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
DEVICE = "fcm-registration-token-1"
PUSH = replace(CONTENT, buttons=())


@dataclass
class Town:
    """A project, and the adapter that talks to it."""

    world: FcmWorld
    clock: ManualClock
    channel: PushFcm
    client: HttpClient
    url: str

    async def send(self, **more: Any) -> str:
        values = {"channel": Channel.PUSH, "account": DEVICE, "content": PUSH, **more}
        sent = await self.channel.send(outgoing(**values))
        assert sent is not None
        return sent

    async def refused(self, **more: Any) -> SendError:
        with pytest.raises(SendError) as caught:
            await self.send(**more)
        return caught.value


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    clock, client = ManualClock(), HttpClient()
    world = FcmWorld(clock, seed=7, key=KEY)
    app = web.Application()
    app.add_subapp("/sandbox/fcm", fcm_app(world, clock))
    server = await serve(app)
    world.url = address(server, "/sandbox/fcm")
    sender = {"service_account": world.service_account, "clinic": "c1"}
    settings = Config.model_validate({"senders": [sender], "api_base": world.url})
    yield Town(world, clock, PushFcm(settings, client, clock), client, world.url)
    await client.close()
    await server.close()


async def test_a_notification_arrives_on_its_phone(town: Town) -> None:
    phone = town.world.phone(DEVICE)
    sent = await town.send()
    await town.send()
    assert sent.startswith("projects/sandbox-clinic/messages/")
    assert [item["notification"] for item in phone.shown] == [{"body": CONTENT.text}] * 2
    assert town.world.exchanges == 1


@pytest.mark.rule("H-1")
async def test_a_phone_without_the_app_is_impossible(town: Town) -> None:
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "INVALID_ARGUMENT")
    town.world.phone(DEVICE).registered = False
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.IMPOSSIBLE, "UNREGISTERED")


async def test_a_refused_access_token_is_renewed_once(town: Town) -> None:
    phone = town.world.phone(DEVICE)
    await town.send()
    town.world.forget_tokens()
    await town.send()
    assert (len(phone.shown), town.world.exchanges) == (2, 2)


@pytest.mark.rule("H-2")
async def test_an_account_that_is_refused_needs_an_operator(town: Town) -> None:
    town.world.refuse_accounts = True
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.REJECTED, "token_invalid_grant")
    assert error.alert


@pytest.mark.rule("H-2")
async def test_a_service_that_is_down_is_tried_later(town: Town) -> None:
    town.world.faults.down = True
    error = await town.refused()
    assert (error.failure, error.code) == (Failure.TEMPORARY, "token_http_503")


async def test_what_cannot_be_said_asks_for_no_token(town: Town) -> None:
    await town.refused(account=None)
    assert town.world.exchanges == 0


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_has_the_shape_of_the_reference(code: str) -> None:
    error = FcmError(code)
    document: Any = error.document
    assert document["error"]["code"] == error.status == ERRORS[code]
    assert document["error"]["details"][0]["errorCode"] == code


async def test_an_assertion_of_another_key_time_or_address_is_refused(town: Town) -> None:
    stranger = FcmWorld(town.clock, url=town.url)
    ours = read_service_account(town.world.service_account)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    now = town.clock.now()
    url = f"{town.url}/token"
    requests = [
        build_exchange(read_service_account(stranger.service_account), now),
        build_exchange(replace(ours, private_key_id="other"), now),
        replace(build_exchange(replace(ours, token_uri="https://other.example/"), now), url=url),
        build_exchange(ours, now.replace(year=2025)),
        HttpRequest("POST", url, form, b"grant_type=other"),
        HttpRequest("POST", url, form, b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer"),
    ]
    for request in requests:
        assert (await town.client.send(request)).status == 400
    assert (await town.client.send(build_exchange(ours, now))).status == 200


async def test_an_assertion_must_ask_for_messaging(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.messaging.push_fcm_token.SCOPE", "https://example.com/other")
    assert (await town.refused()).code == "token_invalid_scope"


async def test_data_is_text_and_the_project_is_ours(town: Town) -> None:
    answer = await town.client.send(
        HttpRequest("POST", f"{town.url}/v1/projects/other/messages:send", {}, b"{}")
    )
    assert answer.status == 502
    token = town.world.exchange(form_of(town))["access_token"]
    with pytest.raises(FcmError):
        town.world.take(f"Bearer {token}", {"message": {"token": DEVICE, "data": {"n": 1}}})


def form_of(town: Town) -> dict[str, list[str]]:
    account = read_service_account(town.world.service_account)
    request = build_exchange(account, town.clock.now())
    names = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return {"grant_type": [grant], "assertion": [names["assertion"]]}


class TestFcmConforms(MessagingConformance):
    """The adapter keeps the contract, with the sandbox as its provider."""

    @pytest.fixture
    async def peer(self, town: Town) -> Peer:
        faults, asked = town.world.faults, [0]
        take = town.world.take
        town.world.phone(DEVICE)

        def counted(authorization: str, body: Any) -> Any:
            asked[0] += 1
            return take(authorization, body)

        town.world.take = counted  # type: ignore[method-assign]

        def lose() -> None:
            faults.cut_next = 1

        return Peer(
            messaging=town.channel,
            capabilities=CAPABILITIES,
            message=outgoing(channel=Channel.PUSH, account=DEVICE, content=PUSH),
            accept=lambda: None,
            impossible=lambda: town.world.fail_next("UNREGISTERED"),
            temporary=lambda: town.world.fail_next("QUOTA_EXCEEDED", retry_after_s=3),
            reject=lambda: town.world.fail_next("INVALID_ARGUMENT", field="message.data"),
            lose=lose,
            asked=lambda: asked[0],
            secrets=("ya29.", "PRIVATE KEY"),
        )
