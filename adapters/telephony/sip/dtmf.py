"""Hears keys in sound: the pairs of tones of ITU-T Q.23, told from speech after Q.24.

Sound is looked at in windows of 25.6 ms, a new one every 10 ms. A window holds a key when nearly
all of its energy lies in one low and one high tone. Three windows in a row make a press (a tone
of 56 ms is always long enough); it is reported once, however long it is held, and the same key
counts again only after a pause of about 50 ms.

Everything here is pure. Measured figures stand in docs/sip.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.int16]
Sound: TypeAlias = NDArray[np.float64]

RATE_HZ: Final = 8000
LOW_HZ: Final = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ: Final = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS: Final = ("123A", "456B", "789C", "*0#D")

WINDOW: Final = 205
"""Samples; the classic length at which all eight tones lie near the middle of a bin."""

STEP: Final = 80
"""Samples, 10 ms."""

PRESS_WINDOWS: Final = 3
RELEASE_WINDOWS: Final = 4
"""One lost packet (20 ms) silences three windows: it must not make two presses of one."""

PURITY_MIN: Final = 0.68
"""Share of a window's energy in its two tones; what tells a key from speech."""

RMS_MIN: Final = 350.0
"""About -36 dBm0 for both tones; Q.24 asks for -25 dBm0 each."""

LOUDER_HIGH_MAX: Final = 10 ** (6 / 10)
LOUDER_LOW_MAX: Final = 10 ** (10 / 10)
"""Twist: the two tones differ in level. Q.24 allows 4 dB and 8 dB."""

_DETUNED: Final = (0.988, 1.0, 1.012)
"""Each tone is looked for at three places: 1.5 % off, which Q.24 accepts, is half a bin."""


def _probes() -> Sound:
    """Return WINDOW x 48: cosine and sine of every place of every tone."""
    places = np.array([tone * shift for tone in LOW_HZ + HIGH_HZ for shift in _DETUNED])
    phase = 2 * np.pi * np.outer(np.arange(WINDOW), places) / RATE_HZ
    probes: Sound = np.hstack((np.cos(phase), np.sin(phase)))
    return probes


_PROBES: Final = _probes()


def keys_in(windows: Sound) -> list[str]:
    """Return the key that each window (a row of WINDOW samples) holds, or an empty text."""
    energy = np.einsum("ij,ij->i", windows, windows)
    seen = windows @ _PROBES
    half = seen.shape[1] // 2
    power = (seen[:, :half] ** 2 + seen[:, half:] ** 2) * (2 / WINDOW)
    tones = power.reshape(len(windows), len(LOW_HZ) + len(HIGH_HZ), len(_DETUNED)).max(axis=2)
    low, high = tones[:, : len(LOW_HZ)], tones[:, len(LOW_HZ) :]
    lows, highs = low.max(axis=1), high.max(axis=1)
    held = (
        (energy >= RMS_MIN**2 * WINDOW)
        & (lows + highs >= PURITY_MIN * energy)
        & (highs <= LOUDER_HIGH_MAX * lows)
        & (lows <= LOUDER_LOW_MAX * highs)
    )
    rows, columns = low.argmax(axis=1), high.argmax(axis=1)
    return [
        KEYS[row][column] if is_held else ""
        for is_held, row, column in zip(held.tolist(), rows.tolist(), columns.tolist(), strict=True)
    ]


class ToneDetector:
    """Follows the sound of one call."""

    def __init__(self) -> None:
        self._rest: Sound = np.zeros(0)
        self._candidate, self._seen = "", 0
        self._pressed, self._absent = "", 0

    def feed(self, samples: Samples) -> Iterator[str]:
        """Yield the keys that were found to be pressed with these samples (8 kHz)."""
        sound: Sound = np.concatenate((self._rest, samples.astype(np.float64)))
        count = (len(sound) - WINDOW) // STEP + 1
        if count <= 0:
            self._rest = sound
            return
        windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::STEP][:count]
        self._rest = sound[count * STEP :].copy()
        for key in keys_in(windows):
            if self._follow(key):
                yield key

    def _follow(self, key: str) -> bool:
        """Take the key of the next window; tell whether it begins a press."""
        self._seen = self._seen + 1 if key == self._candidate else 1
        self._candidate = key
        if key == self._pressed:
            self._absent = 0
            return False
        self._absent += 1
        if self._absent >= RELEASE_WINDOWS:
            self._pressed = ""
        if not key or self._seen < PRESS_WINDOWS:
            return False
        self._pressed, self._absent = key, 0
        return True
