"""What holds after every decision, worked out without the code that decides.

Each check takes the driver and one step, and says in its name what must hold. Reasons, moments
and prices are computed here anew, from the rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.core.case import (
    ATTEMPT_TRANSITIONS,
    Attempt,
    AttemptState,
    Case,
    Contact,
    EntryKind,
    PushState,
    StatusPush,
)
from gateway.core.clinic import Branch, Hours
from gateway.core.decide import decide
from gateway.core.events import (
    DueTimeReached,
    KeyPressed,
    LineGranted,
    MessageFailed,
    MessageReceipt,
    PatientChose,
    PatientWrote,
    SlotGranted,
)
from gateway.core.model import Answer, Channel, Function, Purpose, Source, Status
from tests.core.invariants_driver import Driver, Step, is_ready

QUESTIONS = (Purpose.DETAILS, Purpose.CONFIRMATION, Purpose.REMINDER)
GOING = (AttemptState.STARTED, AttemptState.UNKNOWN, AttemptState.TALKING)
TAKEN = (AttemptState.ACCEPTED, AttemptState.DELIVERED, AttemptState.READ)
OPEN = (PushState.PENDING, PushState.STARTED, PushState.PUBLISHED)
LIVE = (Status.UNCONFIRMED, Status.CONFIRMED)


# What a step did


def documents(step: Step) -> Iterator[tuple[Case | Contact | None, Case | Contact | None]]:
    yield from zip(step.before, step.after, strict=True)


def by_id(document: Case | Contact | None) -> dict[str, Attempt]:
    return {a.id: a for a in document.attempts} if document is not None else {}


def started(step: Step) -> list[tuple[Case | Contact, Attempt]]:
    """Return the messages and calls that left the machine in this step."""
    found: list[tuple[Case | Contact, Attempt]] = []
    for before, after in documents(step):
        known = by_id(before)
        for attempt in after.attempts if after is not None else ():
            old = known.get(attempt.id)
            was_started = old is not None and old.state is AttemptState.STARTED
            if after is not None and attempt.state is AttemptState.STARTED and not was_started:
                found.append((after, attempt))
    return found


def new_pushes(step: Step) -> list[StatusPush]:
    before, after = step.before[0], step.after[0]
    known = {p.id for p in before.pushes} if before is not None else set()
    return [p for p in after.pushes if p.id not in known] if after is not None else []


def is_overdue(attempt: Attempt, now: datetime) -> bool:
    """Tell whether an outcome has been waited for long enough to be reconciled (G-6)."""
    since = attempt.not_before or attempt.started_at
    return attempt.state in GOING and since is not None and since + timedelta(minutes=1) <= now


def status_of(case: Case) -> Status:
    return next((p.after for p in reversed(case.pushes) if p.state in OPEN), case.snapshot.status)


# The rules of sending, anew


def clock(moment: datetime, branch: Branch) -> datetime:
    return moment.astimezone(ZoneInfo(branch.timezone))


def inside(hours: Hours, moment: datetime, branch: Branch) -> bool:
    """Tell whether the wall clock shows a time in hours. In an hour that comes a second time
    the wall clock alone does not tell, so there it is not asked."""
    wall = clock(moment, branch)
    return wall.fold == 1 or hours.opening <= wall.time() < hours.closing


def reasons(function: Function, case: Case, contact: Contact | None, branch: Branch) -> set[str]:
    """Return why a function must not be done (rules D-5, C-16, R-4, Z-1), time apart."""
    visit = case.snapshot
    person = visit.patient.guardian or visit.patient
    found = {
        name
        for name, holds in {
            "service": visit.service,
            "consultation": visit.online_consultation,
            "anonymous": visit.anonymous or visit.doctor.anonymous_appointments,
            "club": visit.club,
            "consent": not person.consent,
            "refused": person.notifications_refused,
            "opted out": contact is not None and contact.opted_out_at is not None,
            "phone": case.number is None,
            "removed": case.removed,
        }.items()
        if holds
    }
    status = status_of(case)
    if status not in ((Status.UNCONFIRMED,) if function is Function.CONFIRMATION else LIVE):
        found.add("status")
    days = clock(visit.start, branch).date() - clock(visit.created, branch).date()
    if function is Function.CONFIRMATION and days <= timedelta(days=1):
        found.add("created too late")
    if function is Function.DETAILS and visit.booked_online:
        found.add("online booking with a doctor")
    if function is Function.DETAILS and visit.created < branch.connected_at:
        found.add("adopted")
    return found


def hours_of(function: Function, branch: Branch) -> Hours:
    return {
        Function.DETAILS: branch.details.hours,
        Function.CONFIRMATION: branch.confirmation.hours,
        Function.REMINDER: branch.reminder.hours,
    }[function]


def is_enabled(function: Function, branch: Branch) -> bool:
    return {
        Function.DETAILS: branch.details.enabled,
        Function.CONFIRMATION: branch.confirmation.enabled,
        Function.REMINDER: branch.reminder.enabled,
    }[function]


def is_useful(function: Function, case: Case, branch: Branch, now: datetime) -> bool:
    """Tell whether the moment is neither too early nor past the latest useful one (G-9)."""
    start = case.snapshot.start
    if function is Function.DETAILS:
        return now < start - timedelta(hours=2)
    if function is Function.REMINDER:
        return start - branch.reminder.lead <= now < start
    day_before = clock(start, branch).date() - timedelta(days=1)
    here = clock(now, branch)
    begun = here.fold == 1 or here.time() >= branch.confirmation.start
    return here.date() == day_before and begun


# Checks of one step


def check_what_was_started(driver: Driver, step: Step) -> None:
    for owner, attempt in started(step):
        assert isinstance(step.event, SlotGranted | LineGranted), "only a grant starts anything"
        assert attempt.is_call is isinstance(step.event, LineGranted)
        if attempt.purpose in QUESTIONS:
            assert isinstance(owner, Case)
            check_question(step, owner, attempt)
        elif attempt.purpose is Purpose.RESCHEDULE_LINK:
            assert isinstance(owner, Case)
            assert status_of(owner) is Status.RESCHEDULE_REQUESTED
            assert not owner.removed
            assert attempt.booking == owner.booking
            assert step.now < owner.snapshot.start
            assert attempt.to == owner.number
        if not attempt.is_call:
            assert attempt.content is not None
            assert attempt.content.text.strip()


def check_question(step: Step, case: Case, attempt: Attempt) -> None:
    branch, function = step.settings.branch, attempt.function
    assert function is not None
    assert attempt.booking == case.booking, "for a booking that is over"
    assert attempt.to == case.number, "to a number of the past"
    assert inside(hours_of(function, branch), step.now, branch), "outside hours"
    assert not reasons(function, case, step.after[1], branch), "suppressed"
    assert is_enabled(function, branch), "switched off"
    assert is_useful(function, case, branch, step.now), "not at a useful moment"
    assert case.function(function).closed_at is None, "closed before"
    if function is Function.DETAILS and attempt.tries == 1:
        created = case.snapshot.created
        assert inside(branch.details.hours, created, branch), "created at night"
    if attempt.is_call:
        assert branch.confirmation.method == "call"
    else:
        assert attempt.channel in branch.channels


def check_one_at_a_time(driver: Driver, step: Step) -> None:
    """One attempt of a question under way, one call of a number (rules C-5, H-5)."""
    going: Counter[object] = Counter()
    calls: Counter[str] = Counter()
    for case in driver.cases.values():
        for attempt in case.attempts:
            if attempt.state in GOING:
                if attempt.purpose in (*QUESTIONS, Purpose.RESCHEDULE_LINK):
                    booking = 0 if attempt.function is Function.DETAILS else attempt.booking
                    going[case.id, attempt.function, attempt.purpose, booking] += 1
                if attempt.is_call:
                    calls[attempt.to] += 1
    assert all(count <= 1 for count in going.values()), going
    assert all(count <= 1 for count in calls.values()), calls


def check_call_gap(driver: Driver, step: Step) -> None:
    """Never closer than the configured gap to the last call of the number (rule C-5)."""
    contact = step.before[1]
    for _, attempt in started(step):
        if attempt.is_call and contact is not None and contact.call_ended_at is not None:
            gap = step.settings.branch.confirmation.call_gap
            assert step.now - contact.call_ended_at >= gap


def check_states_follow_the_table(driver: Driver, step: Step) -> None:
    """No attempt moves but as the table says; a receipt moves nothing back (rule H-4)."""
    for before, after in documents(step):
        known = by_id(before)
        for attempt in after.attempts if after is not None else ():
            old = known.get(attempt.id)
            if old is None:
                assert attempt.state in (AttemptState.PLANNED, AttemptState.STARTED)
                continue
            if attempt.state is not old.state:
                # One decision may start what it has just postponed, so two moves are allowed.
                reach = set(ATTEMPT_TRANSITIONS[old.state].values())
                reach |= {s for r in reach for s in ATTEMPT_TRANSITIONS[r].values()}
                assert attempt.state in reach, (old.state, attempt.state)
            given_up = old.state is AttemptState.FAILED and old.lost
            moved = attempt.state is not old.state and not given_up
            if isinstance(step.event, MessageReceipt) and moved:
                order = list(AttemptState)
                assert order.index(attempt.state) > order.index(old.state)
            assert not (old.provider_id and attempt.provider_id != old.provider_id)
        if isinstance(step.event, MessageReceipt | MessageFailed):
            named = step.event.attempt
            changed = {
                a.id
                for a in (after.attempts if after is not None else ())
                if a.id in known
                and known[a.id].state not in (AttemptState.PLANNED, a.state)
                and a.id != named
                and not is_overdue(known[a.id], step.now)
            }
            assert not changed, "the report was about another attempt"


def check_due_is_ahead(driver: Driver, step: Step) -> None:
    for before, after in documents(step):
        if after is not None and after is not before and after.due is not None:
            assert after.due > step.now


def check_answers(driver: Driver, step: Step) -> None:
    """At most one status change an answer, from the statuses of C-10 and Z-8 only."""
    pushes, case = new_pushes(step), step.before[0]
    assert len(pushes) <= 1
    for push in pushes:
        assert isinstance(step.event, PatientWrote | PatientChose | KeyPressed)
        assert case is not None
        assert push.before is status_of(case)
        assert step.now < case.snapshot.start, "after the visit began"
        assert not case.removed
        assert push.booking == case.booking
        assert push.start == case.snapshot.start
        if push.before is not Status.UNCONFIRMED:
            assert push.before is Status.CONFIRMED
            assert push.source in (Source.LINK, Source.APP)
            assert push.answer in (Answer.RESCHEDULE, Answer.CANCEL)
        if isinstance(step.event, PatientWrote) and step.event.booking:
            assert step.event.booking == case.booking, "an answer about an old booking"
    before, after = step.before[0], step.after[0]
    if before is not None and after is not None and not pushes:
        unchanged = before.snapshot == after.snapshot
        if unchanged and not any(p.state in OPEN for p in before.pushes):
            assert status_of(after) is status_of(before)


def check_opted_out(driver: Driver, step: Step) -> None:
    """After an opt-out nothing is started but its acknowledgement (rules C-15, Z-9)."""
    for _, attempt in started(step):
        contact = driver.contacts.get(attempt.to)
        if contact is not None and contact.opted_out_at is not None:
            assert attempt.about == "acknowledgement.opt_out"


def check_open_functions_are_awaited(driver: Driver, step: Step) -> None:
    """A function that is still to be done has a due time, a turn, or a call ahead of it."""
    case = step.after[0]
    if case is None or case is step.before[0] or case.removed:
        return
    for function in Function:
        is_open = case.function(function).closed_at is None
        if is_open and is_enabled(function, step.settings.branch) and not is_done(case, function):
            assert is_awaited(driver, step), f"{function.value} is open and nobody looks"


def is_done(case: Case, function: Function) -> bool:
    tried = [a for a in case.attempts if a.function is function and a.purpose in QUESTIONS]
    if tried and function is Function.CONFIRMATION and status_of(case) is not Status.UNCONFIRMED:
        return True  # answered, or settled by the staff
    return any(a.state in (*TAKEN, *GOING) or a.result is not None for a in tried)


def is_of_other_number(step: Step) -> bool:
    """Tell whether a visit heard from a number that it no longer has: then it looks again soon."""
    case, contact = step.after
    return case is not None and contact is not None and contact.number != case.number


def is_waiting(step: Step) -> bool:
    case, contact = step.after
    return case is not None and contact is not None and case.id in contact.waiting


def is_awaited(driver: Driver, step: Step) -> bool:
    case = step.after[0]
    assert case is not None
    ref = ("case", case.id)
    return ref in driver.due or bool(driver.wants.get(ref)) or is_waiting(step)


def check_attempts_are_awaited(driver: Driver, step: Step) -> None:
    """What was started has a lease; what is planned has a moment or a turn."""
    case = step.after[0]
    if case is None or case is step.before[0]:
        return
    ref = ("case", case.id)
    for attempt in case.attempts:
        if attempt.state in GOING:
            assert ref in driver.due, "an attempt under way has no lease"
        if attempt.state is AttemptState.PLANNED:
            assert is_awaited(driver, step), "a planned attempt waits for nothing"
        if is_ready(attempt, step.now) and not (attempt.is_call and is_waiting(step)):
            assert ("call" if attempt.is_call else "message") in driver.wants[ref]


def check_status_changes_are_awaited(driver: Driver, step: Step) -> None:
    """The first status change in line is offered until the schedule has answered (S-3)."""
    case = step.after[0]
    if case is None or case is step.before[0]:
        return
    line = [push for push in case.pushes if push.state in OPEN]
    if line and line[0].state is not PushState.PUBLISHED:
        assert ("case", case.id) in driver.due, "a status change has been forgotten"


def check_contact_is_awaited(driver: Driver, step: Step) -> None:
    contact = step.after[1]
    if contact is None or contact is step.before[1]:
        return
    ref = ("contact", contact.number)
    for attempt in contact.attempts:
        if attempt.state in GOING:
            assert ref in driver.due
        if attempt.state is AttemptState.PLANNED:
            assert ref in driver.due or "message" in driver.wants[ref]
    for notice in contact.notices:
        if notice.state in (PushState.PENDING, PushState.STARTED):
            assert ref in driver.due
    if contact.waiting:
        assert contact.calling is not None, "they wait for nobody"


def check_who_is_called(driver: Driver, step: Step) -> None:
    """A number is marked as busy only by a call that goes on, or somebody will look."""
    contact = step.after[1]
    if contact is None or contact.calling is None:
        return
    caller = driver.cases[contact.calling]
    talks = any(a.is_call and a.state in GOING and a.to == contact.number for a in caller.attempts)
    assert talks or not contact.waiting or ("contact", contact.number) in driver.due


def check_a_second_look_changes_nothing(driver: Driver, step: Step) -> None:
    """`decide` is at rest after each decision: looking again at once adds nothing. After a
    grant the next look may be put off, since what was to be sent has left."""
    if step.after[0] is None or is_of_other_number(step):
        return
    case = driver.cases[step.after[0].id]
    number = case.number
    contact = driver.contacts.get(number) if number is not None else None
    settings = driver.settings[case.branch]
    again = decide(case, contact, DueTimeReached(), settings, step.now)
    if isinstance(step.event, SlotGranted | LineGranted) and again[0] is not None:
        again = (case if replace(again[0], due=case.due) == case else again[0], again[1])
    assert again[0] is case, "the case changes at a second look"
    assert again[1] is contact, "the contact changes at a second look"


def check_it_is_repeatable(driver: Driver, step: Step) -> None:
    """The same inputs give the same outputs, and are left as they were."""
    again = decide(*step.before, step.event, step.settings, step.now)
    assert again == step.after


def check_the_same_event_twice_is_once(driver: Driver, step: Step) -> None:
    if isinstance(step.event, SlotGranted | LineGranted):
        return  # a second grant is a second permission
    case, contact = after_commit(driver, step)
    again = decide(case, contact, step.event, step.settings, step.now)
    assert again[0] is case, f"{type(step.event).__name__} counts twice"
    assert again[1] is contact, f"{type(step.event).__name__} counts twice for the number"


def after_commit(driver: Driver, step: Step) -> tuple[Case | None, Contact | None]:
    """Return the documents of a step as they are read back."""
    case, contact = step.after
    if case is not None:
        case = driver.cases[case.id]
    if contact is not None:
        contact = driver.contacts.get(contact.number, contact)
    return case, contact


# Checks of a whole story


def check_charges(driver: Driver) -> None:
    """Charges of an attempt come to its price or to nothing; what is free costs nothing."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for ref, entry in driver.timeline:
        if entry.kind is EntryKind.CHARGE:
            assert ref[0] == "case", "answers to a number are free"
            assert entry.function is not None
            amount = Decimal(str(entry.data["amount"]))
            assert amount != 0
            sums[ref[1], str(entry.data["attempt"])] += amount
            assert sums[ref[1], str(entry.data["attempt"])] >= 0, "more given back than taken"
    for case in driver.cases.values():
        for attempt in case.attempts:
            total = sums.pop((case.id, attempt.id), Decimal(0))
            price = attempt.price or Decimal(0)
            assert total == (0 if attempt.reversed else price)
            if attempt.purpose in (Purpose.ACKNOWLEDGEMENT, Purpose.CLARIFICATION):
                assert attempt.price is None
            if attempt.state in TAKEN and attempt.purpose in QUESTIONS:
                assert attempt.price is not None, "accepted and not charged"


