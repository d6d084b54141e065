"""Reports about visits: in support (Q-1), outcome (Q-4) and why not sent (Q-5).

Each is a pure function over a case and its timeline, summed over the visits whose start lies in
the period. Nothing here is estimated: a row is one attempt of a timeline, a count a number of
timeline entries (rule Q-6). No name, number or text of anybody is part of any row.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core.case import REACHED, AttemptState, Case, Entry, EntryKind
from gateway.core.clinic import Branch
from gateway.core.explain import text_of
from gateway.core.hours import local
from gateway.core.model import Answer, Channel, Function, Purpose, Reason
from gateway.ports.store import Store
from gateway.service.reports_cases import timelines_between, window_of
from gateway.service.reports_table import (
    APPOINTMENT,
    BRANCH,
    CHANNEL,
    COUNT,
    FUNCTION,
    RESULT,
    Column,
    Query,
    Report,
    Row,
    Shape,
    Sheet,
    share,
)

_OF_A_FUNCTION = frozenset(
    {Purpose.DETAILS, Purpose.CONFIRMATION, Purpose.REMINDER, Purpose.RESCHEDULE_LINK}
)
"""Purposes of what a function does; acknowledgements and clarifications only answer."""

APPOINTMENT_COLUMNS = (
    Column("start", "Приём", "Visit", Shape.MOMENT),
    BRANCH,
    APPOINTMENT,
    Column("status", "Статус", "Status"),
    FUNCTION,
    CHANNEL,
    Column("contacted_at", "Отправлено", "Contacted", Shape.MOMENT),
    RESULT,
    Column("answer", "Ответ", "Answer"),
)

_OUTCOME_COLUMNS = (
    Column("asked", "Спрошено", "Asked", Shape.COUNT),
    Column("confirmed", "Подтвердили", "Confirmed", Shape.COUNT),
    Column("rescheduled", "Перенос", "Rescheduled", Shape.COUNT),
    Column("cancelled", "Отменили", "Cancelled", Shape.COUNT),
    Column("unanswered", "Без ответа", "Unanswered", Shape.COUNT),
    Column("confirmed_share", "Доля подтвердивших", "Share confirmed", Shape.SHARE),
    Column("rescheduled_share", "Доля переносов", "Share rescheduled", Shape.SHARE),
    Column("cancelled_share", "Доля отменивших", "Share cancelled", Shape.SHARE),
    Column("unanswered_share", "Доля без ответа", "Share unanswered", Shape.SHARE),
)

_HOUR = Column("hour", "Час", "Hour", Shape.COUNT)

_SUPPRESSED_COLUMNS = (
    BRANCH,
    FUNCTION,
    Column("reason", "Причина", "Reason"),
    Column("text", "Пояснение", "Explanation"),
    COUNT,
)


@dataclass(frozen=True, slots=True)
class Made:
    """One message or call as its timeline shows it: the last result and when it was started."""

    attempt: str
    function: str
    purpose: str
    channel: str
    booking: int
    started_at: datetime
    result: str
    reached: bool


def made_in(timeline: Iterable[Entry]) -> list[Made]:
    """Return the messages and calls of a visit's functions, in the order of their first try."""
    found: dict[str, Made] = {}
    for entry in timeline:
        if entry.kind not in (EntryKind.MESSAGE, EntryKind.CALL) or entry.function is None:
            continue
        data = entry.data
        if data["purpose"] not in _OF_A_FUNCTION or data["started_at"] is None:
            continue
        attempt, state = str(data["attempt"]), str(data["state"])
        before = found.get(attempt)
        found[attempt] = Made(
            attempt=attempt,
            function=entry.function.value,
            purpose=str(data["purpose"]),
            channel=str(data["channel"]),
            booking=entry.booking,
            started_at=datetime.fromisoformat(str(data["started_at"])),
            result=str(data.get("result") or state),
            reached=(before is not None and before.reached)
            or state in REACHED
            or state == AttemptState.ENDED,
        )
    return list(found.values())


