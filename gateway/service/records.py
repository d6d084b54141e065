"""From a decision to its commit: what the store has to write at once. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from gateway.core.case import (
    Attempt,
    AttemptState,
    Case,
    Contact,
    Entry,
    EntryKind,
    Notice,
    PushState,
    StatusPush,
)
from gateway.core.clinic import Branch
from gateway.core.hours import local_day, next_midnight
from gateway.core.model import Purpose
from gateway.core.phoning import is_calling
from gateway.ports.schedule import Change, NotificationsChange, StatusChange, change_document
from gateway.ports.store import (
    Charge,
    Commit,
    Grant,
    Kind,
    Publish,
    Ref,
    Room,
    Want,
    Work,
    Write,
)

Hints: TypeAlias = tuple[tuple[str, Ref, timedelta], ...]
"""What a commit remembers: hint, what it points at, how long it is kept."""

COUNTED_STATES = frozenset({"accepted", "delivered", "read", "failed", "ended"})


def ref_of(document: Case | Contact) -> Ref:
    """Return the reference of a case or contact."""
    if isinstance(document, Case):
        return Ref(Kind.CASE, document.clinic, document.id)
    return Ref(Kind.CONTACT, document.clinic, document.number)


def commit_of(
    before: tuple[Case | None, Contact | None],
    after: tuple[Case | None, Contact | None],
    branch: Branch,
    now: datetime,
    *,
    seen: str | None = None,
    grant: Grant | None = None,
    rewrite: bool = False,
    hints: Hints = (),
) -> Commit:
    """Return everything that one decision changes; `rewrite` writes back what was claimed.

    A contact that was read but not changed is checked: an opt-out that came in between must
    not be overlooked (rule C-15). A grant that started nothing is given back.
    """
    writes: list[Write] = []
    checks: list[tuple[Ref, int]] = []
    wake: tuple[tuple[Ref, datetime], ...] = ()
    (case_before, contact_before), (case, contact) = before, after
    if case is not None and (rewrite or case is not case_before):
        writes.append(_case_write(case, case_before, contact, now))
    elif case is not None:
        checks.append((ref_of(case), case.version))
    contact_claimed = rewrite and case is None
    if contact is not None and (contact_claimed or contact is not contact_before):
        expected = contact_before.version if contact_before is not None else 0
        writes.append(
            Write(contact, expected, contact.due, _message_want(contact.attempts, now, 0))
        )
        wake = tuple(
            (Ref(Kind.CASE, contact.clinic, appointment), at) for appointment, at in contact.wake
        )
    elif contact is not None:
        checks.append((ref_of(contact), contact.version))
    journal = case.journal if case is not None else ()
    return Commit(
        clinic=branch.clinic,
        writes=tuple(writes),
        checks=tuple(checks),
        wake=wake,
        charges=charges_of(case, journal, branch),
        work=work_of(journal, branch),
        publishes=published(before, after),
        seen=seen,
        refund=grant if grant and not _used(grant, before, after) else None,
        hints=hints,
        attention=_attention(before, after),
    )


def _attention(
    before: tuple[Case | None, Contact | None], after: tuple[Case | None, Contact | None]
) -> tuple[tuple[Ref, datetime | None], ...]:
    """Return whose items for the staff have changed, and since when the oldest one waits."""
    found: list[tuple[Ref, datetime | None]] = []
    for old, new in zip(before, after, strict=True):
        items = old.attention if old is not None else ()
        if new is not None and new.attention is not items and new.attention != items:
            since = new.attention[0].at if new.attention else None
            found.append((ref_of(new), since))
    return tuple(found)


def _case_write(case: Case, before: Case | None, contact: Contact | None, now: datetime) -> Write:
    rank = case.snapshot.start.timestamp()
    wants = _message_want(case.attempts, now, rank)
    calls = [attempt for attempt in case.attempts if attempt.is_call]
    calling = any([is_calling(call) or _rests(call, now) for call in calls])
    waits_for_number = contact is not None and case.id in contact.waiting
    if not waits_for_number and any([_ready(call, now) for call in calls]):
        wants = (*wants, Want(Room.CALL, rank))
    version = before.version if before is not None else 0
    return Write(case, version, case.due, wants, calling)


def _ready(attempt: Attempt, now: datetime) -> bool:
    return attempt.state is AttemptState.PLANNED and (
        attempt.not_before is None or attempt.not_before <= now
    )


def _rests(attempt: Attempt, now: datetime) -> bool:
    """A line on which nothing could be placed rests with its case: a trunk that is down is not
    dialled by everybody who waits (rule C-6)."""
    waits = attempt.not_before is not None and attempt.not_before > now
    return attempt.is_call and bool(attempt.code) and waits


def _message_want(attempts: tuple[Attempt, ...], now: datetime, rank: float) -> tuple[Want, ...]:
    """Answers to what a patient has just done go first (rule Z-7)."""
    wants: tuple[Want, ...] = ()
    for attempt in attempts:
        if not _ready(attempt, now) or attempt.is_call:
            continue
        if attempt.is_free or attempt.purpose is Purpose.RESCHEDULE_LINK:
            return (Want(Room.MESSAGE, 0.0),)
        wants = (Want(Room.MESSAGE, rank),)
    return wants


def charges_of(case: Case | None, journal: tuple[Entry, ...], branch: Branch) -> tuple[Charge, ...]:
    """Return the ledger entries that stand for the charges of a journal (rule G-5)."""
    found: list[Charge] = []
    for entry in journal:
        if entry.kind is EntryKind.CHARGE and case is not None:
            charge = Charge(
                branch=branch.id,
                day=local_day(entry.at, branch.timezone),
                at=entry.at,
                appointment=case.id,
                function=entry.function.value if entry.function else "",
                channel=str(entry.data["channel"]),
                amount=Decimal(str(entry.data["amount"])),
                attempt=str(entry.data["attempt"]),
                write_off_at=next_midnight(entry.at, branch.timezone),
            )
            found.append(charge)
    return tuple(found)


def work_of(journal: tuple[Entry, ...], branch: Branch) -> tuple[Work, ...]:
    """Return what is counted of a journal (rule Q-2)."""
    found: list[Work] = []
    for entry in journal:
        is_action = entry.kind is EntryKind.MESSAGE or entry.kind is EntryKind.CALL
        if is_action and entry.data["state"] in COUNTED_STATES:
            work = Work(
                branch=branch.id,
                day=local_day(entry.at, branch.timezone),
                function=entry.function.value if entry.function else "",
                channel=str(entry.data["channel"]),
                result=str(entry.data.get("result") or entry.data["state"]),
            )
            found.append(work)
    return tuple(found)


def _used(
    grant: Grant,
    before: tuple[Case | None, Contact | None],
    after: tuple[Case | None, Contact | None],
) -> bool:
    """Tell whether the granted slot or line started something."""
    return any(
        attempt.is_call is (grant.room is Room.CALL) for _, attempt in started(before, after)
    )


def started(
    before: tuple[Case | None, Contact | None], after: tuple[Case | None, Contact | None]
) -> list[tuple[Ref, Attempt]]:
    """Return the attempts that a decision has started: effects to be carried out."""
    found: list[tuple[Ref, Attempt]] = []
    for old, new in zip(before, after, strict=True):
        if new is None or (old is not None and new.attempts is old.attempts):
            continue
        under_way = [a for a in new.attempts if a.state is AttemptState.STARTED]
        if under_way:
            tries = {a.id: (a.state, a.tries) for a in old.attempts} if old is not None else {}
            ref = ref_of(new)
            found += [(ref, a) for a in under_way if tries.get(a.id) != (a.state, a.tries)]
    return found


def looked_up(before: Case | None, after: Case) -> list[Attempt]:
    """Return the calls of which a decision wants to know how they went."""
    if before is not None and after.attempts is before.attempts:
        return []
    known = {a.id: a.looked_at for a in before.attempts} if before is not None else {}
    return [a for a in after.attempts if a.looked_at is not None and known.get(a.id) != a.looked_at]


def published(
    before: tuple[Case | None, Contact | None], after: tuple[Case | None, Contact | None]
) -> tuple[Publish, ...]:
    """Return the changes that this decision puts into the clinic's feed."""
    found: list[Publish] = []
    for old, new in zip(before, after, strict=True):
        pushes, older = _pushes(new), _pushes(old)
        if new is None or pushes is older:
            continue
        tries = {push.id: push.tries for push in older}
        for push in pushes:
            if push.state is PushState.PUBLISHED and tries.get(push.id, 0) != push.tries:
                change = change_of(ref_of(new), push)
                found.append(Publish(change.ref, push.id, change_document(change, None)))
    return tuple(found)


def _pushes(document: Case | Contact | None) -> tuple[StatusPush, ...] | tuple[Notice, ...]:
    if document is None:
        return ()
    return document.pushes if isinstance(document, Case) else document.notices


def change_of(ref: Ref, push: StatusPush | Notice) -> Change:
    """Return a status or notifications change as the schedule gets it."""
    if isinstance(push, StatusPush):
        return StatusChange(
            ref=ref,
            push=push.id,
            appointment=ref.key,
            start=push.start,
            before=push.before,
            after=push.after,
            source=push.source,
            evidence=push.evidence,
            at=push.at,
        )
    return NotificationsChange(
        ref=ref,
        push=push.id,
        number=ref.key,
        allowed=push.allowed,
        source=push.source,
        evidence=push.evidence,
        at=push.at,
    )
