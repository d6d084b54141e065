"""What a case wants next: every function is looked at anew, against the newest snapshot.

`advance` is called by every decision about a case (rules G-1, G-3, H-3). What was planned and
has not left the machine is derived again, so nothing stale is ever sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from gateway.core import budget, calling, cascade
from gateway.core.case import (
    REACHED,
    UNDER_WAY,
    Attempt,
    AttemptState,
    Case,
    EntryKind,
    FunctionState,
)
from gateway.core.clinic import Branch
from gateway.core.draft import Draft
from gateway.core.evolve import evolve
from gateway.core.hours import is_open, next_opening
from gateway.core.leases import look_of, sooner
from gateway.core.model import CallResult, Channel, Function, Purpose, Reason, Status
from gateway.core.moments import Window, closing_reason, window_of
from gateway.core.pushing import next_push_at, start_pushes
from gateway.core.suppression import reasons_against

OPT_OUT_TOLD = "acknowledgement.opt_out"
"""Wording key of the one message that follows an opt-out."""

FUNCTIONS = tuple(Function)

PURPOSE_OF: dict[Function, Purpose] = {
    Function.DETAILS: Purpose.DETAILS,
    Function.CONFIRMATION: Purpose.CONFIRMATION,
    Function.REMINDER: Purpose.REMINDER,
}


@dataclass(frozen=True, slots=True)
class Look:
    """Look again at a moment (None: only when something happens).

    `for_hours` tells that only closed hours are in the way: a message that is being retried
    goes on then.
    """

    at: datetime | None = None
    for_hours: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Wants a message sent."""

    next: cascade.Next
    after_call: bool


@dataclass(frozen=True, slots=True)
class Close:
    """Will not be done: for these reasons, or silently when it is switched off."""

    reasons: tuple[Reason, ...]


Step = Look | Send | calling.Phone | Close


def advance(draft: Draft) -> datetime | None:
    """Bring every function of the case up to date; return the time of its next look.

    With the contact of another number they wait for a look with their own, which comes soon.
    """
    look = None
    fall_silent(draft)
    if draft.of_other_number:
        start_pushes(draft)
        return draft.now
    _release_planned(draft)
    if draft.case.removed:
        _drop_planned(draft)
    else:
        for function in FUNCTIONS:
            look = sooner(look, _advance_function(draft, function))
        look = sooner(look, _advance_link(draft))
    start_pushes(draft)
    for attempt in draft.case.attempts:
        look = sooner(look, look_of(attempt))
    return sooner(look, next_push_at(draft.case.pushes))


def fall_silent(draft: Draft) -> None:
    """After an opt-out nothing is sent but its acknowledgement (rules C-15, Z-9)."""
    contact = draft.contact
    if contact is None or contact.opted_out_at is None:
        return
    for attempt in draft.attempts:
        is_planned = attempt.state is AttemptState.PLANNED and attempt.is_free
        if is_planned and attempt.to == contact.number and attempt.about != OPT_OUT_TOLD:
            draft.drop(attempt)


def _release_planned(draft: Draft) -> None:
    """A planned attempt whose time has come wants its slot or line now; what is for an earlier
    booking or number must not leave, tried or not (rule H-3)."""
    case = draft.case
    for attempt in case.attempts:
        if attempt.state is not AttemptState.PLANNED:
            continue
        stale = attempt.booking != case.booking or attempt.to != (case.number or "")
        if stale and not attempt.is_free:
            draft.drop(attempt)
        elif _has_come(attempt.not_before, draft.now):
            draft.put(evolve(attempt, not_before=None))


