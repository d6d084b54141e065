"""`callahead say`: a text as the robot says it, as words or as a WAV file."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gateway import log as logs
from gateway.cli.script_facts import script_and_facts
from gateway.clock import SystemClock
from gateway.compose.speech import ENGINES, open_prompts
from gateway.core.spoken import speech
from gateway.errors import CallaheadError, InvalidInput, Problem
from gateway.ports.schema_speech import SpeechSettings
from gateway.ports.speech import SpeechError
from gateway.settings import load

TEXT_CHARS_MAX = 20_000

_HELP = """\
examples:
  callahead say "Вас примет терапевт Петрова в каб. 212." -o out.wav
  callahead say "Приём 24.11.2026 в 14:30" --text-only
  callahead say "Your visit is at 2:30 pm" --lang en -o - | aplay
  callahead say "Добрый день!" --engine rhvoice -o out.wav
  callahead say --script confirm_visit.ru --facts facts.yaml --text-only
  callahead say --script confirm_visit.ru --facts facts.yaml --state confirmed -o out.wav

A script says its first state, or the one that --state names. facts.yaml: see `callahead call`.

The file is what a call plays: 8 kHz, mono, 16-bit. `-o -` writes it to standard output.
exit codes: 0 done, 1 the engine failed, 2 wrong usage or input
"""

_WHY = {
    "crashed": "the engine's library crashed",
    "credentials": "the provider does not accept the key",
    "limited": "the provider's limit is reached",
    "no_voice": "no engine has a voice for this language",
    "refused": "the provider refused the sentence",
    "sentence": "the engine makes nothing of this sentence",
    "storage": "the speech could not be stored",
    "timeout": "the engine took too long",
    "too_long": "a sentence is too long",
    "unavailable": "the engine could not be started or reached",
    "unreadable": "what the engine made is no speech",
}


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
) -> None:
    """Add the command."""
    say = commands.add_parser(
        "say",
        help="speak a text as the robot would",
        parents=[common],
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say.add_argument("text", metavar="TEXT", nargs="?", help="what to say")
    say.add_argument("--script", metavar="NAME", help="a dialogue instead: confirm_visit.ru")
    say.add_argument("--facts", type=Path, metavar="FILE", help="the dialogue's facts")
    say.add_argument("--state", metavar="NAME", help="which state (default: the first)")
    say.add_argument(
        "-o", "--output", metavar="FILE", help="WAV file to write; - is standard output"
    )
    say.add_argument("--lang", choices=("ru", "en"), default="ru", help="of TEXT (default: ru)")
    say.add_argument("--text-only", action="store_true", help="print the words and make no speech")
    say.add_argument(
        "--engine", choices=ENGINES, help="one engine only (default: the first that knows --lang)"
    )
    say.set_defaults(command=_say)


def _say(arguments: argparse.Namespace) -> int:
    sentences, language = _sentences(arguments)
    if arguments.text_only:
        print("\n".join(sentences))
        return 0
    if arguments.output is None:
        raise InvalidInput(Problem("-o", "is needed: the file to write, or --text-only"))
    if arguments.output == "-" and sys.stdout.isatty():
        raise InvalidInput(Problem("-o", "a terminal cannot play sound: name a file"))
    logs.set_up("error")  # what failed is told below, in plain words
    loaded = load(arguments.config)
    settings = chosen(loaded.settings.speech, arguments.engine)
    file, seconds = asyncio.run(_spoken(settings, loaded.folder, sentences, language))
    if arguments.output == "-":
        sys.stdout.buffer.write(file)
    else:
        Path(arguments.output).write_bytes(file)
        print(f"{arguments.output}: {seconds:.1f} s of speech", file=sys.stderr)
    return 0


def _sentences(arguments: argparse.Namespace) -> tuple[list[str], str]:
    """Return what is to be said, in words, and in which language."""
    if arguments.script is not None:
        return _of_script(arguments)
    if arguments.text is None:
        raise InvalidInput(Problem("TEXT", "is needed, or --script with --facts"))
    if len(arguments.text) > TEXT_CHARS_MAX:
        raise InvalidInput(Problem("TEXT", f"must have at most {TEXT_CHARS_MAX} characters"))
    words = speech(arguments.text, arguments.lang)
    if not any(char.isalpha() for char in words):
        raise InvalidInput(Problem("TEXT", "holds nothing that can be said"))
    return [words], arguments.lang


def _of_script(arguments: argparse.Namespace) -> tuple[list[str], str]:
    if arguments.text is not None:
        raise InvalidInput(Problem("TEXT", "and --script are two different things to say"))
    if arguments.facts is None:
        raise InvalidInput(Problem("--facts", "is needed with --script"))
    script, facts = script_and_facts(load(arguments.config), arguments.script, arguments.facts)
    state = arguments.state or script.start
    if state not in script.states:
        raise InvalidInput(Problem("--state", f"must be one of {', '.join(script.states)}"))
    language = script.language
    return [speech(text, language) for text in script.words(state, facts)], language


def chosen(settings: SpeechSettings, engine: str | None) -> SpeechSettings:
    """Return settings with one engine only: as it is configured, else with its defaults."""
    if engine is None:
        return settings
    configured = [options for options in settings.engines if options["engine"] == engine]
    return settings.model_copy(update={"engines": configured[:1] or [{"engine": engine}]})


async def _spoken(
    settings: SpeechSettings, folder: Path, sentences: Sequence[str], language: str
) -> tuple[bytes, float]:
    """Return the WAV file and how many seconds it lasts. Nothing of it is kept."""
    with tempfile.TemporaryDirectory(prefix="callahead-say-") as cache:
        clock = SystemClock()
        async with open_prompts(settings, Path(cache), clock, folder=folder) as prompts:
            try:
                [prompt] = await prompts.prepare([sentences], language)
            except SpeechError as error:
                raise CallaheadError(_WHY.get(error.code, error.code)) from None
        return await asyncio.to_thread(prompt.path.read_bytes), prompt.seconds