def check_skips(driver: Driver) -> None:
    """A skip is printed once for a function and booking, and its reasons are sorted.

    A visit that was gone and has come back is decided anew.
    """
    seen: set[tuple[object, ...]] = set()
    for ref, entry in driver.timeline:
        if entry.kind is EntryKind.SKIP:
            key = (ref, entry.function, entry.booking)
            assert key not in seen, f"printed twice: {key}"
            seen.add(key)
            told = entry.data["reasons"]
            if "removed" in told:
                seen.discard(key)
            assert isinstance(told, list)
            assert told
            assert told == sorted(set(told))
            assert not {"too_late", "missed_hours"} <= set(told)


def check_sent_or_skipped(driver: Driver) -> None:
    """What was sent is not also printed as a skip for reasons of suppression."""
    for case in driver.cases.values():
        for function in Function:
            taken = [
                a
                for a in case.attempts
                if a.function is function and a.purpose in QUESTIONS and a.state in TAKEN
                if a.booking == case.booking
            ]
            unclear = any(a.reversed or a.lost for a in taken)
            limit = driver.settings[case.branch].branch.undelivered_after
            assert len(taken) <= 1 or unclear or limit is not None, "sent twice"


def check_numbers_of_attempts(driver: Driver) -> None:
    for document in (*driver.cases.values(), *driver.contacts.values()):
        ids = [a.id for a in document.attempts]
        assert len(ids) == len(set(ids))
        channels = {a.channel for a in document.attempts if isinstance(document, Contact)}
        assert Channel.CALL not in channels


STEP_CHECKS = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_") and check.__annotations__.get("step") and name != "check_question"
}
STORY_CHECKS = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_") and list(check.__annotations__) == ["driver", "return"]
}
