"""How the telephone behaves: time from a key to the next prompt, regularity of the sound under
load, call set-ups a second, and (with --soak) whether anything breaks or grows.

    python bench/bench_voice.py
    python bench/bench_voice.py --only latency --keys 15
    python bench/bench_voice.py --soak 2000

Everything runs on this machine over 127.0.0.1: the gateway's side here, its line cards in their
own processes, the patients' telephones in another. The figures "beside" were measured before on
a machine of the same kind (2 cores): with a prototype of the line cards, and with Asterisk 22,
which waits for the end of a key. Nothing here fails because of a figure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from adapters.telephony.sip.config import Config
from adapters.telephony.sip.trunk import SipTrunk, SipTrunks
from gateway.ivr.menu import HungUp, Key, Lost, Turn
from gateway.ports.telephony import NotAnswered, NotPlaced
from tests.telephony.peers.audio import speech_like, tone, write_wav
from tests.telephony.peers.dialogue import order
from tests.telephony.peers.ports import block_of_ports
from tests.telephony.peers.processes import children_of, cpu_s, pss_kb, rss_kb

PHONES = Path(__file__).with_name("_phones.py")
LINES_PER_CARD = 4
SOAK_LINES = 40
PARTS = ("latency", "load", "setups")


@dataclass
class Bench:
    """A trunk, and the telephones behind it."""

    trunk: SipTrunk
    phones: asyncio.subprocess.Process

    async def result(self) -> dict[str, Any]:
        """Let the telephones stop and tell what they measured."""
        assert self.phones.stdin is not None
        assert self.phones.stdout is not None
        self.phones.stdin.close()
        return dict(json.loads(await self.phones.stdout.readline()))

    def cards(self) -> list[int]:
        """The line cards' processes, and the one that they are forked from."""
        return [pid for pid in children_of(os.getpid()) if pid != self.phones.pid]


