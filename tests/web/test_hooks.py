"""Providers' callbacks: no signature, no effect; 200 only once everything is committed."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.model import Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import Inbound
from gateway.ports.store import Commit, Outcome
from gateway.ports.webhook import RawRequest, RawResponse
from gateway.web.server import Limits
from tests.web.support import NUMBER, SENDER, Edge, edge

PAYLOADS = Path(__file__).parents[1] / "adapters" / "messaging" / "payloads" / "whatsapp"


def reply(text: str = "1", message_id: str = "wamid.1") -> bytes:
    message = {
        "id": message_id,
        "from": NUMBER[1:],
        "timestamp": "1795000000",
        "type": "text",
        "text": {"body": text},
    }
    value = {"metadata": {"phone_number_id": SENDER}, "messages": [message]}
    return json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()


async def asked(running: Edge) -> None:
    """Let the confirmation be asked: the visit is tomorrow, and it is 13:00."""
    await running.recorded()
    await running.work()
    assert any(m.content.template == "confirmation" for m in running.channel.sent)


async def metrics(running: Edge) -> str:
    async with running.client.get("/metrics") as got:
        return await got.text()


@pytest.mark.rule("C-10")
async def test_an_answer_is_committed_before_the_provider_gets_200(web_edge: Edge) -> None:
    await asked(web_edge)
    assert await web_edge.hook(reply()) == 200
    assert (await web_edge.case()).status is Status.CONFIRMED


@pytest.mark.rule("G-6")
async def test_a_callback_that_comes_twice_counts_once(web_edge: Edge) -> None:
    await asked(web_edge)
    assert [await web_edge.hook(reply()) for _ in range(3)] == [200] * 3
    assert len((await web_edge.case()).pushes) == 1


async def test_a_wrong_signature_has_no_effect(
    web_edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(web_edge)
    assert await web_edge.hook(reply(), secret="guess") == 403
    async with web_edge.client.post("/hooks/whatsapp", data=reply()) as got:
        assert got.status == 401
        assert await got.text() == ""
    assert (await web_edge.case()).status is Status.UNCONFIRMED
    assert (
        'callahead_hook_requests_total{hook="/hooks/whatsapp",result="unauthenticated"} 2.0'
        in await metrics(web_edge)
    )
    assert NUMBER[1:] not in caplog.text


@pytest.mark.parametrize("name", sorted(path.name for path in PAYLOADS.glob("*.json")))
async def test_every_shape_of_callback_is_taken(web_edge: Edge, name: str) -> None:
    assert await web_edge.hook((PAYLOADS / name).read_bytes()) == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
async def test_a_signed_body_that_says_nothing_is_taken(web_edge: Edge, body: bytes) -> None:
    assert await web_edge.hook(body) == 200


class Down(MemoryStore):
    """Does not answer when something is to be committed."""

    down = False
    error: Exception = StoreUnavailable("down")

    async def commit(self, commit: Commit) -> Outcome:
        if self.down:
            raise self.error
        return await super().commit(commit)


async def test_while_the_store_is_down_the_provider_is_told_to_try_again() -> None:
    store = Down()
    async with edge(store) as running:
        await asked(running)
        store.down = True
        assert await running.hook(reply()) == 503
        store.down = False
        assert await running.hook(reply()) == 200
        assert (await running.case()).status is Status.CONFIRMED


async def test_a_fault_of_ours_is_500_so_that_the_provider_tries_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Down()
    store.error = RuntimeError("a fault of ours")
    async with edge(store) as running:
        await asked(running)
        store.down = True
        assert await running.hook(reply()) == 500
    assert "a callback could not be taken" in caplog.text


class Odd:
    """An adapter that keeps what it is asked, and cannot read anything."""

    def __init__(self) -> None:
        self.asked: list[RawRequest] = []

    def handshake(self, request: RawRequest) -> RawResponse | None:
        self.asked.append(request)
        return RawResponse(200, "<b>challenge</b>") if request.query.get("ask") else None

    def verify(self, request: RawRequest) -> None:
        self.asked.append(request)

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        raise KeyError("Сидорова Мария +79161234567")


class Particular(Odd):
    """An adapter whose provider wants more than an empty 200."""

    def parse(self, request: RawRequest) -> Sequence[Inbound]:
        return ()

    def taken(self, request: RawRequest) -> RawResponse:
        status = request.url.endswith("/status")
        return RawResponse(204) if status else RawResponse(200, "<Response/>", "text/xml")


async def test_a_provider_is_answered_as_it_wants_once_all_is_stored() -> None:
    hooks = {"/hooks/odd": Particular(), "/hooks/odd/status": Particular()}
    async with edge(webhooks=hooks) as running:
        async with running.client.post("/hooks/odd", data=b"a=1") as got:
            assert (got.status, await got.text()) == (200, "<Response/>")
            assert got.headers["Content-Type"].startswith("text/xml")
        async with running.client.post("/hooks/odd/status", data=b"a=1") as got:
            assert (got.status, await got.text()) == (204, "")


async def test_what_cannot_be_read_is_taken_and_logged_without_its_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with edge(webhooks={"/hooks/odd": Odd()}) as running:
        with caplog.at_level(logging.DEBUG):
            assert await running.hook(b"Maria", path="/hooks/odd") == 200
        assert 'hook="/hooks/odd",result="unreadable"} 1.0' in await metrics(running)
    record = next(r for r in caplog.records if r.getMessage() == "a callback could not be read")
    told = str(vars(record))
    assert "KeyError" in told
    assert "Сидорова" not in told
    assert "Maria" not in told


async def test_an_adapter_sees_the_request_as_the_provider_signed_it() -> None:
    odd = Odd()
    async with edge(webhooks={"/hooks/odd": odd}) as running:
        headers = {"X-Twilio-Signature": "abc"}
        from yarl import URL

        url = URL("/hooks/odd?b=%7e&a=1%20x", encoded=True)
        async with running.client.post(url, data=b"body", headers=headers) as got:
            assert got.status == 200
    (raw,) = odd.asked
    assert raw.url == "https://gateway.example/hooks/odd?b=%7e&a=1%20x"
    assert (raw.method, raw.body, dict(raw.query)) == ("POST", b"body", {"b": "~", "a": "1 x"})
    assert raw.headers["x-twilio-signature"] == "abc"


async def test_a_verification_is_answered_as_the_adapter_says() -> None:
    async with edge(webhooks={"/hooks/odd": Odd()}) as running:
        async with running.client.get("/hooks/odd?ask=1") as got:
            assert (got.status, await got.text()) == (200, "<b>challenge</b>")
            assert got.headers["Content-Type"].startswith("text/plain")
            assert got.headers["X-Content-Type-Options"] == "nosniff"
        async with running.client.get("/hooks/odd") as got:
            assert got.status == 405


async def test_whatsapp_can_verify_its_address(web_edge: Edge) -> None:
    query: dict[str, Any] = {"hub.mode": "subscribe", "hub.challenge": "42"}
    for token, status in (("verify-me", 200), ("guess", 403)):
        params = {**query, "hub.verify_token": token}
        async with web_edge.client.get("/hooks/whatsapp", params=params) as got:
            assert got.status == status
            assert await got.text() == ("42" if status == 200 else "")


async def test_a_huge_body_is_refused() -> None:
    async with edge(limits=Limits(hook=1000)) as running:
        assert await running.hook(b" " * 1001) == 413
        assert await running.hook(b" " * 1000) == 200


async def test_another_method_is_not_taken(web_edge: Edge) -> None:
    async with web_edge.client.put("/hooks/whatsapp", data=b"{}") as got:
        assert got.status == 405
        assert got.headers["Allow"] == "GET, POST"
