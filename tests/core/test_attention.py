from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.core import attention
from gateway.core.attention import CONFLICT, STATUS_REFUSED, UNCLEAR_ANSWER, WHY, text_of
from gateway.core.case import Case, Contact, EntryKind, PushState
from gateway.core.events import (
    AppointmentChanged,
    AppointmentRemoved,
    AttentionDone,
    Choice,
    PatientChose,
    PushAccepted,
    PushConflicted,
    PushRefused,
)
from gateway.core.model import Answer, Source, Status
from tests.core.strategies import (
    DAY,
    HOUR,
    MINUTE,
    NOON,
    START,
    a_case,
    a_contact,
    a_push,
    a_visit,
    an_attempt,
    asked,
    happen,
    to_number,
    told,
    wrote,
)

CHOICES = (Choice("A-1", START, "Europe/Moscow"), Choice("A-2", START + HOUR, "Europe/Moscow"))


def whys(holder: Case | Contact) -> list[str]:
    return [item.why for item in holder.attention]


def unclear_twice() -> tuple[Case, Contact]:
    case, contact = happen(asked(), wrote("что?"))
    assert whys(case) == []
    return happen(case, wrote("может быть"), contact, now=NOON + MINUTE)


def pushed() -> Case:
    return a_case(attempts=(an_attempt(),), attempts_made=1, pushes=(a_push(),), pushes_made=1)


@pytest.mark.rule("C-13")
def test_the_second_unclear_answer_waits_for_the_staff() -> None:
    case, _ = unclear_twice()
    [item] = case.attention
    assert (item.why, item.at, item.data["raw"]) == (UNCLEAR_ANSWER, NOON + MINUTE, "может быть")


@pytest.mark.rule("C-13")
def test_what_is_unclear_after_that_renews_the_item_and_is_not_told_twice() -> None:
    case, contact = unclear_twice()
    after, contact = happen(case, wrote("ну так что"), contact, now=NOON + HOUR)
    [item] = after.attention
    assert (item.at, item.data["raw"]) == (NOON + MINUTE, "ну так что")
    assert item.id != case.attention[0].id, "whoever saw the older text has not seen this one"
    assert told(after, EntryKind.NEEDS_ATTENTION) == []


@pytest.mark.rule("C-13")
def test_an_item_that_was_done_comes_back_with_the_next_unclear_answer() -> None:
    case, contact = unclear_twice()
    case, contact = happen(case, AttentionDone(case.attention[0].id), contact)
    assert whys(case) == []
    [settled] = told(case, EntryKind.ATTENTION_SETTLED)
    assert (settled["why"], settled["by"]) == (UNCLEAR_ANSWER, "staff")
    case, _ = happen(case, wrote("алло"), contact)
    assert whys(case) == [UNCLEAR_ANSWER]


def test_an_item_that_is_not_there_cannot_be_done() -> None:
    case, contact = unclear_twice()
    assert happen(case, AttentionDone("99"), contact)[0].attention == case.attention


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize("text", ["1", "2", "3"])
def test_a_later_clear_answer_counts_and_settles_it(text: str) -> None:
    case, contact = unclear_twice()
    case, _ = happen(case, wrote(text), contact)
    assert case.status is not Status.UNCONFIRMED
    assert whys(case) == []
    [settled] = told(case, EntryKind.ATTENTION_SETTLED)
    assert settled["by"] == "answer"


@pytest.mark.rule("Z-10")
def test_an_answer_on_the_page_settles_it_too() -> None:
    case, contact = unclear_twice()
    case, _ = happen(case, PatientChose("x", Source.APP, Answer.CANCEL), contact)
    assert whys(case) == []


@pytest.mark.rule("Z-11")
def test_a_repeated_question_settles_nothing() -> None:
    case, contact = unclear_twice()
    assert whys(happen(case, wrote("0"), contact)[0]) == [UNCLEAR_ANSWER]


@pytest.mark.rule("Z-10")
@pytest.mark.parametrize("change", ["status", "move", "removal", "same"])
def test_staff_that_change_the_visit_have_seen_to_it(change: str) -> None:
    case, contact = unclear_twice()
    event: object = {
        "status": AppointmentChanged(a_visit(status=Status.CONFIRMED)),
        "move": AppointmentChanged(a_visit(start=START + DAY)),
        "removal": AppointmentRemoved(),
        "same": AppointmentChanged(a_visit(duration_s=60)),
    }[change]
    case, _ = happen(case, event, contact)
    assert whys(case) == ([UNCLEAR_ANSWER] if change == "same" else [])


