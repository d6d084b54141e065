"""From a decision to its commit: everything that has to change at once, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from gateway.core.case import Attempt, AttemptState, Attention, Case, Contact, Entry, EntryKind
from gateway.core.clinic import Branch
from gateway.core.model import Channel, Function, Purpose
from gateway.ports.store import Grant, Room, Want
from gateway.service.records import commit_of, ref_of, started
from tests.service.support import NOW, NUMBER, appointment, case_ref, contact_ref

BRANCH = Branch("zdorovie", "lenina", "Здоровье", "Asia/Yekaterinburg", "Здоровье")
VISIT = appointment()
CASE = Case("zdorovie", "A-1", "lenina", VISIT, NOW, NUMBER, version=3)
CONTACT = Contact("zdorovie", NUMBER, "lenina", version=5)
RANK = VISIT.start.timestamp()


def attempt(channel: Channel = Channel.WHATSAPP, **more: object) -> Attempt:
    known = Attempt("1", 1, Function.CONFIRMATION, Purpose.CONFIRMATION, channel, NUMBER)
    return replace(known, **more)  # type: ignore[arg-type]


def test_documents_are_named_by_their_references() -> None:
    assert ref_of(CASE) == case_ref()
    assert ref_of(CONTACT) == contact_ref()


def test_what_changed_is_written_and_what_was_only_read_is_checked() -> None:
    changed = replace(CASE, removed=True, due=NOW)
    commit = commit_of((CASE, CONTACT), (changed, CONTACT), BRANCH, NOW)
    (write,) = commit.writes
    assert (write.document, write.expected, write.due) == (changed, 3, NOW)
    assert commit.checks == ((contact_ref(), 5),)


@pytest.mark.rule("C-15")
def test_an_opt_out_that_comes_between_is_not_overlooked() -> None:
    commit = commit_of((CASE, CONTACT), (replace(CASE, due=NOW), CONTACT), BRANCH, NOW)
    assert (contact_ref(), CONTACT.version) in commit.checks


def test_a_contact_alone_is_written_and_its_case_is_checked() -> None:
    woken = replace(CONTACT, wake=(("A-2", NOW),))
    commit = commit_of((CASE, CONTACT), (CASE, woken), BRANCH, NOW)
    assert [write.document for write in commit.writes] == [woken]
    assert commit.checks == ((case_ref(), 3),)
    assert commit.wake == ((case_ref("A-2"), NOW),)


def test_new_documents_are_expected_not_to_be_there() -> None:
    commit = commit_of((None, None), (CASE, CONTACT), BRANCH, NOW)
    assert [write.expected for write in commit.writes] == [0, 0]
    assert not commit.checks


def test_a_claimed_document_is_rewritten_as_it_is() -> None:
    commit = commit_of((CASE, CONTACT), (CASE, CONTACT), BRANCH, NOW, rewrite=True)
    assert [write.document for write in commit.writes] == [CASE]
    alone = commit_of((None, CONTACT), (None, CONTACT), BRANCH, NOW, rewrite=True)
    assert [write.document for write in alone.writes] == [CONTACT]


@pytest.mark.parametrize(
    ("planned", "wants"),
    [
        (attempt(), (Want(Room.MESSAGE, RANK),)),
        (attempt(not_before=NOW), (Want(Room.MESSAGE, RANK),)),
        (attempt(not_before=NOW + timedelta(seconds=1)), ()),
        (attempt(state=AttemptState.STARTED), ()),
        (attempt(Channel.CALL), (Want(Room.CALL, RANK),)),
        (attempt(purpose=Purpose.ACKNOWLEDGEMENT), (Want(Room.MESSAGE, 0.0),)),
        (attempt(purpose=Purpose.RESCHEDULE_LINK), (Want(Room.MESSAGE, 0.0),)),
    ],
)
@pytest.mark.rule("Z-15", "Z-7")
def test_what_is_ready_waits_in_its_room(planned: Attempt, wants: tuple[Want, ...]) -> None:
    commit = commit_of((CASE, CONTACT), (replace(CASE, attempts=(planned,)), CONTACT), BRANCH, NOW)
    assert commit.writes[0].wants == wants


@pytest.mark.rule("C-5")
def test_a_visit_that_waits_for_its_number_wants_no_line() -> None:
    calling = replace(CASE, attempts=(attempt(Channel.CALL),))
    waiting = replace(CONTACT, waiting=("A-1",))
    assert commit_of((CASE, waiting), (calling, waiting), BRANCH, NOW).writes[0].wants == ()


def test_a_call_under_way_keeps_its_line() -> None:
    for state, calling in (
        (AttemptState.STARTED, True),
        (AttemptState.TALKING, True),
        (AttemptState.ENDED, False),
    ):
        after = replace(CASE, attempts=(attempt(Channel.CALL, state=state),))
        assert commit_of((CASE, None), (after, None), BRANCH, NOW).writes[0].calling is calling


@pytest.mark.rule("T-3", "G-8")
def test_charges_and_work_come_from_the_journal() -> None:
    journal = (
        Entry(NOW, EntryKind.CHARGE, Function.REMINDER, 1,
              {"channel": "sms", "amount": "-5.50", "attempt": "4"}),
        Entry(NOW, EntryKind.MESSAGE, Function.REMINDER, 1, {"channel": "sms", "state": "failed"}),
        Entry(NOW, EntryKind.MESSAGE, Function.REMINDER, 1, {"channel": "sms", "state": "started"}),
        Entry(NOW, EntryKind.CALL, Function.CONFIRMATION, 1,
              {"channel": "call", "state": "ended", "result": "busy"}),
    )  # fmt: skip
    commit = commit_of((CASE, None), (replace(CASE, journal=journal), None), BRANCH, NOW)
    (charge,) = commit.charges
    assert (charge.amount, charge.day) == (Decimal("-5.50"), date(2026, 11, 23))
    assert charge.write_off_at == NOW + timedelta(hours=11)
    assert [(w.channel, w.result) for w in commit.work] == [("sms", "failed"), ("call", "busy")]


def test_a_grant_is_given_back_unless_it_started_something() -> None:
    slot, line = Grant(Room.MESSAGE, "lenina", "m"), Grant(Room.CALL, "lenina", "m")
    after = replace(CASE, attempts=(attempt(state=AttemptState.STARTED, tries=1),))
    assert commit_of((CASE, None), (after, None), BRANCH, NOW, grant=slot).refund is None
    assert commit_of((CASE, None), (after, None), BRANCH, NOW, grant=line).refund == line
    assert commit_of((CASE, None), (CASE, None), BRANCH, NOW, grant=slot).refund == slot


def test_started_are_new_starts_and_new_tries_only() -> None:
    once = replace(CASE, attempts=(attempt(state=AttemptState.STARTED, tries=1),))
    twice = replace(CASE, attempts=(attempt(state=AttemptState.STARTED, tries=2),))
    assert [a.tries for _, a in started((CASE, None), (once, None))] == [1]
    assert started((once, None), (replace(once, due=NOW), None)) == []
    assert [a.tries for _, a in started((once, None), (twice, None))] == [2]


@pytest.mark.rule("C-13", "S-2")
def test_the_queue_for_the_staff_changes_with_the_document() -> None:
    """Since when it waits is that of the oldest item; what did not change is not marked."""
    older = Attention("1", "conflict", NOW - timedelta(hours=1))
    newer = Attention("2", "unclear_answer", NOW)
    waits = replace(CASE, attention=(older, newer))
    assert commit_of((CASE, CONTACT), (waits, CONTACT), BRANCH, NOW).attention == (
        (case_ref(), older.at),
    )
    assert (
        commit_of((waits, CONTACT), (replace(waits, due=NOW), CONTACT), BRANCH, NOW).attention == ()
    )
    settled = replace(waits, attention=())
    assert commit_of((waits, CONTACT), (settled, CONTACT), BRANCH, NOW).attention == (
        (case_ref(), None),
    )
    number = replace(CONTACT, attention=(newer,))
    assert commit_of((None, CONTACT), (None, number), BRANCH, NOW).attention == (
        (contact_ref(), NOW),
    )
