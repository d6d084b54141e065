"""How the store behaves as it grows: claim -> decide (trivially) -> commit at 1,000 and at many
open cases, memory per open case, time from start to ready.

    python bench/bench_store.py --cases 100000 --seconds 10

Both sizes take turns in short slices, so that a noisy machine disturbs them alike. What counts
are the ratios; the absolute figures are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice

from adapters.store import codec
from adapters.store.embedded import EmbeddedServer, open_embedded
from adapters.store.redis_store import RedisStore, open_store
from gateway.core.case import (
    Attempt,
    AttemptState,
    Button,
    Case,
    Contact,
    Content,
    Entry,
    EntryKind,
)
from gateway.core.model import (
    Answer,
    Appointment,
    CallResult,
    Channel,
    Doctor,
    Function,
    Person,
    Purpose,
)
from gateway.ports.store import Commit, Outcome, Write

NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
SMALL = 1_000
SLICES = 16
CLINICS = 16
BATCH = 32
LOADERS = 64


def realistic(number: int) -> Case:
    """A case in the middle of its life: details sent by WhatsApp, a call made."""
    clinic, id_ = f"clinic-{number % CLINICS}", f"appointment-{number}"
    phone = f"+7901{number:07}"
    patient = Person(
        f"patient-{number}", "Мария", "Ивановна", "Соколова", (phone,), "ru", consent=True
    )
    visit = Appointment(
        id_, "main", NOW + timedelta(days=2), NOW - timedelta(days=5), patient,
        Doctor("Петров Павел Петрович", "терапевт"), 1800,
    )  # fmt: skip
    text = "Мария Ивановна, вы записаны 6 марта в 12:00, терапевт Петров П. П., ул. Ленина, 5."
    buttons = tuple(
        Button(answer, answer.value, f"v1.{id_}.1.{answer}")
        for answer in (Answer.CONFIRM, Answer.CANCEL)
    )
    details = Attempt(
        "m1", 1, Function.DETAILS, Purpose.DETAILS, Channel.WHATSAPP, phone,
        AttemptState.DELIVERED, NOW, NOW, NOW, tries=1, price=Decimal("2"),
        content=Content(text, "visit_details", "ru", ("Мария Ивановна", "12:00"), buttons),
        provider_id="wamid.HBgLNzkwMTAwMDAwMDAVAgARGBI5QTNDQTVC",
    )  # fmt: skip
    call = Attempt(
        "m2", 1, Function.CONFIRMATION, Purpose.CONFIRMATION, Channel.CALL, phone,
        AttemptState.ENDED, NOW, NOW, NOW, NOW, 1, result=CallResult.NO_ANSWER,
    )  # fmt: skip
    return Case(
        clinic, id_, "main", visit, NOW, number=phone, attempts=(details, call), attempts_made=2,
        seen=("call:CA17:completed", "wamid.1:delivered"), due=NOW,
    )  # fmt: skip


@dataclass
class Side:
    """One store of a given size, and how fast it was in each slice."""

    cases: int
    server: EmbeddedServer
    store: RedisStore
    rounds: int = 0
    empty_bytes: float = 0.0
    rates: list[float] = field(default_factory=list)

    async def fill(self) -> None:
        self.empty_bytes = (await self.store.figures()).extra["memory_bytes"]
        numbers = iter(range(self.cases))
        await asyncio.gather(*(self._load(numbers) for _ in range(LOADERS)))

    async def _load(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            case = realistic(number)
            assert case.number is not None
            contact = Contact(case.clinic, case.number, "main", visits=(case.id,))
            at = NOW + timedelta(milliseconds=number)
            journal = (Entry(NOW, EntryKind.SNAPSHOT, data={"status": "unconfirmed"}),)
            writes = (
                Write(replace(case, journal=journal), 0, at),
                Write(contact, 0, None),
            )
            assert await self.store.commit(Commit(case.clinic, writes)) is Outcome.DONE

    async def slice(self, seconds: float) -> None:
        """Claim, decide, commit for a while; each case then goes to the end of the queue."""
        done, start = 0, time.perf_counter()
        partitions = sorted({self.store.partition_of(f"clinic-{n}") for n in range(CLINICS)})
        while time.perf_counter() - start < seconds:
            counts = await asyncio.gather(*(self._work(partition) for partition in partitions))
            done += sum(counts)
            self.rounds += 1
        self.rates.append(done / (time.perf_counter() - start))

    async def _work(self, partition: int) -> int:
        now = NOW + timedelta(days=1)
        claim = await self.store.claim(partition, now, BATCH, LEASE)
        later = now - timedelta(hours=1) + timedelta(milliseconds=self.rounds)
        commits = []
        for item in claim.items:
            assert isinstance(item.document, Case)
            case, version = item.document, item.document.version
            decided = replace(case, due=later, journal=(Entry(NOW, EntryKind.SKIP),))
            write = Write(decided, version, later)
            commits.append(self.store.commit(Commit(case.clinic, (write,))))
        outcomes = await asyncio.gather(*commits)
        assert all(outcome is Outcome.DONE for outcome in outcomes)
        return len(outcomes)

    async def restart(self) -> float:
        """Seconds from start to ready."""
        await self.store.close()
        folder = self.server._folder
        await self.server.close()
        start = time.perf_counter()
        self.server = await _start(str(folder))
        took = time.perf_counter() - start
        self.store = await open_store(self.server.url)
        return took


async def _start(folder: str) -> EmbeddedServer:
    server = await open_embedded(folder)
    assert isinstance(server, EmbeddedServer)
    return server


async def measure(cases: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        sides = []
        for size, folder in ((SMALL, one), (cases, two)):
            server = await _start(folder)
            sides.append(Side(size, server, await open_store(server.url)))
        small, large = sides
        print(f"server: {small.server._binary}, a case is {_size()} bytes of JSON")
        for side in sides:
            start = time.perf_counter()
            await side.fill()
            rate = side.cases / (time.perf_counter() - start)
            print(f"filled with {side.cases:,} cases and contacts: {rate:,.0f} a second")
        used = (await large.store.figures()).extra["memory_bytes"] - large.empty_bytes
        for turn in range(SLICES):
            for side in sides[:: 1 if turn % 2 else -1]:
                await side.slice(seconds / SLICES / 2)
        rates = [statistics.median(side.rates) for side in sides]
        for side, rate in zip(sides, rates, strict=True):
            print(f"claim -> decide -> commit, {side.cases:,} open cases: {rate:,.0f} a second")
        ratios = [many / few for few, many in zip(small.rates, large.rates, strict=True)]
        ratio, low, high = statistics.median(ratios), min(ratios), max(ratios)
        print(
            f"ratio of {cases:,} to {SMALL:,} open cases: {ratio:.2f} "
            f"(median of {SLICES} pairs, {low:.2f} to {high:.2f})"
        )
        print(f"memory: {used / cases:,.0f} bytes per case with its contact and first entry")
        print(f"restart to ready with {cases:,} cases: {await large.restart():.2f} s")
        for side in sides:
            await side.store.close()
            await side.server.close()


def _size() -> int:
    return round(statistics.mean(len(codec.dump_case(realistic(n))) for n in islice(range(9), 9)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cases", type=int, default=100_000, help="size of the large store")
    parser.add_argument("--seconds", type=float, default=16.0, help="time for the comparison")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.cases, arguments.seconds))


if __name__ == "__main__":
    main()
