"""Twilio's words become ours; what is not known is never guessed."""

from __future__ import annotations

import pytest

from adapters.telephony.twilio_codes import (
    ENDS,
    MACHINES,
    UNDER_WAY,
    Refusal,
    refusal_of,
    result_of,
)
from gateway.core.model import CallResult


@pytest.mark.parametrize("status", sorted(UNDER_WAY))
def test_a_call_under_way_has_no_result(status: str) -> None:
    assert result_of(status) is None
    assert result_of(status, answered_by="machine_start", sip=486) is None


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("status", "more", "result"),
    [
        ("completed", {}, CallResult.HANGUP),
        ("completed", {"answered_by": "human"}, CallResult.HANGUP),
        ("completed", {"answered_by": "unknown"}, CallResult.HANGUP),
        ("completed", {"sip": 486}, CallResult.HANGUP),
        ("busy", {}, CallResult.BUSY),
        ("busy", {"sip": 486}, CallResult.BUSY),
        ("busy", {"sip": 600}, CallResult.BUSY),
        ("busy", {"sip": 603}, CallResult.REJECTED),
        ("busy", {"sip": 999}, CallResult.BUSY),
        ("no-answer", {}, CallResult.NO_ANSWER),
        ("no-answer", {"sip": 487}, CallResult.NO_ANSWER),
        ("no-answer", {"sip": 480}, CallResult.NO_ANSWER),
        ("failed", {}, CallResult.FAILED),
        ("failed", {"sip": 503}, CallResult.FAILED),
        ("failed", {"sip": 404}, CallResult.UNREACHABLE),
        ("failed", {"sip": 480}, CallResult.UNREACHABLE),
        ("failed", {"sip": 484}, CallResult.UNREACHABLE),
        ("failed", {"sip": 607}, CallResult.REJECTED),
        ("failed", {"code": 13224}, CallResult.UNREACHABLE),
        ("failed", {"code": 13227}, CallResult.FAILED),
        ("canceled", {}, CallResult.FAILED),
    ],
)
def test_every_end_has_its_result(status: str, more: dict[str, int], result: CallResult) -> None:
    assert result_of(status, **more) is result  # type: ignore[arg-type]


@pytest.mark.rule("C-14")
@pytest.mark.parametrize("answered_by", sorted(MACHINES))
def test_a_machine_that_picked_up_is_no_person(answered_by: str) -> None:
    assert result_of("completed", answered_by=answered_by) is CallResult.MACHINE
    assert result_of("busy", answered_by=answered_by) is CallResult.BUSY


@pytest.mark.parametrize("status", ["", "Completed", "answered", "delivered"])
def test_an_unknown_status_is_no_result(status: str) -> None:
    with pytest.raises(KeyError):
        result_of(status)


def test_no_end_means_that_something_was_answered() -> None:
    """What was pressed stands in the case; the provider's end must not speak about it."""
    assert CallResult.ANSWER not in ENDS.values()


@pytest.mark.rule("G-6")
@pytest.mark.parametrize(
    ("status", "code", "refusal"),
    [
        (400, 21211, Refusal.NUMBER),
        (400, 21214, Refusal.NUMBER),
        (400, 21217, Refusal.NUMBER),
        (400, 13224, Refusal.NUMBER),
        (401, 20003, Refusal.OPERATOR),
        (400, 21215, Refusal.OPERATOR),
        (400, 13227, Refusal.OPERATOR),
        (400, 21210, Refusal.OPERATOR),
        (400, 21608, Refusal.OPERATOR),
        (403, None, Refusal.OPERATOR),
        (404, 20404, Refusal.OPERATOR),
        (429, 20429, Refusal.LATER),
        (429, None, Refusal.LATER),
        (503, 20503, Refusal.LATER),
        (503, None, Refusal.UNKNOWN),
        (500, 20500, Refusal.UNKNOWN),
        (502, None, Refusal.UNKNOWN),
        (504, None, Refusal.UNKNOWN),
        (408, None, Refusal.UNKNOWN),
        (200, None, Refusal.UNKNOWN),
        (201, None, Refusal.UNKNOWN),
        (302, None, Refusal.UNKNOWN),
    ],
)
def test_only_a_certain_refusal_is_one(status: int, code: int | None, refusal: Refusal) -> None:
    assert refusal_of(status, code) is refusal
