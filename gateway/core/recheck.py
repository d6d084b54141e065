"""Whether a message or call that was started some moments ago may still leave (rules H-3, G-3)."""

from __future__ import annotations

from datetime import datetime

from gateway.core.case import Attempt, AttemptState, Case, Contact
from gateway.core.clinic import Branch
from gateway.core.evolve import evolve
from gateway.core.hours import is_open
from gateway.core.model import Appointment, Function
from gateway.core.moments import window_of
from gateway.core.plan import OPT_OUT_TOLD, PURPOSE_OF
from gateway.core.suppression import reasons_against


def may_leave(
    attempt: Attempt,
    before: tuple[Case | None, Contact | None],
    now: tuple[Case | None, Contact | None],
    branch: Branch,
    at: datetime,
) -> bool:
    """Tell whether the message still says what is true, and nobody else has taken it over.

    `before` is what it was started from, `now` what the store has. What does not concern it,
    such as a receipt for another message, is no reason to hold it back.
    """
    case, contact = now
    owner = contact if before[0] is None else case
    if owner is None or not _is_held_by_us(attempt, owner):
        return False
    if contact is not None and contact.opted_out_at and attempt.about != OPT_OUT_TOLD:
        return False
    if before[0] is None or case is None:
        return True
    if case.removed or _as_known(before[0]) != _as_known(case):
        return False
    function = attempt.function
    if function is None or attempt.purpose is not PURPOSE_OF[function]:
        return True
    return _is_time(function, case, branch, at)


def may_dial(
    attempt_id: str, case: Case, contact: Contact | None, branch: Branch, at: datetime
) -> bool:
    """Tell whether the number of a started call may still be dialled: everything that the rules
    ask before a call is looked at anew (rules C-2, C-15, C-17, G-1, G-2, G-7)."""
    attempt = next((a for a in case.attempts if a.id == attempt_id), None)
    if attempt is None or attempt.state is not AttemptState.STARTED:
        return False
    if case.removed or attempt.booking != case.booking or attempt.to != case.number:
        return False
    if not branch.confirmation.enabled or branch.confirmation.method != "call":
        return False
    if reasons_against(Function.CONFIRMATION, case, contact, branch):
        return False
    return _is_time(Function.CONFIRMATION, case, branch, at)


def _is_time(function: Function, case: Case, branch: Branch, at: datetime) -> bool:
    window = window_of(function, case, branch)
    return at < window.latest and is_open(window.hours, at, branch.timezone)


def _is_held_by_us(attempt: Attempt, owner: Case | Contact) -> bool:
    return any(
        other.id == attempt.id
        and other.state is AttemptState.STARTED
        and other.started_at == attempt.started_at
        for other in owner.attempts
    )


def _as_known(case: Case) -> Appointment:
    """The visit as Callahead knows it: an answer on its way to the schedule counts already."""
    return evolve(case.snapshot, status=case.status)
