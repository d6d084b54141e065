"""Keys heard in sound: what must be heard, and what must not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from adapters.telephony.sip.dtmf import HIGH_HZ, KEYS, LOW_HZ, RATE_HZ, Sound, ToneDetector

FULL_SCALE = 32767.0
FRAME = 160
ALL_KEYS = "".join(KEYS)


def tone(
    key: str, ms: float = 100, *, dbfs: float = -10, twist_db: float = 0, off: float = 0
) -> Sound:
    """Return the two tones of a key; `twist_db` above 0: the high one is louder."""
    row = next(row for row, keys in enumerate(KEYS) if key in keys)
    low, high = LOW_HZ[row] * (1 + off), HIGH_HZ[KEYS[row].index(key)] * (1 + off)
    at = np.arange(int(ms * RATE_HZ / 1000)) / RATE_HZ
    level = FULL_SCALE * 10 ** (dbfs / 20)
    lean = 10 ** (twist_db / 40)
    pair: Sound = level / lean * np.sin(2 * np.pi * low * at + 1) + level * lean * np.sin(
        2 * np.pi * high * at + 2
    )
    return pair


def silence(ms: float) -> Sound:
    return np.zeros(int(ms * RATE_HZ / 1000))


def a_law(sound: Sound) -> NDArray[np.int16]:
    """Return what is left of sound after a telephone line (G.711)."""
    x = np.clip(sound / FULL_SCALE, -1, 1)
    whole = 1 + np.log(87.6)
    size = np.abs(x)
    code = np.where(size < 1 / 87.6, 87.6 * size, 1 + np.log(np.maximum(87.6 * size, 1))) / whole
    code = np.round(code * 127) / 127
    back = np.where(code < 1 / whole, code * whole, np.exp(code * whole - 1)) / 87.6
    return (np.sign(x) * back * FULL_SCALE).astype(np.int16)


def heard(*parts: Sound, noise: float = 3.0) -> list[tuple[str, float]]:
    """Return each key and when it was reported, in ms, as sound comes in frames of 20 ms."""
    sound = np.concatenate([*parts, silence(100)])
    sound = sound + np.random.default_rng(1).normal(0, noise, len(sound))
    line, detector, found = a_law(sound), ToneDetector(), []
    for start in range(0, len(line) - FRAME + 1, FRAME):
        found += [(key, (start + FRAME) / 8) for key in detector.feed(line[start : start + FRAME])]
    return found


def keys(*parts: Sound, noise: float = 3.0) -> str:
    return "".join(key for key, _ in heard(*parts, noise=noise))


@pytest.mark.parametrize("key", ALL_KEYS)
@pytest.mark.parametrize("ms", [50, 100, 2000])
def test_a_press_is_heard_once_however_long_it_is(key: str, ms: int) -> None:
    assert keys(silence(37), tone(key, ms)) == key


@pytest.mark.parametrize("start_ms", range(100, 120, 3))
def test_a_key_is_reported_within_70_ms(start_ms: int) -> None:
    ((key, at),) = heard(silence(start_ms), tone("5", 160))
    assert key == "5"
    assert at - start_ms <= 70


@pytest.mark.parametrize("dbfs", [-3, -10, -20, -28, -34])
def test_loud_and_faint_tones_are_heard(dbfs: float) -> None:
    """Q.24: from 0 to -25 dBm0; 0 dBm0 is 3 dB below full scale."""
    assert keys(silence(50), tone("7", dbfs=dbfs)) == "7"


@pytest.mark.parametrize(("twist_db", "found"), [(4, "3"), (-8, "3"), (12, ""), (-16, "")])
def test_tones_may_differ_in_level_but_not_by_too_much(twist_db: float, found: str) -> None:
    assert keys(silence(50), tone("3", twist_db=twist_db)) == found


@pytest.mark.parametrize(("off", "found"), [(0.015, "9"), (-0.015, "9"), (0.035, ""), (-0.035, "")])
def test_tones_may_be_a_little_off(off: float, found: str) -> None:
    """Q.24: within 1.5 % it is a key, at 3.5 % it is none."""
    assert keys(silence(50), tone("9", off=off)) == found


@pytest.mark.parametrize("below_db", [25, 15, 10])
def test_noise_below_a_tone_does_not_hide_it(below_db: float) -> None:
    noise = FULL_SCALE * 10 ** ((-10 - below_db) / 20)
    assert keys(silence(50), tone("0"), silence(80), tone("1"), noise=noise) == "01"


def test_the_same_key_twice_is_two_keys() -> None:
    assert keys(silence(50), tone("0", 60), silence(60), tone("0", 60)) == "00"


def test_keys_without_a_pause_between_them_are_all_heard() -> None:
    assert keys(silence(50), tone("1", 60), tone("2", 60), tone("3", 60)) == "123"


@pytest.mark.parametrize("lost_at_ms", range(60, 80, 4))
def test_a_lost_packet_does_not_make_two_presses_of_one(lost_at_ms: int) -> None:
    press = tone("4", 200)
    press[lost_at_ms * 8 : lost_at_ms * 8 + FRAME] = 0
    assert keys(silence(50), press) == "4"


@pytest.mark.parametrize("hz", [350, 425, 440, 697, 1000, 1209, 1477, 2100])
def test_a_single_tone_is_no_key(hz: float) -> None:
    """Dial tones, ringing tones, a fax."""
    at = np.arange(RATE_HZ) / RATE_HZ
    assert keys(FULL_SCALE / 3 * np.sin(2 * np.pi * hz * at)) == ""


def test_a_third_tone_beside_two_is_no_key() -> None:
    """Music."""
    at = np.arange(RATE_HZ) / RATE_HZ
    assert keys(tone("5", 1000) + FULL_SCALE / 3 * np.sin(2 * np.pi * 523 * at)) == ""


def test_noise_is_no_key() -> None:
    for level in (100.0, 1000.0, 8000.0):
        assert keys(silence(60_000), noise=level) == ""


def test_a_click_is_no_key() -> None:
    assert keys(silence(50), tone("8", 20), silence(300), tone("8", 15)) == ""


@pytest.mark.parametrize("size", [1, 33, 160, 1000])
def test_frames_may_have_any_size(size: int) -> None:
    line, detector = a_law(np.concatenate([silence(50), tone("6"), silence(50)])), ToneDetector()
    found = [
        key
        for start in range(0, len(line), size)
        for key in detector.feed(line[start : start + size])
    ]
    assert found == ["6"]
