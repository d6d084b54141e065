"""Yandex SpeechKit, API v1: one POST for a sentence, raw samples come back.

https://yandex.cloud/en/docs/speechkit/tts/request
https://yandex.cloud/en/docs/speechkit/concepts/response
https://yandex.cloud/en/docs/speechkit/tts/markup/tts-markup

The key is that of a service account with the role ai.speechkit-tts.user. Names of patients and
doctors leave the machine: the clinic needs a contract that allows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlencode

from pydantic import Field, model_validator

from adapters.http import HttpClient, HttpRequest, HttpResponse
from gateway.ports.messaging import SendError
from gateway.ports.schema_problems import StrictModel, bad
from gateway.ports.speech import SENTENCE_CHARS_MAX, Pcm, SpeechError

URL: Final = "https://tts.api.cloud.yandex.net/speech/v1/tts:synthesize"

RATE: Final = 8000
"""What the telephone has; the engine's own filter is better than ours could be after it."""

REQUESTS_MAX: Final = 10
"""Under way at once; the quota is 40 a second."""

EMOTIONS: Final[Mapping[str, frozenset[str]]] = {
    "alena": frozenset({"neutral", "good"}),
    "ermil": frozenset({"neutral", "good"}),
    "filipp": frozenset(),
    "jane": frozenset({"neutral", "good", "evil"}),
    "madi_ru": frozenset(),
    "marina": frozenset({"neutral", "whisper", "friendly"}),
    "omazh": frozenset({"neutral", "evil"}),
    "zahar": frozenset({"neutral", "good"}),
}
"""Russian voices of API v1 and how each can sound."""

LOCALES: Final = {"ru": "ru-RU", "en": "en-US"}
ENGLISH_VOICE: Final = "john"

_MARKUP: Final = str.maketrans("", "", "+*<>[]")
"""Stress, emphasis and pauses of SpeechKit's own markup; a sentence of ours has none."""

_CODES: Final = {400: "refused", 401: "credentials", 403: "credentials", 429: "limited"}


class Config(StrictModel):
    """`timeout_s` is how long a sentence may take before another engine speaks in this call."""

    api_key: Annotated[str, Field(min_length=10, max_length=500)]
    voice: Literal["alena", "ermil", "filipp", "jane", "madi_ru", "marina", "omazh", "zahar"] = (
        "marina"
    )
    emotion: str | None = None
    speed: Annotated[float, Field(ge=0.1, le=3.0)] = 1.0
    timeout_s: Annotated[float, Field(ge=0.1, le=30)] = 2.0
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] = URL

    @model_validator(mode="after")
    def _voice_has_emotion(self) -> Config:
        known = EMOTIONS[self.voice]
        if self.emotion is not None and self.emotion not in known:
            words = f"must be one of {', '.join(sorted(known))}" if known else "must be left out"
            raise bad(f"emotion {words} with the voice {self.voice}")
        return self


def request_of(sentence: str, language: str, config: Config) -> HttpRequest:
    """Return the request for one sentence."""
    form = {
        "text": sentence.translate(_MARKUP),
        "lang": LOCALES[language],
        "voice": config.voice if language == "ru" else ENGLISH_VOICE,
        "speed": f"{config.speed:g}",
        "format": "lpcm",
        "sampleRateHertz": str(RATE),
    }
    if config.emotion is not None and language == "ru":
        form["emotion"] = config.emotion
    headers = {
        "Authorization": f"Api-Key {config.api_key}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return HttpRequest("POST", config.url, headers, urlencode(form).encode())


def read(response: HttpResponse) -> Pcm:
    """Return the sound of an answer; raise `SpeechError`."""
    if response.status != 200:
        otherwise = "unavailable" if response.status >= 500 else "refused"
        raise SpeechError(_CODES.get(response.status, otherwise))
    if not response.body or len(response.body) % 2:
        raise SpeechError("unreadable")
    return Pcm(RATE, response.body)


class YandexSpeechKit:
    """Speaks Russian, and English with another voice."""

    def __init__(self, config: Config, http: HttpClient) -> None:
        self._config = config
        self._http = http
        self._under_way = asyncio.Semaphore(REQUESTS_MAX)

    @property
    def identity(self) -> str:
        """Engine, version, voice, rate. What the provider changes behind it stays unknown."""
        config = self._config
        return (
            f"yandex_speechkit v1 voice {config.voice} {config.emotion or ''} "
            f"speed {config.speed:g} rate {RATE}"
        )

    def speaks(self, language: str) -> bool:
        """Tell whether there is a voice for a language."""
        return language in LOCALES

    async def synthesize(self, sentence: str, language: str) -> Pcm:
        """Speak one sentence; raise `SpeechError`."""
        if not self.speaks(language):
            raise SpeechError("no_voice")
        if len(sentence) > SENTENCE_CHARS_MAX:
            raise SpeechError("too_long")
        request = request_of(sentence, language, self._config)
        try:
            async with asyncio.timeout(self._config.timeout_s), self._under_way:
                return read(await self._http.send(request))
        except TimeoutError:
            raise SpeechError("timeout") from None
        except SendError:
            raise SpeechError("unavailable") from None

    async def close(self) -> None:
        """Nothing of its own is open: the connections are the client's."""
