"""Bodies and parameters, read or refused by name."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import InvalidInput, Problem
from gateway.web import bodies
from gateway.web.bodies import below, parse_json
from gateway.web.problems import Refused
from tests.web.support import Edge

PATH = "/v1/clinics/zdorovie/appointments/A-1"


def test_fields_are_named_from_the_top() -> None:
    error = below("a[1]", InvalidInput(Problem("b.c", "x"), Problem("", "y"), Problem("[0]", "z")))
    assert [problem.field for problem in error.problems] == ["a[1].b.c", "a[1]", "a[1][0]"]


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b'"\\ud800"', b"\xef\xbb\xbf{}"])
def test_malformed_json_is_refused_without_being_quoted(text: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse_json(text)
    assert refused.value.status == 400


async def test_a_body_that_never_ends_is_given_up(
    web_edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_S", 0.01)
    port = web_edge.client.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web_edge.key}\r\n"
    writer.write(f"{head}Content-Length: 10\r\n\r\n123".encode())
    assert b" 408 " in await reader.readline()
    writer.close()


async def test_a_client_that_leaves_does_no_harm(
    web_edge: Edge, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", web_edge.client.port)
    head = f"PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web_edge.key}\r\n"
    writer.write(f"{head}Content-Length: 10\r\n\r\n123".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await web_edge.call("GET", "/health/live", key=None))[0] == 200
    assert "failed unexpectedly" not in caplog.text
