"""The server as a whole: unknown addresses, pages of others, and a clean stop."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.web.server import build_app, serve
from tests.web.support import Edge, edge


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/clinics", "/v1/clinics/a/b/c/d", "/hooks/nobody"]
)
async def test_an_unknown_address_is_a_problem(web_edge: Edge, path: str) -> None:
    status, problem = await web_edge.call("GET", path)
    assert (status, problem["status"]) == (404, 404)
    assert web_edge.headers["Content-Type"] == "application/problem+json"


async def test_another_method_is_told_what_is_allowed(web_edge: Edge) -> None:
    path = "/v1/clinics/zdorovie/appointments/A-1"
    assert (await web_edge.call("POST", path, {}))[0] == 405
    assert web_edge.headers["Allow"] == "DELETE, GET, PUT"


@pytest.mark.parametrize("path", ["/health/live", "/nowhere", "/v1/clinics/zdorovie"])
async def test_the_software_is_not_told(web_edge: Edge, path: str) -> None:
    await web_edge.call("GET", path)
    assert "Server" not in web_edge.headers


async def test_pages_of_others_are_added() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    def add(app: web.Application) -> None:
        own = web.Application()
        own.router.add_get("/hello", page)
        app.add_subapp("/demo", own)

    async with edge(extra=[add]) as running:
        async with running.client.get("/demo/hello") as got:
            assert await got.text() == "hello"
            assert "Server" not in got.headers
        assert (await running.call("GET", "/v1/clinics/zdorovie"))[0] == 200
        assert (await running.call("GET", "/demos"))[0] == 404


async def test_a_stop_finishes_what_is_being_answered(web_edge: Edge) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        entered.set()
        await release.wait()
        return web.Response(text="done")

    app = build_app(
        web_edge.service,
        webhooks={},
        public_url="http://127.0.0.1",
        extra=[lambda app: app.router.add_get("/slow", slow)],
    )
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, stop=stop, listening=port.set_result))
    url = f"http://127.0.0.1:{await port}"
    async with aiohttp.ClientSession() as session:
        answer = asyncio.create_task(_text(session, f"{url}/slow"))
        await entered.wait()
        stop.set()
        await _until_refused(await port)
        assert not serving.done()
        release.set()
        assert await answer == "done"
    await serving


async def _text(session: aiohttp.ClientSession, url: str) -> str:
    async with session.get(url) as got:
        return await got.text()


async def _until_refused(port: int) -> None:
    for _ in range(10_000):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()
    pytest.fail("new connections are still taken")


async def test_a_port_that_is_taken_is_an_error(web_edge: Edge) -> None:
    app = build_app(web_edge.service, webhooks={}, public_url="http://127.0.0.1")
    taken: Any = web_edge.client.port
    with pytest.raises(OSError, match=r"."):
        await serve(app, "127.0.0.1", taken, stop=asyncio.Event())
