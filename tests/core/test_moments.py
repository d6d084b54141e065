"""Windows of the ordinary visit: 24 November, 14:30 in Yekaterinburg (UTC+5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from gateway.core.clinic import ConfirmationSettings, Hours, ReminderSettings
from gateway.core.model import Function, Reason
from gateway.core.moments import appeared, began, closing_reason, window_of
from tests.core.strategies import CREATED, DAY, HOUR, START, a_branch, a_case, a_visit

DETAILS, CONFIRMATION, REMINDER = Function


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def starting(hour: int, minute: int = 0) -> datetime:
    """Return that time of the visit's day on the branch's clock."""
    return datetime(2026, 11, 24, 0, 0, tzinfo=UTC) + timedelta(hours=hour - 5, minutes=minute)


@pytest.mark.rule("D-1", "G-9")
def test_details_are_of_use_until_two_hours_before_the_start() -> None:
    window = window_of(DETAILS, a_case(), a_branch())
    assert (window.first, window.latest) == (CREATED, START - 2 * HOUR)
    assert not window.outside
    assert not window.too_late


@pytest.mark.rule("D-1", "D-3", "D-5", "Z-1")
@pytest.mark.parametrize(
    ("created", "adopted", "outside", "late"),
    [
        (utc(20, 0, 59), False, True, False),  # 05:59 there
        (utc(20, 1), False, False, False),
        (utc(20, 15, 59), False, False, False),
        (utc(20, 16), False, True, False),  # 21:00 there
        (utc(20, 16), True, False, False),  # adopted visits have another reason
        (START - 2 * HOUR, False, False, True),
        (START - 2 * HOUR - timedelta(seconds=1), False, False, False),
    ],
)
def test_the_moment_at_which_a_visit_appears_decides_about_details(
    created: datetime, adopted: bool, outside: bool, late: bool
) -> None:
    window = window_of(DETAILS, a_case(a_visit(created=created), adopted=adopted), a_branch())
    assert (window.outside, window.too_late) == (outside, late)


@pytest.mark.rule("Z-2")
def test_a_visit_seen_while_the_gateway_ran_appeared_then() -> None:
    case = a_case(appeared_at=CREATED + DAY)
    assert appeared(case) == began(case) == CREATED + DAY
    assert appeared(a_case()) == CREATED


@pytest.mark.rule("C-1", "Z-6")
@pytest.mark.parametrize(
    ("start", "first"),
    [(time(10), utc(23, 5)), (time(7), utc(23, 4)), (time(15, 30), utc(23, 10, 30))],
)
def test_confirmation_is_done_on_the_day_before(start: time, first: datetime) -> None:
    branch = a_branch(confirmation=ConfirmationSettings(start=start))
    window = window_of(CONFIRMATION, a_case(), branch)
    assert (window.decided_at, window.first, window.latest) == (first, first, utc(23, 15))


@pytest.mark.rule("R-1", "R-2", "Z-4")
@pytest.mark.parametrize(
    ("start", "first", "outside"),
    [
        (starting(14, 30), starting(12, 30), False),
        (starting(8), starting(6), False),
        (starting(7, 59), starting(6), False),  # before opening it waits for opening
        (starting(6, 1), starting(6), False),
        (starting(6), starting(6), True),  # begins at opening
        (starting(22, 59), starting(20, 59), False),
        (starting(23), starting(21), True),  # closed by then
        (starting(23, 59), starting(21, 59), True),
    ],
)
def test_the_reminders_moment(start: datetime, first: datetime, outside: bool) -> None:
    window = window_of(REMINDER, a_case(a_visit(start=start)), a_branch())
    assert (window.first, window.outside) == (first, outside)
    assert window.latest == start
    assert window.decided_at == start - 2 * HOUR


@pytest.mark.rule("R-2", "Z-1", "Z-4", "Z-5")
@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({}, False),
        ({"appeared_at": START - 2 * HOUR}, False),
        ({"appeared_at": START - HOUR}, True),
        ({"appeared_at": START - HOUR, "adopted": True}, False),
        ({"booking": 2, "booking_since": START - HOUR, "adopted": True}, True),
        ({"booking": 2, "booking_since": START - 3 * HOUR}, False),
    ],
)
def test_a_booking_that_begins_within_the_lead_is_too_late(
    changes: dict[str, object], late: bool
) -> None:
    assert window_of(REMINDER, a_case(**changes), a_branch()).too_late is late


@pytest.mark.rule("Z-4")
def test_another_lead_moves_the_reminder() -> None:
    branch = a_branch(reminder=ReminderSettings(lead=5 * HOUR))
    assert window_of(REMINDER, a_case(), branch).first == START - 5 * HOUR


@pytest.mark.rule("Z-3")
@pytest.mark.parametrize(
    ("begun", "reason"),
    [
        (utc(22, 9), Reason.MISSED_HOURS),
        (utc(23, 14, 59), Reason.MISSED_HOURS),
        (utc(23, 15), Reason.TOO_LATE),
        (utc(24, 1), Reason.TOO_LATE),
    ],
)
def test_hours_that_were_open_were_missed(begun: datetime, reason: Reason) -> None:
    case = replace(a_case(), booking=2, booking_since=begun)
    window = window_of(CONFIRMATION, case, a_branch())
    assert closing_reason(window, case, a_branch()) is reason


def test_hours_may_be_set() -> None:
    branch = a_branch(confirmation=ConfirmationSettings(hours=Hours(time(11), time(12))))
    window = window_of(CONFIRMATION, a_case(), branch)
    assert (window.first, window.latest) == (utc(23, 6), utc(23, 7))
