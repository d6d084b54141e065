"""Runs baresip (Debian's baresip-core) as the patient's phone, steered over its TCP control port.

Its configuration, its ports and its recordings are private to the test. What it decodes from the
call it writes to a WAV file: that is what the patient hears.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.telephony.peers.audio import Samples, read_wav, silence, write_wav
from tests.telephony.peers.ports import Block, is_bound

START_S = 5.0
NUMBER = "+79995550123"
"""Whom it answers for; it refuses calls for anybody else with 404."""
MODULES = ("g711", "aubridge", "aufile", "sndfile", "srtp")
_SPACE_PORTS = 20

_CONFIG = """\
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
rtp_ports {rtp}-{rtp_end}
audio_player aubridge,patient
audio_source aufile,{source}
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
call_max_calls 4
module_path {modules}
{module_lines}
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {recordings}
"""


def _module_folder() -> Path:
    found = [Path("/usr/lib/baresip/modules"), *Path("/usr/lib").glob("*/baresip/modules")]
    return next(folder for folder in found if folder.is_dir())


def _prepare(folder: Path, says: Samples | None, account: str, **ports: int) -> None:
    recordings = folder / "recordings"
    recordings.mkdir(parents=True)
    source = write_wav(folder / "source.wav", silence(60) if says is None else says)
    config = _CONFIG.format(
        **ports,
        rtp_end=ports["rtp"] + _SPACE_PORTS - 1,
        source=source,
        modules=_module_folder(),
        recordings=recordings,
        module_lines="\n".join(f"module {name}.so" for name in MODULES),
    )
    (folder / "config").write_text(config)
    address = f"<sip:{NUMBER}@127.0.0.1:{ports['sip']}>"
    (folder / "accounts").write_text(f"{address};regint=0;audio_codecs=pcma;{account}\n")
    (folder / "contacts").write_text("")


class Baresip:
    """One running baresip."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self._process = process
        self._folder = folder
        self.port = port
        self._tokens = map(str, itertools.count(1))
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        folder: Path,
        ports: Block,
        *,
        answers: Literal["auto", "manual"] = "manual",
        srtp: Literal["", "srtp", "srtp-mand"] = "",
        says: Samples | None = None,
    ) -> AsyncIterator[Baresip]:
        """Start it; at the end of the block it is gone. `says` is what the patient says;
        at its end baresip hangs up."""
        binary = shutil.which("baresip")
        if binary is None:
            pytest.fail("baresip is needed; scripts/system_packages.sh names what to install")
        sip = ports.take(2)  # it takes the next one for TLS unasked
        control, rtp = ports.take(), ports.take(_SPACE_PORTS, even=True)
        account = f"answermode={answers}" + (f";mediaenc={srtp}" if srtp else "")
        _prepare(folder, says, account, sip=sip, control=control, rtp=rtp)
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                binary, "-f", str(folder), stdin=asyncio.subprocess.DEVNULL, stdout=screen,
                stderr=screen,
            )  # fmt: skip
        phone = cls(process, folder, sip)
        try:
            async with phone._steered(control):
                yield phone
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def command(self, name: str, params: str = "") -> str:
        """Do something as its user would: accept, hangup, sndcode, callstat …; return its words."""
        token = next(self._tokens)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        text = json.dumps({"command": name, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(START_S):
            said = await answer
        assert said["ok"], said
        return str(said.get("data", ""))

    async def event(self, kind: str, within_s: float = 10.0) -> dict[str, Any]:
        """Wait for the next event of a kind: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED …"""
        async with asyncio.timeout(within_s):
            while True:
                found = await self._events.get()
                if found.get("type") == kind:
                    return found

    def heard(self) -> Samples:
        """Return what the patient heard in the last call; complete once the call is closed."""
        files = sorted((self._folder / "recordings").glob("*-dec.wav"))
        assert files, (self._folder / "screen.log").read_text(errors="replace")
        return read_wav(files[-1])

    @contextlib.asynccontextmanager
    async def _steered(self, control: int) -> AsyncIterator[None]:
        async with asyncio.timeout(START_S):
            while not (is_bound(control, stream=True) and is_bound(self.port)):
                screen = (self._folder / "screen.log").read_text(errors="replace")
                assert self._process.returncode is None, screen
                await asyncio.sleep(0.01)  # only the kernel's tables tell when it listens
        reader, self._writer = await asyncio.open_connection("127.0.0.1", control)
        listening = asyncio.ensure_future(self._listen(reader))
        try:
            yield
        finally:
            listening.cancel()
            await asyncio.wait([listening])
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Read netstrings: length, colon, text, comma."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                if message.get("event"):
                    self._events.put_nowait(message)
                elif (answer := self._answers.pop(message.get("token", ""), None)) is not None:
                    answer.set_result(message)
