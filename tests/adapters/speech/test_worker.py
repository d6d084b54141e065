"""Workers: real processes with real libraries, killed, stopped and replaced by garbage."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from adapters.speech import frames
from adapters.speech.worker import LIBRARIES
from adapters.speech.worker_process import WorkerProcess, command_of
from adapters.speech.worker_speech import stamp
from gateway.ports.speech import SpeechError

Start = Callable[..., WorkerProcess]

SPEAKS_FRAMES = """
import sys
def read():
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return sys.stdin.buffer.read(size)
def write(kind, body=b""):
    sys.stdout.buffer.write((len(body) + 1).to_bytes(4, "big") + kind + body)
    sys.stdout.buffer.flush()
read()
"""
READY = SPEAKS_FRAMES + "write(b'R')\n"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts workers that end with the test."""
    started: list[WorkerProcess] = []

    def one(command: list[str] | None = None, **limits: float) -> WorkerProcess:
        worker = WorkerProcess(command or command_of("retro_ru"), {"rate": 70}, **limits)
        started.append(worker)
        return worker

    yield one
    for worker in started:
        await worker.close()


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


async def code_of(worker: WorkerProcess) -> str:
    with pytest.raises(SpeechError) as failed:
        await worker.speak("один", "ru")
    return failed.value.code


async def gone(pid: int) -> None:
    """Wait until a process has ended; whoever inherits it may not have waited for it yet."""
    while state(pid) not in ("Z", ""):  # noqa: ASYNC110  another process' state sets no event
        await asyncio.sleep(0.005)


async def stop(pid: int) -> None:
    """Make a worker hang."""
    os.kill(pid, signal.SIGSTOP)
    while state(pid) != "T":  # noqa: ASYNC110  another process' state sets no event
        await asyncio.sleep(0.005)


