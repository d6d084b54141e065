from __future__ import annotations

from datetime import datetime

import pytest

from gateway.core.answers import (
    outcome_of,
    question_open,
    settle_pushes,
    state_about,
    was_asked,
    why_not,
)
from gateway.core.case import Attempt, AttemptState, Case, Contact, EntryKind, Pending, PushState
from gateway.core.events import Choice, PatientChose
from gateway.core.model import Answer, Channel, Purpose, Source, Status
from tests.core.strategies import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    NUMBER,
    START,
    WITH_APP,
    a_branch,
    a_call,
    a_case,
    a_contact,
    a_draft,
    a_person,
    a_push,
    a_visit,
    an_attempt,
    asked,
    happen,
    recorded,
    to_number,
    told,
    wrote,
)

AFTER_START = START + MINUTE


def with_status(status: Status, **changes: object) -> Case:
    return a_case(a_visit(status=status), attempts=(an_attempt(),), attempts_made=1, **changes)


def planned(case: Case | Contact) -> list[Attempt]:
    return [a for a in case.attempts if a.state is AttemptState.PLANNED and a.is_free]


def said(case: Case | Contact) -> list[str]:
    """Return the wording keys of the answers that are on their way to the patient."""
    return [a.about for a in planned(case)]


def why(case: Case | Contact) -> object:
    return told(case, EntryKind.ANSWER)[0]["why"]


# What an answer does


@pytest.mark.rule("C-10", "C-17", "Z-8", "Z-12")
@pytest.mark.parametrize(
    ("case", "answer", "source", "now", "booking", "is_asked", "expected"),
    [
        (asked(), Answer.CONFIRM, Source.WHATSAPP, NOON, 1, True, None),
        (asked(), Answer.CANCEL, Source.CALL, NOON, 0, True, None),
        (asked(removed=True), Answer.CONFIRM, Source.CALL, NOON, 1, True, "removed"),
        (asked(booking=2), Answer.CONFIRM, Source.LINK, NOON, 1, True, "moved"),
        (asked(), Answer.CONFIRM, Source.APP, START, 1, True, "begun"),
        (asked(), Answer.CONFIRM, Source.WHATSAPP, NOON, 0, False, "no_question"),
        (a_case(), Answer.CANCEL, Source.APP, NOON, 0, False, None),
        (with_status(Status.CONFIRMED), Answer.CANCEL, Source.SMS, NOON, 1, True, "status"),
        (with_status(Status.CONFIRMED), Answer.CANCEL, Source.LINK, NOON, 1, True, None),
        (with_status(Status.CONFIRMED), Answer.RESCHEDULE, Source.APP, NOON, 1, True, None),
        (with_status(Status.CONFIRMED), Answer.CONFIRM, Source.LINK, NOON, 1, True, "status"),
        (
            with_status(Status.RESCHEDULE_REQUESTED),
            Answer.CANCEL,
            Source.LINK,
            NOON,
            1,
            True,
            "status",
        ),
        (with_status(Status.CANCELLED), Answer.CONFIRM, Source.APP, NOON, 1, True, "status"),
    ],
)
def test_why_an_answer_changes_nothing(
    case: Case,
    answer: Answer,
    source: Source,
    now: datetime,
    booking: int,
    is_asked: bool,
    expected: str | None,
) -> None:
    assert why_not(case, answer, source, now, booking=booking, asked=is_asked) == expected


@pytest.mark.rule("C-9", "C-10", "C-12", "S-1")
@pytest.mark.parametrize(
    ("text", "answer", "status"),
    [
        ("1", Answer.CONFIRM, Status.CONFIRMED),
        ("2", Answer.RESCHEDULE, Status.RESCHEDULE_REQUESTED),
        ("3", Answer.CANCEL, Status.CANCELLED),
    ],
)
def test_a_written_answer_is_pushed_and_acknowledged(
    text: str, answer: Answer, status: Status
) -> None:
    case, contact = happen(asked(), wrote(text, provider_id="wamid.in"))
    push = case.pushes[0]
    assert (push.answer, push.before, push.after) == (answer, Status.UNCONFIRMED, status)
    assert (push.state, push.evidence, push.source) == (PushState.STARTED, text, Source.WHATSAPP)
    assert case.status is status
    assert said(case) == [f"acknowledgement.{answer.value}"]
    ack = planned(case)[0]
    assert (ack.channel, ack.reply_to, ack.to) == (Channel.WHATSAPP, "wamid.in", NUMBER)
    assert contact.heard_at == ((Channel.WHATSAPP, NOON),)


