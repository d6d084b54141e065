"""The sandbox's SIP telephones hear and press keys."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from adapters.telephony.sandbox_rtp import PCMA, PCMU, RtpEnd, decoded, is_loud
from tests.telephony.peers.audio import from_a_law
from tests.telephony.peers.rtp import Packet, unpack

EVENTS = 101


class Heard(list[bytes]):
    """What an end has heard, and a way to wait for more."""

    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    def __call__(self, samples: bytes) -> None:
        self.append(samples)
        self.news.set()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def end(heard: Heard) -> AsyncIterator[RtpEnd]:
    found = await RtpEnd.bound("127.0.0.1", heard)
    yield found
    found.close()
    await asyncio.sleep(0)


@pytest.fixture
def robot() -> Iterator[socket.socket]:
    """The other side, as a plain socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.setblocking(False)
        yield opened


async def packets(robot: socket.socket, count: int) -> list[Packet]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        return [unpack(await loop.sock_recv(robot, 2048)) for _ in range(count)]


def test_a_law_is_decoded_as_g711_says() -> None:
    codes = bytes(range(256))
    assert decoded(PCMA, codes) == from_a_law(codes).astype("<i2").tobytes()


def test_mu_law_is_decoded_as_g711_says() -> None:
    levels = np.frombuffer(decoded(PCMU, bytes(range(256))), dtype="<i2")
    assert (levels[0x00], levels[0x80], levels[0x7F], levels[0xFF]) == (-32124, 32124, 0, 0)
    assert (levels[:128] == -levels[128:]).all()
    assert (np.diff(levels[:128].astype(int)) >= 0).all()


def test_another_codec_is_an_error() -> None:
    with pytest.raises(KeyError):
        decoded(18, b"\0" * 20)


def test_silence_is_not_loud_and_a_voice_is() -> None:
    assert not is_loud(decoded(PCMA, b"\xd5" * 160))
    assert is_loud(struct.pack("<3h", 0, -5000, 0))


async def test_a_key_goes_out_as_one_event_whose_end_is_told_three_times(
    end: RtpEnd, robot: socket.socket
) -> None:
    end.press("#")
    end.start("127.0.0.1", robot.getsockname()[1], PCMA, EVENTS)
    events = [p for p in await packets(robot, 12) if p.payload_type == EVENTS]
    read = [struct.unpack("!BBH", p.payload) for p in events]
    assert {number for number, _, _ in read} == {11}
    assert [bool(flags & 0x80) for _, flags, _ in read] == [False] * 7 + [True] * 3
    assert [duration for _, _, duration in read] == [*range(160, 1281, 160), 1280, 1280]
    assert len({p.timestamp for p in events}) == 1
    assert [p.marker for p in events] == [True] + [False] * 9


async def test_silence_goes_out_in_the_codec_that_was_agreed(
    end: RtpEnd, robot: socket.socket
) -> None:
    end.start("127.0.0.1", robot.getsockname()[1], PCMU, EVENTS)
    first, second = await packets(robot, 2)
    assert (first.payload_type, first.payload) == (PCMU, b"\xff" * 160)
    assert (second.sequence - first.sequence, second.timestamp - first.timestamp) == (1, 160)


async def test_what_is_no_sound_comes_late_or_twice_is_not_heard(
    end: RtpEnd, heard: Heard, robot: socket.socket
) -> None:
    end.start("127.0.0.1", robot.getsockname()[1], PCMA, EVENTS)
    loud = b"\x2a" * 160
    sent = [
        b"not RTP",
        Packet(PCMA, 65_535, 0, loud).pack(),
        Packet(PCMA, 65_535, 0, loud).pack(),  # twice
        Packet(PCMA, 0, 160, loud).pack(),  # the number goes round
        Packet(PCMA, 65_534, 0, loud).pack(),  # late
        Packet(EVENTS, 1, 160, b"\0\0\0\0").pack(),
        Packet(PCMA, 2, 480, b"\xd5" * 160).pack(),
    ]
    for data in sent:
        robot.sendto(data, ("127.0.0.1", end.port))
    async with asyncio.timeout(5):
        while len(heard) < 3:
            heard.news.clear()
            await heard.news.wait()
    assert [is_loud(samples) for samples in heard] == [True, True, False]


async def test_nothing_is_heard_from_another_address(
    end: RtpEnd, heard: Heard, robot: socket.socket
) -> None:
    end.start("127.0.0.1", robot.getsockname()[1], PCMA, EVENTS)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(Packet(PCMA, 1, 0, b"\x2a" * 160).pack(), ("127.0.0.1", end.port))
    robot.sendto(Packet(PCMA, 9, 0, b"\xd5" * 160).pack(), ("127.0.0.1", end.port))
    async with asyncio.timeout(5):
        await heard.news.wait()
    assert [is_loud(samples) for samples in heard] == [False]