@contextlib.asynccontextmanager
async def bench(
    kind: str, settings: dict[str, Any], lines: int, *, pace: float = 200.0
) -> AsyncIterator[Bench]:
    """Start telephones of a kind and a trunk with so many lines and calls a second."""
    cards = -(-lines // LINES_PER_CARD) + 1
    phones = await asyncio.create_subprocess_exec(
        sys.executable, str(PHONES), kind, json.dumps(settings),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 28,
    )  # fmt: skip
    assert phones.stdout is not None
    try:
        port = int(await phones.stdout.readline())
        with block_of_ports(pieces=2) as ports:
            sip, rtp = ports.take(cards), ports.take(32 * cards, even=True)
            config = Config.model_validate({
                "bind": "127.0.0.1",
                "sip_ports": f"{sip}-{sip + cards - 1}",
                "rtp_ports": f"{rtp}-{rtp + 32 * cards - 1}",
                "trunks": [{"name": "bench", "caller": "+74950000001", "lines": lines,
                            "proxy": f"127.0.0.1:{port}", "per_second": 200}],
            })  # fmt: skip
            paced = config.trunks[0].model_copy(update={"per_second": pace})  # settings allow 200
            trunks = SipTrunks(config.model_copy(update={"trunks": (paced,)}))
            running = asyncio.create_task(trunks.run())
            try:
                yield Bench(trunks.trunks[0], phones)
            finally:
                await trunks.close()
                running.cancel()
                await asyncio.wait([running])
    finally:
        if phones.returncode is None:
            phones.kill()
        await phones.wait()


async def dial(trunk: SipTrunk) -> Any:
    """Dial; while cards are still being started there may be no line yet."""
    for _ in range(100):
        try:
            return await trunk.dial(order())
        except NotPlaced:
            await asyncio.sleep(0.1)
    raise RuntimeError("no call could be placed")


# Key to next prompt


async def latency(calls: int, keys: int, folder: Path) -> None:
    prompts = [write_wav(folder / f"{hertz}.wav", tone(hertz, 10.0)) for hertz in (440, 880)]
    turn = Turn("tone", wait_s=5.0, barge_in=True)

    async def one(trunk: SipTrunk, answered: asyncio.Semaphore) -> None:
        line = await dial(trunk)
        answered.release()
        for number in range(keys):
            assert await line.play(turn, prompts[number % 2]) == Key("1")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await line.play(turn, prompts[keys % 2])
        await line.hang_up()

    async with bench("latency", {"keys": keys, "seed": 7}, calls) as setting:
        answered = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                group.create_task(one(setting.trunk, answered))
            for _ in range(calls):
                await answered.acquire()
            before, began = sum(map(cpu_s, setting.cards())), time.perf_counter()
        cpu = (sum(map(cpu_s, setting.cards())) - before) / (time.perf_counter() - began)
        await asyncio.sleep(0.3)
        found = await setting.result()
    times = np.array(found["latencies_ms"] or [float("nan")])
    p50, p90, p99 = np.percentile(times, (50, 90, 99))
    print(
        f"key to next prompt, {calls} calls: p50 {p50:.1f}  p90 {p90:.1f}  p99 {p99:.1f}  "
        f"max {times.max():.1f} ms over {len(times)} keys, {found['misses']} missed; "
        f"cards {cpu:.1%} of one core"
    )
    beside = {4: "11.5 / 19.1 / 20.8", 40: "11.7 / 19.3 / 22.7"}.get(calls, "–")
    print(f"    beside: prototype {beside} ms; Asterisk 161.6 / 162.1 / 166 ms (160 ms press)")


# Sound under load


async def load(calls: int, seconds: float, folder: Path) -> None:
    prompt = write_wav(folder / "speech.wav", speech_like(11.6))
    turn = Turn("speech", wait_s=0.0, barge_in=True)
    end = asyncio.Event()

    async def one(trunk: SipTrunk, answered: asyncio.Semaphore) -> None:
        line = await dial(trunk)
        answered.release()
        while not end.is_set() and not isinstance(await line.play(turn, prompt), HungUp | Lost):
            pass
        await line.hang_up()

    async with bench("listen", {}, calls) as setting:
        answered = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(one(setting.trunk, answered)) for _ in range(calls)]
        for _ in range(calls):
            await answered.acquire()
        cards = setting.cards()
        pss, before, ours = sum(map(pss_kb, cards)), sum(map(cpu_s, cards)), time.process_time()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - began
        cpu = (sum(map(cpu_s, cards)) - before) / took
        ours = (time.process_time() - ours) / took
        end.set()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        found = await setting.result()
    print(
        f"{calls} calls at once, {seconds:.0f} s: spacing p99 {found['p99']:.1f}  "
        f"p99.9 {found['p99.9']:.1f}  max {found['max']:.1f} ms, "
        f"{found['off_10ms']:.3%} more than 10 ms off; {found['lost']} of {found['packets']:,} "
        f"packets lost\n    {len(cards)} processes: {cpu:.1%} of one core, "
        f"PSS {pss / 1024:.0f} MB; gateway {ours:.1%}"
    )
    if calls == 100:
        print(
            "    beside: prototype p99.9 21.2, max 23.9 ms, 25-30 %, 155-190 MB from one zygote; "
            "Asterisk p99.9 21.1 ms, 31-38 %, 79 MB"
        )


# Set-ups


async def start_all_cards(trunk: SipTrunk, lines: int) -> None:
    """Take every line once: cards are started when they are needed."""
    held = [await dial(trunk) for _ in range(lines)]
    for line in held:
        await line.hang_up()
    await asyncio.sleep(0.5)


async def setups(cards: int, seconds: float) -> None:
    lines = cards * LINES_PER_CARD
    done: Counter[str] = Counter()
    async with bench("setups", {}, lines, pace=1000.0) as setting:
        await start_all_cards(setting.trunk, lines)
        over = asyncio.Event()

        async def caller() -> None:
            while not over.is_set():
                try:
                    line = await setting.trunk.dial(order())
                    await line.hang_up()
                    done["set up"] += 1
                except NotPlaced as error:
                    done[f"not placed: {error.code}"] += 1
                    await asyncio.sleep(0.05)
                except NotAnswered as error:
                    done[f"not answered: {error.code}"] += 1

        before, began = sum(map(cpu_s, setting.cards())), time.perf_counter()
        callers = [asyncio.create_task(caller()) for _ in range(lines)]
        await asyncio.sleep(seconds)
        took = time.perf_counter() - began
        cpu = sum(map(cpu_s, setting.cards())) - before
        during = Counter(done)
        over.set()
        await asyncio.wait(callers)
    good = during.pop("set up", 0)
    print(
        f"call set-ups, {cards} cards: {good / took:.0f} a second, "
        f"{cpu / max(good, 1) * 1000:.1f} ms of processor a call in the cards; "
        f"otherwise: {dict(during) or 'nothing'}"
    )
    print("    beside: prototype 200 a second (20 a card), 2.0 ms; Asterisk 526 a second, 1.5 ms")


