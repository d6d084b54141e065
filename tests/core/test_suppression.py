from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.model import Appointment, Doctor, Function, Reason, Status
from gateway.core.suppression import RULES, reasons_against
from tests.core.strategies import (
    DAY,
    NOON,
    START,
    a_branch,
    a_case,
    a_contact,
    a_person,
    a_push,
    a_visit,
)

DETAILS, CONFIRMATION, REMINDER = Function
ALL = set(Function)


def against(visit: Appointment) -> dict[Function, set[Reason]]:
    case = a_case(visit)
    return {f: set(reasons_against(f, case, a_contact(), a_branch())) for f in Function}


@pytest.mark.rule("D-5", "C-16", "R-4")
@pytest.mark.parametrize(
    ("changes", "reason", "functions"),
    [
        ({"service": True}, Reason.ONLINE_SERVICE, ALL),
        ({"booked_online": True}, Reason.ONLINE_DOCTOR, {DETAILS}),
        ({"online_consultation": True}, Reason.ONLINE_CONSULTATION, ALL),
        ({"anonymous": True}, Reason.ANONYMOUS, ALL),
        ({"club": True}, Reason.CLUB, ALL),
        ({"doctor": Doctor(anonymous_appointments=True)}, Reason.DOCTOR_ANONYMOUS, ALL),
        ({"patient": a_person(consent=False)}, Reason.NO_CONSENT, ALL),
        ({"patient": a_person(notifications_refused=True)}, Reason.REFUSED, ALL),
        ({"patient": a_person(phones=())}, Reason.NO_PHONE, ALL),
        ({"patient": a_person(phones=("+74951234567",))}, Reason.LANDLINE_PHONE, ALL),
        ({"patient": a_person(phones=("+77011234567",))}, Reason.FOREIGN_PHONE, ALL),
        ({"patient": a_person(phones=("12",))}, Reason.INVALID_PHONE, ALL),
        ({"status": Status.CONFIRMED}, Reason.STATUS, {CONFIRMATION}),
        *(
            ({"status": status}, Reason.STATUS, ALL)
            for status in Status
            if status not in (Status.UNCONFIRMED, Status.CONFIRMED)
        ),
        ({"created": START}, Reason.CREATED_SAME_DAY, {CONFIRMATION}),
        ({"created": START - DAY}, Reason.CREATED_DAY_BEFORE, {CONFIRMATION}),
    ],
)
def test_each_fact_suppresses_these_functions(
    changes: dict[str, object], reason: Reason, functions: set[Function]
) -> None:
    found = against(a_visit(**changes))
    assert {f for f in Function if reason in found[f]} == functions
    assert all(not reasons - {reason} for reasons in found.values())


@pytest.mark.rule("D-5", "C-16", "R-4")
def test_an_ordinary_visit_is_suppressed_by_nothing() -> None:
    assert against(a_visit()) == {f: set() for f in Function}


@pytest.mark.rule("G-4")
def test_all_reasons_that_hold_are_named() -> None:
    found = against(a_visit(club=True, anonymous=True, patient=a_person(consent=False, phones=())))
    assert found[REMINDER] == {
        Reason.CLUB,
        Reason.ANONYMOUS,
        Reason.NO_CONSENT,
        Reason.NO_PHONE,
    }


@pytest.mark.rule("G-7")
def test_a_guardian_stands_in_for_the_patient_everywhere() -> None:
    guardian = a_person(id="P-2", consent=False, notifications_refused=True)
    assert against(a_visit(patient=a_person(guardian=guardian)))[DETAILS] == {
        Reason.NO_CONSENT,
        Reason.REFUSED,
    }
    strict = a_person(consent=False, notifications_refused=True, guardian=a_person(id="P-2"))
    assert against(a_visit(patient=strict))[DETAILS] == set()


@pytest.mark.rule("C-15")
@pytest.mark.parametrize("function", Function)
def test_an_opt_out_suppresses_like_a_refusal(function: Function) -> None:
    opted_out = a_contact(opted_out_at=NOON)
    assert reasons_against(function, a_case(), opted_out, a_branch()) == (Reason.REFUSED,)
    assert reasons_against(function, a_case(), None, a_branch()) == ()


@pytest.mark.rule("C-16")
@pytest.mark.parametrize(
    ("before_local_midnight", "reason"),
    [(timedelta(minutes=-1), Reason.CREATED_DAY_BEFORE), (timedelta(0), Reason.CREATED_SAME_DAY)],
)
def test_days_are_those_of_the_branch(before_local_midnight: timedelta, reason: Reason) -> None:
    midnight = START - timedelta(hours=14, minutes=30)
    visit = a_visit(created=midnight + before_local_midnight)
    assert against(visit)[CONFIRMATION] == {reason}


@pytest.mark.rule("C-10", "S-1")
def test_an_answer_on_its_way_counts_as_the_status() -> None:
    case = replace(a_case(), pushes=(a_push(after=Status.CANCELLED),))
    for function in Function:
        assert reasons_against(function, case, None, a_branch()) == (Reason.STATUS,)


def test_no_reason_is_listed_twice() -> None:
    for rules in RULES.values():
        assert len({reason for reason, _ in rules}) == len(rules)
