"""The HTTP client that all adapters share: limits on time and size, no redirects, no secrets out.

An adapter builds an `HttpRequest` (pure), hands it to `HttpClient.send`, and reads the
`HttpResponse` (pure). What goes wrong on the way becomes a `SendError` that tells one thing from
the other: before the request was written nothing can have happened (`TEMPORARY`), afterwards
nobody knows (`failure` None, rule G-6). Neither exceptions nor log lines hold an address' path,
a header or a body: those carry numbers, names and tokens.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver

from gateway.core.events import Failure
from gateway.ports.messaging import Scope, SendError

RETRY_AFTER_MAX_S = 24 * 3600
"""A provider may ask for any pause; nothing of ours is still useful after a day."""

_log = logging.getLogger("callahead.http")


class RefusedAddressError(OSError):
    """A resolver's verdict: this host leads to an address that must not be connected to."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How long a request may take and how much an answer may hold."""

    connect_s: float = 5.0
    total_s: float = 20.0
    response_bytes: int = 1 << 20
    connections: int = 200
    per_host: int = 100


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, complete; everything but the method is kept out of `repr`."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


class HttpClient:
    """One connection pool. The session opens with the first request, inside the running loop.

    `trust` is for providers whose certificates come from an authority of their own; without it
    the system's authorities hold.
    """

    def __init__(
        self,
        limits: HttpLimits | None = None,
        resolver: AbstractResolver | None = None,
        *,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or HttpLimits()
        self._resolver = resolver
        self._trust = trust
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send once and return the answer, whatever its status; raise `SendError`."""
        progress = SimpleNamespace(written=False)
        started = asyncio.get_running_loop().time()
        try:
            response = await self._exchange(request, progress)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            failed = failure_of(error, written=progress.written)
            self._trace(request, failed.code, started)
            # The cause names the host and may hold the whole address: it ends here.
            raise failed from None
        self._trace(request, str(response.status), started)
        return response

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, request: HttpRequest, progress: SimpleNamespace) -> HttpResponse:
        async with self._open().request(
            request.method,
            request.url,
            data=request.body or None,
            headers=request.headers,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            body = await self._read(answer.content)
            return HttpResponse(answer.status, headers, body)

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        pieces: list[bytes] = []
        size = 0
        async for piece in content.iter_any():
            size += len(piece)
            if size > self._limits.response_bytes:
                raise aiohttp.ClientPayloadError("response too large")
            pieces.append(piece)
        return b"".join(pieces)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            limits = self._limits
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=limits.connections,
                    limit_per_host=limits.per_host,
                    resolver=self._resolver,
                    ssl=self._trust or True,
                ),
                timeout=aiohttp.ClientTimeout(total=limits.total_s, sock_connect=limits.connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[_mark_when_written()],
                headers={"Accept-Encoding": "identity", "User-Agent": "Callahead"},
                trust_env=False,
            )
        return self._session

    def _trace(self, request: HttpRequest, outcome: str, started: float) -> None:
        spent = asyncio.get_running_loop().time() - started
        _log.debug(
            "http exchange",
            extra={
                "method": request.method,
                "outcome": outcome,
                "duration_ms": round(spent * 1000),
            },
        )


def _mark_when_written() -> aiohttp.TraceConfig:
    """Note in the request's own context that it began to leave the machine."""

    async def mark(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        _params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        context.trace_request_ctx.written = True

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(mark)
    return config


_CODES_BEFORE: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "dns"),
    (aiohttp.ClientSSLError, "tls"),
    (aiohttp.ServerFingerprintMismatch, "tls"),
    (TimeoutError, "connect_timeout"),
)
_CODES_AFTER: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (aiohttp.ClientPayloadError, "unreadable_response"),
    (aiohttp.ClientResponseError, "unreadable_response"),
)


def failure_of(error: BaseException, *, written: bool) -> SendError:
    """Return what an error on the way means for the message, without a word of the request."""
    if written:
        return SendError(None, _code(error, _CODES_AFTER, "reset"))
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, RefusedAddressError
    ):
        return SendError(Failure.REJECTED, "address_refused", alert=True)
    # A certificate that does not hold is a ValueError too.
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientSSLError):
        return SendError(Failure.REJECTED, "invalid_request", alert=True)
    code = _code(error, _CODES_BEFORE, "connect")
    # A certificate that does not hold will not heal by itself.
    return SendError(Failure.TEMPORARY, code, alert=code == "tls")


def _code(
    error: BaseException, table: tuple[tuple[type[BaseException], str], ...], otherwise: str
) -> str:
    for kind, code in table:
        if isinstance(error, kind):
            return code
    return otherwise


def scope_of(response: HttpResponse) -> Scope:
    """Tell who has to wait after a temporary failure.

    429 is "too many requests" of whoever sent them (RFC 6585, section 4), and `Retry-After` tells
    how long the whole service will not be there for them (RFC 9110, section 10.2.3).
    """
    whole = response.status == 429 or "retry-after" in response.headers
    return Scope.SENDER if whole else Scope.RECIPIENT


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> int | None:
    """Return the pause a `Retry-After` header asks for: seconds, or a date if `now` is given."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), RETRY_AFTER_MAX_S)
    if not text or now is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0, round((moment - now).total_seconds())), RETRY_AFTER_MAX_S)