def answers_in(timeline: Iterable[Entry]) -> dict[int, tuple[datetime, str]]:
    """Return the last applied answer of each booking, and when it came."""
    found: dict[int, tuple[datetime, str]] = {}
    for entry in timeline:
        if entry.kind is EntryKind.ANSWER and entry.data["applied"] and entry.data["answer"]:
            first_at = found[entry.booking][0] if entry.booking in found else entry.at
            found[entry.booking] = first_at, str(entry.data["answer"])
    return found


async def _visits(
    store: Store, query: Query
) -> AsyncIterator[tuple[Branch, Case, tuple[Entry, ...]]]:
    """Yield the visits that start in the period."""
    for branch in query.branches:
        window = window_of(branch, query.since, query.until)
        async for case, timeline in timelines_between(store, branch.clinic, branch.id, *window):
            yield branch, case, timeline


# -- Q-1 ------------------------------------------------------------------------------------------


async def appointments(store: Store, query: Query) -> Report:
    """Every visit for which a function ran: what, over which channel, with what result (Q-1)."""
    rows: list[Row] = []
    counts: Counter[tuple[str, str, str]] = Counter()
    visits: set[tuple[str, str]] = set()
    async for branch, case, timeline in _visits(store, query):
        for made, row in _in_support(branch, case, timeline):
            if query.takes(made.function, made.channel):
                rows.append(row)
                counts[made.function, made.channel, made.result] += 1
                visits.add((branch.id, case.id))
    columns = (FUNCTION, CHANNEL, RESULT, COUNT)
    totals = tuple((*key, count) for key, count in sorted(counts.items()))
    title = "Записи в сопровождении", "Appointments in support"
    return Report(
        "appointments",
        query,
        (
            Sheet("rows", *title, APPOINTMENT_COLUMNS, tuple(rows)),
            Sheet("totals", "По результатам", "By result", columns, totals),
            Sheet("total", "Записей", "Appointments", (COUNT,), ((len(visits),),)),
        ),
    )


def _in_support(branch: Branch, case: Case, timeline: tuple[Entry, ...]) -> list[tuple[Made, Row]]:
    zone, answers = branch.timezone, answers_in(timeline)
    found: list[tuple[Made, Row]] = []
    for made in made_in(timeline):
        asks = made.purpose == Purpose.CONFIRMATION
        answer = answers.get(made.booking) if asks else None
        row = (
            local(case.snapshot.start, zone),
            branch.id,
            case.id,
            case.status.value,
            made.function,
            made.channel,
            local(made.started_at, zone),
            made.result,
            answer[1] if answer is not None else None,
        )
        found.append((made, row))
    return found


# -- Q-4 ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What came of some questions."""

    asked: int = 0
    by_answer: Counter[str] = field(default_factory=Counter)

    def add(self, answer: str | None) -> None:
        """Count one question."""
        self.asked += 1
        if answer is not None:
            self.by_answer[answer] += 1

    def cells(self) -> Row:
        """Return the counts, then their shares of what was asked."""
        counts = [self.by_answer[a] for a in (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)]
        counts.append(self.asked - sum(counts))
        return (self.asked, *counts, *(share(count, self.asked) for count in counts))


@dataclass(frozen=True, slots=True)
class Question:
    """One booking that was asked: by the contact that the answer followed, or else the last."""

    channel: str
    contacted_at: datetime
    answer: str | None


