"""One connection to a Redis server, shared by everybody in the process.

Calls made in one turn of the event loop leave in one write, and the server answers in order, so
a hundred commits at once cost one system call and one fsync. Nothing here starts a task: a lost
connection is opened again by the next call.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

from gateway.errors import StoreError, StoreUnavailable, StoreUnusable

Argument: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Argument, ...]

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 15.0
"""Longer than a slow disk's worst fsync; a server that is silent for longer counts as lost."""

RETRY_AFTER_S: Final = 0.1
"""A failed attempt to connect is not repeated sooner; callers get its error meanwhile."""

_WATCH_EVERY_S: Final = 1.0

_UNAVAILABLE: Final = (
    "LOADING", "READONLY", "MISCONF", "OOM", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY",
    "NOREPLICAS", "UNKILLABLE",
)  # fmt: skip
_UNUSABLE: Final = ("NOAUTH", "WRONGPASS", "NOPERM")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is; `path` of a unix socket or host and port."""

    path: str | None
    host: str
    port: int
    tls: bool
    tls_ca: str | None
    username: str
    password: str | None
    database: int

    def __str__(self) -> str:
        """Name the server without its password."""
        return self.path or f"{self.host}:{self.port}"


def parse_url(url: str) -> Address:
    """Read `redis://`, `rediss://` or `unix://`; raises `StoreUnusable` for anything else."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise StoreUnusable(
            f"the store address {parts.scheme}:// is not supported: use redis://, rediss:// "
            "or unix:// (a Sentinel or Cluster address cannot be used yet)"
        )
    options = parse_qs(parts.query)
    local = parts.scheme == "unix"
    database = options.get("db", [""])[0] or ("" if local else parts.path.strip("/"))
    try:
        number, port = int(database or 0), parts.port or 6379
    except ValueError:
        raise StoreUnusable("the store address has no valid port or database number") from None
    return Address(
        path=unquote(parts.path) if local else None,
        host=parts.hostname or "localhost",
        port=port,
        tls=parts.scheme == "rediss",
        tls_ca=options.get("ssl_ca_certs", [None])[0],
        username=unquote(parts.username or "default"),
        password=unquote(parts.password) if parts.password is not None else None,
        database=number,
    )


class _Wire(asyncio.Protocol):
    """The open connection: what was written, and who waits for which answer."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._queue: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._silent_s = 0.0
        self.lost = False
        self.closed = self._loop.create_future()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        self._loop.call_later(_WATCH_EVERY_S, self._watch)

    def data_received(self, data: bytes) -> None:
        self._silent_s = 0.0
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (answer := reader.gets()) is not _NOTHING:
            future = waiting.popleft()
            if not future.done():
                future.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._writable.set()
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("the connection to the store was lost"))
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # -- calls

    @property
    def full(self) -> bool:
        """Tell whether callers should wait before they send more."""
        return not self._writable.is_set()

    async def writable(self) -> None:
        """Wait until the transport takes more."""
        await self._writable.wait()

    def send(self, command: bytes) -> asyncio.Future[Any]:
        """Queue a packed command; the future brings its answer."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self.lost:
            future.set_exception(StoreUnavailable("the connection to the store was lost"))
            return future
        if not self._queue:
            self._loop.call_soon(self._flush)
        self._queue.append(command)
        self._waiting.append(future)
        return future

    def abort(self) -> None:
        """Let go at once; what is under way fails."""
        if self._transport is not None:
            self._transport.abort()

    def idle(self) -> bool:
        """Tell whether nobody waits for an answer."""
        return not self._waiting

    def _flush(self) -> None:
        queue, self._queue = self._queue, []
        if self._transport is not None and not self.lost:
            self._transport.write(queue[0] if len(queue) == 1 else b"".join(queue))

    def _watch(self) -> None:
        """Abort a connection on which an answer is overdue."""
        if self.lost:
            return
        self._silent_s = self._silent_s + _WATCH_EVERY_S if self._waiting else 0.0
        if self._silent_s > ANSWER_TIMEOUT_S:
            self.abort()
        else:
            self._loop.call_later(_WATCH_EVERY_S, self._watch)


_NOTHING: Final = object()

# The stub of hiredis asks for a tuple of exactly one argument.
_pack: Final = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)


class Caller(Protocol):
    """Whoever can send a command to the server."""

    async def call(self, *command: Argument) -> Any:
        """Send a command and return its answer."""
        ...


