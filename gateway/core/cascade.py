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
    """A provider has taken the message; from `until` on it counts as not delivered."""

    until: datetime | None = None


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


def standing(
    tried: list[Attempt], branch: Branch, contact: Contact | None, now: datetime
) -> Wait | Done | None:
    """Tell whether what was sent is enough for now; None when another message may follow."""
    if any(a.state in UNDER_WAY for a in tried):
        return Wait()
    reached = [a for a in tried if a.state in REACHED]
    if not reached:
        return None
    overdue = [overdue_at(a, branch, contact) for a in reached]
    known = [moment for moment in overdue if moment is not None]
    if len(known) < len(overdue):
        return Done()
    until = max(known)
    return Done(until) if now < until else None


def overdue_at(attempt: Attempt, branch: Branch, contact: Contact | None) -> datetime | None:
    """Return when an accepted message counts as not delivered, None for never (rule H-1).

    Who has written on its channel since then has seen it, whatever the receipts say.
    """
    limit, sent_at = branch.undelivered_after, attempt.started_at
    if limit is None or sent_at is None or attempt.state is not AttemptState.ACCEPTED:
        return None
    if attempt.channel in branch.without_receipts:
        return None
    if contact is not None and contact.has_written_since(attempt.channel, sent_at):
        return None
    return sent_at + limit


def _is_spent(attempt: Attempt, case: Case) -> bool:
    """Tell whether a channel has had its turn: what failed for another number says nothing."""
    if attempt.state is AttemptState.FAILED:
        return attempt.to == (case.number or "")
    return attempt.state in REACHED


def can_reach(channel: Channel, case: Case, contact: Contact | None, now: datetime) -> bool:
    """Tell whether a channel is worth trying for this patient (rules D-4, H-1, R-3)."""
    person = case.snapshot.patient.contact_person
    if channel is Channel.PUSH:
        known = contact.record(Channel.PUSH) if contact is not None else None
        gone = known is not None and known.ended is not None
        return person.app.installed and person.app.push and not gone
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
    stands = standing(tried, branch, contact, now)
    if stands is not None:
        return stands
    for channel in branch.channels:
        mine = [a for a in tried if a.channel is channel]
        if any(_is_spent(a, case) for a in mine):
            continue
        # One that was held waits for its sender's turn, tried or not.
        planned = (a for a in mine if a.state is AttemptState.PLANNED)
        retry = next((a for a in planned if a.tries or a.code in policy.HELD_CODES), None)
        if retry is not None:
            return Next(channel, retry.not_before, retry)
        if not can_reach(channel, case, contact, now):
            continue
        not_before = _after_call(channel, call_ended_at)
        if latest is None or not_before is None or not_before < latest:
            return Next(channel, not_before)
    return Done() if any(a.state in REACHED for a in tried) else Exhausted()


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
    spent = {
        a.channel
        for a in attempts_of(case, attempt.function, attempt.purpose)
        if _is_spent(a, case)
    }
    later = branch.channels[branch.channels.index(attempt.channel) + 1 :]
    return not any(c not in spent and can_reach(c, case, contact, now) for c in later)