@pytest.mark.rule("G-6")
def test_the_same_message_twice_is_one_answer() -> None:
    case, contact = happen(asked(), wrote("1"))
    assert happen(case, wrote("1"), contact)[0].pushes == case.pushes


@pytest.mark.rule("C-10", "Z-8", "Z-12")
@pytest.mark.parametrize(
    ("case", "now", "booking", "about"),
    [
        (with_status(Status.CANCELLED), NOON, 1, "state"),
        (with_status(Status.CONFIRMED), NOON, 1, "state"),
        (asked(), AFTER_START, 1, "state"),
        (asked(removed=True), NOON, 1, "state"),
        (asked(booking=2), NOON, 1, "state.moved"),
        (asked(booking=2), AFTER_START, 1, "state"),
    ],
)
def test_a_late_answer_is_told_the_true_state(
    case: Case, now: datetime, booking: int, about: str
) -> None:
    after, _ = happen(case, wrote("1", quoted=True, booking=booking), now=now)
    assert after.pushes == ()
    assert said(after) == [about]


@pytest.mark.rule("Z-12")
@pytest.mark.parametrize(
    ("case", "now", "about"),
    [
        (asked(), NOON, "state.unconfirmed"),
        (with_status(Status.CANCELLED), NOON, "state.cancelled"),
        (asked(), START, "state.begun"),
        (asked(removed=True), START, "state.removed"),
    ],
)
def test_the_state_in_words(case: Case, now: datetime, about: str) -> None:
    assert state_about(case, now) == about


@pytest.mark.rule("C-11", "C-17")
@pytest.mark.parametrize(
    ("case", "now", "is_open"),
    [
        (asked(), NOON, True),
        (a_case(attempts=(a_call(),)), NOON, True),
        (a_case(), NOON, False),
        (asked(removed=True), NOON, False),
        (with_status(Status.CONFIRMED), NOON, False),
        (asked(), START, False),
        (asked(booking=2), NOON, False),
        (a_case(attempts=(an_attempt(state=AttemptState.FAILED),)), NOON, False),
    ],
)
def test_a_question_is_open_while_it_waits_for_an_answer(
    case: Case, now: datetime, is_open: bool
) -> None:
    assert question_open(case, now) is is_open


def test_only_the_confirmation_asks() -> None:
    link = an_attempt(purpose=Purpose.RESCHEDULE_LINK)
    assert not was_asked(a_case(attempts=(link,)), 1)


# What is not understood


@pytest.mark.rule("C-13")
def test_the_second_unclear_answer_goes_to_the_staff_and_the_third_is_left_there() -> None:
    case, contact = happen(asked(), wrote("не знаю"))
    assert said(case) == ["clarification.options"]
    case, contact = happen(case, wrote("может быть"), contact)
    assert told(case, EntryKind.NEEDS_ATTENTION) == [{"why": "unclear_answer", "raw": "может быть"}]
    case, contact = happen(case, wrote("кто это?"), contact)
    assert told(case, EntryKind.NEEDS_ATTENTION) == []
    assert said(case) == ["clarification.options"]
    case, contact = happen(case, wrote("1"), contact)
    assert case.status is Status.CONFIRMED
    assert contact.unclear == 0


@pytest.mark.rule("C-13")
@pytest.mark.parametrize("case", [with_status(Status.CONFIRMED), asked(booking=2)])
def test_without_an_open_question_an_unclear_answer_is_told_the_state(case: Case) -> None:
    assert said(happen(case, wrote("что?", booking=1))[0]) == ["state"]


@pytest.mark.rule("U-2", "Z-11")
@pytest.mark.parametrize(
    ("case", "about"), [(asked(), "clarification.repeat"), (with_status(Status.CONFIRMED), "state")]
)
def test_zero_repeats_the_question_and_is_not_unclear(case: Case, about: str) -> None:
    after, contact = happen(case, wrote("0"))
    assert said(after) == [about]
    assert contact.unclear == 0
    assert why(after) == "repeat"


# Opt-out


@pytest.mark.rule("C-15", "Z-9")
def test_an_opt_out_is_recorded_told_and_acknowledged_once() -> None:
    case, contact = happen(asked(), wrote("стоп"))
    assert contact.opted_out_at == NOON
    assert [(n.allowed, n.state) for n in contact.notices] == [(False, PushState.STARTED)]
    assert said(contact) == ["acknowledgement.opt_out"]
    assert told(contact, EntryKind.OPT_OUT) == [{"from": NUMBER}]
    assert said(case) == []
    _, again = happen(case, wrote("отписаться"), contact)
    assert said(again) == ["acknowledgement.opt_out"]
    assert again.notices_made == 1