@pytest.mark.rule("C-11", "Z-10")
def test_which_visit_unclear_twice_waits_with_the_number_until_a_quote() -> None:
    contact = to_number(a_contact(), wrote("1", choices=CHOICES))
    contact = to_number(contact, wrote("2", choices=CHOICES), now=NOON + MINUTE)
    assert whys(contact) == [UNCLEAR_ANSWER]
    case, contact = happen(asked(), wrote("1", id="q", quoted=True, booking=1), contact)
    assert case.status is Status.CONFIRMED
    assert whys(contact) == []


@pytest.mark.rule("C-13")
def test_one_item_stands_for_a_number_and_its_only_visit() -> None:
    contact = to_number(a_contact(), wrote("1", choices=CHOICES))
    contact = to_number(contact, wrote("2", choices=CHOICES))
    case, contact = happen(asked(), wrote("алло"), contact)
    assert (whys(case), whys(contact)) == ([], [UNCLEAR_ANSWER])
    assert contact.attention[0].data["raw"] == "алло"


@pytest.mark.rule("S-2")
def test_a_conflict_waits_until_the_visit_changes_again() -> None:
    case, contact = happen(pushed(), PushConflicted("1", a_visit(status=Status.CANCELLED)))
    [item] = case.attention
    assert (item.why, item.data["answer"], item.data["raw"]) == (CONFLICT, "confirm", "1")
    again = happen(case, AppointmentChanged(a_visit(status=Status.CANCELLED)), contact)[0]
    assert whys(again) == [CONFLICT]
    moved = happen(case, AppointmentChanged(a_visit(start=START + DAY)), contact)[0]
    assert whys(moved) == []


@pytest.mark.rule("S-1")
def test_a_refused_change_waits_and_the_schedules_own_echo_does_not_settle_it() -> None:
    case, contact = happen(pushed(), PushRefused("1", "gone"))
    assert whys(case) == [STATUS_REFUSED]
    case, contact = happen(case, wrote("3", id="later"), contact)
    assert whys(case) == [STATUS_REFUSED]
    echo = AppointmentChanged(a_visit(status=Status.CANCELLED))
    assert whys(happen(case, echo, contact)[0]) == [STATUS_REFUSED]
    accepted = happen(case, PushAccepted(case.pushes[-1].id), contact)[0]
    assert accepted.pushes[-1].state is PushState.ACCEPTED
    assert whys(accepted) == []


@pytest.mark.rule("C-15")
def test_an_opt_out_that_the_schedule_refuses_waits_for_the_staff() -> None:
    _, contact = happen(asked(), wrote("стоп"))
    contact = to_number(contact, PushRefused(contact.notices[0].id, "no"))
    assert whys(contact) == [attention.NOTIFICATIONS_REFUSED]
    contact = to_number(contact, AttentionDone(contact.attention[0].id))
    assert whys(contact) == []


def test_several_kinds_wait_side_by_side_the_oldest_first() -> None:
    case, contact = happen(pushed(), PushRefused("1", "gone"), now=NOON + HOUR)
    case, contact = happen(case, wrote("что?"), contact, now=NOON + HOUR)
    case, _ = happen(case, wrote("может быть"), contact, now=NOON + 2 * HOUR)
    assert whys(case) == [STATUS_REFUSED, UNCLEAR_ANSWER]


def test_every_why_that_is_ever_noted_is_told_in_both_languages() -> None:
    core = Path(attention.__file__).parent
    noted = {
        why
        for file in core.glob("*.py")
        for why in re.findall(r'NEEDS_ATTENTION,\s*\{\s*"why": "(\w+)"', file.read_text("utf-8"))
    }
    assert noted <= set(WHY)
    for why in WHY:
        russian, english = text_of(why, "ru"), text_of(why, "en")
        assert re.search("[а-я]", russian)
        assert not re.search("[а-я]", english)
        assert russian.endswith(".")
        assert english.endswith(".")
    assert text_of("of a newer version", "ru") == "of a newer version"
