"""What the gateway and its line cards say to each other."""

from __future__ import annotations

from typing import get_args

import pytest

from adapters.telephony.sip import protocol
from adapters.telephony.sip.protocol import (
    Command,
    Dial,
    Digit,
    Disconnected,
    Event,
    MessageReader,
    Ping,
    Play,
    ProtocolError,
    Quit,
    Setup,
    decode,
    encode,
)

SAMPLES = [
    Dial("t-1", "+79161234567"),
    Play("t-1", 3, "/tmp/пролог.wav", True),
    Digit("t-1", "#", "rfc4733"),
    Disconnected("t-1", 486, "remote", 17, "Busy Here"),
    Ping(7),
    Quit(),
]


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_survives_the_way(message: protocol.Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


def test_every_message_has_a_name_of_its_own() -> None:
    kinds = [*get_args(Command), *get_args(Event)]
    assert len({kind.__name__.lower() for kind in kinds}) == len(kinds)


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = b"".join(map(encode, SAMPLES))
    for size in (1, 7, 64, len(stream)):
        reader = MessageReader()
        got = []
        for at in range(0, len(stream), size):
            got += list(reader.feed(stream[at : at + size]))
        assert got == SAMPLES


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]",
        b"nonsense",
        b'{"dial": {}}',
        b'{"dial": {"call": "x", "to": "y", "more": 1}}',
        b'{"dial": 3}',
        b'{"unheard": {}}',
        b'{"ping": {"number": 1}, "quit": {}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(line)


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = MessageReader()
    assert not list(reader.feed(b"x" * protocol.LINE_BYTES_MAX))
    with pytest.raises(ProtocolError, match="too long"):
        list(reader.feed(b"x"))


def test_neither_password_nor_number_shows_in_what_may_be_logged() -> None:
    values = dict.fromkeys(Setup.__slots__, "") | {"password": "s3cret", "username": "u"}
    assert "s3cret" not in repr(Setup(**values))
    assert "9161234567" not in repr(Dial("t-1", "+79161234567"))
