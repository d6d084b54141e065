"""Runs SIPp (Debian's sip-tester) as the patient's phone or the trunk.

A scenario is a list of pieces, each a step of SIPp's XML:

    steps = [take("INVITE"), ring(), pick_up(), take("ACK"), play(pcap), take("BYE"), ok()]
    async with Sipp.running(steps, folder, port=port, media_port=media) as peer:
        ...
        outcome = await peer.finished()
        assert outcome.code == 0, outcome.errors

SIPp aborts a call on anything that it does not expect, so a scenario says exactly what the other
side must do. `play_pcap_audio` needs raw sockets: root, or cap_net_raw on the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.telephony.peers.ports import is_bound

START_S = 5.0
CODES = {0: "all calls well", 1: "a call failed", 97: "ended from outside", 99: "no call"}

_REPLY = """
      SIP/2.0 {start}
      [last_Via:]
      [last_From:]
      [last_To:]{tag}
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:[local_ip]:[local_port];transport=[transport]>{headers}
      Content-{type}
"""
_TAG = ";tag=[pid]SIPpTag01[call_number]"
_SDP = """Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp 53655765 2353687637 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 8{events}
      a=rtpmap:8 PCMA/8000{events_map}
      a=ptime:20"""
_SWAPPED = """
      {method} [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [$to]
      [$from]
      [last_Call-ID:]
      CSeq: {cseq} {method}
      Max-Forwards: 70
      Content-{type}
"""


def take(method: str, *, optional: str = "") -> str:
    """Wait for a request. `optional` names the label to go on at when it comes."""
    more = f' optional="true" next="{optional}"' if optional else ""
    if method != "INVITE":
        return f'<recv request="{method}" crlf="true"{more}/>'
    return f"""<recv request="INVITE" crlf="true" rrs="true"{more}><action>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="remote"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="local"/>
      <assignstr assign_to="to" value="To:[$remote]"/>
      <assignstr assign_to="from" value="From:[$local]{_TAG}"/></action></recv>"""


def take_with(method: str, header: str, pattern: str) -> str:
    """Wait for a request whose header fits the pattern; anything else fails the call."""
    return f"""<recv request="{method}" crlf="true"><action>
      <ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="fit"/>
      </action></recv>"""


def label(name: str) -> str:
    """Mark a place for `take(optional=...)`."""
    return f'<label id="{name}"/>'


def pause(milliseconds: int) -> str:
    """Do nothing for a while."""
    return f'<pause milliseconds="{milliseconds}"/>'


def reply(start: str, *headers: str, tagged: bool = True, repeated: bool = False) -> str:
    """Answer the last request, with no body; `repeated` until it is acknowledged."""
    text = _REPLY.format(
        start=start, tag=_TAG if tagged else "",
        headers="".join(f"\n      {header}" for header in headers), type="Length: 0",
    )  # fmt: skip
    return _send(text, repeated)


def ring() -> str:
    """Ring."""
    return reply("180 Ringing")


def pick_up(start: str = "200 OK", *, events: int | None = 101, repeated: bool = True) -> str:
    """Answer the INVITE with sound; "183 Session Progress" is what is heard before the answer."""
    text = _REPLY.format(
        start=start, tag=_TAG, headers="",
        type=_SDP.format(
            events="" if events is None else f" {events}",
            events_map="" if events is None else f"\n      a=rtpmap:{events} telephone-event/8000",
        ),
    )  # fmt: skip
    return _send(text, repeated)


def ok() -> str:
    """Answer 200 within the dialog."""
    return reply("200 OK", tagged=False)


def play(pcap: Path) -> str:
    """Send a capture's RTP; goes on at once."""
    return f'<nop><action><exec play_pcap_audio="{pcap}"/></action></nop>'


def info(kind: str, body: str, cseq: int = 2, *, answered: str = "200") -> str:
    """Send a key by INFO; `kind` is application/dtmf-relay or application/dtmf."""
    text = _SWAPPED.format(
        method="INFO", cseq=cseq, type=f"Type: {kind}\n      Content-Length: [len]\n\n{body}"
    )
    return f'{_send(text, True)}\n<recv response="{answered}" crlf="true"/>'


def hang_up(cseq: int = 9) -> str:
    """Put the receiver down."""
    text = _SWAPPED.format(method="BYE", cseq=cseq, type="Length: 0")
    return f'{_send(text, True)}\n<recv response="200" crlf="true"/>'


def refuse(start: str, *headers: str) -> list[str]:
    """Do not take the call."""
    return [take("INVITE"), reply(start, *headers, repeated=True), take("ACK")]


def _send(text: str, repeated: bool) -> str:
    retransmitted = ' retrans="500"' if repeated else ""
    return f"<send{retransmitted}><![CDATA[{text}\n]]></send>"


def scenario(steps: Iterable[str]) -> str:
    """Return the XML of a scenario."""
    body = "\n".join(steps)
    kept = [name for name in ("remote", "local", "to", "from", "fit") if f'"{name}"' in body]
    reference = f'<Reference variables="{",".join(kept)}"/>' if kept else ""
    head = '<?xml version="1.0" encoding="utf-8" ?>\n<scenario name="test">'
    return f"{head}\n{body}\n{reference}\n</scenario>\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended: SIPp's exit code (see CODES), what it complained of, what it saw."""

    code: int
    errors: str
    messages: str

    def received(self, method: str) -> int:
        """Count the requests of one method that came, repetitions included."""
        return len(re.findall(rf"message received .*?\n\n{method} sip", self.messages))


class Sipp:
    """One running SIPp."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, port: int) -> None:
        self._process = process
        self._folder = folder
        self.port = port

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @classmethod
    @contextlib.asynccontextmanager
    async def running(
        cls,
        steps: Iterable[str],
        folder: Path,
        *,
        port: int,
        media_port: int,
        calls: int = 1,
        transport: str = "u1",
        options: Iterable[str] = (),
        patience_s: int = 25,
    ) -> AsyncIterator[Sipp]:
        """Start it; at the end of the block it is gone. `transport`: u1 is UDP, t1 is TCP.

        It gives up after `patience_s` seconds, whatever still goes on.
        """
        binary = shutil.which("sipp")
        if binary is None:
            pytest.fail("sipp is needed; scripts/system_packages.sh names what to install")
        _prepare(folder, scenario(steps))
        command = [
            binary, "-sf", "scenario.xml", "-i", "127.0.0.1", "-mi", "127.0.0.1",
            "-p", str(port), "-mp", str(media_port), "-m", str(calls), "-t", transport,
            "-nostdin", "-timeout", str(patience_s), "-timeout_error",
            "-trace_err", "-error_file", "errors.log",
            "-trace_msg", "-message_file", "messages.log", *options,
        ]  # fmt: skip
        with (folder / "screen.log").open("wb") as screen:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=screen,
                stderr=screen, env={**os.environ, "TERM": "dumb"},
            )  # fmt: skip
        peer = cls(process, folder, port)
        try:
            await peer._listening(stream=transport.startswith("t"))
            yield peer
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _listening(self, *, stream: bool) -> None:
        async with asyncio.timeout(START_S):
            while not is_bound(self.port, stream=stream):
                assert self._process.returncode is None, self._read("screen.log")
                await asyncio.sleep(0.01)  # only the kernel's tables tell when it listens

    async def finished(self, within_s: float = 15.0) -> Outcome:
        """Wait until all calls are over."""
        async with asyncio.timeout(within_s):
            code = await self._process.wait()
        return Outcome(code, self._read("errors.log"), self._read("messages.log"))

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(errors="replace") if path.exists() else ""


def _prepare(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.xml").write_text(text)


def can_play_pcap() -> bool:
    """Tell whether SIPp may open raw sockets here."""
    return os.geteuid() == 0