def _checked(answer: Any) -> Any:
    """Return an answer, or raise what an error reply means for us."""
    if not isinstance(answer, hiredis.ReplyError):
        return answer
    text = str(answer)
    word = text.split(" ", 1)[0]
    if word in _UNAVAILABLE:
        raise StoreUnavailable(f"the store cannot do it now: {text}")
    if word in _UNUSABLE:
        raise StoreUnusable(f"the store refuses us: {text}")
    raise StoreError(f"the store answered: {text}")


class Connection:
    """Calls to a Redis server. `prepare` is run on every new connection before it is used."""

    def __init__(
        self, address: Address, prepare: Callable[[Caller], Awaitable[None]] | None = None
    ) -> None:
        self.address = address
        self.server: dict[str, Any] = {}
        self._prepare = prepare
        self._wire: _Wire | None = None
        self._opening = asyncio.Lock()
        self._failed: tuple[float, str] | None = None
        self._closed = False

    async def call(self, *command: Argument) -> Any:
        """Send a command and return its answer.

        Raises `StoreUnavailable` when the connection is lost (the outcome is unknown then) or
        the server cannot do it now, `StoreUnusable` when it refuses us.
        """
        wire = self._wire
        if wire is None or wire.lost or wire.full:
            wire = await self._ready()
        return _checked(await wire.send(_pack(command)))

    async def call_after(self, first: Sequence[Command], command: Command) -> Any:
        """Send some commands and then one more, together; return the answer to that one.

        Raises as `call` does, also for an error answer to one of the first.
        """
        wire = await self._ready()
        before = [wire.send(_pack(one)) for one in first]
        try:
            answer = await wire.send(_pack(command))
        finally:
            # Answers come in order: what is still open here will never be asked for.
            for future in before:
                if not future.cancel():
                    future.exception()
        for future in before:
            _checked(future.result())
        return _checked(answer)

    async def _ready(self) -> _Wire:
        """Return an open wire that takes more."""
        wire = self._wire
        if wire is None or wire.lost:
            wire = await self._open()
        if wire.full:
            await wire.writable()
        return wire

    async def close(self) -> None:
        """Wait for the answers under way, then let go."""
        self._closed = True
        wire, self._wire = self._wire, None
        if wire is not None and not wire.lost:
            if not wire.idle():
                with contextlib.suppress(StoreUnavailable):
                    await wire.send(_pack(("PING",)))
            wire.abort()
            await wire.closed

    async def _open(self) -> _Wire:
        async with self._opening:
            if self._closed:
                raise StoreUnavailable("the store was closed")
            wire = self._wire
            if wire is not None and not wire.lost:
                return wire
            now = asyncio.get_running_loop().time()
            if self._failed is not None and now - self._failed[0] < RETRY_AFTER_S:
                raise StoreUnavailable(self._failed[1])
            try:
                wire = await asyncio.wait_for(self._connect(), CONNECT_TIMEOUT_S)
            except (OSError, TimeoutError, StoreUnavailable) as error:
                message = f"the store at {self.address} does not answer: {error}"
                self._failed = (now, message)
                raise StoreUnavailable(message) from error
            self._wire, self._failed = wire, None
            return wire

    async def _connect(self) -> _Wire:
        loop, address = asyncio.get_running_loop(), self.address
        if address.path is not None:
            _, wire = await loop.create_unix_connection(_Wire, address.path)
        else:
            context = ssl.create_default_context(cafile=address.tls_ca) if address.tls else None
            _, wire = await loop.create_connection(
                _Wire, address.host, address.port, ssl=context
            )  # fmt: skip
        try:
            await self._greet(wire)
        except BaseException:
            wire.abort()
            raise
        return wire

    async def _greet(self, wire: _Wire) -> None:
        """Agree on the protocol, log in, and prepare."""
        hello: list[Argument] = ["HELLO", "3"]
        if self.address.password is not None:
            hello += ["AUTH", self.address.username, self.address.password]
        setup = _Greeting(wire)
        self.server = {
            _text(name): _text(value) for name, value in (await setup.call(*hello)).items()
        }
        if self.address.database:
            await setup.call("SELECT", self.address.database)
        if self._prepare is not None:
            await self._prepare(setup)


class _Greeting:
    """A connection before it is in use: calls go to this wire and no other."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    async def call(self, *command: Argument) -> Any:
        """Send a command and return its answer."""
        return _checked(await self._wire.send(_pack(command)))


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value
