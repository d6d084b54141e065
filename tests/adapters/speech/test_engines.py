"""The table of speech engines."""

from __future__ import annotations

import pytest

from adapters.speech.engines import SETUPS, SPEECH, OwnTools, build_speech
from gateway.errors import InvalidInput


@pytest.mark.parametrize(
    ("name", "options", "language"),
    [
        ("retro_ru", {}, "ru"),
        ("espeak_ng", {}, "en"),
        ("yandex_speechkit", {"api_key": "AQVN-very-secret"}, "ru"),
    ],
)
async def test_engines_that_need_nothing_installed_are_built(
    name: str, options: dict[str, object], language: str
) -> None:
    tools = OwnTools()
    engine = build_speech(name, options, tools)
    assert engine.speaks(language)
    assert engine.identity.startswith(name)
    await engine.close()
    await tools.close()


def test_an_engine_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(InvalidInput, match="engine: must be one of espeak_ng, piper, retro_ru"):
        build_speech("nobody", {}, OwnTools())


@pytest.mark.parametrize("name", sorted(SPEECH))
def test_an_unknown_setting_of_any_engine_is_told_by_its_name(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build_speech(name, {"colour": "red"}, OwnTools())
    assert "colour" in {problem.field for problem in refused.value.problems}


def test_only_engines_are_set_up() -> None:
    assert set(SETUPS) <= set(SPEECH)
