"""From an engine's sound to what the telephone plays: 8 kHz, one level, no clicks. Pure functions.

Engines differ by 5 dB, in rate, and in how much silence they leave. Every sentence is trimmed,
filtered to 8 kHz and brought to one level, so that sentences made at different times, and
recordings, sound as if said in one breath. Speech between these functions is an array of floats,
full scale being 1.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from gateway.ports.speech import Pcm

Samples: TypeAlias = NDArray[np.float32]

CHAIN_VERSION: Final = "1"
"""Part of every cache key: to be raised with any change that can be heard."""

RATE: Final = 8000
"""What the telephone network carries (G.711)."""

EDGE_S: Final = 0.030
"""Silence that is left before the first and after the last sound of a sentence."""
FADE_S: Final = 0.005
"""So short that no consonant loses its edge, long enough for a click to vanish."""
PAUSE_S: Final = 0.375
"""Between two sentences; a speaker who reads a list out to somebody pauses 350 to 400 ms."""

LEVEL_DBFS: Final = -20.0
"""Active speech level; exchanges expect about -16 to -22 dBm0."""
KNEE_DBFS: Final = -3.0
"""Peaks above are bent, not cut."""
GAIN_DB_MAX: Final = 30.0
"""A recording that is quieter than this holds noise only."""

_TRIM_FRAME_S: Final = 0.005
_TRIM_BELOW_PEAK_DB: Final = 45.0
_LEVEL_FRAME_S: Final = 0.020
_ACTIVE_BELOW_PEAK_DB: Final = 35.0
_SILENCE_DBFS: Final = -75.0
"""A sentence whose loudest frame is below is silent: the noise of 8-bit engines is above."""

_WAV_HEAD: Final = struct.Struct("<4sI4s4sIHHIIHH4sII4sI")


class BadAudio(ValueError):
    """The bytes are no sound of the expected kind, or a damaged one."""


def processed(sound: Pcm) -> Samples:
    """Return an engine's sentence as it is played: trimmed, at 8 kHz, level, faded.

    Raises `BadAudio` for silence: an engine that says nothing has failed.
    """
    speech = trimmed(floats(sound.samples), sound.rate)
    if not speech.size:
        raise BadAudio("silence")
    return faded(levelled(resampled(speech, sound.rate)))


def floats(samples: bytes) -> Samples:
    """Return 16-bit samples as floats; raise `BadAudio` for half a sample."""
    if len(samples) % 2:
        raise BadAudio("half a sample")
    return np.frombuffer(samples, "<i2").astype(np.float32) / np.float32(32768)


def shorts(speech: Samples) -> bytes:
    """Return floats as 16-bit samples."""
    scaled = np.rint(speech * np.float32(32768))
    return bytes(np.clip(scaled, -32768, 32767).astype("<i2"))


def trimmed(speech: Samples, rate: int) -> Samples:
    """Leave `EDGE_S` of silence at both ends; of silence nothing is left."""
    frame = max(1, round(_TRIM_FRAME_S * rate))
    loudness = _frame_levels(speech, frame)
    if not loudness.size or loudness.max() < _SILENCE_DBFS:
        return speech[:0]
    floor = max(loudness.max() - _TRIM_BELOW_PEAK_DB, _SILENCE_DBFS)
    loud = np.flatnonzero(loudness > floor)
    edge = round(EDGE_S * rate)
    begin, end = loud[0] * frame - edge, (loud[-1] + 1) * frame + edge
    return speech[max(0, begin) : end]


def resampled(speech: Samples, rate: int) -> Samples:
    """Return speech at 8 kHz, without aliases of what lies above 4 kHz."""
    if rate == RATE:
        return speech
    out: Samples = soxr.resample(speech, rate, RATE, quality="HQ")
    return out


def active_level(speech: Samples) -> float:
    """Return the level of those frames in which somebody speaks, in dBFS (after ITU-T P.56)."""
    loudness = _frame_levels(speech, round(_LEVEL_FRAME_S * RATE))
    active = loudness[loudness > loudness.max() - _ACTIVE_BELOW_PEAK_DB]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def levelled(speech: Samples) -> Samples:
    """Return speech at `LEVEL_DBFS`, its peaks bent softly above `KNEE_DBFS`.

    Bending takes away from the level, so the gain is found in rounds.
    """
    out, gain = speech, 0.0
    for _ in range(3):
        gain = min(gain + LEVEL_DBFS - active_level(out), GAIN_DB_MAX)
        out = _bent(speech * np.float32(10 ** (gain / 20)))
    return out


def faded(speech: Samples) -> Samples:
    """Return speech that begins and ends at zero."""
    length = min(round(FADE_S * RATE), speech.size // 2)
    ramp = (np.arange(length, dtype=np.float32) + 0.5) / np.float32(max(1, length))
    out = speech.copy()
    out[:length] *= ramp
    out[out.size - length :] *= ramp[::-1]
    return out


def joined(sentences: Sequence[Samples]) -> Samples:
    """Return sentences one after another with pauses between them."""
    pause = np.zeros(round(PAUSE_S * RATE), np.float32)
    pieces: list[Samples] = []
    for sentence in sentences:
        pieces += [sentence, pause]
    return np.concatenate(pieces[:-1]) if pieces else pause


def seconds(speech: Samples) -> float:
    """Return how long speech at 8 kHz lasts."""
    return float(speech.size / RATE)


def _frame_levels(speech: Samples, frame: int) -> NDArray[np.float64]:
    """Return the level of every whole or last broken frame in dBFS."""
    if not speech.size:
        return np.zeros(0)
    begins = np.arange(0, speech.size, frame)
    energy = np.add.reduceat(speech.astype(np.float64) ** 2, begins)
    lengths = np.minimum(frame, speech.size - begins)
    levels: NDArray[np.float64] = 10 * np.log10(energy / lengths + 1e-12)
    return levels


def _bent(speech: Samples) -> Samples:
    knee = np.float32(10 ** (KNEE_DBFS / 20))
    room = np.float32(1) - knee
    size = np.abs(speech)
    bent = knee + room * np.tanh((size - knee) / room)
    return np.where(size > knee, np.sign(speech) * bent, speech).astype(np.float32)


# WAV


def wav(speech: Samples) -> bytes:
    """Return a WAV file, 8 kHz mono 16-bit.

    A chunk of ours holds a checksum; it stands before the samples, because some players take
    everything after their beginning for sound.
    """
    return _wav(shorts(speech))


def _wav(data: bytes) -> bytes:
    head = _WAV_HEAD.pack(
        b"RIFF", _WAV_HEAD.size - 8 + len(data), b"WAVE",
        b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16,
        b"crc ", 4, zlib.crc32(data),
        b"data", len(data),
    )  # fmt: skip
    return head + data


def checked(file: bytes) -> Samples:
    """Return the speech of a file that `wav` made; raise `BadAudio` if one bit is wrong."""
    data = file[_WAV_HEAD.size :]
    if file != _wav(data):
        raise BadAudio("damaged")
    return floats(data)


def recorded(file: bytes) -> Pcm:
    """Read a WAV file of any rate and number of channels, 8 to 32 bits; raise `BadAudio`."""
    try:
        with wave.open(io.BytesIO(file)) as opened:
            rate, width, channels = (
                opened.getframerate(), opened.getsampwidth(), opened.getnchannels(),
            )  # fmt: skip
            data = opened.readframes(opened.getnframes())
    except (wave.Error, EOFError):
        raise BadAudio("not a WAV file of PCM samples") from None
    if not 4000 <= rate <= 192_000:
        raise BadAudio(f"{rate} samples a second")
    whole = len(data) // (width * channels) * width * channels
    frames = _widened(data[:whole], width).reshape(-1, channels)
    mono: Samples = frames.mean(axis=1, dtype=np.float32)
    return Pcm(rate, shorts(mono))


def _widened(data: bytes, width: int) -> Samples:
    """Return samples of 1 to 4 bytes as floats; those of one byte have no sign."""
    raw = np.frombuffer(data, np.uint8).reshape(-1, width)
    if width == 1:
        raw = raw ^ np.uint8(0x80)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 4 - width :] = raw
    return wide.view("<i4").reshape(-1).astype(np.float32) / np.float32(1 << 31)


# A-law


def alaw(speech: Samples) -> bytes:
    """Return speech in A-law (ITU-T G.711), a byte for a sample."""
    return bytes(ALAW[np.frombuffer(shorts(speech), "<u2")])


def _alaw_table() -> NDArray[np.uint8]:
    """Return the A-law code of every 16-bit sample, at the place of its unsigned value.

    G.711, table 1a: of 13 bits with sign, the segment is the place of the highest bit, the next
    four bits follow, and every other bit is inverted. Negative values are one's complements, as in
    the ITU-T G.191 reference.
    """
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32) >> 3
    size = np.where(samples < 0, ~samples, samples)
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 4, 0)
    low = np.where(segment < 2, size >> 1, size >> np.maximum(segment, 1)) & 0x0F
    code = (segment << 4 | low) ^ np.where(samples < 0, 0x55, 0xD5)
    return code.astype(np.uint8)


ALAW: Final = _alaw_table()
