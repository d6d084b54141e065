"""Visits in support, outcomes and reasons, against what happened."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.core.case import Entry, EntryKind
from gateway.core.model import Function
from gateway.service.reports_visits import answers_in, made_in, questions_in
from tests.service.reports_support import TODAY, TOMORROW, a_day, made, rows
from tests.service.support import NOW, on_virtual_time


@pytest.mark.rule("Q-1")
@on_virtual_time
async def test_a_visit_is_in_support_when_a_function_ran_for_it() -> None:
    async with a_day() as here:
        report = await made(here, "appointments", TOMORROW, TOMORROW)
        told = [
            (row["appointment"], row["channel"], row["result"], row["answer"])
            for row in rows(report)
        ]
        assert sorted(told, key=str) == [
            ("A-1", "whatsapp", "accepted", "confirm"),
            ("A-2", "whatsapp", "accepted", "cancel"),
            ("A-3", "whatsapp", "accepted", None),
            ("A-4", "sms", "accepted", None),
            ("A-4", "whatsapp", "failed", None),
            ("A-5", "sms", "failed", None),
            ("A-5", "whatsapp", "failed", None),
        ]
        assert rows(report, "total") == [{"count": 5}]
        assert {row["start"].utcoffset() for row in rows(report)} == {timedelta(hours=5)}


@pytest.mark.rule("Q-1")
@on_virtual_time
async def test_the_days_of_visits_are_their_own_days() -> None:
    async with a_day() as here:
        assert rows(await made(here, "appointments", TODAY, TODAY)) == []


@on_virtual_time
async def test_no_row_says_who_the_patient_is() -> None:
    async with a_day() as here:
        for name in ("appointments", "charges"):
            report = await made(here, name, TODAY, TOMORROW)
            text = repr(report.sheets)
            assert "+7916555" not in text
            assert "Сидорова" not in text
            assert "Мария" not in text


@pytest.mark.rule("Q-4")
@on_virtual_time
async def test_outcomes_are_shares_of_those_who_were_asked() -> None:
    async with a_day() as here:
        report = await made(here, "outcomes", TOMORROW, TOMORROW)
        by_channel = {row["channel"]: row for row in rows(report, "by_channel")}
        # A-5 had WhatsApp and SMS taken by their providers, neither delivered: SMS was the last.
        whatsapp = by_channel["whatsapp"]
        assert (whatsapp["asked"], whatsapp["confirmed"], whatsapp["cancelled"]) == (3, 1, 1)
        assert whatsapp["unanswered"] == 1
        assert whatsapp["confirmed_share"] == Decimal("0.3333")
        assert by_channel["sms"]["asked"] == 2
        assert by_channel["sms"]["unanswered_share"] == 1
        (total,) = rows(report, "total")
        assert (total["asked"], total["confirmed"], total["unanswered"]) == (5, 1, 3)
        assert total["rescheduled"] == 0
        assert [row["hour"] for row in rows(report, "by_hour")] == [13]
        assert rows(await made(here, "outcomes", TOMORROW, TOMORROW, channel="call")) == []


@pytest.mark.rule("Q-5", "G-4")
@on_virtual_time
async def test_suppressed_functions_are_counted_by_each_of_their_reasons() -> None:
    async with a_day() as here:
        report = await made(here, "suppressed", TOMORROW, TOMORROW)
        found = {row["reason"]: row["count"] for row in rows(report)}
        assert found == {"no_consent": 1, "no_channel": 1}
        texts = {row["reason"]: row["text"] for row in rows(report)}
        assert texts["no_consent"] == "Нет согласия на обработку персональных данных."
        assert rows(report, "functions") == [{"function": "confirmation", "count": 2}]
        assert rows(await made(here, "suppressed", TOMORROW, TOMORROW, function="details")) == []


def entry(kind: EntryKind, minutes: int, *, booking: int = 1, **data: object) -> Entry:
    at = NOW + timedelta(minutes=minutes)
    return Entry(at, kind, Function.CONFIRMATION, booking, data)  # type: ignore[arg-type]


def sent(
    attempt: str, minutes: int, state: str, channel: str = "whatsapp", **more: object
) -> Entry:
    kind = EntryKind.CALL if channel == "call" else EntryKind.MESSAGE
    at = NOW + timedelta(minutes=minutes)
    data = {"attempt": attempt, "channel": channel, "purpose": "confirmation", "state": state,
            "started_at": at.isoformat(), **more}  # fmt: skip
    booking = data.pop("booking", 1)
    return entry(kind, minutes, booking=booking, **data)  # type: ignore[arg-type]


def answer(minutes: int, said: str | None, *, applied: bool = True, booking: int = 1) -> Entry:
    return entry(EntryKind.ANSWER, minutes, booking=booking, answer=said, applied=applied)


@pytest.mark.rule("Q-4", "H-5")
def test_a_question_belongs_to_the_contact_that_its_answer_followed() -> None:
    timeline = (
        sent("1", 0, "ended", "call", result="no_answer"),
        sent("2", 5, "accepted"),
        answer(7, "confirm"),
        sent("3", 60, "accepted", "sms"),
    )
    (question,) = questions_in(timeline)
    assert (question.channel, question.answer) == ("whatsapp", "confirm")
    assert question.contacted_at == NOW + timedelta(minutes=5)


@pytest.mark.rule("Q-4")
def test_every_booking_is_a_question_of_its_own() -> None:
    timeline = (
        sent("1", 0, "accepted"),
        answer(2, "reschedule"),
        sent("2", 90, "accepted", booking=2),
    )
    assert [question.answer for question in questions_in(timeline)] == ["reschedule", None]


def test_a_changed_mind_counts_as_what_it_came_to() -> None:
    timeline = (sent("1", 0, "accepted"), answer(1, "confirm"), answer(9, "cancel"))
    (question,) = questions_in(timeline)
    assert question.answer == "cancel"
    assert answers_in(timeline) == {1: (NOW + timedelta(minutes=1), "cancel")}


def test_what_was_not_applied_or_reached_nobody_is_no_outcome() -> None:
    assert questions_in((sent("1", 0, "failed"), answer(1, "confirm"))) == []
    (question,) = questions_in((sent("1", 0, "accepted"), answer(1, "confirm", applied=False)))
    assert question.answer is None
    (asked,) = questions_in((sent("1", 0, "accepted"), answer(1, None)))
    assert asked.answer is None
    assert questions_in((answer(0, "confirm"), sent("1", 5, "accepted"))) == []


def test_answers_to_the_patient_are_no_work_of_a_function() -> None:
    timeline = (sent("1", 0, "accepted"), sent("2", 1, "accepted", purpose="acknowledgement"))
    assert [item.attempt for item in made_in(timeline)] == ["1"]
