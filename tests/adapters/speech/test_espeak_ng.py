"""espeak-ng, the real one in its worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError
from typing import get_args

import pytest

from adapters.speech import espeak_ng
from adapters.speech.espeak_ng import Config
from gateway.errors import InvalidInput
from gateway.ports.speech import Speech
from tests.contracts.speech_conformance import SpeechConformance


@pytest.fixture
async def engine() -> AsyncIterator[Speech]:
    built = espeak_ng.build(Config())
    yield built
    await built.close()


@pytest.fixture
def sentence() -> tuple[str, str]:
    return "en", "Doctor Smith is expecting you."


class TestConformance(SpeechConformance):
    """The contract of every engine."""


async def test_it_is_not_asked_for_russian(engine: Speech) -> None:
    """It would speak, and nobody would understand it."""
    assert not engine.speaks("ru")


async def test_every_voice_that_is_offered_is_there() -> None:
    sounds = set()
    for voice in get_args(Config.model_fields["voice"].annotation):
        engine = espeak_ng.build(Config(voice=voice))
        sounds.add(await engine.synthesize("Please press one to confirm.", "en"))
        await engine.close()
    assert len(sounds) == len(get_args(Config.model_fields["voice"].annotation))


async def test_the_rate_is_heard() -> None:
    lengths = []
    for rate in (100, 250):
        engine = espeak_ng.build(Config(rate=rate))
        lengths.append(len((await engine.synthesize("Please press one.", "en")).samples))
        await engine.close()
    assert lengths[0] > 1.5 * lengths[1]


def test_whatever_changes_the_sound_changes_the_identity() -> None:
    engines = [Config(), Config(rate=140), Config(voice="en-us")]
    assert len({espeak_ng.build(config).identity for config in engines}) == 3


def test_a_missing_package_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(espeak_ng, "version", missing)
    with pytest.raises(InvalidInput, match="espeakng-loader is not installed"):
        espeak_ng.build(Config())
