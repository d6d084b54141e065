"""Speech put together from the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.speech.engines import OwnTools
from gateway.clock import SystemClock
from gateway.compose.speech import ENGINES, SETUPS, build_engines, open_prompts
from gateway.errors import InvalidInput
from gateway.ports.schema_speech import SpeechSettings


def settings(*engines: dict[str, object], **more: object) -> SpeechSettings:
    return SpeechSettings.model_validate({"engines": list(engines), **more})


def test_engines_are_built_in_the_order_of_the_settings() -> None:
    built = build_engines(settings({"engine": "espeak_ng"}, {"engine": "retro_ru"}), OwnTools())
    assert [engine.identity.split()[0] for engine in built] == ["espeak_ng", "retro_ru"]


def test_everything_that_is_wrong_is_told_with_its_place() -> None:
    wrong = settings({"engine": "nobody"}, {"engine": "retro_ru", "rate": 1000})
    with pytest.raises(InvalidInput) as refused:
        build_engines(wrong, OwnTools())
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["engines[0].engine", "engines[1].rate"]


def test_paths_begin_beside_the_configuration(tmp_path: Path) -> None:
    wrong = settings({"engine": "rhvoice", "library": "lib", "data": "data"})
    with pytest.raises(InvalidInput) as refused:
        build_engines(wrong, OwnTools(), tmp_path)
    assert str(tmp_path / "lib") in str(refused.value)


async def test_prompts_are_opened_and_closed_with_their_workers(tmp_path: Path) -> None:
    async with open_prompts(SpeechSettings(), tmp_path / "prompts", SystemClock()) as prompts:
        [russian] = await prompts.prepare([["Здравствуйте."]], "ru")
        [english] = await prompts.prepare([["Good morning."]], "en")
    assert russian.seconds > 0.3
    assert english.seconds > 0.3


async def test_recordings_that_are_not_there_are_told(tmp_path: Path) -> None:
    wanted = settings({"engine": "retro_ru"}, recordings="recordings")
    with pytest.raises(InvalidInput, match=r"recordings/index\.yaml: No such file"):
        async with open_prompts(wanted, tmp_path / "c", SystemClock(), folder=tmp_path):
            pass


def test_what_can_be_set_up_can_be_chosen() -> None:
    assert set(SETUPS) <= set(ENGINES)
