"""retro-ru-tts, the real one in its worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError

import pytest

from adapters.speech import retro_ru
from adapters.speech.retro_ru import Config
from adapters.speech.retro_ru_library import RetroRuLibrary
from adapters.speech.worker_library import LibraryError
from gateway.errors import InvalidInput
from gateway.ports.speech import Speech, SpeechError
from tests.contracts.speech_conformance import SpeechConformance


@pytest.fixture
async def engine() -> AsyncIterator[Speech]:
    built = retro_ru.build(Config())
    yield built
    await built.close()


@pytest.fixture
def sentence() -> tuple[str, str]:
    return "ru", "Вас примет терапевт Петров"


class TestConformance(SpeechConformance):
    """The contract of every engine."""


def test_the_mark_stands_after_the_stressed_vowel() -> None:
    assert retro_ru.written("Кардиолог примет") == "Кардио+лог при+мет"


def test_the_stress_is_heard() -> None:
    """The mark is not read as a sign but moves the stress."""
    library = RetroRuLibrary({"rate": 70, "pitch": 88})
    assert library.speak("за+мок", "ru") != library.speak("замо+к", "ru")


def test_rate_and_pitch_are_heard() -> None:
    slow, fast = RetroRuLibrary({"rate": 50}), RetroRuLibrary({"rate": 150})
    assert len(slow.speak("один", "ru")[1]) > 1.5 * len(fast.speak("один", "ru")[1])
    low, high = RetroRuLibrary({"pitch": 60}), RetroRuLibrary({"pitch": 200})
    assert low.speak("один", "ru") != high.speak("один", "ru")


def test_8_bits_become_16() -> None:
    """The upper byte is the sample, the lower one is empty."""
    _, samples = RetroRuLibrary({}).speak("один", "ru")
    assert set(samples[0::2]) == {0}
    assert len(set(samples[1::2])) > 20


async def test_letters_that_it_does_not_know_are_left_out(engine: Speech) -> None:
    sound = await engine.synthesize("Приём әі日本 в десять\0 часов", "ru")
    assert sound == await engine.synthesize("Приём  в десять часов", "ru")


def test_a_text_without_sound_is_an_error() -> None:
    with pytest.raises(LibraryError) as failed:
        RetroRuLibrary({}).speak("", "ru")
    assert failed.value.code == "sentence"


async def test_a_sentence_of_nothing_is_an_error_and_the_worker_lives_on(engine: Speech) -> None:
    with pytest.raises(SpeechError) as failed:
        await engine.synthesize("日本", "ru")
    assert failed.value.code == "sentence"
    assert (await engine.synthesize("один", "ru")).samples


def test_whatever_changes_the_sound_changes_the_identity() -> None:
    engines = [Config(), Config(rate=80), Config(pitch=90)]
    assert len({retro_ru.build(config).identity for config in engines}) == 3
    assert "1.0.7" in retro_ru.build(Config()).identity


def test_a_missing_package_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(retro_ru, "version", missing)
    with pytest.raises(InvalidInput, match="retro-ru-tts is not installed"):
        retro_ru.build(Config())