def questions_in(timeline: tuple[Entry, ...]) -> list[Question]:
    """Return what was asked about a visit, at most one question for each booking (rule H-5).

    A question belongs to the last contact before its answer: whoever did not pick up and then
    answered in WhatsApp was reached by WhatsApp.
    """
    by_booking: defaultdict[int, list[Made]] = defaultdict(list)
    for made in made_in(timeline):
        if made.reached and made.purpose == Purpose.CONFIRMATION:
            by_booking[made.booking].append(made)
    answers, found = answers_in(timeline), list[Question]()
    for booking, contacts in by_booking.items():
        answered_at, answer = answers.get(booking, (None, None))
        before = [
            made for made in contacts if answered_at is None or made.started_at <= answered_at
        ]
        if not before:  # answered before anybody asked, as in the app: not an outcome of ours
            continue
        last = max(before, key=_started_at)
        found.append(Question(last.channel, last.started_at, answer))
    return found


def _started_at(made: Made) -> datetime:
    return made.started_at


async def outcomes(store: Store, query: Query) -> Report:
    """Share confirmed, rescheduled, cancelled, unanswered, by channel and hour (Q-4)."""
    cells: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)
    channels: defaultdict[str, Tally] = defaultdict(Tally)
    hours: defaultdict[int, Tally] = defaultdict(Tally)
    whole = Tally()
    async for branch, _, timeline in _visits(store, query):
        for question in questions_in(timeline):
            if query.takes(Function.CONFIRMATION, question.channel):
                hour = local(question.contacted_at, branch.timezone).hour
                for tally in (
                    cells[question.channel, hour], channels[question.channel], hours[hour], whole
                ):  # fmt: skip
                    tally.add(question.answer)
    columns = (CHANNEL, _HOUR, *_OUTCOME_COLUMNS)
    title = "Результаты подтверждения", "Outcome of confirmation"
    return Report(
        "outcomes",
        query,
        (
            Sheet(
                "rows", *title, columns,
                tuple((*key, *tally.cells()) for key, tally in sorted(cells.items())),
            ),
            Sheet(
                "by_channel", "По каналам", "By channel", (CHANNEL, *_OUTCOME_COLUMNS),
                tuple((channel, *channels[channel].cells()) for channel in _in_order(channels)),
            ),
            Sheet(
                "by_hour", "По часам", "By hour", (_HOUR, *_OUTCOME_COLUMNS),
                tuple((hour, *tally.cells()) for hour, tally in sorted(hours.items())),
            ),
            Sheet("total", "Всего", "Total", _OUTCOME_COLUMNS, (whole.cells(),)),
        ),
    )  # fmt: skip


def _in_order(channels: Iterable[str]) -> list[str]:
    order = [channel.value for channel in Channel]
    return sorted(channels, key=order.index)


# -- Q-5 ------------------------------------------------------------------------------------------


async def suppressed(store: Store, query: Query) -> Report:
    """Functions that were not sent, by reason (Q-5).

    A function that was suppressed for two reasons counts under both; `functions` counts it once.
    """
    reasons: Counter[tuple[str, str, str]] = Counter()
    functions: Counter[str] = Counter()
    async for branch, _, timeline in _visits(store, query):
        for function, why in skips_in(timeline):
            if query.function in (None, function):
                functions[function] += 1
                reasons.update((branch.id, function, reason) for reason in why)
    language = query.clinic.language
    rows = tuple(
        (branch_id, function, reason, text_of(Reason(reason), language), count)
        for (branch_id, function, reason), count in sorted(reasons.items())
    )
    return Report(
        "suppressed",
        query,
        (
            Sheet("rows", "Причины", "Reasons", _SUPPRESSED_COLUMNS, rows),
            Sheet(
                "functions", "Не отправлено", "Not sent", (FUNCTION, COUNT),
                tuple(sorted(functions.items())),
            ),
        ),
    )  # fmt: skip


def skips_in(timeline: Iterable[Entry]) -> list[tuple[str, list[str]]]:
    """Return each function that was suppressed, with all its reasons (rule G-4)."""
    found: list[tuple[str, list[str]]] = []
    for entry in timeline:
        reasons = entry.data.get("reasons") if entry.kind is EntryKind.SKIP else None
        if isinstance(reasons, list) and entry.function is not None:
            found.append((entry.function.value, reasons))
    return found
