"""Keys as sounds: DTMF after ITU-T Q.23, at any level, twist and noise.

Levels are in dBm0 of each of the two tones; a sine at A-law's full scale has +3.14 dBm0.
"""

from __future__ import annotations

import numpy as np

from tests.telephony.peers.audio import RATE, Samples, silence

LOW = (697, 770, 852, 941)
HIGH = (1209, 1336, 1477, 1633)
_PAD = ("123A", "456B", "789C", "*0#D")
_FULL_SCALE_DBM0 = 3.14


def frequencies(key: str) -> tuple[int, int]:
    """Return the low and the high frequency of a key in hertz."""
    row = next(number for number, keys in enumerate(_PAD) if key in keys)
    return LOW[row], HIGH[_PAD[row].index(key)]


def key_tone(
    key: str,
    *,
    length_ms: int = 100,
    level_dbm0: float = -10.0,
    twist_db: float = 0.0,
    offset_percent: float = 0.0,
) -> Samples:
    """Return one press. `twist_db` is by how much the high tone is louder than the low one."""
    time = np.arange(round(length_ms * RATE / 1000)) / RATE
    sound = np.zeros(len(time))
    for hertz, level in zip(frequencies(key), (level_dbm0, level_dbm0 + twist_db), strict=True):
        size = 32767 * 10 ** ((level - _FULL_SCALE_DBM0) / 20)
        sound += size * np.sin(2 * np.pi * hertz * (1 + offset_percent / 100) * time)
    return _clipped(sound)


def key_tones(
    keys: str, *, length_ms: int = 100, gap_ms: int = 100, level_dbm0: float = -10.0
) -> Samples:
    """Return several presses, each after a gap."""
    parts = []
    for key in keys:
        parts += [silence(gap_ms / 1000), key_tone(key, length_ms=length_ms, level_dbm0=level_dbm0)]
    return np.concatenate([*parts, silence(gap_ms / 1000)])


def noisy(samples: Samples, noise_dbm0: float, seed: int = 1) -> Samples:
    """Return the sound with white noise of that power in it."""
    # The power of a full-scale sine is half the square of its size.
    size = 32767 / np.sqrt(2) * 10 ** ((noise_dbm0 - _FULL_SCALE_DBM0) / 20)
    return _clipped(samples + size * np.random.default_rng(seed).standard_normal(len(samples)))


def _clipped(sound: np.ndarray) -> Samples:
    return np.clip(sound, -32767, 32767).astype(np.int16)
