"""One shared connection: order, failure, overload, and every event loop that we run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import uvloop

from adapters.store import connection as module
from adapters.store.connection import Address, Caller, Connection, parse_url
from adapters.store.embedded import open_embedded
from adapters.store.library import load, source
from adapters.store.redis_store import open_store
from gateway.errors import StoreError, StoreUnavailable, StoreUnusable
from tests.adapters.store.samples import (
    CLINIC,
    case,
    one,
    put,
)

pytestmark = pytest.mark.redis

HELLO = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.0.5\r\n"

Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Start: TypeAlias = Callable[[Serve], Awaitable[str]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a pretended server; returns its address."""
    servers: list[asyncio.Server] = []

    async def start(answer: Serve) -> str:
        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await answer(reader, writer)
            finally:
                writer.close()

        path = tmp_path / "fake.sock"
        servers.append(await asyncio.start_unix_server(client, path))
        return f"unix://{path}"

    yield start
    for server in servers:
        server.close()


def replying(*replies: bytes) -> Serve:
    """A server that gives these answers, one for each thing it reads, and then hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            if not await reader.read(65536):
                return
            writer.write(reply)
            await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address(None, "h", 6379, False, None, "default", None, 0)),
        ("redis://h:1/3", Address(None, "h", 1, False, None, "default", None, 3)),
        ("rediss://u:p%40@h?ssl_ca_certs=/x", Address(None, "h", 6379, True, "/x", "u", "p@", 0)),
        ("unix:///a/b.sock?db=2", Address("/a/b.sock", "localhost", 6379, False, None, "default",
                                          None, 2)),
    ],
)  # fmt: skip
def test_addresses(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    "url", ["redis+cluster://h", "redis+sentinel://h/x", "http://h", "redis://h/x", "redis://h:x"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(StoreUnusable):
        parse_url(url)


def test_an_address_is_shown_without_its_password() -> None:
    assert "secret" not in str(parse_url("redis://u:secret@h"))


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_every_event_loop_will_do(
    tmp_path: Path, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def main() -> None:
        server = await open_embedded(tmp_path)
        store = await open_store(server.url)
        await put(store, one(case()))
        assert (await store.load_case(CLINIC, "a1"))[0] is not None
        await store.close()
        await server.close()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


async def test_answers_go_to_those_who_asked(raw: Connection) -> None:
    answers = await asyncio.gather(*(raw.call("ECHO", f"n{n}") for n in range(500)))
    assert answers == [f"n{n}".encode() for n in range(500)]


async def test_who_gives_up_does_not_shift_the_answers(raw: Connection) -> None:
    first = asyncio.ensure_future(raw.call("ECHO", "first"))
    second = asyncio.ensure_future(raw.call("ECHO", "second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"second"


async def test_commands_that_belong_together_are_carried_out_in_order(raw: Connection) -> None:
    first = (("SET", "k", 1), ("INCR", "k"))
    assert await raw.call_after(first, ("INCR", "k")) == 3
    assert await raw.call_after((), ("GET", "k")) == b"3"


async def test_an_error_of_the_first_is_an_error_of_all(raw: Connection) -> None:
    with pytest.raises(StoreError, match="unknown command"):
        await raw.call_after((("ECHO", "fine"), ("NONSENSE",)), ("SET", "k", 1))
    assert await raw.call("GET", "k") == b"1"


async def test_who_gives_up_on_several_does_not_shift_the_answers(raw: Connection) -> None:
    first = asyncio.ensure_future(raw.call_after((("ECHO", "a"),), ("ECHO", "b")))
    second = asyncio.ensure_future(raw.call("ECHO", "second"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"second"


async def test_a_lost_connection_fails_commands_that_belong_together(serve: Start) -> None:
    connection = Connection(parse_url(await serve(replying(HELLO, b""))))
    with pytest.raises(StoreUnavailable, match="lost"):
        await connection.call_after((("PING",), ("PING",)), ("PING",))
    await connection.close()


async def test_large_values_pass(raw: Connection) -> None:
    values = [bytes([65 + n]) * 300_000 for n in range(20)]
    await asyncio.gather(*(raw.call("SET", f"k{n}", value) for n, value in enumerate(values)))
    assert await asyncio.gather(*(raw.call("GET", f"k{n}") for n in range(20))) == values


async def test_an_error_reply_is_an_error(raw: Connection) -> None:
    with pytest.raises(StoreError, match="unknown command"):
        await raw.call("NONSENSE")
    assert await raw.call("ECHO", "still here") == b"still here"


async def test_a_closed_connection_stays_closed(raw: Connection) -> None:
    connection = Connection(raw.address)
    waiting = asyncio.ensure_future(connection.call("ECHO", "last"))
    await connection.call("PING")
    await connection.close()
    assert await waiting == b"last"
    with pytest.raises(StoreUnavailable, match="closed"):
        await connection.call("PING")


async def test_a_connection_that_breaks_fails_what_was_under_way(serve: Start) -> None:
    connection = Connection(parse_url(await serve(replying(HELLO, b""))))
    with pytest.raises(StoreUnavailable, match="lost"):
        await connection.call("PING")
    await connection.close()


async def test_a_silent_server_counts_as_lost(
    serve: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(HELLO)
        while await reader.read(65536):
            pass

    monkeypatch.setattr(module, "_WATCH_EVERY_S", 0.01)
    monkeypatch.setattr(module, "ANSWER_TIMEOUT_S", 0.03)
    connection = Connection(parse_url(await serve(silent)))
    with pytest.raises(StoreUnavailable, match="lost"):
        await connection.call("PING")
    await connection.close()


async def test_a_failed_attempt_is_not_repeated_at_once() -> None:
    connection = Connection(parse_url("unix:///nowhere.sock"))
    errors = await asyncio.gather(
        *(connection.call("PING") for _ in range(20)), return_exceptions=True
    )
    assert {type(error) for error in errors} == {StoreUnavailable}
    await connection.close()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"-LOADING reading\r\n", StoreUnavailable),
        (b"-READONLY a replica\r\n", StoreUnavailable),
        (b"-WRONGPASS no\r\n", StoreUnusable),
        (b"-NOAUTH who\r\n", StoreUnusable),
    ],
)
async def test_refusals_are_told_apart(serve: Start, reply: bytes, error: type[Exception]) -> None:
    connection = Connection(parse_url(await serve(replying(HELLO, reply))))
    with pytest.raises(error):
        await connection.call("PING")
    await connection.close()


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (HELLO.replace(b"7.0.5", b"6.2.9"), "Redis 7.0"),
        (HELLO.replace(b"%2", b"%3") + b"$4\r\nmode\r\n$7\r\ncluster\r\n", "cluster"),
    ],
)
async def test_an_unfit_server_is_refused(serve: Start, hello: bytes, words: str) -> None:
    replies = (hello, b"*1\r\n:1\r\n", b"+PONG\r\n")
    with pytest.raises(StoreUnusable, match=words):
        await open_store(await serve(replying(*replies)))


async def test_login_and_database(raw: Connection) -> None:
    path = raw.address.path
    await raw.call("ACL", "SETUSER", "anna", "on", ">s3:cret", "~*", "+@all")
    try:
        connection = Connection(parse_url(f"unix://anna:s3%3Acret@{path}?db=3"))
        assert await connection.call("ACL", "WHOAMI") == b"anna"
        assert b"db=3" in await connection.call("CLIENT", "INFO")
        await connection.close()
        wrong = Connection(parse_url(f"unix://anna:wrong@{path}"))
        with pytest.raises(StoreUnusable, match="refuses"):
            await wrong.call("PING")
        await wrong.close()
    finally:
        await raw.call("ACL", "DELUSER", "anna")


async def test_the_library_is_loaded_once(raw: Connection) -> None:
    class Counting:
        """Counts what is sent."""

        commands: list[Any] = []  # noqa: RUF012  one use

        async def call(self, *command: Any) -> Any:
            self.commands.append(command[:2])
            return await raw.call(*command)

    await raw.call("FUNCTION", "FLUSH")
    counting: Caller = Counting()
    await load(counting)
    await load(counting)
    assert Counting.commands == [
        ("FUNCTION", "LIST"),
        ("FUNCTION", "LOAD"),
        ("FUNCTION", "LIST"),
    ]


def test_the_library_is_named_after_its_text() -> None:
    version, text = source()
    assert text.startswith(f"#!lua name=callahead_{version}\n")
    assert "@VERSION@" not in text