def _has_come(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and moment <= now


def _drop_planned(draft: Draft) -> None:
    for attempt in draft.case.attempts:
        if attempt.state is AttemptState.PLANNED and not attempt.is_free:
            draft.drop(attempt)


def _advance_function(draft: Draft, function: Function) -> datetime | None:
    case, purpose = draft.case, PURPOSE_OF[function]
    planned = [a for a in case.attempts if a.state is AttemptState.PLANNED and a.purpose is purpose]
    if case.function(function).closed_at is not None:
        for attempt in planned:
            draft.drop(attempt)
        return None
    step = _step(draft, function)
    kept = _keep(draft, planned, step)
    if isinstance(step, Close):
        close(draft, function, step.reasons)
    elif isinstance(step, Send) and not kept:
        draft.plan(
            purpose,
            step.next.channel,
            function,
            about=purpose.value,
            not_before=step.next.not_before,
            after_call=step.after_call,
        )
    elif isinstance(step, calling.Phone) and not kept:
        draft.plan(purpose, Channel.CALL, function, about="call", not_before=step.not_before)
    if isinstance(step, Look):
        return step.at
    if isinstance(step, Close):
        return None
    return window_of(function, draft.case, draft.branch).latest


def _keep(draft: Draft, planned: list[Attempt], step: Step) -> bool:
    """Keep the planned attempt that still fits and drop the others."""
    kept = False
    for attempt in planned:
        fitting = None if kept else _fitting(attempt, step)
        if fitting is None:
            draft.drop(attempt)
            continue
        kept = True
        if fitting is not attempt:
            draft.put(fitting)
    return kept


def _fitting(attempt: Attempt, step: Step) -> Attempt | None:
    """Return the planned attempt as the step wants it, or None when it wants another."""
    not_before = attempt.not_before
    if isinstance(step, Send):
        return attempt if _same_send(attempt, step) else None
    if isinstance(step, calling.Phone) and attempt.is_call:
        # A call that could not be placed keeps its own pause (rule C-6).
        paused = not_before if attempt.code else None
        not_before = max((m for m in (paused, step.not_before) if m), default=None)
    elif isinstance(step, Look) and step.for_hours and attempt.tries:
        not_before = step.at  # one message, retried when hours are open again (rule Z-6)
    else:
        return None
    return attempt if not_before == attempt.not_before else evolve(attempt, not_before=not_before)


def _same_send(attempt: Attempt, step: Send) -> bool:
    return (
        attempt.channel is step.next.channel
        and attempt.after_call == step.after_call
        and attempt.not_before == step.next.not_before
    )


def close(draft: Draft, function: Function, reasons: tuple[Reason, ...]) -> None:
    """Close a function; with reasons it is a skip that everybody can read (rule G-4)."""
    ordered = tuple(sorted(set(reasons)))
    state = FunctionState(draft.now, ordered)
    if function is Function.DETAILS:
        draft.case = evolve(draft.case, details=state)
    elif function is Function.CONFIRMATION:
        draft.case = evolve(draft.case, confirmation=state)
    else:
        draft.case = evolve(draft.case, reminder=state)
    if ordered:
        draft.note(EntryKind.SKIP, {"reasons": [r.value for r in ordered]}, function)


def was_tried(case: Case, function: Function) -> bool:
    """Tell whether anything of a function's present question has left the machine."""
    return any(
        a.function is function
        and a.purpose is PURPOSE_OF[function]
        and (a.booking == case.booking or function is Function.DETAILS)
        and (a.state is not AttemptState.PLANNED or a.tries)
        for a in case.attempts
    )


def was_sent(case: Case, function: Function) -> bool:
    """Tell whether the patient has heard of a function, or may have: what only failed does not
    count, so that its reasons are still kept when it ends (rule G-4)."""
    return any(
        a.function is function
        and a.purpose is PURPOSE_OF[function]
        and (a.booking == case.booking or function is Function.DETAILS)
        and (a.state in REACHED or a.state in UNDER_WAY or a.state is AttemptState.ENDED)
        for a in case.attempts
    )


def _step(draft: Draft, function: Function) -> Step:
    """Decide one open function now."""
    case, now = draft.case, draft.now
    window = window_of(function, case, draft.branch)
    if not is_enabled(draft.branch, function):
        silent = function is Function.DETAILS or now >= window.latest
        return Close(()) if silent else Look(window.latest)
    if now < window.decided_at and not window.too_late:
        return Look(window.decided_at)
    tried = was_tried(case, function)
    rest = _rest(draft, function, window) if tried else None
    if rest is not None:
        return rest
    reasons = reasons_against(function, case, draft.contact, draft.branch)
    settled = function is Function.CONFIRMATION and case.status is not Status.UNCONFIRMED
    if settled and (_was_answered(case) or was_sent(case, function)):
        return Look()  # answered, or settled by the staff (rule C-17)
    reasons += _time_reasons(draft, function, window, has_others=bool(reasons), tried=tried)
    if reasons:
        return Close(reasons)
    return _send_step(draft, function, window)


def _was_answered(case: Case) -> bool:
    """Tell whether an undelivered question was answered all the same. A planned retry does not
    count: this very decision forgets it."""
    tried = cascade.attempts_of(case, Function.CONFIRMATION, Purpose.CONFIRMATION)
    failed = any(a.state is AttemptState.FAILED for a in tried)
    return failed and any(push.booking == case.booking for push in case.pushes)


def is_enabled(branch: Branch, function: Function) -> bool:
    """Tell whether the branch has switched the function on (rule G-1)."""
    if function is Function.DETAILS:
        return branch.details.enabled
    if function is Function.CONFIRMATION:
        return branch.confirmation.enabled
    return branch.reminder.enabled


def _rest(draft: Draft, function: Function, window: Window) -> Step | None:
    """Return what follows where something of the question is under way, a provider has the
    message, or a call brought the answer; None when the question is still to be asked."""
    case = draft.case
    if any(
        a.state in UNDER_WAY and a.function is function and a.booking == case.booking
        for a in case.attempts
        if a.purpose is PURPOSE_OF[function]
    ):
        return Look()
    tried = cascade.attempts_of(case, function, PURPOSE_OF[function])
    stands = cascade.standing(tried, draft.branch, draft.contact, draft.now)
    if stands is not None:
        return Look(stands.until) if isinstance(stands, cascade.Done) else Look()
    if any(a.state in REACHED for a in tried):
        return _undelivered_step(draft, function, window)
    answered = function is Function.CONFIRMATION and any(
        a.result is CallResult.ANSWER and a.booking == case.booking for a in case.attempts
    )
    return Look() if answered else None


def _undelivered_step(draft: Draft, function: Function, window: Window) -> Step:
    """Nobody told in time that the message was delivered: the next channel takes over, as long
    as the function may still be done (rule H-1). The message was sent, so nothing is a skip."""
    now, zone = draft.now, draft.branch.timezone
    if now >= window.latest or reasons_against(function, draft.case, draft.contact, draft.branch):
        return Look()
    if not is_open(window.hours, now, zone):
        return Look(min(next_opening(window.hours, now, zone), window.latest), for_hours=True)
    return message_step(draft, function, PURPOSE_OF[function], window.latest)


def _time_reasons(
    draft: Draft, function: Function, window: Window, *, has_others: bool, tried: bool
) -> tuple[Reason, ...]:
    """Reasons of time: adoption, hours, and the latest useful moment (rules D-3, R-2, Z-1…Z-3)."""
    case, now = draft.case, draft.now
    if function is Function.DETAILS and case.adopted:
        return (Reason.ADOPTED,)
    found: tuple[Reason, ...] = ()
    if not tried:
        if window.outside:
            found += (Reason.OUTSIDE_HOURS,)
        if window.too_late:
            found += (Reason.TOO_LATE,)
        if found:
            return found
    if now >= window.latest and not (function is Function.CONFIRMATION and has_others):
        return (closing_reason(window, case, draft.branch),)  # rule Z-3
    return ()


def _send_step(draft: Draft, function: Function, window: Window) -> Step:
    """The function may be done: over which way, and is it open now?"""
    now, zone = draft.now, draft.branch.timezone
    if now < window.first:
        return Look(window.first)
    if not is_open(window.hours, now, zone):
        opening = next_opening(window.hours, now, zone)
        return Look(min(opening, window.latest), for_hours=True)
    if function is Function.CONFIRMATION and draft.branch.confirmation.method == "call":
        if calling.is_on_the_phone(draft.case):
            return Look()  # a call about an earlier booking is not over yet
        call = calling.next_call(draft, window)
        if call is not None:
            return call if _pays(draft, Channel.CALL) else _instead_of_call(draft, window)
    return message_step(draft, function, PURPOSE_OF[function], window.latest)


def _pays(draft: Draft, channel: Channel, *, after_call: bool = False) -> bool:
    """Tell whether there is money for a message or call, or it needs none."""
    if not draft.settings.budget_spent:
        return True
    return budget.is_free(draft.branch, channel, draft.now, after_call=after_call)


def _instead_of_call(draft: Draft, window: Window) -> Step:
    """The budget is spent and calls have a price: what is free is asked for instead."""
    step = message_step(draft, Function.CONFIRMATION, Purpose.CONFIRMATION, window.latest)
    return Close((Reason.BUDGET,)) if isinstance(step, Close) else step


def message_step(
    draft: Draft, function: Function, purpose: Purpose, latest: datetime | None
) -> Step:
    """Decide over which channel a question goes next."""
    ended_at = calling.ended_at(draft.case) if function is Function.CONFIRMATION else None
    after_call = ended_at is not None
    ask = partial(
        cascade.next_message,
        draft.case,
        draft.contact,
        function=function,
        purpose=purpose,
        now=draft.now,
        call_ended_at=ended_at,
        latest=latest,
    )
    found = ask(draft.branch)
    if isinstance(found, cascade.Next) and not _pays(draft, found.channel, after_call=after_call):
        found = ask(budget.only_free(draft.branch, draft.now, after_call=after_call))
        if isinstance(found, cascade.Exhausted):
            return Close((Reason.BUDGET,))
    if isinstance(found, cascade.Next):
        if _has_come(found.not_before, draft.now):
            found = evolve(found, not_before=None)
        return Send(found, after_call=after_call)
    if isinstance(found, cascade.Exhausted):
        return Close((Reason.NO_CHANNEL,))
    return Look(found.until) if isinstance(found, cascade.Done) else Look()


def _advance_link(draft: Draft) -> datetime | None:
    """The reschedule link after key 2 goes at any hour, over the same choice of channels (C-7)."""
    case, latest = draft.case, draft.case.snapshot.start
    planned = [
        a
        for a in case.attempts
        if a.state is AttemptState.PLANNED and a.purpose is Purpose.RESCHEDULE_LINK
    ]
    opted_out = draft.contact is not None and draft.contact.opted_out_at is not None
    if opted_out or draft.now >= latest or not _wants_link(case):
        for attempt in planned:
            draft.drop(attempt)
        return None
    step = message_step(draft, Function.CONFIRMATION, Purpose.RESCHEDULE_LINK, latest)
    kept = _keep(draft, planned, step)
    if isinstance(step, Send) and not kept:
        draft.plan(
            Purpose.RESCHEDULE_LINK,
            step.next.channel,
            Function.CONFIRMATION,
            about=Purpose.RESCHEDULE_LINK.value,
            not_before=step.next.not_before,
            after_call=True,
        )
    return step.at if isinstance(step, Look) else None


def _wants_link(case: Case) -> bool:
    """Key 2 was accepted in a call of this booking, and the visit still waits to be moved."""
    if case.removed or case.status is not Status.RESCHEDULE_REQUESTED:
        return False
    return any(
        a.is_call
        and a.booking == case.booking
        and a.state is AttemptState.ENDED
        and a.result is CallResult.ANSWER
        and a.about == "call.reschedule"
        for a in case.attempts
    )
