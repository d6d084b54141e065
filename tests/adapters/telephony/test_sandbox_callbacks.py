"""The sandbox's callbacks are signed as published, and tried again only as an address asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from adapters.http import HttpClient
from adapters.telephony.sandbox_callbacks import Callbacks, Overrides, overrides_of, signature
from gateway.ports.messaging import SendError
from tests.adapters.support import address, serve


def test_the_published_vector_holds() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("rc=5&rp=ct,rt,5xx", Overrides(5, frozenset({"ct", "rt", "5xx"}))),
        ("rc=0", Overrides(0, frozenset({"ct"}))),
        ("rp=all", Overrides(1, frozenset({"ct", "rt", "4xx", "5xx"}))),
    ],
)
def test_a_fragment_says_how_often_and_after_what(fragment: str, expected: Overrides) -> None:
    assert overrides_of(fragment) == expected


@pytest.mark.parametrize("fragment", ["rc=6", "rc=x", "rp=never", "ct=100", "words"])
def test_a_fragment_that_cannot_be_carried_out_is_an_error(fragment: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        overrides_of(fragment)


@dataclass
class Gateway:
    callbacks: Callbacks
    url: str
    answers: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    async def post(self, fragment: str = "") -> int:
        answer = await self.callbacks.post("secret", self.url + fragment, {"Digits": ""})
        return answer.status


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    client = HttpClient()

    async def pause(seconds: float) -> None:
        gateway.pauses.append(seconds)

    async def take(request: web.Request) -> web.Response:
        gateway.headers.append(dict(request.headers))
        answer = gateway.answers.pop(0)
        if answer == 0 and request.transport is not None:
            request.transport.close()
        return web.Response(status=answer or 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    server = await serve(app)
    gateway = Gateway(Callbacks(client, pause), address(server, "/hook"))
    yield gateway
    await client.close()
    await server.close()


async def test_a_refusal_is_not_tried_again_unless_that_is_wished(gateway: Gateway) -> None:
    gateway.answers = [503]
    assert await gateway.post() == 503
    gateway.answers = [404]
    assert await gateway.post("#rc=5&rp=5xx") == 404
    assert gateway.pauses == []


async def test_repetitions_carry_the_same_token_and_end(gateway: Gateway) -> None:
    gateway.answers = [500, 502, 200]
    assert await gateway.post("#rc=5&rp=5xx") == 200
    assert len({headers["I-Twilio-Idempotency-Token"] for headers in gateway.headers}) == 1
    assert len(gateway.pauses) == 2
    gateway.answers = [500] * 3
    assert await gateway.post("#rc=2&rp=5xx") == 500
    assert gateway.answers == []


async def test_an_answer_that_does_not_come_is_tried_again_only_if_wished(
    gateway: Gateway,
) -> None:
    gateway.answers = [0]
    with pytest.raises(SendError):
        await gateway.post()
    gateway.answers = [0, 200]
    assert await gateway.post("#rc=1&rp=rt") == 200


async def test_a_gateway_that_is_not_there_is_tried_once_more(gateway: Gateway) -> None:
    with pytest.raises(SendError):
        await gateway.callbacks.post("secret", "http://127.0.0.1:1/hook", {})
    assert len(gateway.pauses) == 1
