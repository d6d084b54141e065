"""Status changes and notices leave for the schedule one after another (rules S-1, S-3)."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from gateway.core import policy
from gateway.core.case import OPEN_PUSHES, Notice, PushState, StatusPush
from gateway.core.draft import Draft
from gateway.core.evolve import evolve

AnyPush = TypeVar("AnyPush", StatusPush, Notice)


def next_push_at(pushes: tuple[StatusPush, ...] | tuple[Notice, ...]) -> datetime | None:
    """When the first change in line is offered again; those behind it wait for it."""
    return next((push.not_before for push in pushes if push.state in OPEN_PUSHES), None)


def start_pushes(draft: Draft) -> None:
    """Start the first status change in line if its time has come (rules S-1, S-3)."""
    for push in draft.case.pushes:
        if push.state not in OPEN_PUSHES:
            continue
        if push.state is PushState.PUBLISHED:
            return
        if push.not_before is None or push.not_before <= draft.now:
            draft.put_push(_started_push(draft, push))
        return


def _started_push(draft: Draft, push: AnyPush) -> AnyPush:
    """Return a change on its way: in the feed with this commit, or offered right after it."""
    if draft.settings.publishes:
        return evolve(push, state=PushState.PUBLISHED, tries=push.tries + 1, not_before=None)
    lease = draft.now + policy.PUSH_LEASE
    return evolve(push, state=PushState.STARTED, tries=push.tries + 1, not_before=lease)


def start_notices(draft: Draft) -> None:
    """Start the first notice about the number in line if its time has come."""
    contact = draft.contact
    for notice in contact.notices if contact is not None else ():
        if notice.state not in OPEN_PUSHES:
            continue
        waiting = notice.not_before is not None and notice.not_before > draft.now
        if notice.state is not PushState.PUBLISHED and not waiting:
            draft.put_notice(_started_push(draft, notice))
        return
