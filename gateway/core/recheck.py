"""Whether a message that was started some moments ago may still leave (rules H-3, G-3)."""

from __future__ import annotations

from gateway.core.case import Attempt, AttemptState, Case, Contact
from gateway.core.evolve import evolve
from gateway.core.model import Appointment
from gateway.core.plan import OPT_OUT_TOLD


def may_leave(
    attempt: Attempt,
    before: tuple[Case | None, Contact | None],
    now: tuple[Case | None, Contact | None],
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
    return not case.removed and _as_known(before[0]) == _as_known(case)


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
