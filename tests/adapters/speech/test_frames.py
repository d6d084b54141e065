"""The worker's wire format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.speech import frames
from adapters.speech.frames import BadFrame


@given(st.binary(min_size=1, max_size=1), st.binary(max_size=100))
def test_a_frame_says_how_long_it_is(kind: bytes, body: bytes) -> None:
    whole = frames.frame(kind, body)
    assert frames.size_of(whole[:4]) == len(whole) - 4
    assert whole[4:] == kind + body


@pytest.mark.parametrize("size", [0, frames.FRAME_BYTES_MAX + 1, 0xFFFFFFFF])
def test_garbage_read_as_a_length_asks_for_no_memory(size: int) -> None:
    with pytest.raises(BadFrame):
        frames.size_of(frames.LENGTH.pack(size))


def test_audio_comes_with_its_number_and_rate() -> None:
    body = frames.NUMBER_AND_RATE.pack(7, 10_000) + b"\1\2\3\4"
    assert frames.audio(body) == (7, 10_000, b"\1\2\3\4")


@pytest.mark.parametrize("body", [b"", b"1234567", frames.NUMBER_AND_RATE.pack(1, 1) + b"\1"])
def test_audio_that_is_cut_off_is_no_audio(body: bytes) -> None:
    with pytest.raises(BadFrame):
        frames.audio(body)


def test_a_body_without_its_number_is_bad() -> None:
    assert frames.numbered(frames.NUMBER.pack(9) + b"timeout") == (9, b"timeout")
    with pytest.raises(BadFrame):
        frames.numbered(b"123")
