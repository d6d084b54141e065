"""Why did the patient get it, or not? The state of each function in plain words (rule G-4).

Everything here is read off the case; nothing is decided. While a function waits, the reasons
that would hold if it were decided now are told apart from those for which it was not sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.case import UNDER_WAY, Attempt, AttemptState, Case, Contact
from gateway.core.clinic import Branch
from gateway.core.hours import next_opening
from gateway.core.model import CallResult, Function, Purpose, Reason
from gateway.core.moments import Window, window_of
from gateway.core.plan import PURPOSE_OF, is_enabled, was_tried
from gateway.core.suppression import reasons_against

LANGUAGES = ("ru", "en")

_TEXTS: Mapping[Reason, tuple[str, str]] = {
    Reason.ADOPTED: (
        "Запись появилась в расписании до подключения филиала к системе.",
        "The appointment was in the schedule before the branch was connected.",
    ),
    Reason.ANONYMOUS: (
        "Запись анонимная.",
        "The appointment is anonymous.",
    ),
    Reason.BUDGET: (
        "Бюджет филиала на этот месяц израсходован, а бесплатного канала к пациенту нет.",
        "The branch's budget for this month is spent, and no free channel reaches the patient.",
    ),
    Reason.CLUB: (
        "Это клубная запись.",
        "This is a club booking.",
    ),
    Reason.CREATED_DAY_BEFORE: (
        "Запись создана накануне приёма, подтверждать её не нужно.",
        "The appointment was made on the day before the visit, so it needs no confirmation.",
    ),
    Reason.CREATED_SAME_DAY: (
        "Запись создана в день приёма, подтверждать её не нужно.",
        "The appointment was made on the day of the visit, so it needs no confirmation.",
    ),
    Reason.DOCTOR_ANONYMOUS: (
        "В профиле врача включены анонимные записи.",
        "The doctor's profile has anonymous appointments switched on.",
    ),
    Reason.FOREIGN_PHONE: (
        "У пациента указан только номер другой страны.",
        "The patient has only a number of another country.",
    ),
    Reason.INVALID_PHONE: (
        "Номер телефона пациента указан с ошибкой.",
        "The patient's phone number is not a valid one.",
    ),
    Reason.LANDLINE_PHONE: (
        "У пациента указан только городской номер, мобильного нет.",
        "The patient has only a landline number and no mobile one.",
    ),
    Reason.MISSED_HOURS: (
        "В рабочие часы отправить не удалось: шлюз, линия или канал были недоступны.",
        "It could not be sent during open hours: the gateway, the line or a channel was down.",
    ),
    Reason.NO_CHANNEL: (
        "До пациента не удалось дойти ни по одному каналу из настроек филиала.",
        "None of the branch's channels can reach the patient.",
    ),
    Reason.NO_CONSENT: (
        "Нет согласия на обработку персональных данных.",
        "There is no consent to the processing of personal data.",
    ),
    Reason.NO_PHONE: (
        "У пациента не указан номер телефона.",
        "The patient has no phone number.",
    ),
    Reason.ONLINE_CONSULTATION: (
        "Это онлайн-консультация.",
        "This is an online consultation.",
    ),
    Reason.ONLINE_DOCTOR: (
        "Это онлайн-запись к врачу: пациента уже известила система записи.",
        "This is an online booking with a doctor: the booking system has informed the patient.",
    ),
    Reason.ONLINE_SERVICE: (
        "Это онлайн-запись на услугу.",
        "This is an online booking of a service.",
    ),
    Reason.OUTSIDE_HOURS: (
        "Время отправки пришлось на нерабочие часы.",
        "The time to send it was outside the allowed hours.",
    ),
    Reason.REFUSED: (
        "Пациент отказался от уведомлений.",
        "The patient has refused notifications.",
    ),
    Reason.REMOVED: (
        "Записи больше нет в расписании.",
        "The appointment is no longer in the schedule.",
    ),
    Reason.STATUS: (
        "Статус записи не требует этого сообщения.",
        "The status of the appointment does not call for it.",
    ),
    Reason.TOO_LATE: (
        "До приёма осталось слишком мало времени.",
        "There was too little time left before the visit.",
    ),
}


class State(StrEnum):
    """How a function of the present booking stands."""

    WAITING = "waiting"  # for its time, its hours, its turn or the next try
    SENDING = "sending"  # a message has been handed to a provider, without an outcome so far
    CALLING = "calling"
    SENT = "sent"  # a provider has accepted the message
    DELIVERED = "delivered"
    READ = "read"
    ANSWERED = "answered"
    CALLED = "called"  # the call ended without an answer, and nothing follows it
    FAILED = "failed"  # it was tried and did not get through
    NOT_SENT = "not_sent"
    OFF = "off"  # the branch has switched the function off


@dataclass(frozen=True, slots=True)
class FunctionView:
    """One function: its state, why it was not sent, when it is looked at next.

    `would_not_send` are the reasons that hold now while the function still waits; they may be
    gone by the time that counts (rule G-3). `attempts` are those of its question, oldest first.
    """

    state: State
    reasons: tuple[Reason, ...] = ()
    next_at: datetime | None = None
    would_not_send: tuple[Reason, ...] = ()
    attempts: tuple[Attempt, ...] = ()


def text_of(reason: Reason, language: str) -> str:
    """Return a reason in plain words, for the people at a reception."""
    russian, english = _TEXTS[reason]
    return english if language == "en" else russian


def explain(
    case: Case, contact: Contact | None, branch: Branch, now: datetime
) -> dict[Function, FunctionView]:
    """Return how every function of the present booking stands."""
    return {function: _view(function, case, contact, branch, now) for function in Function}


def _view(
    function: Function, case: Case, contact: Contact | None, branch: Branch, now: datetime
) -> FunctionView:
    attempts = _attempts(case, function)
    known = case.function(function)
    if known.reasons:
        state = State.FAILED if was_tried(case, function) else State.NOT_SENT
        return FunctionView(state, known.reasons, attempts=attempts)
    if function is Function.CONFIRMATION and _is_answered(case):
        return FunctionView(State.ANSWERED, attempts=attempts)
    under_way = _under_way(attempts)
    if under_way is not None:
        return FunctionView(under_way, next_at=_next_try(attempts, now), attempts=attempts)
    if known.closed_at is not None:
        return _closed_silently(function, case, branch, attempts)
    if not is_enabled(branch, function):
        return FunctionView(State.OFF, attempts=attempts)
    return _open(function, case, contact, branch, now, attempts)


def _attempts(case: Case, function: Function) -> tuple[Attempt, ...]:
    """Details belong to the visit, the other functions to the present booking (rule D-2)."""
    return tuple(
        attempt
        for attempt in case.attempts
        if attempt.function is function
        and attempt.purpose in (PURPOSE_OF[function], Purpose.RESCHEDULE_LINK)
        and (attempt.booking == case.booking or function is Function.DETAILS)
    )


def _is_answered(case: Case) -> bool:
    """An answer was accepted for this booking, whatever the schedule said to it."""
    return any(push.booking == case.booking for push in case.pushes) or any(
        attempt.result is CallResult.ANSWER and attempt.booking == case.booking
        for attempt in case.attempts
    )


_STATE_OF: tuple[tuple[AttemptState, State], ...] = (
    (AttemptState.READ, State.READ),
    (AttemptState.DELIVERED, State.DELIVERED),
    (AttemptState.ACCEPTED, State.SENT),
)
"""The best that came of any attempt counts: a question may have gone out twice."""


def _under_way(attempts: Sequence[Attempt]) -> State | None:
    """Return the state that an attempt gives, None if none has left the machine for good."""
    for attempt in attempts:
        if attempt.state in UNDER_WAY:
            return State.CALLING if attempt.is_call else State.SENDING
    states = {attempt.state for attempt in attempts if not attempt.is_call}
    for reached, state in _STATE_OF:
        if reached in states:
            return state
    return None


def _next_try(attempts: Sequence[Attempt], now: datetime) -> datetime | None:
    planned = [a.not_before or now for a in attempts if a.state is AttemptState.PLANNED]
    return min((max(moment, now) for moment in planned), default=None)


def _closed_silently(
    function: Function, case: Case, branch: Branch, attempts: tuple[Attempt, ...]
) -> FunctionView:
    """Done, switched off, or a visit that was over when it was first seen (rule Z-1)."""
    if any(a.is_call and a.state is AttemptState.ENDED for a in attempts):
        return FunctionView(State.CALLED, attempts=attempts)
    if attempts:
        return FunctionView(State.FAILED, attempts=attempts)
    if not is_enabled(branch, function):
        return FunctionView(State.OFF)
    reason = Reason.REMOVED if case.removed else Reason.ADOPTED
    if case.removed or case.adopted:
        return FunctionView(State.NOT_SENT, (reason,))
    return FunctionView(State.OFF)  # it was off when its time came


def _open(
    function: Function,
    case: Case,
    contact: Contact | None,
    branch: Branch,
    now: datetime,
    attempts: tuple[Attempt, ...],
) -> FunctionView:
    window = window_of(function, case, branch)
    against = reasons_against(function, case, contact, branch)
    if not was_tried(case, function):
        against += _of_time(window)
    next_at = _next_try(attempts, now) or _when(window, branch, now)
    return FunctionView(State.WAITING, (), next_at, tuple(sorted(set(against))), attempts)


def _of_time(window: Window) -> tuple[Reason, ...]:
    outside = (Reason.OUTSIDE_HOURS,) if window.outside else ()
    return (*outside, Reason.TOO_LATE) if window.too_late else outside


def _when(window: Window, branch: Branch, now: datetime) -> datetime:
    """Return when it is sent, or decided if that is never later than its latest moment."""
    moment = max(window.first, now)
    if window.outside or window.too_late:
        return max(window.decided_at, now)
    return min(next_opening(window.hours, moment, branch.timezone), max(window.latest, now))
