"""The gateway and its store are killed again and again while patients write to them (G-6).

Every life ends with SIGKILL at a random moment. What was answered 2xx has to be there in the next
life; nobody gets a message twice; the schedule hears each change once; and the ledger is what the
provider's own books say. The seed is printed: the same seed gives the same moments.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest

from adapters.messaging.sandbox_world import ChatMessage
from gateway.core.case import OPEN_PUSHES, UNDER_WAY, AttemptState, Case, EntryKind, PushState
from gateway.core.model import Purpose
from gateway.ports.store import Kind, Ref, Store
from tests.cli.support import (
    Clinic,
    Gateway,
    Town,
    clinic_document,
    eventually,
    free_port,
    gateway_in,
    noon_zone,
    number_of,
    town,
    visit,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "5"))
VISITS = 12
"""New visits in every life."""


@dataclass
class Siege:
    """One gateway under load, and what it has promised so far."""

    gateway: Gateway
    town: Town
    clinic: Clinic
    zone: timezone
    chance: random.Random
    recorded: set[str] = field(default_factory=set)  # answered 2xx
    replied: dict[str, str] = field(default_factory=dict)  # number -> id of the patient's "1"
    visits: int = 0

    async def patients(self) -> None:
        """Everyone who is asked answers "1", once."""
        phones = self.town.phones
        while True:
            for phone in phones.phones:
                if phone.number not in self.replied and any(map(is_question, phone.messages)):
                    self.replied[phone.number] = ""
                    self.replied[phone.number] = await phones.reply(phone.number, "1")
            await phones.changes.after(phones.changes.count)

    async def record(self, index: int) -> None:
        """Put a visit until it is taken, as a clinic's system would."""
        body = visit(index, datetime.now(UTC), self.zone)
        self.town.schedule.put(body)
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                status, _ = await self.clinic.call("PUT", f"appointments/{body['id']}", body)
                if status < 300:
                    self.recorded.add(str(body["id"]))
                    return
            await asyncio.sleep(0.1)

    def told(self) -> set[str]:
        """Ids of the patients' messages that were answered 200."""
        ids = set(self.replied.values())
        return {str(r["id"]) for r in self.town.told.taken if str(r.get("id")) in ids}


def is_question(message: ChatMessage) -> bool:
    return not message.from_patient and (message.template or "").startswith(
        "callahead_confirmation"
    )


@contextlib.asynccontextmanager
async def siege(folder: Path, seed: int) -> AsyncIterator[Siege]:
    port = free_port()
    async with town(port, seed) as outside, aiohttp.ClientSession() as session:
        gateway = gateway_in(folder, outside, port)
        name, zone = noon_zone(datetime.now(UTC))
        file = folder / "clinic.json"
        file.write_text(json.dumps(clinic_document(name)), encoding="utf-8")
        try:
            await gateway.start()
            await gateway.cli("clinic", "import", str(file))
            key = (await gateway.cli("key", "create", "zdorovie")).strip()
            clinic = Clinic(session, gateway.url, key)
            # A response that takes its time: many kills come between it and its request.
            outside.phones.faults.slow_s = outside.schedule.faults.slow_s = 0.1
            yield Siege(gateway, outside, clinic, zone, random.Random(seed))
        finally:
            gateway.end()


@pytest.mark.rule("G-6", "S-1", "S-3", "T-3")
async def test_kills_at_random_moments_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"CHAOS_SEED={seed} CHAOS_ROUNDS={ROUNDS}")
    async with siege(tmp_path, seed) as under, asyncio.TaskGroup() as tasks:
        patients = tasks.create_task(under.patients())
        for _ in range(ROUNDS):
            for _ in range(VISITS):
                under.visits += 1
                tasks.create_task(under.record(under.visits))
            await asyncio.sleep(under.chance.uniform(0.05, 1.5))
            under.gateway.kill()
            recorded, told = set(under.recorded), under.told()
            async with under.gateway.store() as store:
                await check_promises(under, store, recorded, told)
            await under.gateway.start()
        await eventually(lambda: len(under.recorded) == under.visits, 30, "not all were taken")
        await settled(under)
        assert await under.gateway.stop() == 0
        patients.cancel()
        async with under.gateway.store() as store:
            await check_promises(under, store, set(under.recorded), under.told())
            await check_world(under, store)


