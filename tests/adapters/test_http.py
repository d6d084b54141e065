"""The shared HTTP client: what went wrong, whether it was before or after, and no secret told."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.http import (
    RETRY_AFTER_MAX_S,
    HttpClient,
    HttpLimits,
    HttpRequest,
    HttpResponse,
    RefusedAddressError,
    failure_of,
    retry_after_s,
    scope_of,
)
from gateway.core.events import Failure
from gateway.ports.messaging import Scope, SendError
from tests.adapters.support import Recorder, address, serve

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SECRET = {"Authorization": "Bearer very-secret"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def failed(client: HttpClient, url: str, body: bytes = b"{}") -> SendError:
    with pytest.raises(SendError) as caught:
        await client.send(HttpRequest("POST", url, SECRET, body))
    await client.close()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


async def test_an_answer_of_any_status_is_handed_back() -> None:
    provider = Recorder()
    provider.answer(418, {"a": 1}, X_Sort="tea", **{"Retry-After": "7"})
    server, client = await serve(provider.app), HttpClient()
    response = await client.send(HttpRequest("POST", address(server, "/x"), SECRET, b"{}"))
    assert (response.status, response.body) == (418, b'{"a": 1}')
    assert response.headers["retry-after"] == "7"
    [(method, path, headers, body)] = provider.requests
    assert (method, path, body) == ("POST", "/x", b"{}")
    assert headers["authorization"] == "Bearer very-secret"
    await client.close()
    await server.close()


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    provider = Recorder()
    provider.answer(302, Location="/elsewhere", **{"Set-Cookie": "a=b"})
    server, client = await serve(provider.app), HttpClient()
    for _ in range(2):
        response = await client.send(HttpRequest("GET", address(server, "/x")))
        assert response.status == 302
    assert [path for _, path, _, _ in provider.requests] == ["/x", "/x"]
    assert all("cookie" not in headers for _, _, headers, _ in provider.requests)
    await client.close()
    await server.close()


@pytest.mark.rule("H-2")
async def test_a_refused_connection_may_be_tried_again() -> None:
    error = await failed(HttpClient(), f"http://127.0.0.1:{free_port()}/15550100123")
    assert (error.failure, error.code, error.alert) == (Failure.TEMPORARY, "connect", False)


async def test_a_server_without_tls_is_told_apart() -> None:
    server = await serve(Recorder().app)
    url = address(server, "/x").replace("http:", "https:")
    error = await failed(HttpClient(), url)
    assert (error.failure, error.code, error.alert) == (Failure.TEMPORARY, "tls", True)
    await server.close()


class Resolver(AbstractResolver):
    def __init__(self, error: OSError) -> None:
        self._error = error

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise self._error

    async def close(self) -> None:
        return


async def test_an_unknown_host_may_be_tried_again() -> None:
    error = await failed(HttpClient(resolver=Resolver(OSError("no"))), "http://clinic.example/")
    assert (error.failure, error.code) == (Failure.TEMPORARY, "dns")


async def test_a_refused_address_is_refused_for_good() -> None:
    client = HttpClient(resolver=Resolver(RefusedAddressError("private")))
    error = await failed(client, "http://clinic.example/")
    assert (error.failure, error.code, error.alert) == (Failure.REJECTED, "address_refused", True)


@pytest.mark.parametrize("url", ["http://", "ftp://host/x", "not an address", "http://127.1/"])
async def test_a_request_that_cannot_be_made_is_refused(url: str) -> None:
    error = await failed(HttpClient(), url)
    assert error.failure in (Failure.REJECTED, Failure.TEMPORARY)
    assert url not in str(error)


@pytest.mark.rule("G-6")
async def test_a_broken_connection_leaves_the_outcome_unknown() -> None:
    provider = Recorder(cut=True)
    server = await serve(provider.app)
    error = await failed(HttpClient(), address(server, "/x"))
    assert (error.failure, error.code) == (None, "reset")
    assert len(provider.requests) == 1
    await server.close()


@pytest.mark.rule("G-6")
async def test_silence_after_the_request_leaves_the_outcome_unknown() -> None:
    release = asyncio.Event()

    async def wait(_request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/x", wait)
    server = await serve(app)
    error = await failed(HttpClient(HttpLimits(total_s=0.1)), address(server, "/x"))
    assert (error.failure, error.code) == (None, "timeout")
    release.set()
    await server.close()


async def test_an_endless_answer_is_not_read() -> None:
    provider = Recorder()
    provider.answer(200, b"x" * 5000)
    server = await serve(provider.app)
    error = await failed(HttpClient(HttpLimits(response_bytes=1000)), address(server, "/x"))
    assert (error.failure, error.code) == (None, "unreadable_response")
    await server.close()


async def test_neither_log_nor_errors_tell_the_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = Recorder()
    server, client = await serve(provider.app), HttpClient()
    request = HttpRequest("POST", address(server, "/15550100123"), SECRET, b"+15550100123")
    await client.send(request)
    provider.cut = True
    with pytest.raises(SendError) as caught:
        await client.send(request)
    told = str(caught.value) + repr(request) + repr(HttpResponse(200, SECRET, b"very-secret"))
    told += "".join(f"{vars(r)}" for r in caplog.records if r.name.startswith("callahead"))
    assert "http exchange" in told
    assert "very-secret" not in told
    assert "15550100123" not in told
    await client.close()
    await server.close()


async def test_a_closed_client_opens_anew() -> None:
    server, client = await serve(Recorder().app), HttpClient()
    await client.close()
    for _ in range(2):
        assert (await client.send(HttpRequest("GET", address(server, "/")))).status == 200
        await client.close()
    await server.close()


KEY = aiohttp.client_reqrep.ConnectionKey("h", 1, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "written", "failure", "code"),
    [
        (TimeoutError(), False, Failure.TEMPORARY, "connect_timeout"),
        (aiohttp.ConnectionTimeoutError(), False, Failure.TEMPORARY, "connect_timeout"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError()), False, Failure.TEMPORARY, "tls"),
        (aiohttp.ServerDisconnectedError(), False, Failure.TEMPORARY, "connect"),
        (aiohttp.ServerDisconnectedError(), True, None, "reset"),
        (aiohttp.SocketTimeoutError(), True, None, "timeout"),
        (aiohttp.ClientPayloadError(), True, None, "unreadable_response"),
        (ConnectionResetError(), True, None, "reset"),
        (ValueError("header"), False, Failure.REJECTED, "invalid_request"),
        (ValueError("header"), True, None, "reset"),
    ],
)
def test_an_error_on_the_way_means(
    error: Exception, written: bool, failure: Failure | None, code: str
) -> None:
    found = failure_of(error, written=written)
    assert (found.failure, found.code) == (failure, code)


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("99999999999999", RETRY_AFTER_MAX_S),
        ("Mon, 23 Nov 2026 08:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 08:00:30 -0000", 30),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, pause: int | None) -> None:
    assert retry_after_s({"retry-after": text}, NOW) == pause


def test_a_date_needs_the_present_moment() -> None:
    assert retry_after_s({"retry-after": "Mon, 23 Nov 2026 08:00:30 GMT"}) is None
    assert retry_after_s({}) is None


@pytest.mark.rule("H-2", "H-7")
@pytest.mark.parametrize(
    ("status", "headers", "scope"),
    [
        (429, {}, Scope.SENDER),
        (503, {"retry-after": "7"}, Scope.SENDER),
        (503, {}, Scope.RECIPIENT),
        (400, {}, Scope.RECIPIENT),
    ],
)
def test_too_many_requests_and_a_pause_that_is_asked_for_concern_the_whole_sender(
    status: int, headers: dict[str, str], scope: Scope
) -> None:
    assert scope_of(HttpResponse(status, headers)) is scope
