"""Sound for telephone tests: prompts, A-law, and how alike two recordings are.

All samples are mono, 8,000 a second, as 16-bit integers.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

RATE = 8000
Samples: TypeAlias = np.ndarray[Any, np.dtype[np.int16]]


def tone(hertz: float, seconds: float, level: float = 0.3) -> Samples:
    """Return a sine; `level` 1 is the loudest there is."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.asarray(np.sin(2 * np.pi * hertz * time) * level * 32767, dtype=np.int16)


def speech_like(seconds: float, seed: int = 1) -> Samples:
    """Return a voice that says nothing: a gliding pitch in syllables, and some breath.

    It never repeats itself, so a correlation has one peak only.
    """
    random = np.random.default_rng(seed)
    count = round(seconds * RATE)
    knots = np.arange(0, count + RATE, RATE // 5)
    at = np.arange(count)
    pitch = np.interp(at, knots, random.uniform(95, 190, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    syllable = np.interp(at, knots, random.uniform(0.1, 1.0, len(knots)))
    colours = [np.interp(at, knots, random.uniform(0.0, 1.0, len(knots))) for _ in range(12)]
    voice = sum(
        (colour / (number + 1) * np.sin((number + 1) * phase)
         for number, colour in enumerate(colours)),
        start=np.zeros(count),
    )  # fmt: skip
    sound = syllable * (voice + 0.05 * random.standard_normal(count))
    return np.asarray(sound / np.abs(sound).max() * 0.5 * 32767, dtype=np.int16)


def silence(seconds: float) -> Samples:
    """Return nothing to hear."""
    return np.zeros(round(seconds * RATE), dtype=np.int16)


def write_wav(path: Path, samples: Samples) -> Path:
    """Write a prompt as the product renders them, and return its path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def read_wav(path: Path) -> Samples:
    """Read a mono recording of 8,000 samples a second."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (1, RATE), file.getparams()
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)


def _decoding() -> Samples:
    """ITU-T G.711, table 1a: sign, three bits of exponent, four of mantissa; even bits inverted."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    size = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << (exponent - 1))
    return np.where(code & 0x80, size, -size).astype(np.int16)


_DECODED = _decoding()
_ORDER = np.argsort(_DECODED).astype(np.uint8)
_EDGES = (_DECODED[_ORDER][1:].astype(np.int32) + _DECODED[_ORDER][:-1]) / 2

SILENCE_PCMA = 0xD5


def to_a_law(samples: Samples) -> bytes:
    """Encode after G.711: every sample becomes the nearest value that A-law has."""
    return _ORDER[np.searchsorted(_EDGES, samples)].tobytes()


def from_a_law(data: bytes) -> Samples:
    """Decode after G.711."""
    return _DECODED[np.frombuffer(data, dtype=np.uint8)]


def likeness(heard: Samples, prompt: Samples) -> tuple[float, float]:
    """Return how alike the prompt and what was heard are, and after how many seconds it begins.

    The first is Pearson's correlation over the whole prompt, at the lag that fits best: 1 is the
    same but for loudness. A recording that is shorter than the prompt counts as silent after it.
    """
    one, other = heard.astype(np.float64), prompt.astype(np.float64)
    if len(one) < len(other):
        one = np.concatenate([one, np.zeros(len(other) - len(one))])
    size = 1 << (len(one) + len(other) - 1).bit_length()
    match = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    lag = int(np.argmax(match[: len(one) - len(other) + 1]))
    part = one[lag : lag + len(other)]
    if part.std() == 0 or other.std() == 0:
        return 0.0, lag / RATE
    return float(np.corrcoef(part, other)[0, 1]), lag / RATE


def pitch_of(samples: Samples) -> float:
    """Return the loudest frequency of a short piece in hertz; 0 for silence."""
    if not len(samples) or np.abs(samples).max() < 300:
        return 0.0
    size = 4096
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    return float(np.argmax(spectrum) * RATE / size)
