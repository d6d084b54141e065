"""Prompts: one voice a call, each sentence spoken once, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from adapters.speech import retro_ru
from gateway.ports.speech import Pcm, Speech, SpeechError
from gateway.service import audio
from gateway.service.prompts import REST, Prompt, Prompts, sentences_of
from tests.adapters.support import ManualClock

NAME = "Мария Ивановна, здравствуйте."
ASK = "Звоним подтвердить запись к врачу."
KEYS = "Если придёте, нажмите один."
THANKS = "Спасибо, ждём вас."
CALL = [[NAME, ASK, KEYS], [KEYS], [THANKS]]


@dataclass
class Voice:
    """An engine that says every sentence as a tone of its own; it can fail, or wait."""

    identity: str = "first"
    languages: tuple[str, ...] = ("ru",)
    fails: str | None = None
    gate: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def speaks(self, language: str) -> bool:
        return language in self.languages

    async def synthesize(self, sentence: str, language: str) -> Pcm:
        self.asked.append(sentence)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(0)
        if self.fails is not None:
            raise SpeechError(self.fails)
        return Pcm(16_000, tone(pitch(self.identity + sentence), len(sentence)))

    async def close(self) -> None:
        return None


def pitch(text: str) -> int:
    return 200 + sum(text.encode()) % 2500


def tone(hertz: float, length: int) -> bytes:
    time = np.arange(length * 800) / 16_000
    return (6000 * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 11, 23, 8, 0, tzinfo=UTC))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "prompts"


def prompts(cache: Path, clock: ManualClock, *engines: Speech, **more: object) -> Prompts:
    return Prompts(engines, cache, clock, **more)  # type: ignore[arg-type]


def files(cache: Path) -> list[Path]:
    return list(cache.rglob("*.wav"))


def content(made: Sequence[Prompt]) -> list[bytes]:
    return [prompt.path.read_bytes() for prompt in made]


def main_tones(prompt: Prompt) -> list[int]:
    """Return the pitch of every sentence of a prompt, from the sound itself."""
    speech = audio.checked(prompt.path.read_bytes())
    gaps = np.flatnonzero(np.abs(speech) > 0)
    parts = np.split(gaps, np.flatnonzero(np.diff(gaps) > 0.3 * audio.RATE) + 1)
    heard = []
    for part in parts:
        piece = speech[part[0] : part[-1] + 1]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(piece.size)))
        heard.append(round(int(spectrum.argmax()) * audio.RATE / piece.size))
    return heard


# What comes out


async def test_a_turn_is_one_file_that_the_player_takes(cache: Path, clock: ManualClock) -> None:
    made = await prompts(cache, clock, Voice()).prepare(CALL, "ru")
    assert len(made) == 3
    for prompt in made:
        with wave.open(io.BytesIO(prompt.path.read_bytes())) as file:
            assert file.getparams()[:3] == (1, 2, 8000)
            assert file.getnframes() / 8000 == prompt.seconds
    assert len({prompt.path for prompt in made}) == 3


async def test_sentences_are_said_in_their_order(cache: Path, clock: ManualClock) -> None:
    made = await prompts(cache, clock, Voice()).prepare(CALL, "ru")
    for prompt, turn in zip(made, CALL, strict=True):
        assert main_tones(prompt) == pytest.approx([pitch("first" + said) for said in turn], abs=8)


async def test_a_text_of_several_sentences_is_split(cache: Path, clock: ManualClock) -> None:
    voice = Voice()
    await prompts(cache, clock, voice).prepare([[f"{NAME} {ASK}", "Да? Нет!"]], "ru")
    assert sorted(voice.asked) == sorted([NAME, ASK, "Да?", "Нет!"])


def test_what_holds_no_word_is_no_sentence() -> None:
    assert sentences_of([" Да. ... Нет ", "", " — "]) == ["Да.", "Нет"]


async def test_a_turn_without_sentences_is_a_pause(cache: Path, clock: ManualClock) -> None:
    [prompt] = await prompts(cache, clock, Voice()).prepare([[]], "ru")
    assert prompt.seconds == audio.PAUSE_S


async def test_a_call_without_turns_needs_no_engine(cache: Path, clock: ManualClock) -> None:
    assert await prompts(cache, clock, Voice()).prepare([], "ru") == []


# Once


async def test_what_was_said_before_is_not_said_again(cache: Path, clock: ManualClock) -> None:
    voice = Voice()
    one = prompts(cache, clock, voice)
    first = await one.prepare(CALL, "ru")
    assert sorted(voice.asked) == sorted([NAME, ASK, KEYS, THANKS])
    assert await one.prepare(CALL, "ru") == first
    assert len(voice.asked) == 4
    assert await prompts(cache, clock, voice).prepare(CALL, "ru") == first
    assert len(voice.asked) == 4


async def test_of_the_next_call_only_what_is_new_is_said(cache: Path, clock: ManualClock) -> None:
    voice = Voice()
    one = prompts(cache, clock, voice)
    await one.prepare(CALL, "ru")
    voice.asked.clear()
    await one.prepare([["Анна Петровна, здравствуйте.", ASK, KEYS], [KEYS], [THANKS]], "ru")
    assert voice.asked == ["Анна Петровна, здравствуйте."]


async def test_who_asks_at_the_same_time_waits_for_the_same_sentence(
    cache: Path, clock: ManualClock
) -> None:
    voice = Voice()
    one = prompts(cache, clock, voice)
    made = await asyncio.gather(*(one.prepare(CALL, "ru") for _ in range(20)))
    assert sorted(voice.asked) == sorted([NAME, ASK, KEYS, THANKS])
    assert all(other == made[0] for other in made)


async def test_another_process_may_make_the_same_at_the_same_time(
    cache: Path, clock: ManualClock
) -> None:
    nodes = [prompts(cache, clock, Voice()) for _ in range(5)]
    made = await asyncio.gather(*(node.prepare(CALL, "ru") for node in nodes))
    assert len({tuple(content(one)) for one in made}) == 1


async def test_if_the_first_gives_up_the_next_one_asks(cache: Path, clock: ManualClock) -> None:
    voice = Voice(gate=asyncio.Event())
    one = prompts(cache, clock, voice)
    first = asyncio.create_task(one.prepare([[THANKS]], "ru"))
    await voice.reached.wait()
    second = asyncio.create_task(one.prepare([[THANKS]], "ru"))
    await asyncio.sleep(0.01)
    first.cancel()
    assert voice.gate is not None
    voice.gate.set()
    [prompt] = await second
    assert prompt.path.exists()
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_another_voice_says_everything_anew(cache: Path, clock: ManualClock) -> None:
    first = await prompts(cache, clock, Voice()).prepare(CALL, "ru")
    second = await prompts(cache, clock, Voice("second")).prepare(CALL, "ru")
    assert not {prompt.key for prompt in first} & {prompt.key for prompt in second}


async def test_the_same_words_in_another_language_are_another_sentence(
    cache: Path, clock: ManualClock
) -> None:
    one = prompts(cache, clock, Voice(languages=("ru", "en")))
    [russian] = await one.prepare([["OK"]], "ru")
    [english] = await one.prepare([["OK"]], "en")
    assert russian.key != english.key


# Damage


@pytest.mark.parametrize("damage", [b"", b"RIFF....WAVE", None])
async def test_damaged_files_are_made_anew(
    cache: Path, clock: ManualClock, damage: bytes | None
) -> None:
    voice = Voice()
    one = prompts(cache, clock, voice)
    before = content(await one.prepare(CALL, "ru"))
    for file in files(cache):
        if damage is None:
            file.unlink()
        else:
            file.write_bytes(damage)
    assert content(await one.prepare(CALL, "ru")) == before
    assert len(voice.asked) == 8


async def test_a_turn_sounds_the_same_whether_its_sentences_were_kept_or_not(
    cache: Path, clock: ManualClock
) -> None:
    one = prompts(cache, clock, Voice())
    [prompt] = await one.prepare([[NAME, ASK]], "ru")
    before = prompt.path.read_bytes()
    prompt.path.unlink()
    assert content(await one.prepare([[NAME, ASK]], "ru")) == [before]


async def test_a_folder_that_cannot_be_written_is_an_error_of_the_storage(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    second = Voice("second")
    with pytest.raises(SpeechError) as failed:
        await prompts(Path("/dev/null/prompts"), clock, Voice(), second).prepare([[NAME]], "ru")
    assert failed.value.code == "storage"
    assert "Мария" not in "".join(str(vars(record)) for record in caplog.records)


# Personal data


async def test_sentences_of_the_script_are_kept_and_those_with_names_go(
    cache: Path, clock: ManualClock
) -> None:
    voice = Voice()
    keep = timedelta(days=3)
    one = prompts(cache, clock, voice, keep=keep, fixed=[f"{ASK} {KEYS}", THANKS])
    await one.prepare(CALL, "ru")
    clock.advance(keep.total_seconds() + 1)
    assert await one.prune(clock.now()) == 2  # the name, and the turn that holds it
    voice.asked.clear()
    await one.prepare(CALL, "ru")
    assert voice.asked == [NAME]


async def test_what_is_not_known_to_be_fixed_counts_as_personal(
    cache: Path, clock: ManualClock
) -> None:
    await prompts(cache, clock, Voice()).prepare(CALL, "ru")
    assert {file.parent.name for file in files(cache)} == {"personal"}


async def test_file_names_hold_nothing_of_what_is_said(cache: Path, clock: ManualClock) -> None:
    await prompts(cache, clock, Voice()).prepare(CALL, "ru")
    for file in files(cache):
        assert len(file.stem) == 64
        assert set(file.stem) <= set("0123456789abcdef")


# One voice


async def test_a_call_is_never_said_in_two_voices(cache: Path, clock: ManualClock) -> None:
    """The first engine says two sentences and then fails: the second says all of them."""
    cloud, local = Voice("cloud"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    await one.prepare([[NAME], [ASK]], "ru")
    cloud.fails = "timeout"
    made = await one.prepare(CALL, "ru")
    for prompt, turn in zip(made, CALL, strict=True):
        assert main_tones(prompt) == pytest.approx([pitch("local" + said) for said in turn], abs=8)


async def test_what_the_first_voice_has_said_before_is_still_said_by_it(
    cache: Path, clock: ManualClock
) -> None:
    cloud, local = Voice("cloud"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    before = await one.prepare(CALL, "ru")
    cloud.fails = "unavailable"
    assert await one.prepare(CALL, "ru") == before
    assert local.asked == []


async def test_a_call_that_goes_on_keeps_its_voice_when_the_first_engine_is_back(
    cache: Path, clock: ManualClock
) -> None:
    cloud, local = Voice("cloud", fails="timeout"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    [begun] = await one.prepare([[NAME]], "ru")
    assert begun.voice == "local"
    clock.advance(REST.total_seconds())
    cloud.fails = None
    [after] = await one.prepare([[THANKS]], "ru", voice=begun.voice)
    assert after.voice == "local"
    assert main_tones(after) == pytest.approx([pitch("local" + THANKS)], abs=8)
    [other] = await one.prepare([[THANKS]], "ru")
    assert other.voice == "cloud"


async def test_an_engine_that_failed_is_left_alone_for_a_while(
    cache: Path, clock: ManualClock
) -> None:
    cloud, local = Voice("cloud", fails="timeout"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    await one.prepare([["Раз"]], "ru")
    assert len(cloud.asked) == 1
    await one.prepare([["Два"]], "ru")
    assert len(cloud.asked) == 1
    clock.advance(REST.total_seconds())
    cloud.fails = None
    await one.prepare([["Три"]], "ru")
    assert cloud.asked == ["Раз", "Три"]
    assert local.asked == ["Раз", "Два"]


async def test_a_sentence_that_one_engine_cannot_say_does_not_rest_it(
    cache: Path, clock: ManualClock
) -> None:
    cloud, local = Voice("cloud", fails="sentence"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    await one.prepare([["Раз"]], "ru")
    cloud.fails = None
    await one.prepare([["Два"]], "ru")
    assert cloud.asked == ["Раз", "Два"]


async def test_the_last_engine_is_always_asked(cache: Path, clock: ManualClock) -> None:
    local = Voice("local", fails="crashed")
    one = prompts(cache, clock, local)
    for _ in range(2):
        with pytest.raises(SpeechError) as failed:
            await one.prepare([["Раз"]], "ru")
        assert failed.value.code == "crashed"
    local.fails = None
    assert await one.prepare([["Раз"]], "ru")


async def test_an_engine_that_rests_in_one_language_is_asked_in_another_that_only_it_knows(
    cache: Path, clock: ManualClock
) -> None:
    cloud, local = Voice("cloud", ("ru", "en"), fails="timeout"), Voice("local")
    one = prompts(cache, clock, cloud, local)
    await one.prepare([["Раз"]], "ru")
    cloud.fails = None
    assert await one.prepare([["One"]], "en")


async def test_an_engine_is_asked_for_its_languages_only(cache: Path, clock: ManualClock) -> None:
    russian, english = Voice("a", ("ru",)), Voice("b", ("en",))
    one = prompts(cache, clock, russian, english)
    await one.prepare([["Hello."]], "en")
    assert (russian.asked, english.asked) == ([], ["Hello."])
    with pytest.raises(SpeechError) as failed:
        await one.prepare([["Bonjour."]], "fr")
    assert failed.value.code == "no_voice"


async def test_silence_of_an_engine_is_a_failure(cache: Path, clock: ManualClock) -> None:
    class Mute(Voice):
        async def synthesize(self, sentence: str, language: str) -> Pcm:
            return Pcm(16_000, bytes(32_000))

    with pytest.raises(SpeechError) as failed:
        await prompts(cache, clock, Mute()).prepare([[NAME]], "ru")
    assert failed.value.code == "unreadable"


async def test_an_error_that_is_not_about_speech_is_not_hidden(
    cache: Path, clock: ManualClock
) -> None:
    class Broken(Voice):
        async def synthesize(self, sentence: str, language: str) -> Pcm:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await prompts(cache, clock, Broken(), Voice("second")).prepare(CALL, "ru")


async def test_the_log_says_which_engine_failed_and_nothing_of_the_call(
    cache: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    cloud, local = Voice("cloud", fails="credentials"), Voice("local", fails="crashed")
    with pytest.raises(SpeechError):
        await prompts(cache, clock, cloud, local).prepare([[NAME]], "ru")
    told = [vars(record) for record in caplog.records if record.name == "callahead.speech"]
    assert [(line.get("engine"), line["code"]) for line in told] == [
        ("cloud", "credentials"),
        (None, "crashed"),
    ]
    assert "Мария" not in str(told)


# Recordings


async def test_a_recorded_sentence_is_played_and_not_spoken(
    tmp_path: Path, cache: Path, clock: ManualClock
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    with wave.open(str(folder / "thanks.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(tone(1234, 20))
    (folder / "index.yaml").write_text(f'ru: {{"{THANKS}": thanks.wav}}', encoding="utf-8")
    voice = Voice()
    one = prompts(cache, clock, voice, recordings=folder)
    [prompt] = await one.prepare([[NAME, THANKS]], "ru")
    assert voice.asked == [NAME]
    assert main_tones(prompt) == pytest.approx([pitch("first" + NAME), 1234], abs=8)


# The real engine


@pytest.fixture
async def real() -> AsyncIterator[Speech]:
    engine = retro_ru.build(retro_ru.Config())
    yield engine
    await engine.close()


async def test_a_real_engine_makes_a_call_and_then_only_what_is_new(
    cache: Path, clock: ManualClock, real: Speech
) -> None:
    one = prompts(cache, clock, real)
    loop = asyncio.get_running_loop()
    made = await one.prepare(CALL, "ru")
    assert 3 < made[0].seconds < 20
    begun = loop.time()
    await one.prepare([["Анна Петровна, здравствуйте.", ASK, KEYS], [KEYS], [THANKS]], "ru")
    new_name_s = loop.time() - begun
    begun = loop.time()
    await one.prepare(CALL, "ru")
    cached_s = loop.time() - begun
    # bench/bench_speech.py holds the targets (300 ms and 5 ms); these are for a busy machine.
    assert new_name_s < 3.0
    assert cached_s < 1.0
