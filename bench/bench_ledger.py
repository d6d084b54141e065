"""Is the ledger equal to the providers' own books, to the kopeck?

    python bench/bench_ledger.py --messages 200000
    python bench/bench_ledger.py --messages 1000000 --seed 7
    python bench/bench_ledger.py --messages 20000 --wire 20000      through Redis and HTTP first

The real engine, core and workers run on virtual time against simulated providers that fail at
random and keep their own books, from their own price lists, without a line of the gateway's:
messages are accepted, refused for good or for a while, lost on the way there or on the way back,
overtaken by their own receipts, and reported as undelivered seconds or a day later; receipts come
twice and in any order. Three branches have three ways of paying: by message, by SMS segment, and
with prices that change in the middle.

Compared are, for every branch and channel, the sum of the ledger with what the providers would
charge; then the write-offs with the ledger. In every tenth round `report check` proves ledger,
counters and write-offs from the timelines. The run fails on the first difference.

What is printed are messages a second and, since machines differ, their ratio to a baseline
measured in the same run: how often a second one visit is written to JSON and read back.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import math
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import _ledger_wire

from adapters.registry import memory_store
from gateway.clock import LoopClock
from gateway.core.events import Failure, MessageReceipt, Receipt
from gateway.core.model import Channel
from gateway.ports.messaging import OutgoingMessage, SendError, attempt_of
from gateway.ports.schedule import Accepted, Change, PushOutcome
from gateway.ports.schema import read_appointment
from gateway.ports.store import Ref, Store
from gateway.rehearse.loop import VirtualLoop
from gateway.scripts import load_scripts, load_texts
from gateway.service.assembly import Parts, Service, assemble
from gateway.service.reports import branches_of
from gateway.service.reports_check import check
from gateway.service.reports_table import Query
from gateway.service.supervisor import Supervisor
from gateway.service.voice import Voice

CLINIC = "zdorovie"
START = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
DAYS = 5
VISITS = 2000  # of one round: some 6,500 messages, and 20 MB
CHECK_EVERY = 10
BASELINE_S = 0.5
TARGET_PER_S = 2000
NEW_PRICES_FROM = date(2026, 11, 25)
LOST_RECEIPT_S = 60.0
"""A provider that took a message whose response was lost reports within this time; the gateway
waits for 90 seconds before it tries again (rule G-6)."""

TIMER_STEP_S = 0.001  # the loop fires timers that are due within its resolution

MESSAGE_CHANNELS = (Channel.PUSH, Channel.WHATSAPP, Channel.SMS)
ZONES = {"lenina": "Asia/Yekaterinburg", "mira": "Europe/Moscow", "sadovaya": "Europe/Kaliningrad"}
PRICES: dict[str, dict[str, str]] = {
    "lenina": {"push": "0.15", "whatsapp": "2.05", "sms": "4.99"},
    "mira": {"push": "0", "whatsapp": "1.90", "sms": "3.33"},
    "sadovaya": {"push": "0.01", "whatsapp": "2", "sms": "5"},
}
NEW_PRICES = {"push": "0.03", "whatsapp": "2.77", "sms": "6.66"}
BY_SEGMENT = "mira"
WITH_NEW_PRICES = "sadovaya"


def clinic() -> dict[str, Any]:
    """Return the clinic's settings."""
    branches = []
    for branch, zone in ZONES.items():
        tariff: Any = PRICES[branch]
        if branch == WITH_NEW_PRICES:
            tariff = [tariff, {"from": NEW_PRICES_FROM.isoformat(), **NEW_PRICES}]
        branches.append({
            "id": branch, "name": "Клиника «Здоровье»", "timezone": zone,
            "phone": "+73433000000", "per_minute": 100_000,
            "functions": {"confirmation": {"method": "message"}},
            "channels": [channel.value for channel in MESSAGE_CHANNELS],
            "sms_price": "segment" if branch == BY_SEGMENT else "message",
            "tariff": tariff,
        })  # fmt: skip
    return {"id": CLINIC, "name": "Здоровье", "branches": branches}


def visit(number: int, chance: random.Random) -> dict[str, Any]:
    """Return a visit that has just appeared, for one of the next days."""
    branch = chance.choice(list(ZONES))
    start = START + timedelta(days=2, minutes=15 * chance.randrange(0, 40))
    return {
        "id": f"A-{number}",
        "branch": branch,
        "start": start.isoformat(),
        "created": START.isoformat(),
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": f"P-{number}",
            "first_name": "Мария",
            "middle_name": "Ивановна",
            "phones": [f"+7916{number % 10_000_000:07}"],
            "consent": True,
            "app": {"installed": chance.random() < 0.3, "push": True},
        },
    }


# -- the providers' side: its own prices, days and segments ---------------------------------------


