"""The queue of what waits for a clinic's staff: who, why, since when (rules C-13, S-2, Z-10)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.case import Case, Contact, JournalValue
from gateway.core.events import AttentionDone
from gateway.ports.store import Ref, Store
from gateway.service.engine import Engine
from gateway.service.records import ref_of

QUEUE_MAX = 10_000
"""Visits and numbers looked through for an item; a clinic that has more has another problem."""

ID_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Waiting:
    """One item. `appointment` and `start` are None where it concerns a number alone.

    `id` holds no number and no name. `data` is that of the timeline entry: `raw` is what the
    patient wrote last, `answer`, `source` and `code` where they are known.
    """

    id: str
    ref: Ref = field(repr=False)
    item: str
    why: str
    at: datetime
    branch: str
    appointment: str | None
    start: datetime | None
    number: str | None = field(repr=False)
    data: Mapping[str, JournalValue] = field(repr=False)


async def waiting_for_staff(store: Store, clinic: str, limit: int) -> tuple[Waiting, ...]:
    """Return up to `limit` items, the longest waiting first."""
    documents = await store.attention(clinic, limit)
    found = [waiting for document in documents for waiting in _items(document)]
    found.sort(key=lambda waiting: (waiting.at, waiting.id))
    return tuple(found[:limit])


async def mark_done(store: Store, engine: Engine, clinic: str, item_id: str) -> bool:
    """Take an item off the queue; False: it is not there, or something came on top of it."""
    for waiting in await waiting_for_staff(store, clinic, QUEUE_MAX):
        if waiting.id == item_id:
            return (await engine.apply(waiting.ref, AttentionDone(waiting.item))).changed
    return False


def _items(document: Case | Contact) -> list[Waiting]:
    ref = ref_of(document)
    case = document if isinstance(document, Case) else None
    return [
        Waiting(
            id=_id_of(ref, item.id),
            ref=ref,
            item=item.id,
            why=item.why,
            at=item.at,
            branch=document.branch,
            appointment=case.id if case is not None else None,
            start=case.snapshot.start if case is not None else None,
            number=document.number,
            data=item.data,
        )
        for item in document.attention
    ]


def _id_of(ref: Ref, item: str) -> str:
    """Return a name that may stand in addresses and logs: a reference may be a phone number."""
    named = "\x1f".join((ref.kind, ref.clinic, ref.key, item))
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]
