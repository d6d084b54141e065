"""Speech in the configuration."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from gateway.ports.schema_problems import FieldsError, validate
from gateway.ports.schema_speech import SpeechSettings

READ = TypeAdapter(SpeechSettings)


def test_russian_and_english_speak_out_of_the_box() -> None:
    settings = validate(READ, {})
    assert [engine["engine"] for engine in settings.engines] == ["retro_ru", "espeak_ng"]
    assert (settings.recordings, settings.keep_days) == (None, 14)


def test_engines_keep_their_order_and_their_own_settings() -> None:
    engines = [{"engine": "yandex_speechkit", "api_key": "x"}, {"engine": "retro_ru"}]
    assert list(validate(READ, {"engines": engines}).engines) == engines


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"engines": []}, ("engines",)),
        ({"engines": [{"voice": "anna"}]}, ("engines",)),
        ({"engines": [{"engine": 1}]}, ("engines",)),
        ({"engines": ["retro_ru"]}, ("engines", 0)),
        ({"keep_days": 0}, ("keep_days",)),
        ({"keep_days": "14"}, ("keep_days",)),
        ({"recordings": 1}, ("recordings",)),
        ({"voices": []}, ("voices",)),
    ],
)
def test_what_is_wrong_is_told_by_field(data: object, path: tuple[str | int, ...]) -> None:
    with pytest.raises(FieldsError) as refused:
        validate(READ, data)
    assert refused.value.findings[0].path == path
