from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.case import AttemptState, Case, Contact, Pending
from gateway.core.hours import local
from gateway.core.links import button_payload
from gateway.core.model import Answer, Channel, Status
from gateway.core.reply import Meaning
from gateway.core.routing import Routed, Written, appointment_in, route
from tests.core.strategies import (
    HOUR,
    NOON,
    START,
    a_case,
    a_contact,
    a_visit,
    an_attempt,
    asked,
)

ZONES = {"lenina": "Asia/Yekaterinburg"}
PENDING = Pending(Answer.CANCEL, "отмена", NOON)


def asked_at(visit_id: str, hours: int = 0, **changes: object) -> Case:
    """Return a case that was asked; its visit starts so many hours after the ordinary one."""
    attempt = an_attempt(provider_id=f"wamid.{visit_id}", started_at=NOON + hours * HOUR)
    visit = a_visit(id=visit_id, start=START + hours * HOUR)
    return replace(a_case(visit, attempts=(attempt,), attempts_made=1), **changes)  # type: ignore[arg-type]


ONE, TWO = asked_at("A-1"), asked_at("A-2", 2)
NEVER = a_case(a_visit(id="A-3"))


def routed(
    text: str | None, *cases: Case, contact: Contact | None = None, **changes: object
) -> Routed:
    written = Written("in1", Channel.WHATSAPP, text, **changes)  # type: ignore[arg-type]
    return route(written, contact or a_contact(), cases, ZONES, NOON)


def about(found: Routed) -> tuple[str | None, int | None, bool]:
    return (found.case.id if found.case else None, found.event.booking, found.event.quoted)


@pytest.mark.rule("C-11")
def test_an_unquoted_answer_belongs_to_the_only_open_question() -> None:
    assert about(routed("1", NEVER, TWO)) == ("A-2", 0, False)


@pytest.mark.rule("C-11")
def test_with_several_open_questions_nothing_is_guessed() -> None:
    found = routed("1", TWO, ONE)
    assert found.case is None
    assert [choice.appointment for choice in found.event.choices] == ["A-1", "A-2"]


@pytest.mark.rule("C-11", "U-7")
def test_a_quoted_message_names_its_visit_and_booking() -> None:
    assert about(routed("1", ONE, TWO, quoted="wamid.A-2")) == ("A-2", 1, True)


@pytest.mark.rule("U-7")
def test_a_button_outweighs_text_and_quote() -> None:
    payload = button_payload(Answer.CANCEL, 1, "A-1")
    found = routed("1", ONE, TWO, quoted="wamid.A-2", payload=payload)
    assert about(found) == ("A-1", 1, True)
    assert found.event.pressed is Answer.CANCEL


@pytest.mark.rule("U-7")
@pytest.mark.parametrize("payload", ["not ours", button_payload(Answer.CANCEL, 1, "A-9")])
def test_a_button_that_names_no_visit_of_the_number_is_no_button(payload: str) -> None:
    found = routed("1", ONE, payload=payload)
    assert about(found) == ("A-1", 0, False)
    assert found.event.pressed is None


@pytest.mark.rule("U-7")
def test_the_visit_of_a_button_can_be_looked_up() -> None:
    written = Written("in1", Channel.WHATSAPP, None)
    assert appointment_in(written) is None
    assert appointment_in(replace(written, payload="rubbish")) is None
    assert (
        appointment_in(replace(written, payload=button_payload(Answer.CONFIRM, 2, "A-7"))) == "A-7"
    )


@pytest.mark.rule("U-7")
def test_a_picture_is_never_an_action() -> None:
    found = routed(None, ONE, kind="image")
    assert found.event.raw == "[image]"
    assert found.event.reading.meaning is Meaning.UNKNOWN


