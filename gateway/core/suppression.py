"""Why a function is not done: each rule is a small function that names its reason.

Rules D-5, C-16 and R-4 are lists of the same small rules, so each stands here once. Reasons
that depend on time (`too_late`, `missed_hours`, `outside_hours`) are decided in
`gateway.core.plan`, where the moments are known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from gateway.core.case import Case, Contact
from gateway.core.clinic import Branch
from gateway.core.hours import local_day
from gateway.core.model import Function, Reason, Status


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at."""

    case: Case
    contact: Contact | None
    branch: Branch


Rule: TypeAlias = Callable[[Facts], bool]


def _online_service(facts: Facts) -> bool:
    return facts.case.snapshot.service


def _online_doctor(facts: Facts) -> bool:
    """The booking system informs the patient itself."""
    return facts.case.snapshot.booked_online


def _online_consultation(facts: Facts) -> bool:
    return facts.case.snapshot.online_consultation


def _anonymous(facts: Facts) -> bool:
    return facts.case.snapshot.anonymous


def _club(facts: Facts) -> bool:
    return facts.case.snapshot.club


def _no_consent(facts: Facts) -> bool:
    return not facts.case.snapshot.patient.contact_person.consent


def _refused(facts: Facts) -> bool:
    """The schedule says so, or the number opted out (rule C-15)."""
    opted_out = facts.contact is not None and facts.contact.opted_out_at is not None
    return opted_out or facts.case.snapshot.patient.contact_person.notifications_refused


def _doctor_anonymous(facts: Facts) -> bool:
    return facts.case.snapshot.doctor.anonymous_appointments


def _not_unconfirmed(facts: Facts) -> bool:
    return facts.case.status is not Status.UNCONFIRMED


def _neither_unconfirmed_nor_confirmed(facts: Facts) -> bool:
    return facts.case.status not in (Status.UNCONFIRMED, Status.CONFIRMED)


def _days_ahead(facts: Facts) -> int:
    """Days from the local day of creation to the local day of the visit."""
    zone = facts.branch.timezone
    visit = local_day(facts.case.snapshot.start, zone)
    return (visit - local_day(facts.case.snapshot.created, zone)) // timedelta(days=1)


def _created_same_day(facts: Facts) -> bool:
    return _days_ahead(facts) <= 0


def _created_day_before(facts: Facts) -> bool:
    return _days_ahead(facts) == 1


_ALWAYS: tuple[tuple[Reason, Rule], ...] = (
    (Reason.ONLINE_SERVICE, _online_service),
    (Reason.ONLINE_CONSULTATION, _online_consultation),
    (Reason.ANONYMOUS, _anonymous),
    (Reason.CLUB, _club),
    (Reason.NO_CONSENT, _no_consent),
    (Reason.REFUSED, _refused),
    (Reason.DOCTOR_ANONYMOUS, _doctor_anonymous),
)

RULES: dict[Function, tuple[tuple[Reason, Rule], ...]] = {
    Function.DETAILS: (
        *_ALWAYS,
        (Reason.ONLINE_DOCTOR, _online_doctor),
        (Reason.STATUS, _neither_unconfirmed_nor_confirmed),
    ),
    Function.CONFIRMATION: (
        *_ALWAYS,
        (Reason.STATUS, _not_unconfirmed),
        (Reason.CREATED_SAME_DAY, _created_same_day),
        (Reason.CREATED_DAY_BEFORE, _created_day_before),
    ),
    Function.REMINDER: (*_ALWAYS, (Reason.STATUS, _neither_unconfirmed_nor_confirmed)),
}
"""Rules D-5, C-16, R-4; the phone's reasons are found when the snapshot is read (G-7, Z-13)."""


def reasons_against(
    function: Function, case: Case, contact: Contact | None, branch: Branch
) -> tuple[Reason, ...]:
    """Return every reason that holds against a function now, in no particular order (G-4)."""
    facts = Facts(case, contact, branch)
    found = tuple(reason for reason, holds in RULES[function] if holds(facts))
    return found + case.phone_reasons