# Soak


class SoakCallers:
    """The gateway's side of the soak: plays, stops and hangs up at random."""

    def __init__(self, trunk: SipTrunk, calls: int, folder: Path) -> None:
        self._trunk = trunk
        self._chance = random.Random(11)
        self._left = iter(range(calls))
        self._prompts = [
            write_wav(folder / f"{seconds}.wav", speech_like(seconds))
            for seconds in (0.2, 0.5, 1.0)
        ]
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> None:
        """Hold calls, one after another, until all have been held."""
        for _ in self._left:
            try:
                self.outcomes[await self._talk(await self._trunk.dial(order()))] += 1
            except NotAnswered as error:
                self.outcomes[f"not answered: {error.result.value}"] += 1
            except NotPlaced as error:
                self.outcomes[f"not placed: {error.code}"] += 1
                await asyncio.sleep(0.2)

    async def _talk(self, line: Any) -> str:
        chance = self._chance
        for _ in range(chance.randrange(1, 6)):
            wait_s, barge_in = chance.choice((0.0, 0.05, 0.3)), chance.random() < 0.8
            turn = Turn("any", wait_s=wait_s, barge_in=barge_in)
            heard = await line.play(turn, chance.choice(self._prompts))
            if isinstance(heard, Lost):
                return f"lost: {heard.code}"
            if isinstance(heard, HungUp):
                return "patient hung up"
        await line.hang_up()
        return "we hung up"


async def soak(calls: int, folder: Path) -> None:
    deaths = _Deaths()
    logging.getLogger("callahead.sip").addHandler(deaths)
    async with bench("soak", {"seed": 3}, SOAK_LINES) as setting:
        held = SoakCallers(setting.trunk, calls, folder)
        callers = [asyncio.create_task(held.run()) for _ in range(SOAK_LINES)]
        began = time.perf_counter()
        await asyncio.sleep(5.0)
        first = {pid: rss_kb(pid) for pid in setting.cards()}
        await asyncio.wait(callers)
        took = time.perf_counter() - began
        last = {pid: rss_kb(pid) for pid in setting.cards()}
        found = await setting.result()
    grown = [(last[pid] - first[pid]) / 1024 for pid in last.keys() & first.keys()]
    print(f"soak: {calls} random calls in {took:.0f} s, telephones saw {found['calls']}")
    for name, count in held.outcomes.most_common():
        print(f"    {name}: {count}")
    print(
        f"    telephones left in a call: {found['unfinished']}; cards that died: {deaths.count}; "
        f"RSS of a card grew by {max(grown, default=0):.1f} MB at most, to "
        f"{max(last.values()) / 1024:.0f} MB"
    )
    print("    beside: prototype 3,323 calls in 210 s: 0 crashes, 0 lost, RSS 28 to 32 MB and flat")


class _Deaths(logging.Handler):
    """Counts what the pool says about cards that it has lost."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage() in {"sip_card_died", "sip_card_failed"}


async def run(arguments: argparse.Namespace) -> None:
    print(f"load of this machine before: {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.soak:
            await soak(arguments.soak, folder)
            return
        if arguments.only in (None, "latency"):
            for calls in (4, 40):
                await latency(calls, arguments.keys, folder)
        if arguments.only in (None, "load"):
            await load(arguments.calls, arguments.seconds, folder)
        if arguments.only in (None, "setups"):
            await setups(10, arguments.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    parser.add_argument("--keys", type=int, default=15, help="keys a call in `latency`")
    parser.add_argument("--calls", type=int, default=100, help="calls at once in `load`")
    parser.add_argument("--seconds", type=float, default=10.0, help="of `load` and `setups`")
    parser.add_argument("--soak", type=int, metavar="N", help="only this: N random calls")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(arguments))


if __name__ == "__main__":
    main()
