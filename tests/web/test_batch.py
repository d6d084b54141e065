"""Batches: a line about each line, in their order; a bad one never stops the good ones."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from adapters.store.memory_store import MemoryStore
from gateway.errors import StoreUnavailable
from gateway.ports.store import Commit, Outcome
from gateway.web import batch as module
from gateway.web.batch import AT_ONCE, Batch, Lines
from gateway.web.server import Limits
from tests.web.support import Edge, appointment, edge

PATH = "/v1/clinics/zdorovie/appointments:batch"


async def post(running: Edge, data: Any) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {running.key}"}
    async with running.client.post(PATH, data=data, headers=headers) as got:
        assert got.status == 200
        assert got.headers["Content-Type"] == "application/x-ndjson"
        return [json.loads(line) for line in (await got.text()).splitlines()]


def ndjson(*rows: Any) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


async def test_every_line_gets_its_result_in_order(web_edge: Edge) -> None:
    await web_edge.recorded()
    result = await post(web_edge, ndjson(appointment(), appointment("A-2"), appointment("A-3")))
    assert result == [
        {"line": 1, "id": "A-1", "status": "unchanged", "errors": []},
        {"line": 2, "id": "A-2", "status": "stored", "errors": []},
        {"line": 3, "id": "A-3", "status": "stored", "errors": []},
    ]


async def test_bad_lines_do_not_stop_the_good_ones(web_edge: Edge) -> None:
    lines = [
        ndjson(appointment("A-1")),
        b"{not json\n",
        b"\n",
        b"   \r\n",
        ndjson(appointment("A-2", branch="nowhere")),
        b"\xff\xfe\n",
        ndjson(appointment("A-3", start="2026-11-24T14:30:00", club=1)),
        b"[]\n",
        ndjson({"id": 7}),
        ndjson(appointment("A-1")),
        json.dumps(appointment("A-4")).encode(),
    ]
    result = await post(web_edge, b"".join(lines))
    told = [(r["line"], r["id"], r["status"], [e["field"] for e in r["errors"]]) for r in result]
    assert told[0] == (1, "A-1", "stored", [])
    assert told[1] == (2, None, "error", [""])
    assert told[2] == (5, "A-2", "error", ["branch"])
    assert told[3] == (6, None, "error", [""])
    assert told[4] == (7, "A-3", "error", ["start", "club"])
    assert told[5] == (8, None, "error", [""])
    assert told[6][:3] == (9, None, "error")
    assert told[7] == (10, "A-1", "error", ["id"])
    assert told[8] == (11, "A-4", "stored", [])
    assert (await web_edge.store.figures()).cases == 2


async def test_a_mended_line_after_a_bad_one_with_its_id_is_taken(web_edge: Edge) -> None:
    result = await post(web_edge, ndjson(appointment(club=1), appointment()))
    assert [line["status"] for line in result] == ["error", "stored"]


async def test_a_byte_order_mark_before_the_first_line_does_no_harm(web_edge: Edge) -> None:
    result = await post(web_edge, b"\xef\xbb\xbf" + ndjson(appointment()))
    assert result[0]["status"] == "stored"


async def test_many_visits_of_one_number_all_get_through(web_edge: Edge) -> None:
    rows = [appointment(f"A-{n}") for n in range(3 * AT_ONCE + 1)]
    result = await post(web_edge, ndjson(*rows))
    assert [line["status"] for line in result] == ["stored"] * len(rows)
    assert [line["id"] for line in result] == [row["id"] for row in rows]


async def test_results_come_while_lines_are_still_sent(web_edge: Edge) -> None:
    first_came = asyncio.Event()

    async def rows() -> Any:
        yield ndjson(appointment("A-1"))
        await first_came.wait()
        yield ndjson(appointment("A-2"))

    headers = {"Authorization": f"Bearer {web_edge.key}"}
    async with web_edge.client.post(PATH, data=rows(), headers=headers) as got:
        assert json.loads(await got.content.readline())["id"] == "A-1"
        first_came.set()
        assert json.loads(await got.content.readline())["id"] == "A-2"


async def test_an_overlong_line_is_an_error_and_the_next_is_read() -> None:
    async with edge(limits=Limits(appointment=1000)) as running:
        overlong = b'{"id": "' + b"x" * 5000 + b'"}\n'
        result = await post(running, overlong + ndjson(appointment("A-2")))
        assert [line["status"] for line in result] == ["error", "stored"]
        assert "1000 bytes" in result[0]["errors"][0]["message"]


async def test_what_exceeds_the_total_is_not_read_and_told() -> None:
    async with edge(limits=Limits(batch=3000)) as running:

        async def rows() -> Any:
            for number in range(20):
                yield ndjson(appointment(f"A-{number}"))

        result = await post(running, rows())
        assert result[-1]["status"] == "error"
        assert "Nothing is read from here on" in result[-1]["errors"][0]["message"]
        stored = [line for line in result if line["status"] == "stored"]
        assert (await running.store.figures()).cases == len(stored) < 20


async def test_a_batch_that_says_it_is_too_large_is_refused_at_once() -> None:
    async with edge(limits=Limits(batch=1000)) as running:
        status, _ = await running.call("POST", PATH, b" " * 1001)
        assert status == 413


class Fragile(MemoryStore):
    """Does not answer for one appointment."""

    broken = "A-2"
    error: Exception = StoreUnavailable("down")

    async def commit(self, commit: Commit) -> Outcome:
        if any(getattr(write.document, "id", "") == self.broken for write in commit.writes):
            raise self.error
        return await super().commit(commit)


@pytest.mark.parametrize("error", [StoreUnavailable("down"), RuntimeError("a fault of ours")])
async def test_a_line_that_cannot_be_stored_is_told_to_be_sent_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Fragile()
    store.error = error
    async with edge(store) as running:
        rows = [appointment(f"A-{n}") for n in (1, 2, 3)]
        result = await post(running, ndjson(*rows))
    assert [line["status"] for line in result] == ["stored", "error", "stored"]
    assert "send this line again" in result[1]["errors"][0]["message"]


@given(st.lists(st.binary(max_size=30)), st.integers(1, 12), st.integers(1, 20))
def test_lines_are_the_same_however_the_stream_is_cut(
    texts: list[bytes], size: int, line_max: int
) -> None:
    whole = b"\n".join(texts)
    lines = Lines(line_max)
    got: list[tuple[int, bytes | None]] = []
    for at in range(0, len(whole), size):
        got += lines.feed(whole[at : at + size])
    got += lines.end()
    expected = [
        (number, line if len(line) <= line_max else None)
        for number, line in enumerate(whole.split(b"\n"), 1)
        if line.strip() or len(line) > line_max
    ]
    assert got == expected


async def test_a_batch_of_too_many_lines_is_cut_off() -> None:
    async with edge() as running:
        batch = Batch(running.service, lines_max=3)
        app = web.Application()
        app.router.add_post("/{clinic}", batch.post)
        async with TestClient(TestServer(app, access_log=None)) as client:
            rows = ndjson(*(appointment(f"A-{number}") for number in range(10)))
            async with client.post("/zdorovie", data=rows) as got:
                told = [json.loads(line) for line in (await got.text()).splitlines()]
    assert [line["status"] for line in told] == ["stored"] * 3 + ["error"]
    assert told[3]["line"] == 4
    assert "at most 3 lines" in told[3]["errors"][0]["message"]


async def test_a_batch_that_falls_silent_is_ended(
    web_edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECEIVE_S", 0.05)
    reader, writer = await begun(web_edge, ndjson(appointment()))
    text = await reader.readuntil(b"did not arrive in time")
    assert b'"status":"stored"' in text
    writer.close()


async def test_a_client_that_leaves_its_batch_loses_nothing_it_was_told(
    web_edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await begun(web_edge, ndjson(appointment()) + b'{"id": ')
    await reader.readuntil(b'"stored"')
    writer.transport.abort()
    assert (await web_edge.case()).id == "A-1"
    assert (await web_edge.call("GET", "/health/live", key=None))[0] == 200
    assert "unexpectedly" not in caplog.text


async def begun(running: Edge, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin a batch of untold length with some text, and leave it open."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.client.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.key}\r\n"
    writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n{len(text):x}\r\n".encode())
    writer.write(text + b"\r\n")
    await writer.drain()
    return reader, writer