@pytest.mark.rule("C-15")
def test_the_way_back() -> None:
    case, contact = happen(asked(), wrote("старт"))
    assert why(case) == "unknown" or contact.opted_out_at is None
    _, contact = happen(asked(), wrote("стоп"))
    _, contact = happen(asked(), wrote("старт"), contact, now=NOON + HOUR)
    assert contact.opted_out_at is None
    assert said(contact) == ["acknowledgement.opt_out", "acknowledgement.opt_in"]
    assert [n.allowed for n in contact.notices] == [False, True]


@pytest.mark.rule("Z-9")
def test_after_an_opt_out_an_answer_counts_and_nothing_is_sent() -> None:
    contact = a_contact(opted_out_at=NOON)
    case, _ = happen(asked(), wrote("1"), contact)
    assert case.status is Status.CONFIRMED
    assert said(case) == []


@pytest.mark.rule("C-15", "Z-9")
def test_what_was_about_to_be_sent_is_dropped_by_an_opt_out() -> None:
    case, contact = happen(asked(), wrote("1"))
    assert said(case) == ["acknowledgement.confirm"]
    case, contact = happen(case, wrote("стоп"), contact)
    assert said(case) == []
    which = an_attempt(
        id="7",
        state=AttemptState.PLANNED,
        purpose=Purpose.CLARIFICATION,
        about="clarification.which_visit",
    )
    number = a_contact(attempts=(which,), attempts_made=7)
    assert said(to_number(number, wrote("стоп"))) == ["acknowledgement.opt_out"]


@pytest.mark.rule("C-15", "U-6")
def test_a_button_is_never_an_opt_out() -> None:
    case, contact = happen(asked(), wrote("стоп", pressed=Answer.CONFIRM, quoted=True, booking=1))
    assert contact.opted_out_at is None
    assert case.status is Status.CONFIRMED
    opted_out = a_contact(opted_out_at=NOON)
    pressed = wrote("старт", pressed=Answer.CONFIRM, quoted=True, booking=1)
    assert happen(asked(), pressed, opted_out)[1].opted_out_at == NOON


# Numbers without a visit, or with several


CHOICES = (Choice("A-1", START, "Europe/Moscow"), Choice("A-2", START + HOUR, "Europe/Moscow"))


@pytest.mark.rule("C-11", "Z-10")
def test_with_several_questions_the_patient_is_asked_which() -> None:
    contact = to_number(a_contact(), wrote("1", choices=CHOICES))
    assert said(contact) == ["clarification.which_visit"]
    assert [choice[0] for choice in contact.attempts[0].choices] == ["A-1", "A-2"]
    assert contact.pending == Pending(Answer.CONFIRM, "1", NOON)
    assert why(contact) == "which_visit"
    contact = to_number(contact, wrote("что?", choices=CHOICES))
    assert contact.pending is not None
    assert contact.attempts_made == 1


@pytest.mark.rule("Z-10")
def test_two_different_answers_are_no_clear_answer() -> None:
    contact = to_number(a_contact(), wrote("1", choices=CHOICES))
    assert to_number(contact, wrote("3", choices=CHOICES)).pending is None
    assert to_number(contact, wrote("да", choices=CHOICES)).pending is not None


@pytest.mark.rule("Z-11")
def test_zero_asks_which_visit_again() -> None:
    contact = to_number(a_contact(unclear=1), wrote("0", choices=CHOICES))
    assert said(contact) == ["clarification.which_visit"]
    assert (contact.unclear, contact.pending) == (1, None)


@pytest.mark.rule("Z-10")
def test_an_answer_that_waited_is_applied_to_the_visit_that_was_named() -> None:
    pending = Pending(Answer.CANCEL, "отмена", NOON)
    case, contact = happen(asked(), wrote("14:30", settled=pending), a_contact(pending=pending))
    assert case.status is Status.CANCELLED
    assert contact.pending is None


@pytest.mark.rule("Z-12")
def test_a_number_without_visits_is_answered_once_a_day() -> None:
    contact = to_number(a_contact(visits=()), wrote("1"))
    assert said(contact) == ["clinic_phone"]
    assert why(contact) == "no_visits"
    assert said(to_number(contact, wrote("2"), now=NOON + HOUR)) == ["clinic_phone"]
    assert len(said(to_number(contact, wrote("2"), now=NOON + DAY))) == 2


# The page and the app


@pytest.mark.rule("C-12", "P-1")
@pytest.mark.parametrize("source", [Source.LINK, Source.APP])
def test_an_answer_of_the_page_is_not_acknowledged_by_message(source: Source) -> None:
    case, _ = happen(asked(), PatientChose("p1", source, Answer.CONFIRM, 1))
    assert case.status is Status.CONFIRMED
    assert said(case) == []
    assert outcome_of(case, "p1") == "applied"
    assert outcome_of(case, "p2") is None


