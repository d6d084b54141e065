"""What the schedule said to a status change or a notice (rules S-1, S-2)."""

from __future__ import annotations

from datetime import timedelta

from gateway.core import answers, attention, policy, snapshots
from gateway.core.case import OPEN_PUSHES, EntryKind, Notice, PushState, StatusPush
from gateway.core.draft import Draft
from gateway.core.events import PushAccepted, PushConflicted, PushFailed, PushRefused
from gateway.core.evolve import evolve
from gateway.core.model import Appointment, Function

PushEvent = PushAccepted | PushConflicted | PushRefused | PushFailed


def push_answered(draft: Draft, event: PushEvent) -> None:
    """A status change was taken, refused, or not heard; one that is closed stays so."""
    push = next((p for p in draft.case.pushes if p.id == event.push), None)
    if push is None or push.state not in OPEN_PUSHES:
        return
    match event:
        case PushAccepted():
            _push_accepted(draft, push)
        case PushConflicted():
            _push_conflicted(draft, push, event.newest)
        case PushRefused():
            draft.put_push(evolve(push, state=PushState.REFUSED, not_before=None))
            draft.note(
                EntryKind.NEEDS_ATTENTION,
                {
                    "why": attention.STATUS_REFUSED,
                    "code": event.code,
                    "answer": push.answer.value,
                    "source": push.source.value,
                    "raw": push.evidence,
                },
                Function.CONFIRMATION,
            )
        case PushFailed() if push.state is PushState.STARTED:
            again = draft.now + _push_pause(push.tries)
            draft.put_push(evolve(push, state=PushState.PENDING, not_before=again))
            draft.note(
                EntryKind.PUSH,
                {"push": push.id, "try": push.tries, "code": event.code},
                Function.CONFIRMATION,
            )


def _push_pause(tries: int) -> timedelta:
    return policy.PUSH_PAUSES[min(max(tries, 1), len(policy.PUSH_PAUSES)) - 1]


def _push_accepted(draft: Draft, push: StatusPush) -> None:
    """The schedule has the new status, so the snapshot has it too (rule S-1)."""
    draft.put_push(evolve(push, state=PushState.ACCEPTED, not_before=None))
    attention.settle(draft, "answer", frozenset({attention.STATUS_REFUSED}))
    snapshot = evolve(draft.case.snapshot, status=push.after)
    draft.case = evolve(draft.case, snapshot=snapshot)
    draft.note(
        EntryKind.STATUS,
        {"from": push.before.value, "to": push.after.value, "source": push.source.value},
        Function.CONFIRMATION,
    )


def _push_conflicted(draft: Draft, push: StatusPush, newest: Appointment | None) -> None:
    """The newest snapshot decides whether the answer still fits (rule S-2)."""
    again = draft.now + _push_pause(push.tries)
    draft.put_push(evolve(push, state=PushState.PENDING, not_before=again))
    if newest is None:
        snapshots.removed(draft)
    else:
        snapshots.changed(draft, newest)
        answers.settle_pushes(draft, moved=push.booking != draft.case.booking)


def notice_answered(draft: Draft, event: PushEvent) -> None:
    """The schedule was told of a number's silence or return, or could not be (rule Z-9)."""
    contact = draft.contact
    notices = contact.notices if contact is not None else ()
    notice = next((n for n in notices if n.id == event.push), None)
    if notice is None or notice.state not in OPEN_PUSHES:
        return
    changed: Notice
    match event:
        case PushAccepted():
            changed = evolve(notice, state=PushState.ACCEPTED, not_before=None)
            attention.settle(draft, "answer", frozenset({attention.NOTIFICATIONS_REFUSED}))
        case PushConflicted() | PushRefused():
            changed = evolve(notice, state=PushState.REFUSED, not_before=None)
            why = {"why": attention.NOTIFICATIONS_REFUSED, "raw": notice.evidence}
            draft.note(EntryKind.NEEDS_ATTENTION, why)
        case _:
            if notice.state is not PushState.STARTED:
                return
            again = draft.now + _push_pause(notice.tries)
            changed = evolve(notice, state=PushState.PENDING, not_before=again)
    draft.put_notice(changed)
