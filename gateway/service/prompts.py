"""Prompts of a call: sentences become WAV files, each sentence spoken once and kept.

Speech is made before a number is dialled. Sentences, not fragments, are the unit: fragments sound
like a list, and most sentences of a call are the same for everybody. One call has one voice: when
an engine fails or is too slow, the whole call is spoken by the next one that knows the language
(rule C-3 needs the call more than the voice).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from gateway.clock import Clock
from gateway.ports.speech import Pcm, Speech, SpeechError
from gateway.service import audio, prompts_recordings
from gateway.service.audio import BadAudio, Samples
from gateway.service.prompts_cache import Place, PromptCache
from gateway.service.prompts_recordings import Recording, Recordings

REST: Final = timedelta(seconds=30)
"""How long an engine that failed is not asked again while another one speaks: else every call
would wait for the same time-out first."""

NOT_THE_ENGINE: Final = frozenset({"sentence", "too_long", "storage"})
"""Errors that say nothing about the engine's health."""

KEEP: Final = timedelta(days=14)

_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+")

log = logging.getLogger("callahead.speech")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A WAV file that is ready to be played: 8 kHz, mono, 16-bit. `voice` is who speaks."""

    path: Path
    seconds: float
    key: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One sentence and where its speech is, or will be, kept."""

    text: str
    place: Place
    recording: Recording | None


@dataclass(frozen=True, slots=True)
class _Turn:
    """All sentences that are said in a row."""

    sentences: tuple[_Sentence, ...]
    place: Place


