"""Yandex SpeechKit v1 against a server on this machine that speaks its documented protocol."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import numpy as np
import pytest
from aiohttp import web

from adapters.http import HttpClient, HttpResponse
from adapters.speech import yandex_speechkit
from adapters.speech.engines import OwnTools, build_speech
from adapters.speech.yandex_speechkit import Config, YandexSpeechKit, read, request_of
from gateway.errors import InvalidInput
from gateway.ports.speech import Speech, SpeechError
from tests.adapters.support import address, serve
from tests.contracts.speech_conformance import SpeechConformance

KEY = "AQVN-very-secret-key"
NAME = "Мария Ивановна, здравствуйте."


@dataclass
class SpeechKit:
    """Answers as the documentation says: raw samples, or a JSON error."""

    status: int = 200
    body: bytes | None = None
    wait: asyncio.Event | None = None
    most_at_once: int = 0
    forms: list[dict[str, str]] = field(default_factory=list)
    _now: int = 0

    @property
    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/speech/v1/tts:synthesize", self.synthesize)
        return app

    async def synthesize(self, request: web.Request) -> web.Response:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await self._answer(request)
        finally:
            self._now -= 1

    async def _answer(self, request: web.Request) -> web.Response:
        if self.wait is not None:
            await self.wait.wait()
        if request.headers.get("Authorization") != f"Api-Key {KEY}":
            return self._error(401, "UNAUTHORIZED")
        assert request.content_type == "application/x-www-form-urlencoded"
        form = {name: value[0] for name, value in parse_qs(await request.text()).items()}
        self.forms.append(form)
        if self.status != 200:
            return self._error(self.status, "ERROR")
        if self.body is not None:
            return web.Response(body=self.body)
        assert form["format"] == "lpcm"
        seconds = len(form["text"]) * 0.06
        time = np.arange(round(seconds * int(form["sampleRateHertz"]))) / 8000
        tone = (8000 * np.sin(2 * np.pi * 300 * time)).astype("<i2")
        return web.Response(body=tone.tobytes())

    @staticmethod
    def _error(status: int, code: str) -> web.Response:
        told = json.dumps({"error_code": code, "error_message": f"{code}: {NAME}"})
        return web.Response(status=status, text=told, content_type="application/json")


@pytest.fixture
def provider() -> SpeechKit:
    return SpeechKit()


@pytest.fixture
async def url(provider: SpeechKit) -> AsyncIterator[str]:
    server = await serve(provider.app)
    yield address(server, "/speech/v1/tts:synthesize")
    await server.close()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.close()


@pytest.fixture
async def engine(url: str, http: HttpClient) -> Speech:
    return YandexSpeechKit(Config(api_key=KEY, url=url), http)


@pytest.fixture
def sentence() -> tuple[str, str]:
    return "ru", NAME


class TestConformance(SpeechConformance):
    """The contract of every engine."""


async def code_of(engine: Speech) -> str:
    with pytest.raises(SpeechError) as failed:
        await engine.synthesize(NAME, "ru")
    assert failed.value.__cause__ is None
    return failed.value.code


async def test_what_is_asked_for_is_what_the_telephone_has(
    engine: Speech, provider: SpeechKit
) -> None:
    sound = await engine.synthesize(NAME, "ru")
    assert sound.rate == 8000
    assert provider.forms == [
        {
            "text": NAME,
            "lang": "ru-RU",
            "voice": "marina",
            "speed": "1",
            "format": "lpcm",
            "sampleRateHertz": "8000",
        }
    ]


def test_settings_reach_the_request() -> None:
    config = Config(api_key=KEY, voice="jane", emotion="good", speed=1.1)
    form = parse_qs(request_of("Привет", "ru", config).body.decode())
    assert (form["voice"], form["emotion"], form["speed"]) == (["jane"], ["good"], ["1.1"])


def test_english_has_its_own_voice_and_no_emotion_of_another() -> None:
    config = Config(api_key=KEY, voice="jane", emotion="good")
    form = parse_qs(request_of("Hello", "en", config).body.decode())
    assert (form["lang"], form["voice"]) == (["en-US"], ["john"])
    assert "emotion" not in form


def test_markup_of_the_provider_is_taken_out() -> None:
    config = Config(api_key=KEY)
    form = parse_qs(request_of("Доктор+ sil<[300]> **да**", "ru", config).body.decode())
    assert form["text"] == ["Доктор sil300 да"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "refused"),
        (401, "credentials"),
        (403, "credentials"),
        (413, "refused"),
        (429, "limited"),
        (500, "unavailable"),
        (503, "unavailable"),
    ],
)
async def test_every_refusal_has_its_code(
    engine: Speech, provider: SpeechKit, status: int, code: str
) -> None:
    provider.status = status
    assert await code_of(engine) == code


async def test_a_wrong_key_is_told(url: str, http: HttpClient) -> None:
    engine = YandexSpeechKit(Config(api_key="another-key", url=url), http)
    assert await code_of(engine) == "credentials"


@pytest.mark.parametrize("body", [b"", b"\0\0\0"])
def test_an_answer_that_is_no_sound_is_unreadable(body: bytes) -> None:
    with pytest.raises(SpeechError) as failed:
        read(HttpResponse(200, {}, body))
    assert failed.value.code == "unreadable"


async def test_one_that_takes_too_long_is_not_waited_for(
    url: str, http: HttpClient, provider: SpeechKit
) -> None:
    provider.wait = asyncio.Event()
    engine = YandexSpeechKit(Config(api_key=KEY, url=url, timeout_s=0.1), http)
    assert await code_of(engine) == "timeout"
    provider.wait.set()


async def test_a_provider_that_is_not_there_is_unavailable(http: HttpClient) -> None:
    engine = YandexSpeechKit(Config(api_key=KEY, url="http://127.0.0.1:1/"), http)
    assert await code_of(engine) == "unavailable"


async def test_not_more_are_asked_at_once_than_the_quota_bears(
    engine: Speech, provider: SpeechKit
) -> None:
    provider.wait = asyncio.Event()
    asked = asyncio.gather(*(engine.synthesize(f"Фраза {index}", "ru") for index in range(30)))
    while provider.most_at_once < yandex_speechkit.REQUESTS_MAX:  # noqa: ASYNC110  the server's
        await asyncio.sleep(0.005)
    provider.wait.set()
    assert len(await asked) == 30
    assert provider.most_at_once == yandex_speechkit.REQUESTS_MAX


async def test_neither_the_key_nor_a_name_is_logged(
    engine: Speech, provider: SpeechKit, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await engine.synthesize(NAME, "ru")
    provider.status = 500
    await code_of(engine)
    told = "\n".join(str(vars(record)) for record in caplog.records)
    assert "http exchange" in told
    assert KEY not in told
    assert "Мария" not in told


def test_whatever_changes_the_sound_changes_the_identity_and_the_key_does_not() -> None:
    http = HttpClient()
    configs = [
        Config(api_key=KEY),
        Config(api_key=KEY, voice="alena"),
        Config(api_key=KEY, voice="alena", emotion="good"),
        Config(api_key=KEY, speed=1.2),
    ]
    assert len({YandexSpeechKit(config, http).identity for config in configs}) == 4
    other = YandexSpeechKit(Config(api_key="another-key"), http).identity
    assert other == YandexSpeechKit(configs[0], http).identity
    assert KEY not in other


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "api_key"),
        ({"api_key": KEY, "voice": "nobody"}, "voice"),
        ({"api_key": KEY, "emotion": "evil"}, ""),
        ({"api_key": KEY, "voice": "filipp", "emotion": "good"}, ""),
        ({"api_key": KEY, "speed": 9.0}, "speed"),
        ({"api_key": KEY, "url": "ftp://x"}, "url"),
        ({"api_key": KEY, "colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_are_told_by_field_and_without_the_key(
    options: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        build_speech("yandex_speechkit", options, OwnTools())
    assert refused.value.problems[0].field == field
    assert KEY not in str(refused.value)
