"""One SMPP connection: what it answers, what it waits for, and how it ends."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from adapters.messaging.smpp_pdu import (
    Address,
    Command,
    Pdu,
    Sm,
    Status,
    decode,
    encode,
    length_of,
    message_id_body,
    sm_body,
)
from adapters.messaging.smpp_session import BindRefused, Session, SessionLost
from gateway.errors import StoreUnavailable

MESSAGE = sm_body(Sm(Address("15550100123", 1, 1), Address("15550100001", 1, 1), b"1"))


@dataclass
class Wires:
    """A session and the other end of its connection, played by the test."""

    session: Session
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[Sm] = field(default_factory=list)
    refuses: Exception | None = None
    running: asyncio.Task[None] | None = None

    async def listen(self, sm: Sm) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.heard.append(sm)

    def start(self) -> None:
        self.running = asyncio.ensure_future(self.session.run(self.listen))

    async def ended(self) -> None:
        assert self.running is not None
        with pytest.raises(SessionLost):
            await self.running

    async def read(self) -> Pdu:
        async with asyncio.timeout(5):
            return decode(
                await self.reader.readexactly(length_of(await self.reader.readexactly(4)))
            )

    def write(self, command: int, sequence: int, body: bytes = b"", status: int = 0) -> None:
        self.writer.write(encode(Command(command), sequence, body, status))


@pytest.fixture
async def wires(request: pytest.FixtureRequest) -> AsyncIterator[Wires]:
    """A session with a window of two; its times are set by `indirect` parameters."""
    response_s, idle_s = getattr(request, "param", (5.0, 60.0))
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    ours = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
    session = Session(*ours, window=2, response_s=response_s, idle_s=idle_s)
    found = Wires(session, *await accepted.get())
    yield found
    if found.running is not None:
        found.running.cancel()
        await asyncio.gather(found.running, return_exceptions=True)
    await session.close()
    found.writer.close()
    with suppress(ConnectionError):
        await found.writer.wait_closed()
    server.close()


async def test_a_bind_is_answered(wires: Wires) -> None:
    binding = asyncio.ensure_future(wires.session.bind("clinic", "pass-1", ""))
    asked = await wires.read()
    assert asked.command == Command.BIND_TRANSCEIVER
    wires.write(Command.BIND_TRANSCEIVER_RESP, asked.sequence, message_id_body("smsc"))
    await binding


async def test_a_refused_bind_says_why(wires: Wires) -> None:
    binding = asyncio.ensure_future(wires.session.bind("clinic", "pass-1", ""))
    asked = await wires.read()
    wires.write(Command.BIND_TRANSCEIVER_RESP, asked.sequence, status=Status.INVALID_PASSWORD)
    with pytest.raises(BindRefused) as caught:
        await binding
    assert caught.value.status == Status.INVALID_PASSWORD
    assert "pass-1" not in str(caught.value)


@pytest.mark.rule("H-7")
async def test_no_more_than_the_window_waits_for_responses(wires: Wires) -> None:
    wires.start()
    asked = [
        asyncio.ensure_future(wires.session.request(Command.SUBMIT_SM, MESSAGE)) for _ in range(3)
    ]
    first, second = await wires.read(), await wires.read()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await wires.reader.readexactly(1)
    wires.write(Command.SUBMIT_SM_RESP, second.sequence, message_id_body("b"))
    third = await wires.read()
    wires.write(Command.SUBMIT_SM_RESP, first.sequence, message_id_body("a"))
    wires.write(Command.SUBMIT_SM_RESP, third.sequence, message_id_body("c"))
    answers = [await task for task in asked]
    assert [answer.body for answer in answers] == [b"a\0", b"b\0", b"c\0"]


@pytest.mark.parametrize("wires", [(0.05, 60.0)], indirect=True)
async def test_a_response_that_does_not_come_is_a_time_out(wires: Wires) -> None:
    wires.start()
    with pytest.raises(TimeoutError):
        await wires.session.request(Command.SUBMIT_SM, MESSAGE)


@pytest.mark.parametrize("wires", [(0.2, 60.0)], indirect=True)
async def test_who_waits_too_long_for_the_window_has_sent_nothing(wires: Wires) -> None:
    wires.start()
    tasks = [
        asyncio.ensure_future(wires.session.request(Command.SUBMIT_SM, MESSAGE)) for _ in range(5)
    ]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    written = [r for r in results if isinstance(r, TimeoutError)]
    unwritten = [r for r in results if isinstance(r, SessionLost) and not r.written]
    assert len(written) + len(unwritten) == 5
    assert len(written) >= 2
    assert unwritten


@pytest.mark.rule("G-6")
async def test_a_broken_connection_leaves_what_was_written_unknown(wires: Wires) -> None:
    wires.start()
    asked = asyncio.ensure_future(wires.session.request(Command.SUBMIT_SM, MESSAGE))
    await wires.read()
    wires.writer.close()
    with pytest.raises(SessionLost) as caught:
        await asked
    assert caught.value.written
    await wires.ended()
    with pytest.raises(SessionLost) as caught:
        await wires.session.request(Command.SUBMIT_SM, MESSAGE)
    assert not caught.value.written


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("error", [StoreUnavailable("not now"), KeyError("a fault of ours")])
async def test_a_delivery_is_answered_after_it_is_taken(wires: Wires, error: Exception) -> None:
    wires.start()
    wires.refuses = error
    wires.write(Command.DELIVER_SM, 5, MESSAGE)
    answer = await wires.read()
    assert (answer.command, answer.sequence) == (Command.DELIVER_SM_RESP, 5)
    assert answer.status == Status.TEMPORARY_ERROR
    wires.refuses = None
    wires.write(Command.DELIVER_SM, 6, MESSAGE)
    answer = await wires.read()
    assert (answer.sequence, answer.status, answer.body) == (6, Status.OK, b"\0")
    assert [sm.text for sm in wires.heard] == [b"1"]


async def test_a_delivery_that_cannot_be_read_does_not_come_again(wires: Wires) -> None:
    wires.start()
    wires.write(Command.DELIVER_SM, 5, b"\xff\xff")
    answer = await wires.read()
    assert (answer.command, answer.status) == (Command.DELIVER_SM_RESP, Status.OK)
    assert not wires.heard


async def test_links_are_answered_and_what_is_not_known_is_not_acknowledged(wires: Wires) -> None:
    wires.start()
    wires.write(Command.ENQUIRE_LINK, 8)
    wires.writer.write(struct.pack(">IIII", 16, 0x0000_0103, 0, 9))
    wires.write(Command.SUBMIT_SM_RESP, 999, message_id_body("stray"))
    alive, unknown = await wires.read(), await wires.read()
    assert (alive.command, alive.sequence) == (Command.ENQUIRE_LINK_RESP, 8)
    assert (unknown.command, unknown.sequence) == (Command.GENERIC_NACK, 9)
    assert unknown.status == Status.INVALID_COMMAND


@pytest.mark.parametrize("wires", [(0.1, 0.05)], indirect=True)
async def test_a_silent_line_is_asked_and_then_left(wires: Wires) -> None:
    wires.start()
    asked = await wires.read()
    assert asked.command == Command.ENQUIRE_LINK
    wires.write(Command.ENQUIRE_LINK_RESP, asked.sequence)
    assert (await wires.read()).command == Command.ENQUIRE_LINK
    await wires.ended()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0\0\0" + bytes(12),
        b"\xff\xff\xff\xff" + bytes(12),
        encode(Command.UNBIND, 3),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
async def test_the_end_and_nonsense_end_it(wires: Wires, data: bytes) -> None:
    wires.start()
    wires.writer.write(data)
    if not data:
        wires.writer.close()
    async with asyncio.timeout(5):
        await wires.ended()


async def test_it_says_goodbye(wires: Wires) -> None:
    wires.start()
    await wires.session.close()
    assert (await wires.read()).command == Command.UNBIND