async def check_promises(under: Siege, store: Store, recorded: set[str], told: set[str]) -> None:
    """What was answered 2xx before the kill is in the store after it."""
    for appointment in recorded:
        case, _ = await store.load_case("zdorovie", appointment)
        assert case is not None, f"{appointment} is lost"
    for number, message in under.replied.items():
        if message not in told:
            continue
        contact, cases = await store.load_contact("zdorovie", number)
        assert contact is not None
        assert message in contact.seen, f"the reply {message} is lost"
        assert [case.status.value for case in cases] == ["confirmed"]


async def settled(under: Siege) -> None:
    """Wait until the world has told everything and nothing new comes of it."""
    async with asyncio.timeout(60):
        while True:
            before = under.town.phones.changes.count
            await under.town.phones.idle()
            await asyncio.sleep(1.0)
            if under.town.phones.changes.count == before:
                return


async def check_world(under: Siege, store: Store) -> None:
    """The world's books against the gateway's."""
    sent: Counter[str] = Counter()
    for index in range(1, under.visits + 1):
        number, ref = number_of(index), Ref(Kind.CASE, "zdorovie", f"V-{index}")
        case, _ = await store.load_case("zdorovie", f"V-{index}")
        assert case is not None
        messages = under.town.phones.messages(number)
        check_messages(case, [m for m in messages if not m.from_patient])
        sent[number] = sum(map(is_question, messages))
        charged = [e for e in await store.timeline(ref) if e.kind is EntryKind.CHARGE]
        assert len(charged) == sent[number], f"V-{index} was charged {len(charged)} times"
        check_push(case, under)
    await check_ledger(store, sum(sent.values()))
    finished = sum(1 for t in under.town.schedule.taken if t.status == 200)
    print(f"{sum(sent.values())} questions, {finished} changes of {under.visits} visits")
    assert finished > 0


def check_messages(case: Case, messages: list[ChatMessage]) -> None:
    """Once each; what was never sent still waits for the end of its lease."""
    for purpose in (Purpose.CONFIRMATION, Purpose.ACKNOWLEDGEMENT):
        asks = purpose is Purpose.CONFIRMATION
        count = sum(is_question(m) is asks for m in messages)
        assert count <= 1, f"{case.id}: {purpose} was sent {count} times"
        attempts = [a for a in case.attempts if a.purpose is purpose]
        if count == 0:
            waiting = UNDER_WAY | {AttemptState.PLANNED}
            assert all(a.state in waiting for a in attempts), f"{case.id}: {purpose} is lost"
        else:
            (attempt,) = attempts
            assert attempt.state in (AttemptState.DELIVERED, AttemptState.READ), case.id


def check_push(case: Case, under: Siege) -> None:
    """The schedule took each change once; one that was cut off is offered again."""
    taken = [t for t in under.town.schedule.taken if t.change.get("appointment") == case.id]
    assert [t.status for t in taken] in ([], [200])
    for push in case.pushes:
        assert push.state in OPEN_PUSHES | {PushState.ACCEPTED}
        if push.state is PushState.ACCEPTED:
            assert len(taken) == 1
            assert under.town.schedule.appointment(case.id)["status"] == "confirmed"


async def check_ledger(store: Store, questions: int) -> None:
    today = datetime.now(UTC).date()
    days = [today + timedelta(days=more) for more in (-1, 0, 1)]
    charges = [
        charge for day in days for charge in (await store.ledger("zdorovie", "lenina", day)).charges
    ]
    assert len({(c.appointment, c.attempt) for c in charges}) == len(charges)
    assert sum((c.amount for c in charges), Decimal(0)) == 2 * questions