def state(pid: int) -> str:
    """Return the letter of a process' state, nothing when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment(pid: int | None) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_it_speaks_and_stays_for_the_next_sentence(start: Start) -> None:
    worker = start()
    assert worker.pid is None
    first = await worker.speak("один", "ru")
    pid = worker.pid
    second = await worker.speak("двадцать четыре", "ru")
    assert worker.pid == pid
    assert first.rate == second.rate == 10_000
    assert len(second.samples) > len(first.samples) > 2000


async def test_a_worker_killed_between_two_sentences_is_replaced(start: Start) -> None:
    worker = start()
    before = await worker.speak("один", "ru")
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert await worker.speak("один", "ru") == before


async def test_a_worker_killed_in_mid_sentence_costs_nothing_but_time(start: Start) -> None:
    worker = start()
    before = await worker.speak("один", "ru")
    pid = worker.pid
    assert pid is not None
    await stop(pid)
    asked = asyncio.create_task(worker.speak("один", "ru"))
    await asyncio.sleep(0.02)  # the sentence is in its pipe
    assert not asked.done()
    os.kill(pid, signal.SIGKILL)
    assert await asked == before
    assert worker.pid != pid


async def test_a_sentence_that_kills_every_worker_is_given_up(start: Start) -> None:
    worker = start(program(READY + "read(); import os; os.abort()"))
    assert await code_of(worker) == "crashed"
    assert worker.pid is None


async def test_a_worker_that_hangs_is_killed_and_the_next_sentence_is_spoken(start: Start) -> None:
    worker = start(sentence_s=0.2)
    spoken = await worker.speak("один", "ru")
    pid = worker.pid
    assert pid is not None
    await stop(pid)
    assert await code_of(worker) == "timeout"
    assert await worker.speak("один", "ru") == spoken
    await gone(pid)


async def test_one_that_does_not_start_in_time_is_given_up(start: Start) -> None:
    assert await code_of(start(program("import time; time.sleep(60)"), start_s=0.2)) == "timeout"


async def test_a_sentence_that_nobody_waits_for_is_never_given_to_another(start: Start) -> None:
    worker = start()
    wanted = await worker.speak("два", "ru")
    pid = worker.pid
    assert pid is not None
    await stop(pid)
    asked = asyncio.create_task(worker.speak("Мария Ивановна, здравствуйте", "ru"))
    await asyncio.sleep(0.02)  # the sentence is in its pipe
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await worker.speak("два", "ru") == wanted
    await gone(pid)


@pytest.mark.parametrize(
    "text",
    [
        "print('a library says hello', flush=True)",
        SPEAKS_FRAMES + "write(b'?')",
        READY + "read(); write(b'A', b'123')",
        READY + "read(); write(b'E', b'12')",
        READY + "read(); write(b'A', (99).to_bytes(4, 'big') + (8000).to_bytes(4, 'big') + b'00')",
        READY + "read(); write(b'E', (99).to_bytes(4, 'big') + b'sentence')",
        READY + "read(); sys.stdout.buffer.write(b'\\xff' * 100000); sys.stdout.flush()",
    ],
    ids=["words", "kind", "cut audio", "cut error", "other number", "other error", "no length"],
)
async def test_garbage_is_never_taken_for_speech(start: Start, text: str) -> None:
    worker = start(program(text + "\nimport time; time.sleep(60)"), sentence_s=5.0)
    assert await code_of(worker) == "unreadable"
    assert worker.pid is None


async def test_a_program_that_is_not_there_is_told(start: Start) -> None:
    assert await code_of(start(["/nonexistent/worker"])) == "unavailable"


@pytest.mark.parametrize("library", ["piper", "rhvoice", "no_such_library"])
async def test_a_library_that_is_not_there_is_told(start: Start, library: str) -> None:
    worker = start(command_of(library))
    assert await code_of(worker) == "unavailable"
    assert worker.pid is None


async def test_what_a_library_prints_does_not_get_into_the_speech(start: Start) -> None:
    """The worker moves its own output away before a library is loaded."""
    text = (
        "import os, sys; from adapters.speech import worker\n"
        "class Loud:\n"
        "    def speak(self, text, language):\n"
        "        os.write(1, b'debug: ' + text.encode())\n"
        "        print('debug')\n"
        "        return 8000, b'\\1\\2'\n"
        "worker.LIBRARIES = {'loud': lambda options: Loud()}\n"
        "sys.exit(worker.main('loud'))\n"
    )
    worker = start(program(text))
    for _ in range(3):
        assert (await worker.speak("Мария", "ru")).samples == b"\1\2"


async def test_an_exception_of_a_library_is_an_error_without_its_words(start: Start) -> None:
    text = (
        "import sys; from adapters.speech import worker\n"
        "class Broken:\n"
        "    def speak(self, text, language):\n"
        "        raise ZeroDivisionError(text)\n"
        "worker.LIBRARIES = {'broken': lambda options: Broken()}\n"
        "sys.exit(worker.main('broken'))\n"
    )
    worker = start(program(text))
    assert await code_of(worker) == "sentence"
    assert worker.pid is not None


async def test_a_worker_ends_when_the_gateway_dies(tmp_path: Path) -> None:
    """Even while it hangs, as it is here: stopped."""
    told = tmp_path / "pid"
    gateway = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, os, signal, sys\n"
        "from adapters.speech.worker_process import WorkerProcess, command_of\n"
        "async def main():\n"
        "    worker = WorkerProcess(command_of('retro_ru'), {})\n"
        "    await worker.speak('один', 'ru')\n"
        "    os.kill(worker.pid, signal.SIGSTOP)\n"
        f"    open({str(told)!r}, 'w').write(str(worker.pid))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n",
    )
    await gateway.wait()
    await gone(int(told.read_text()))


async def test_a_worker_sees_no_secret_of_the_gateway(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEECH_API_KEY", "very-secret")
    worker = start()
    await worker.speak("один", "ru")
    seen = environment(worker.pid)
    assert b"very-secret" not in seen
    assert b"PYTHONPATH" in seen


async def test_a_worker_starts_in_the_time_of_a_sentence(start: Start) -> None:
    """The worker loads none of the gateway; the target is 150 ms on an idle machine."""
    begun = time.perf_counter()
    await start().speak("один", "ru")
    assert time.perf_counter() - begun < 3.0
    code = "import sys, adapters.speech.worker; print(*sys.modules)"
    listed = await asyncio.create_subprocess_exec(*program(code), stdout=asyncio.subprocess.PIPE)
    modules = set((await listed.communicate())[0].decode().split())
    assert "adapters.speech.worker" in modules
    assert not {"pydantic", "aiohttp", "numpy", "asyncio", "gateway", "yaml"} & modules


def test_every_library_of_the_worker_is_known_by_its_engine() -> None:
    from adapters.speech.engines import SPEECH

    assert set(LIBRARIES) == set(SPEECH) - {"yandex_speechkit"}


def test_a_stamp_changes_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "voice.data"
    file.write_bytes(b"1")
    before = stamp(file)
    assert stamp(file) == before
    file.write_bytes(b"12")
    assert stamp(file) != before
    with pytest.raises(FileNotFoundError):
        stamp(tmp_path / "nothing")


def test_a_sentence_is_a_frame() -> None:
    assert frames.frame(frames.SENTENCE, b"x") == b"\0\0\0\2Sx"
