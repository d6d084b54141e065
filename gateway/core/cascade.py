"""Which channel comes next: the branch's order, what the patient has, what has been tried.

All message attempts of one function and booking belong to one question (rule H-5). The answer
here is derived from them each time, so a changed setting or snapshot holds at once (rule G-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.core import policy
from gateway.core.case import REACHED, UNDER_WAY, Attempt, AttemptState, Case, Contact
from gateway.core.clinic import Branch
from gateway.core.model import Channel, Function, Purpose


@dataclass(frozen=True, slots=True)
class Next:
    """Send over this channel, not before a moment; `retry` is the attempt to be tried again."""

    channel: Channel
    not_before: datetime | None = None
    retry: Attempt | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """A message is under way; its outcome decides."""


@dataclass(frozen=True, slots=True)
class Done:
    """A provider has taken the message."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No channel of the order can reach the patient."""


def attempts_of(case: Case, function: Function, purpose: Purpose) -> list[Attempt]:
    """Return the message attempts of a question; details belong to the appointment (D-2)."""
    return [
        a
        for a in case.attempts
        if a.function is function
        and a.purpose is purpose
        and not a.is_call
        and (a.booking == case.booking or function is Function.DETAILS)
    ]


def can_reach(channel: Channel, case: Case, contact: Contact | None, now: datetime) -> bool:
    """Tell whether a channel is worth trying for this patient (rules D-4, H-1, R-3)."""
    person = case.snapshot.patient.contact_person
    if channel is Channel.PUSH:
        return person.app.installed and person.app.push
    if contact is None:
        return False
    if channel in (Channel.MAX, Channel.TELEGRAM) and contact.account(channel) is None:
        return False
    return not contact.cannot_reach(channel, now)


def next_message(
    case: Case,
    contact: Contact | None,
    branch: Branch,
    function: Function,
    purpose: Purpose,
    now: datetime,
    *,
    call_ended_at: datetime | None,
    latest: datetime | None,
) -> Next | Wait | Done | Exhausted:
    """Return what a question needs next over the message channels.

    `call_ended_at` is set when the message follows a robot call: then a push waits a minute,
    and is left out when that minute would cross `latest` (rules C-6, Z-6).
    """
    tried = attempts_of(case, function, purpose)
    if any(a.state in REACHED for a in tried):
        return Done()
    if any(a.state in UNDER_WAY for a in tried):
        return Wait()
    for channel in branch.channels:
        mine = [a for a in tried if a.channel is channel]
        if any(a.state is AttemptState.FAILED for a in mine):
            continue
        retry = next((a for a in mine if a.tries), None)
        if retry is not None:
            return Next(channel, retry.not_before, retry)
        if not can_reach(channel, case, contact, now):
            continue
        not_before = _after_call(channel, call_ended_at)
        if latest is None or not_before is None or not_before < latest:
            return Next(channel, not_before)
    return Exhausted()


def _after_call(channel: Channel, call_ended_at: datetime | None) -> datetime | None:
    """A push waits until the phone has left the ear (rule C-6)."""
    if channel is not Channel.PUSH or call_ended_at is None:
        return None
    return call_ended_at + policy.PUSH_AFTER_CALL


def is_last_channel(
    attempt: Attempt, case: Case, contact: Contact | None, branch: Branch, now: datetime
) -> bool:
    """Tell whether no later channel of the order can take over from this one (rule Z-6)."""
    if attempt.function is None or attempt.channel not in branch.channels:
        return True
    failed = {
        a.channel
        for a in attempts_of(case, attempt.function, attempt.purpose)
        if a.state is AttemptState.FAILED
    }
    later = branch.channels[branch.channels.index(attempt.channel) + 1 :]
    return not any(c not in failed and can_reach(c, case, contact, now) for c in later)
