"""Patients' telephones for the voice benchmark, in a process of their own.

    python bench/_phones.py KIND SETTINGS

prints the port at which they listen, serves calls until its standard input ends, then prints what
it measured, one JSON object each. Times of arrival are the kernel's, so what the telephones are
late with themselves does not count.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.telephony.peers.audio import RATE, from_a_law
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.rtp_port import Arrival
from tests.telephony.peers.sip_phone import SipPhone

TONES = (440, 880)
"""Hertz of the two prompts; a 20 ms packet of either is told from one of the other for sure."""

SPACING_MS = 20.0


class Latency:
    """Each call presses `keys` times; how long until the first packet of the other tone?"""

    def __init__(self, keys: int, seed: int) -> None:
        self._keys, self._chance = keys, random.Random(seed)
        self.latencies_ms: list[float] = []
        self.misses = 0

    async def serve(self, call: PhoneCall) -> None:
        call.answer()
        await call.acked()
        pressed = []
        await asyncio.sleep(1.0 + self._chance.random())
        for _ in range(self._keys):
            # No multiple of 20 ms, so that keys fall on every phase of the robot's packets.
            await asyncio.sleep(self._chance.uniform(0.7, 0.9))
            pressed.append(await call.press("1"))
        await call.ended(60)
        self._count(call.rtp.arrivals(), pressed)
        call.close()

    def _count(self, arrivals: list[Arrival], pressed: list[int]) -> None:
        tones = [(arrival.at_ns, tone_of(arrival.packet.payload)) for arrival in arrivals]
        for before, (at_ns, until_ns) in enumerate(itertools.pairwise([*pressed, 2**63])):
            wanted = TONES[(before + 1) % 2]
            found = (time for time, tone in tones if at_ns < time < until_ns and tone == wanted)
            first = next(found, None)
            if first is None:
                self.misses += 1
            else:
                self.latencies_ms.append((first - at_ns) / 1e6)

    def result(self) -> dict[str, Any]:
        return {"latencies_ms": self.latencies_ms, "misses": self.misses}


class Listen:
    """Calls that only listen; how regularly do packets come, and are there gaps?"""

    def __init__(self) -> None:
        self.calls: list[PhoneCall] = []
        self.window: list[int] = []

    async def serve(self, call: PhoneCall) -> None:
        call.answer()
        self.calls.append(call)
        await call.ended(300)

    def result(self) -> dict[str, Any]:
        spacing, lost, packets = [], 0, 0
        for call in self.calls:
            arrivals = call.rtp.arrivals()[50:-50]  # what counts is between begin and end
            packets += len(arrivals)
            lost += missing([arrival.packet.sequence for arrival in arrivals])
            times = [arrival.at_ns for arrival in arrivals]
            spacing += [(other - one) / 1e6 for one, other in itertools.pairwise(times)]
        values = np.array(spacing or [0.0])
        return {
            "packets": packets, "lost": lost, "max": float(values.max()),
            "p99": float(np.percentile(values, 99)), "p99.9": float(np.percentile(values, 99.9)),
            "off_10ms": float((np.abs(values - SPACING_MS) > 10).mean()),
        }  # fmt: skip


class SetUps:
    """Calls that are answered at once and ended by the caller."""

    def __init__(self) -> None:
        self.done = 0

    async def serve(self, call: PhoneCall) -> None:
        call.rtp.talks = False
        call.answer()
        await call.ended(30)
        call.close()
        self.done += 1

    def result(self) -> dict[str, Any]:
        return {"done": self.done}


class Soak:
    """Patients who do anything at any time: decline, hang up, press, hold the line."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.calls = self.unfinished = 0

    async def serve(self, call: PhoneCall) -> None:
        self.calls += 1
        try:
            await self._behave(call)
            await call.ended(30)
        except TimeoutError:
            self.unfinished += 1
        call.close()

    async def _behave(self, call: PhoneCall) -> None:
        chance = self._chance
        if chance.random() < 0.7:
            call.ring()
            await asyncio.sleep(chance.choice((0.0, 0.05, 0.3)))
        if chance.random() < 0.1:
            call.refuse(chance.choice((486, 480, 603, 404)))
            return
        call.answer()
        if chance.random() < 0.1:
            await self._hang_up(call)  # before the ACK
            return
        await call.acked()
        for _ in range(chance.randrange(6)):
            # Prompts last 0.2, 0.5 and 1 s: many keys fall on the end of a file.
            await asyncio.sleep(chance.choice((0.02, 0.19, 0.2, 0.21, 0.5, 1.0, chance.random())))
            if call.ended_by:
                return
            call.press(chance.choice("0123456789*#"), length_ms=60)
        if chance.random() < 0.4:
            await self._hang_up(call)

    async def _hang_up(self, call: PhoneCall) -> None:
        with contextlib.suppress(TimeoutError):  # ours may cross theirs
            await call.hang_up()

    def result(self) -> dict[str, Any]:
        return {"calls": self.calls, "unfinished": self.unfinished}


def missing(numbers: list[int]) -> int:
    """Return how many sequence numbers are left out; they may wrap, repeat and change places."""
    if not numbers:
        return 0
    steps = ((number - numbers[0] + 2**15) % 2**16 - 2**15 for number in numbers)
    places = set(steps)
    return max(places) - min(places) + 1 - len(places)


def tone_of(payload: bytes) -> int:
    """Return which of the two tones an A-law packet carries; 0 for neither."""
    samples = from_a_law(payload).astype(float)
    if np.abs(samples).max() < 1000:
        return 0
    angle = 2j * np.pi / RATE * np.arange(len(samples))
    power = [abs(np.dot(samples, np.exp(-angle * hertz))) for hertz in TONES]
    return TONES[int(np.argmax(power))]


KINDS: dict[str, Callable[..., Any]] = {
    "latency": Latency, "listen": Listen, "setups": SetUps, "soak": Soak,
}  # fmt: skip


async def main(kind: str, settings: dict[str, Any]) -> None:
    behaviour = KINDS[kind](**settings)
    serve: Callable[[PhoneCall], Awaitable[None]] = behaviour.serve
    async with SipPhone() as phone:
        phone.serve = serve
        print(phone.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps(behaviour.result()), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], json.loads(sys.argv[2])))
