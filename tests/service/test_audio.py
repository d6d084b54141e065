"""The audio chain: what is measured is what is heard on the telephone."""

from __future__ import annotations

import io
import math
import warnings
import wave
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ports.speech import Pcm
from gateway.service import audio
from gateway.service.audio import ALAW, RATE, BadAudio, Samples


def tone(hertz: float, seconds: float, rate: int = RATE, dbfs: float = -10.0) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    peak = 10 ** (dbfs / 20) * math.sqrt(2)
    return (peak * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def silence(seconds: float, rate: int = RATE) -> Samples:
    return np.zeros(round(seconds * rate), np.float32)


def level(speech: Samples) -> float:
    return float(10 * np.log10(np.mean(speech.astype(np.float64) ** 2) + 1e-20))


def speechlike(rate: int, dbfs: float = -20.0, seed: int = 1) -> Samples:
    """Return syllables of changing pitch and loudness with gaps, as speech has them."""
    chance = np.random.default_rng(seed)
    pieces = []
    for _ in range(12):
        loud = dbfs + chance.uniform(-8, 4)
        pieces += [
            tone(chance.uniform(120, 1500), 0.15, rate, loud),
            silence(chance.uniform(0.02, 0.1), rate),
        ]
    return np.concatenate(pieces)


# Level


@pytest.mark.parametrize("rate", [8000, 10_000, 16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("dbfs", [-38.0, -21.0, -14.0])
def test_every_engine_comes_out_at_one_level(rate: int, dbfs: float) -> None:
    sound = Pcm(rate, audio.shorts(speechlike(rate, dbfs)))
    speech = audio.processed(sound)
    assert audio.active_level(speech) == pytest.approx(audio.LEVEL_DBFS, abs=0.2)
    assert np.abs(speech).max() < 1.0


def test_gaps_do_not_count_as_speech() -> None:
    speech = tone(440, 1.0, dbfs=-18)
    with_gaps = np.concatenate([speech, silence(3.0), speech])
    assert audio.active_level(with_gaps) == pytest.approx(audio.active_level(speech), abs=0.05)


def test_peaks_are_bent_and_not_cut() -> None:
    """A single loud syllable among quiet ones keeps its form: no run of samples at one value."""
    speech = np.concatenate([tone(300, 2.0, dbfs=-36), tone(300, 0.03, dbfs=-6)])
    loud = audio.levelled(speech)
    peak = np.abs(loud).max()
    assert 10 ** (audio.KNEE_DBFS / 20) < peak < 1.0
    top = np.abs(loud) > 0.999 * peak
    assert np.diff(np.flatnonzero(top)).max(initial=0) != 1 or top.sum() < 40


def test_noise_is_not_made_into_speech() -> None:
    quiet = tone(300, 1.0, dbfs=-70)
    assert level(audio.levelled(quiet)) == pytest.approx(-70 + audio.GAIN_DB_MAX, abs=0.1)


# Rate


@pytest.mark.parametrize("rate", [10_000, 16_000, 22_050, 24_000, 48_000])
def test_nothing_above_4_khz_comes_back_as_an_alias(rate: int) -> None:
    """A sweep from just above the telephone's band to the top of the engine's."""
    low, high, seconds = 4300.0, min(rate / 2 * 0.98, 12_000.0), 2.0
    if high <= low:
        pytest.skip("the engine makes nothing above the telephone's band")
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (low * time + (high - low) / (2 * seconds) * time**2)
    sweep = (0.5 * np.sin(phase) * np.hanning(time.size)).astype(np.float32)
    assert level(audio.resampled(sweep, rate)) < level(sweep) - 90


@pytest.mark.parametrize("hertz", [200, 300, 1000, 2000, 3000, 3400])
@pytest.mark.parametrize("rate", [10_000, 22_050, 24_000, 48_000])
def test_the_telephones_band_passes_unchanged(hertz: int, rate: int) -> None:
    before = tone(hertz, 1.0, rate)
    after = audio.resampled(before, rate)[400:-400]
    assert level(after) == pytest.approx(level(before), abs=0.1)


def test_speech_keeps_its_length() -> None:
    assert audio.resampled(tone(300, 1.5, 22_050), 22_050).size == pytest.approx(12_000, abs=2)


# Silence and joints


@pytest.mark.parametrize("rate", [8000, 24_000])
def test_30_milliseconds_of_silence_are_left_at_both_ends(rate: int) -> None:
    speech = np.concatenate([silence(0.7, rate), tone(300, 1.0, rate), silence(0.4, rate)])
    left = audio.trimmed(speech, rate).size / rate
    assert left == pytest.approx(1.0 + 2 * audio.EDGE_S, abs=0.011)


def test_a_pause_inside_a_sentence_stays() -> None:
    speech = np.concatenate([tone(300, 0.5), silence(0.15), tone(300, 0.5)])
    assert audio.trimmed(speech, RATE).size == pytest.approx(1.15 * RATE, abs=0.011 * RATE)


def test_a_quiet_consonant_at_the_end_stays() -> None:
    speech = np.concatenate([tone(300, 0.5, dbfs=-15), tone(3000, 0.06, dbfs=-45)])
    assert audio.trimmed(speech, RATE).size / RATE > 0.55


@pytest.mark.parametrize("speech", [silence(0.0), silence(1.0), tone(300, 1.0, dbfs=-90)])
def test_silence_is_no_sentence(speech: Samples) -> None:
    with pytest.raises(BadAudio):
        audio.processed(Pcm(RATE, audio.shorts(speech)))


def test_a_sentence_begins_and_ends_without_a_click() -> None:
    speech = audio.faded(np.ones(800, np.float32))
    assert abs(speech[0]) < 0.02
    assert abs(speech[-1]) < 0.02
    assert np.abs(np.diff(speech)).max() < 0.03
    assert speech[40] == speech[400] == 1.0


@pytest.mark.parametrize("size", [0, 1, 2, 5])
def test_the_shortest_sounds_fade_too(size: int) -> None:
    assert audio.faded(np.ones(size, np.float32)).size == size


def test_sentences_are_joined_with_pauses_between_them_only() -> None:
    one, two, three = tone(300, 1.0), tone(400, 0.5), tone(500, 0.25)
    whole = audio.joined([one, two, three])
    assert audio.seconds(whole) == pytest.approx(1.75 + 2 * audio.PAUSE_S)
    assert 0.35 <= audio.PAUSE_S <= 0.4
    pause = whole[one.size : one.size + round(audio.PAUSE_S * RATE)]
    assert not pause.any()
    assert np.array_equal(audio.joined([one]), one)


def test_a_turn_without_words_is_a_pause() -> None:
    """A player cannot play an empty file."""
    assert audio.seconds(audio.joined([])) == audio.PAUSE_S


# Samples and WAV


@given(st.binary(max_size=200).map(lambda data: data[: len(data) // 2 * 2]))
def test_samples_survive_the_way_through_floats(data: bytes) -> None:
    assert audio.shorts(audio.floats(data)) == data


def test_half_a_sample_is_no_sound() -> None:
    with pytest.raises(BadAudio):
        audio.floats(b"\0\0\0")


def test_a_file_is_what_the_player_takes() -> None:
    speech = tone(300, 0.5)
    with wave.open(io.BytesIO(audio.wav(speech))) as file:
        assert file.getparams()[:5] == (1, 2, 8000, 4000, "NONE")
        assert file.readframes(4000) == audio.shorts(speech)


def test_a_file_is_read_back_as_it_was() -> None:
    speech = audio.floats(audio.shorts(tone(300, 0.5)))
    assert np.array_equal(audio.checked(audio.wav(speech)), speech)


def test_damage_of_any_bit_is_seen() -> None:
    file = audio.wav(tone(300, 0.02))
    for place in range(len(file)):
        damaged = bytearray(file)
        damaged[place] ^= 1 << place % 8
        with pytest.raises(BadAudio):
            audio.checked(bytes(damaged))


@given(st.data())
def test_a_file_that_was_cut_off_is_seen(data: st.DataObject) -> None:
    file = audio.wav(tone(300, 0.05))
    with pytest.raises(BadAudio):
        audio.checked(file[: data.draw(st.integers(0, len(file) - 1))])


@given(st.binary(max_size=300))
def test_garbage_is_no_recording(garbage: bytes) -> None:
    with pytest.raises(BadAudio):
        audio.checked(garbage)
    with pytest.raises(BadAudio):
        audio.recorded(garbage)


def wav_of(speech: Samples, rate: int, width: int, channels: int) -> bytes:
    whole = np.rint(speech.astype(np.float64) * (2 ** (8 * width - 1) - 1)).astype("<i8")
    if width == 1:
        whole += 128
    samples = whole.reshape(-1, 1).view(np.uint8)[:, :width]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.repeat(samples, channels, axis=0).tobytes())
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_recordings_of_every_kind_are_read(width: int, channels: int) -> None:
    speech = tone(300, 0.3, 44_100)
    sound = audio.recorded(wav_of(speech, 44_100, width, channels))
    assert sound.rate == 44_100
    off = np.abs(audio.floats(sound.samples) - speech).max()
    assert off < (0.01 if width == 1 else 0.001)


def test_a_recording_of_an_impossible_rate_is_refused() -> None:
    with pytest.raises(BadAudio):
        audio.recorded(wav_of(tone(300, 0.1), 100, 2, 1))


# A-law


def test_a_law_is_what_the_standard_library_had() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    every = np.arange(65536, dtype=np.uint16).astype("<u2").tobytes()
    assert audioop.lin2alaw(every, 2) == ALAW.tobytes()


def test_a_law_keeps_to_g_711() -> None:
    """Decoded by the recommendation's own formula, every sample is within half a step."""
    samples = np.arange(-32768, 32768)
    codes = ALAW[samples.astype(np.int16).view(np.uint16)].astype(int) ^ 0x55
    segment, step = (codes >> 4) & 7, codes & 0x0F
    size = np.where(segment == 0, 16 * step + 8, (16 * step + 264) << np.maximum(segment - 1, 0))
    decoded = np.where(codes & 0x80, size, -size)
    half = np.where(segment == 0, 8, 8 << np.maximum(segment - 1, 0))
    assert (np.abs(decoded - samples) <= half).all()
    assert all(a <= b for a, b in pairwise(decoded))


def test_silence_in_a_law_is_its_idle_pattern() -> None:
    assert audio.alaw(silence(0.01)) == b"\xd5" * 80