def charge_of(message: OutgoingMessage, at: datetime) -> Decimal:
    """What a provider charges: its own price list, its own count of segments."""
    day = at.astimezone(ZoneInfo(ZONES[message.branch])).date()
    prices = PRICES[message.branch]
    if message.branch == WITH_NEW_PRICES and day >= NEW_PRICES_FROM:
        prices = NEW_PRICES
    price = Decimal(prices[message.channel.value])
    if message.channel is Channel.SMS and message.branch == BY_SEGMENT:
        # All texts are Cyrillic: UCS-2, 70 characters alone or 67 in each part (3GPP TS 23.040).
        length = len(message.content.text.encode("utf-16-be")) // 2
        return price * (1 if length <= 70 else math.ceil(length / 67))
    return price


@dataclass
class World:
    """All providers: what they decide, what they charge, and receipts that are on their way."""

    chance: random.Random
    now: Callable[[], datetime]
    books: defaultdict[tuple[str, str], Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    fates: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    post: list[tuple[float, int, Ref, MessageReceipt]] = field(default_factory=list)
    posted: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, message: OutgoingMessage, *, within_s: float) -> str:
        """Take a message, charge it, and let its receipts follow; some are undelivered.

        Returns the provider's id of it. The first word comes within `within_s`.
        """
        name = f"{message.channel.value}-{self.messages}"
        account = message.branch, message.channel.value
        amount = charge_of(message, self.now())
        self.books[account] += amount
        found = attempt_of(message.opaque)
        assert found is not None
        if self.chance.random() < 0.06:
            self.fates["undelivered later"] += 1
            self.books[account] -= amount
            if within_s <= LOST_RECEIPT_S or self.chance.random() < 0.5:
                self._report(*found, name, Receipt.SENT, self.chance.uniform(1, within_s))
            later = self.chance.choice((within_s, 3600.0, 20 * 3600.0))  # bad news may wait
            self._report(*found, name, Receipt.FAILED, self.chance.uniform(1, later))
            return name
        for receipt in (Receipt.SENT, Receipt.DELIVERED, Receipt.READ):
            if receipt is Receipt.READ and self.chance.random() < 0.5:
                continue
            self._report(*found, name, receipt, self.chance.uniform(0.5, within_s))
        return name

    def _report(self, ref: Ref, attempt: str, name: str, receipt: Receipt, seconds: float) -> None:
        report = MessageReceipt(
            attempt, receipt, Failure.REJECTED, "not_delivered", provider_id=name
        )
        times = 2 if self.chance.random() < 0.15 else 1
        self.fates["receipts repeated"] += times - 1
        for _ in range(times):
            self.posted += 1
            at = asyncio.get_running_loop().time() + seconds * (1 + self.chance.random() / 50)
            heapq.heappush(self.post, (at, self.posted, ref, report))
        self.news.set()

    async def deliver(self, service: Service) -> None:
        """Bring receipts in the order of their arrival, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            pause = self.post[0][0] - loop.time() if self.post else None
            if pause is None or pause > TIMER_STEP_S:
                self.news.clear()
                await service.clock.wait(self.news, pause)
                continue
            _, _, ref, receipt = heapq.heappop(self.post)
            await service.engine.apply(ref, receipt)


class Provider:
    """A message channel that fails as providers do."""

    def __init__(self, channel: Channel, world: World) -> None:
        self.channel = channel
        self._world = world

    def serves(self, clinic: str, branch: str) -> bool:
        return True

    def limits(self, clinic: str, branch: str) -> None:
        return None

    async def send(self, message: OutgoingMessage) -> str | None:
        """Decide a message's fate."""
        world = self._world
        world.messages += 1
        fate = world.chance.random()
        if fate < 0.03:
            world.fates["refused: no account"] += 1
            raise SendError(Failure.IMPOSSIBLE, "no_account")
        if fate < 0.05:
            world.fates["refused for good"] += 1
            raise SendError(Failure.REJECTED, "refused")
        if fate < 0.08:
            world.fates["refused for a while"] += 1
            raise SendError(Failure.TEMPORARY, "try_later")
        if fate < 0.095:
            world.fates["lost on the way there"] += 1
            raise SendError(None, "timeout")
        if fate < 0.11:
            world.fates["lost on the way back, reconciled"] += 1
            world.take(message, within_s=LOST_RECEIPT_S)
            raise SendError(None, "timeout")
        if fate < 0.13:
            world.fates["overtaken by its receipt"] += 1
            name = world.take(message, within_s=2.0)
            await asyncio.sleep(3)
            return name
        world.fates["accepted"] += 1
        return world.take(message, within_s=600.0)

    async def close(self) -> None:
        """Nothing to let go of."""


class Diary:
    """A schedule that takes every change."""

    async def push(self, change: Change) -> PushOutcome:
        return Accepted()

    async def close(self) -> None:
        """Nothing to let go of."""


# -- a round --------------------------------------------------------------------------------------


@dataclass
class Result:
    """What a round came to, by branch and channel."""

    messages: int
    fates: Counter[str]
    books: dict[tuple[str, str], Decimal]
    ledger: dict[tuple[str, str], Decimal]
    entries: int
    written_off: Decimal
    proved: bool