def test_a_long_text_is_read_like_a_short_one() -> None:
    long = "Здравствуйте! Подтверждаю. Большое спасибо!"
    assert routed(long, ONE).event.reading.meaning is Meaning.CONFIRM


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize("text", ["14:30", "что"])
def test_a_quote_adds_the_visit_to_an_answer_that_waits(text: str) -> None:
    found = routed(text, ONE, TWO, contact=a_contact(pending=PENDING), quoted="wamid.A-1")
    assert found.event.settled == PENDING


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize("text", ["1", None])
def test_a_quote_with_a_meaning_of_its_own_settles_nothing_else(text: str | None) -> None:
    found = routed(text, ONE, TWO, contact=a_contact(pending=PENDING), quoted="wamid.A-1")
    assert found.event.settled is None


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize(
    ("text", "visit"), [("14:30", "A-1"), ("16:30", "A-2"), ("15:30", None), ("2", None)]
)
def test_the_visits_time_says_which_one_is_meant(text: str, visit: str | None) -> None:
    found = routed(text, ONE, TWO, contact=a_contact(pending=PENDING))
    assert about(found)[0] == visit
    assert (found.event.settled == PENDING) is (visit is not None)


@pytest.mark.rule("Z-10")
def test_a_time_that_two_visits_share_names_neither_but_day_and_time_do() -> None:
    same = asked_at("A-4", 24)
    contact = a_contact(pending=PENDING)
    assert routed("14:30", ONE, same, contact=contact).case is None
    start = local(same.snapshot.start, "Asia/Yekaterinburg")
    found = routed(f"{start:%d.%m} в 14:30", ONE, same, contact=contact)
    assert about(found)[0] == "A-4"
    assert found.event.settled == PENDING


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize(
    ("text", "settled"), [("14:30", PENDING), ("16:30", None), ("1", None), ("что", None)]
)
def test_the_time_still_counts_when_one_question_is_left(text: str, settled: object) -> None:
    found = routed(text, ONE, contact=a_contact(pending=PENDING))
    assert about(found)[0] == "A-1"
    assert found.event.settled == settled


@pytest.mark.rule("Z-12")
def test_a_number_without_visits_is_nobodys_patient() -> None:
    assert about(routed("1")) == (None, None, False)
    assert routed("1").event.choices == ()


@pytest.mark.rule("C-10", "Z-12")
def test_without_a_question_words_are_about_the_visit_asked_last() -> None:
    confirmed = [
        replace(case, snapshot=replace(case.snapshot, status=Status.CONFIRMED))
        for case in (ONE, TWO)
    ]
    assert about(routed("1", *confirmed, NEVER)) == ("A-2", 1, False)


@pytest.mark.rule("C-17", "Z-12")
def test_an_answer_about_a_moved_visit_is_about_its_old_booking() -> None:
    assert about(routed("1", replace(ONE, booking=3))) == ("A-1", 1, False)


@pytest.mark.rule("Z-12")
def test_never_asked_the_next_visit_is_meant_else_the_last_one() -> None:
    soon = a_case(a_visit(id="A-5", start=NOON + HOUR))
    gone = replace(soon, removed=True)
    past = a_case(a_visit(id="A-6", start=NOON - timedelta(days=2)))
    older = a_case(a_visit(id="A-7", start=NOON - timedelta(days=9)))
    assert about(routed("1", NEVER, soon, past)) == ("A-5", 0, False)
    assert about(routed("1", NEVER, gone)) == ("A-3", 0, False)
    assert about(routed("1", older, past)) == ("A-6", 0, False)


@pytest.mark.rule("C-11")
def test_what_was_only_planned_has_asked_nothing() -> None:
    planned = asked(id="A-1")
    planned = replace(planned, attempts=(an_attempt(state=AttemptState.PLANNED),))
    assert about(routed("1", planned)) == ("A-1", 0, False)


@pytest.mark.rule("U-1", "C-11")
def test_a_quote_of_something_unknown_is_not_guessed_about() -> None:
    found = routed("1", ONE, quoted="wamid.of.yesterday")
    assert about(found) == ("A-1", 0, False)
    assert found.event.reading.meaning is Meaning.AMBIGUOUS


@pytest.mark.rule("Z-10")
def test_a_quote_of_which_visit_is_no_quote_of_a_visit() -> None:
    which = an_attempt(provider_id="wamid.which", function=None)
    found = routed("1", ONE, contact=a_contact(attempts=(which,)), quoted="wamid.which")
    assert found.event.reading.meaning is Meaning.CONFIRM
