"""What operations look at."""

from __future__ import annotations

import asyncio

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.errors import StoreUnavailable
from gateway.ports.store import StoreFigures
from gateway.web import health
from gateway.web.health import NotWell, running, until_set
from tests.web.support import Edge, edge


class Silent(MemoryStore):
    """Does not answer."""

    async def ping(self) -> None:
        raise StoreUnavailable("down")

    async def figures(self) -> StoreFigures:
        raise StoreUnavailable("down")


async def test_a_process_that_answers_is_alive() -> None:
    async with edge(Silent()) as running_edge:
        assert await running_edge.call("GET", "/health/live", key=None) == (200, {"live": True})


async def test_ready_lists_every_ping(web_edge: Edge) -> None:
    status, told = await web_edge.call("GET", "/health/ready", key=None)
    assert status == 200
    assert told == {
        "ready": True,
        "pings": [{"name": "store", "ok": True}, {"name": "draining", "ok": True}],
    }


async def test_a_store_that_does_not_answer_makes_the_process_unready() -> None:
    async with edge(Silent()) as running_edge:
        status, told = await running_edge.call("GET", "/health/ready", key=None)
        assert (status, told["ready"]) == (503, False)
        assert told["pings"][0] == {"name": "store", "ok": False}
        async with running_edge.client.get("/metrics") as got:
            text = await got.text()
        assert 'callahead_dependency_up{name="store"} 0.0' in text
        assert "callahead_cases" not in text


async def test_a_process_that_has_been_told_to_stop_is_not_ready_but_alive() -> None:
    stop = asyncio.Event()
    async with edge(pings={"stopping": until_set(stop)}) as running_edge:
        assert (await running_edge.call("GET", "/health/ready", key=None))[0] == 200
        stop.set()
        assert (await running_edge.call("GET", "/health/ready", key=None))[0] == 503
        assert (await running_edge.call("GET", "/health/live", key=None))[0] == 200


async def test_a_ping_that_hangs_counts_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PING_S", 0.01)
    never = asyncio.Event()

    async def ping() -> None:
        await never.wait()

    async with edge(pings={"stuck": ping}) as running_edge:
        status, told = await running_edge.call("GET", "/health/ready", key=None)
    assert status == 503
    assert {"name": "stuck", "ok": False} in told["pings"]


async def test_workers_that_ended_make_the_process_unready() -> None:
    end = asyncio.Event()

    async def work() -> None:
        await end.wait()

    task = asyncio.create_task(work())
    ping = running(task)
    await ping()
    end.set()
    await task
    with pytest.raises(NotWell):
        await ping()


async def test_a_stopping_process_is_unready(web_edge: Edge) -> None:
    app = web_edge.client.app
    assert app is not None
    await app.shutdown()
    status, told = await web_edge.call("GET", "/health/ready", key=None)
    assert status == 503
    assert {"name": "draining", "ok": False} in told["pings"]
