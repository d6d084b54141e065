"""The process that cards are forked from."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys

import pytest

from adapters.telephony.sip.protocol import Quit, encode
from adapters.telephony.sip.zygote_client import Zygote, ZygoteDied, kill
from tests.adapters.telephony.sip.support import Talk, alive, pids_of, until

pytestmark = pytest.mark.slow


async def test_cards_are_forked_quickly_and_collected() -> None:
    zygote = Zygote()
    await zygote.start()
    talks = [Talk(*await zygote.fork()) for _ in range(3)]
    children = pids_of(zygote.pid)
    assert len(children) == 3
    for talk in talks:
        talk._stream.send(encode(Quit()))  # a card that was not set up just ends
        await talk.ends()
        talk.close()
    await until(lambda: not pids_of(zygote.pid))
    await zygote.close()


async def test_cards_live_on_when_the_zygote_dies() -> None:
    zygote = Zygote()
    await zygote.start()
    talk = Talk(*await zygote.fork())
    (child,) = pids_of(zygote.pid)
    os.kill(zygote.pid or 0, signal.SIGKILL)
    await asyncio.wait_for(zygote.died.wait(), 5)
    assert alive(child)
    with pytest.raises(ZygoteDied):
        await zygote.fork()
    talk.close()
    await until(lambda: not alive(child))
    await zygote.close()


async def test_the_zygote_ends_with_the_gateway() -> None:
    zygote = Zygote()
    await zygote.start()
    pid = zygote.pid or 0
    zygote._end()  # all that is left of a gateway that was killed: closed sockets
    await until(lambda: not alive(pid))
    await zygote.close()


async def test_a_handle_never_names_another_process() -> None:
    zygote = Zygote()
    await zygote.start()
    stream, handle = await zygote.fork()
    kill(handle)
    await until(lambda: not pids_of(zygote.pid))
    kill(handle)  # dead and collected: harmless
    stream.close()
    os.close(handle)
    await zygote.close()


async def test_what_a_dying_card_prints_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "callahead.sip")
    zygote = Zygote()
    await zygote.start()
    talk = Talk(*await zygote.fork())
    talk._stream.send(b'{"setup": {}}\n')
    await talk.ends()
    await until(lambda: "ProtocolError" in str([vars(record) for record in caplog.records]))
    talk.close()
    await zygote.close()


async def test_a_zygote_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    zygote = Zygote()
    with pytest.raises(ZygoteDied):
        await zygote.start()


def test_only_line_cards_know_the_library() -> None:
    """At arm's length: neither its licence nor its crashes reach the gateway."""
    program = "import sys, adapters.telephony.sip.trunk; print('pjsua2' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"