class Prompts:
    """Makes and keeps prompts. `engines` are in order of preference.

    `fixed` are the sentences of scripts that hold no facts, in words; they are kept for good.
    All others name people or visits and are deleted when they were not used for `keep`.
    """

    def __init__(
        self,
        engines: Sequence[Speech],
        cache: Path,
        clock: Clock,
        *,
        recordings: Path | None = None,
        keep: timedelta = KEEP,
        fixed: Iterable[str] = (),
    ) -> None:
        self._engines = engines
        self._cache = PromptCache(cache)
        self._clock = clock
        self._recordings = (
            prompts_recordings.load(recordings) if recordings is not None else Recordings({})
        )
        self._keep = keep
        self._fixed = frozenset(piece for sentence in fixed for piece in sentences_of([sentence]))
        self._rests_until: dict[str, datetime] = {}
        self._under_way: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def prepare(
        self, turns: Sequence[Sequence[str]], language: str, *, voice: str = ""
    ) -> list[Prompt]:
        """Return a prompt for every turn, all in one voice; raise `SpeechError`.

        A turn is a list of sentences in words. The prompts stay for as long as they may be
        needed by a call that begins now. A call that goes on gives the `voice` of its first
        prompts: it is asked before all others.
        """
        engines = [engine for engine in self._engines if engine.speaks(language)]
        engines.sort(key=lambda engine: engine.identity != voice)
        failed = SpeechError("no_voice")
        for number, engine in enumerate(engines):
            wanted = [self._turn(turn, engine, language) for turn in turns]
            is_last = number + 1 == len(engines)
            try:
                return await self._prompts(
                    wanted, engine, language, may_speak=is_last or not self._rests(engine)
                )
            except SpeechError as error:
                failed = error
                if not is_last:
                    self._let_rest(engine, error)
        log.warning("prompts could not be made", extra={"code": failed.code, "language": language})
        raise failed

    async def prune(self, now: datetime) -> int:
        """Delete what names people and was not used lately; return how many files."""
        return await asyncio.to_thread(self._cache.prune, now, self._keep)

    def _turn(self, turn: Sequence[str], engine: Speech, language: str) -> _Turn:
        sentences = tuple(self._sentence(text, engine, language) for text in sentences_of(turn))
        place = Place(
            _key("turn", language, *(sentence.place.key for sentence in sentences)),
            any(sentence.place.personal for sentence in sentences),
        )
        return _Turn(sentences, place)

    def _sentence(self, text: str, engine: Speech, language: str) -> _Sentence:
        recording = self._recordings.of(text, language)
        voice = recording.identity if recording is not None else engine.identity
        return _Sentence(
            text, Place(_key(voice, language, text), text not in self._fixed), recording
        )

    async def _prompts(
        self, wanted: Sequence[_Turn], engine: Speech, language: str, *, may_speak: bool
    ) -> list[Prompt]:
        made = await asyncio.to_thread(self._made, wanted, engine.identity)
        missing = [turn for turn in wanted if turn.place not in made]
        if missing and not may_speak:
            raise SpeechError("unavailable")
        if missing:
            sentences = {
                sentence.place: sentence for turn in missing for sentence in turn.sentences
            }
            spoken = await self._spoken(list(sentences.values()), engine, language)
            made |= await asyncio.to_thread(self._put_together, missing, spoken, engine.identity)
        return [made[turn.place] for turn in wanted]

    def _made(self, wanted: Sequence[_Turn], voice: str) -> dict[Place, Prompt]:
        """Return the prompts that are there already."""
        now, made = self._clock.now(), {}
        for turn in wanted:
            speech = self._cache.read(turn.place, now)
            if speech is not None:
                path = self._cache.path(turn.place)
                made[turn.place] = Prompt(path, audio.seconds(speech), turn.place.key, voice)
        return made

    def _put_together(
        self, missing: Sequence[_Turn], spoken: dict[Place, Samples], voice: str
    ) -> dict[Place, Prompt]:
        now, made = self._clock.now(), {}
        for turn in missing:
            speech = audio.joined([spoken[sentence.place] for sentence in turn.sentences])
            path = self._stored(turn.place, speech, now)
            made[turn.place] = Prompt(path, audio.seconds(speech), turn.place.key, voice)
        return made

    async def _spoken(
        self, sentences: Sequence[_Sentence], engine: Speech, language: str
    ) -> dict[Place, Samples]:
        """Return the speech of every sentence; the first that fails ends the others."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    sentence.place: group.create_task(self._once(sentence, engine, language))
                    for sentence in sentences
                }
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        return {place: task.result() for place, task in tasks.items()}

    async def _once(self, sentence: _Sentence, engine: Speech, language: str) -> Samples:
        """Return the speech of a sentence; who asks for it meanwhile waits for the same."""
        place = sentence.place
        # Kept alive by those who use it; with the last of them it is forgotten.
        lock = self._under_way.setdefault(place.key, asyncio.Lock())
        async with lock:
            if sentence.recording is not None:
                return sentence.recording.speech
            speech = await asyncio.to_thread(self._cache.read, place, self._clock.now())
            if speech is not None:
                return speech
            sound = await engine.synthesize(sentence.text, language)
            return await asyncio.to_thread(self._finished, place, sound)

    def _finished(self, place: Place, sound: Pcm) -> Samples:
        try:
            speech = audio.processed(sound)
        except BadAudio:
            raise SpeechError("unreadable") from None
        self._stored(place, speech, self._clock.now())
        # As it will be read: a turn sounds the same whether its sentences were kept or not.
        return audio.floats(audio.shorts(speech))

    def _stored(self, place: Place, speech: Samples, now: datetime) -> Path:
        try:
            return self._cache.write(place, speech, now)
        except OSError as error:
            log.error("prompts cannot be stored", extra={"errno": error.errno})  # noqa: TRY400  no trace needed
            raise SpeechError("storage") from None

    def _rests(self, engine: Speech) -> bool:
        until = self._rests_until.get(engine.identity)
        return until is not None and self._clock.now() < until

    def _let_rest(self, engine: Speech, error: SpeechError) -> None:
        """Let the next calls go to another engine at once."""
        if error.code in NOT_THE_ENGINE or self._rests(engine):
            return
        log.warning("speech engine failed", extra={"engine": engine.identity, "code": error.code})
        self._rests_until[engine.identity] = self._clock.now() + REST


def sentences_of(turn: Iterable[str]) -> list[str]:
    """Return the single sentences of a turn."""
    pieces = (piece.strip() for text in turn for piece in _SENTENCE_END.split(text))
    return [piece for piece in pieces if any(char.isalnum() for char in piece)]


def _key(*parts: str) -> str:
    said = "\0".join((audio.CHAIN_VERSION, *parts))
    return hashlib.sha256(said.encode()).hexdigest()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first error of a group; one that is not about speech goes before the others."""
    unexpected = [error for error in errors.exceptions if not isinstance(error, SpeechError)]
    return (unexpected or errors.exceptions)[0]