@pytest.mark.rule("G-6")
def test_the_same_button_twice_is_one_answer() -> None:
    chosen = PatientChose("p1", Source.APP, Answer.CONFIRM)
    case, _ = happen(asked(), chosen)
    again, _ = happen(case, chosen)
    assert again.pushes == case.pushes
    assert told(again, EntryKind.ANSWER) == []


@pytest.mark.rule("P-2")
@pytest.mark.parametrize(
    ("link_booking", "booking", "outcome"),
    [(0, None, "no_link"), (1, None, "moved"), (2, None, "applied"), (2, 1, "moved")],
)
def test_a_link_is_valid_for_its_booking_only(
    link_booking: int, booking: int | None, outcome: str
) -> None:
    case = asked(booking=2, link_booking=link_booking)
    after, _ = happen(case, PatientChose("p1", Source.LINK, Answer.CANCEL, booking))
    assert outcome_of(after, "p1") == outcome


# The schedule changed meanwhile


def settled(case: Case, contact: Contact | None = None, *, moved: bool = False) -> Case:
    draft = a_draft(case, contact or a_contact())
    settle_pushes(draft, moved=moved)
    after = draft.finish()[0]
    assert after is not None
    return after


def with_push(status: Status, **changes: object) -> Case:
    return a_case(a_visit(status=status), pushes=(a_push(**changes),), pushes_made=1)


@pytest.mark.rule("S-2", "Z-11")
@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.UNCONFIRMED, PushState.STARTED),
        (Status.CONFIRMED, PushState.SETTLED),
        (Status.CANCELLED, PushState.CONFLICT),
    ],
)
def test_an_answer_on_its_way_fits_or_conflicts(status: Status, state: PushState) -> None:
    assert settled(with_push(status)).pushes[0].state is state


@pytest.mark.rule("S-2")
def test_an_answer_about_a_moved_visit_is_a_conflict_and_the_patient_is_told() -> None:
    case = settled(with_push(Status.UNCONFIRMED), moved=True)
    assert case.pushes[0].state is PushState.CONFLICT
    assert said(case) == ["acknowledgement.conflict"]
    assert told(case, EntryKind.CONFLICT)[0]["status"] == "unconfirmed"


@pytest.mark.rule("S-2", "Z-9")
def test_a_conflict_is_not_told_to_whoever_opted_out() -> None:
    case = settled(with_push(Status.CANCELLED), a_contact(opted_out_at=NOON))
    assert said(case) == []


@pytest.mark.rule("S-2")
@pytest.mark.parametrize(
    ("source", "has_app", "channel"),
    [
        (Source.SMS, True, Channel.SMS),
        (Source.CALL, False, Channel.WHATSAPP),
        (Source.APP, True, Channel.PUSH),
    ],
)
def test_a_conflict_is_told_where_the_answer_came_from(
    source: Source, has_app: bool, channel: Channel
) -> None:
    patient = a_person(app=WITH_APP) if has_app else a_person()
    visit = a_visit(status=Status.CANCELLED, patient=patient)
    case = settled(a_case(visit, pushes=(a_push(source=source),)))
    assert [a.channel for a in planned(case)] == [channel]


@pytest.mark.rule("S-2")
def test_nobody_is_told_over_no_channel() -> None:
    draft = a_draft(with_push(Status.CANCELLED, source=Source.LINK), a_contact())
    draft.branch = a_branch(channels=())
    settle_pushes(draft, moved=False)
    after = draft.finish()[0]
    assert after is not None
    assert said(after) == []


@pytest.mark.rule("S-2", "S-3")
def test_answers_in_line_stand_and_fall_with_the_first() -> None:
    first = a_push()
    second = a_push(id="2", before=Status.CONFIRMED, after=Status.CANCELLED)
    done = a_push(id="0", state=PushState.ACCEPTED)

    def states(status: Status, *pushes: object) -> list[PushState]:
        case = a_case(a_visit(status=status), pushes=pushes)
        return [p.state for p in settled(case).pushes]

    open_, taken = PushState.STARTED, PushState.ACCEPTED
    assert states(Status.UNCONFIRMED, done, first, second) == [taken, open_, open_]
    assert states(Status.CONFIRMED, first, second) == [PushState.SETTLED, open_]
    assert states(Status.ARRIVED, first, second) == [PushState.CONFLICT, PushState.CONFLICT]


def test_the_first_snapshot_answers_nothing() -> None:
    assert recorded()[0].pushes == ()
