"""Documents, commits and claims as the tests of the stores write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gateway.core.case import Case, Contact, Entry, EntryKind
from gateway.core.model import Appointment, Person
from gateway.ports.store import (
    Charge,
    Claim,
    Claimed,
    ClinicRecord,
    Commit,
    Kind,
    Outcome,
    Publish,
    Rates,
    Ref,
    Room,
    Store,
    Want,
    Write,
    WriteOff,
)

Stores: TypeAlias = tuple[Store, Store]

CLINIC = "north"
BRANCH = "main"
NUMBER = "+15550100"
NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
DAY = date(2030, 3, 4)
MIDNIGHT = datetime(2030, 3, 5, tzinfo=UTC)


def case(id_: str = "a1", *, branch: str = BRANCH, clinic: str = CLINIC, **fields: object) -> Case:
    start = fields.pop("start", NOW + timedelta(days=1))
    assert isinstance(start, datetime)
    snapshot = Appointment(id_, branch, start, NOW - timedelta(days=9), Person("p1", "Анна"))
    made = Case(clinic, id_, branch, snapshot, NOW, number=NUMBER)
    return replace(made, **fields)  # type: ignore[arg-type]  # a test names real fields


def contact(number: str = NUMBER, **fields: object) -> Contact:
    made = Contact(CLINIC, number, BRANCH)
    return replace(made, **fields)  # type: ignore[arg-type]  # a test names real fields


def entry(text: str) -> Entry:
    return Entry(NOW, EntryKind.ANSWER, booking=1, data={"raw": text, "known": True})


def ref(id_: str = "a1") -> Ref:
    return Ref(Kind.CASE, CLINIC, id_)


def charge(
    attempt: str = "m1", day: date = DAY, amount: str = "2.50", at: datetime = MIDNIGHT
) -> Charge:
    return Charge(
        BRANCH, day, NOW, "a1", "details", "sms", Decimal(amount), attempt, write_off_at=at
    )


def write_off(charges: int, day: date = DAY, amount: str = "2.50") -> WriteOff:
    return WriteOff(BRANCH, day, Decimal(amount), charges, MIDNIGHT)


def one(
    document: Case | Contact,
    expected: int = 0,
    due: datetime | None = None,
    *wants: Want,
    calling: bool = False,
) -> Commit:
    """A commit of one document."""
    return Commit(CLINIC, (Write(document, expected, due, wants, calling),))


def message(rank: float = 100.0) -> Want:
    return Want(Room.MESSAGE, rank)


def call(rank: float = 100.0) -> Want:
    return Want(Room.CALL, rank)


async def put(store: Store, commit: Commit) -> None:
    assert await store.commit(commit) is Outcome.DONE


async def publish(
    store: Store, of: Ref, push: str = "p1", document: Mapping[str, object] | None = None
) -> None:
    item = Publish(of, push, document or {"kind": "status"})
    await put(store, Commit(of.clinic, (), publishes=(item,)))


async def claim(store: Store, now: datetime = NOW, limit: int = 100) -> Claim:
    return await store.claim(store.partition_of(CLINIC), now, limit, LEASE)


async def claimed(store: Store, now: datetime = NOW, limit: int = 100) -> list[str]:
    return [item.ref.key for item in (await claim(store, now, limit)).items]


async def granted(store: Store, now: datetime, limit: int = 100) -> list[Claimed]:
    """Claim until nothing is due, and return what was granted."""
    while True:
        items = (await claim(store, now, limit)).items
        if not items or items[0].room is not None:
            return list(items)


async def rates(store: Store, per_minute: int, lines: int, version: int = 0) -> None:
    record = ClinicRecord(CLINIC, version, {}, {})
    saved = await store.save_clinic(record, {BRANCH: Rates(per_minute, lines)})
    assert saved is Outcome.DONE


async def everything(store: Store) -> object:
    """All that a commit may change."""
    figures = await store.figures()
    return (
        await store.load_case(CLINIC, "a1"),
        await store.load_case(CLINIC, "a2"),
        await store.load_contact(CLINIC, NUMBER),
        await store.timeline(ref("a1")),
        await store.timeline(ref("a2")),
        await store.ledger(CLINIC, BRANCH, DAY),
        await store.open_days(CLINIC, BRANCH),
        await store.work(CLINIC, BRANCH, DAY, DAY + timedelta(days=1)),
        await store.cases(CLINIC, BRANCH, NOW, NOW + timedelta(days=9)),
        (figures.cases, figures.due, figures.waiting, figures.oldest_due),
    )
