"""What a telephone hears is streamed to the page while it is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.web.demo.sound import sound_of
from gateway.web.problems import answered
from tests.web.demo.support import PaperTown

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def town() -> PaperTown:
    return PaperTown()


@pytest.fixture
async def client(town: PaperTown) -> AsyncIterator[Client]:
    async def guarded(request: web.Request) -> web.StreamResponse:
        return await answered(sound_of(town), request)

    app = web.Application()
    app.router.add_get("/demo/calls/{id}/sound", guarded)
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        yield client


async def test_a_call_is_heard_to_its_end(client: Client, town: PaperTown) -> None:
    town.spoken = [b"\x01\x00" * 160, b"\x02\x00" * 160]
    async with client.get("/demo/calls/CA1/sound") as got:
        assert got.status == 200
        assert got.content_type == "application/octet-stream"
        assert got.headers["Cache-Control"] == "no-store"
        assert await got.read() == b"".join(town.spoken)


async def test_what_was_spoken_is_there_before_the_call_ends(
    client: Client, town: PaperTown
) -> None:
    town.spoken, town.goes_on = [b"\x01\x00" * 160], True
    async with asyncio.timeout(5), client.get("/demo/calls/CA1/sound") as got:
        assert await got.content.readexactly(320) == town.spoken[0]


async def test_a_call_that_does_not_go_on_is_not_found(client: Client) -> None:
    async with client.get("/demo/calls/CA2/sound") as got:
        assert got.status == 404