async def play(seed: int, *, prove: bool) -> Result:
    """Play five days of some visits and add up both sides."""
    chance = random.Random(seed)
    store: Store = memory_store()
    clock = LoopClock(START - timedelta(minutes=1), asyncio.get_running_loop().time)
    world = World(chance, clock.now)
    schedule = Diary()
    async with Supervisor() as supervisor:
        service = assemble(
            Parts(
                store=store,
                clock=clock,
                texts=load_texts(),
                channels=tuple(Provider(channel, world) for channel in MESSAGE_CHANNELS),
                trunks=(),
                voice=Voice(load_scripts(), load_texts(), None),
                schedule=lambda _: schedule,
                senders={},
                link_base="https://visits.example/v/",
                link_secret=b"a secret of the benchmark",
                spawn=supervisor.spawn,
            ),
            poll_s=None,
            raise_faults=True,
        )
        await service.clinics.save(clinic())
        await clock.sleep(60)
        for number in range(VISITS):
            found = read_appointment(visit(number, chance), consent_default=None)
            await service.engine.snapshot(CLINIC, found)
        supervisor.serve(service.workers.run())
        supervisor.serve(world.deliver(service))
        await clock.sleep(DAYS * 24 * 3600)
        service.workers.stop()
        return await summed(service, world, prove=prove)


async def summed(service: Service, world: World, *, prove: bool) -> Result:
    """Add up the ledger and its write-offs; with `prove`, from the timelines too."""
    store, first = service.store, START.date() - timedelta(days=1)
    ledger: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    entries, written_off = 0, Decimal(0)
    for branch in ZONES:
        for n in range(DAYS + 3):
            for charge in (await store.ledger(CLINIC, branch, first + timedelta(days=n))).charges:
                ledger[branch, charge.channel] += charge.amount
                entries += 1
        assert not await store.open_days(CLINIC, branch), "a day was never written off"
        until = first + timedelta(days=DAYS + 3)
        written_off += sum(
            (off.amount for off in await store.write_offs(CLINIC, branch, first, until)),
            Decimal(0),
        )
    if prove:
        known = await service.clinics.clinic(CLINIC)
        query = Query(known, branches_of(known, None), first, first + timedelta(days=DAYS + 2))
        found = await check(store, query)
        assert not found.differences, found.differences[:3]
        assert found.amount == sum(ledger.values())
    return Result(
        world.messages, world.fates, dict(world.books), dict(ledger), entries, written_off, prove
    )


def baseline(seed: int) -> float:
    """How often a second a visit is written to JSON and read back."""
    visits = [visit(n, random.Random(seed)) for n in range(100)]
    done, before = 0, time.process_time()
    while (spent := time.process_time() - before) < BASELINE_S:
        for one in visits:
            json.loads(json.dumps(one))
            done += 1
    return done / spent


def differences(result: Result) -> list[str]:
    """Return where the two sides differ, if anywhere."""
    found = []
    for key in sorted(result.books.keys() | result.ledger.keys()):
        theirs = result.books.get(key, Decimal(0))
        ours = result.ledger.get(key, Decimal(0))
        if theirs != ours:
            found.append(f"{key[0]} {key[1]}: providers {theirs}, ledger {ours}")
    if result.written_off != sum(result.ledger.values()):
        found.append(f"write-offs {result.written_off}, ledger {sum(result.ledger.values())}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wire", type=int, default=0, help="messages through Redis and HTTP too")
    options = parser.parse_args()
    if options.wire and asyncio.run(_ledger_wire.play(options.wire)):
        return 1
    round_trips = baseline(options.seed)
    messages, entries, rounds, proved = 0, 0, 0, 0
    total, spent = Decimal(0), 0.0
    fates: Counter[str] = Counter()
    while messages < options.messages:
        before = time.process_time()
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            prove = rounds % CHECK_EVERY == 0
            result = runner.run(play(options.seed * 100_003 + rounds, prove=prove))
        spent += time.process_time() - before
        rounds += 1
        for difference in (wrong := differences(result)):
            print(f"round {rounds}: {difference}", file=sys.stderr)
        if wrong:
            return 1
        messages += result.messages
        entries += result.entries
        proved += result.proved
        total += result.written_off
        fates += result.fates
        if rounds % CHECK_EVERY == 0:
            print(f"{messages} messages, {spent:.0f} s", file=sys.stderr, flush=True)
    speed = messages / spent
    print(f"{messages} messages in {rounds} rounds, {entries} ledger entries, {total} in all")
    print(", ".join(f"{name}: {count}" for name, count in fates.most_common()))
    print(f"ledger and providers' books: equal to the kopeck; {proved} rounds proved by the check")
    print(f"messages a second of CPU: {speed:.0f} (aim {TARGET_PER_S}), {spent:.0f} s")
    print(f"ratio to JSON round trips of one visit: 1 : {round_trips / speed:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
