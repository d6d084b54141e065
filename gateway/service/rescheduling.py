"""Free times for a visit, and the move to the one that the patient chose (rule P-3).

The choice is committed before the schedule is asked and its outcome after it, like any effect; a
process that dies in between leaves a move that `gateway.core.rescheduling` gives up as unknown.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from gateway.clock import Clock, fresh_id
from gateway.core.case import Case
from gateway.core.clinic import Branch
from gateway.core.events import MoveEnded, MoveResult, TimeChosen
from gateway.core.hours import local_day
from gateway.core.links import link_token
from gateway.errors import StoreUnavailable
from gateway.ports.schedule import (
    Booked,
    Conflicted,
    FreeTimes,
    MoveOutcome,
    MoveRequest,
    Refused,
    Taken,
    Unavailable,
    Unknown,
)
from gateway.ports.store import Kind, Ref, Store
from gateway.service.effects import LINK_FOR
from gateway.service.engine import Engine

log = logging.getLogger("callahead.rescheduling")

HORIZON = timedelta(days=28)
"""How far ahead times are asked for."""

NOTICE = timedelta(minutes=30)
"""A time that begins sooner cannot be reached by somebody who reads of it now."""

TIMES_MAX = 20
TIMES_A_DAY_MAX = 5
"""What a phone shows without much scrolling, over several days."""

TIMES_PATIENCE_S = 6.0
BOOKING_PATIENCE_S = 12.0
BOOKING_TRIES = 2
"""How long a patient waits for the schedule. Both tries to book end well before `MOVE_LEASE`."""

REPORT_PAUSES_S = (0.0, 0.5, 2.0)
"""Pauses before an outcome is reported to a store that does not answer; then the lease runs out."""

SEAL_BYTES = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """The case after a choice, and what came of it; None: it came too late, another one is under
    way, or what came of it is not known here."""

    case: Case
    result: MoveResult | None


class Rescheduling:
    """Asks the schedules that offer times, and moves visits."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        clock: Clock,
        free_times: Callable[[str], FreeTimes | None],
    ) -> None:
        self._store = store
        self._engine = engine
        self._clock = clock
        self._free_times = free_times

    def offers(self, clinic: str) -> bool:
        """Tell whether the clinic's schedule lets patients choose a time."""
        return self._free_times(clinic) is not None

    async def times(self, case: Case, branch: Branch) -> tuple[datetime, ...] | None:
        """Return times to choose from, sorted; None when the schedule cannot tell them now."""
        schedule = self._free_times(case.clinic)
        if schedule is None:
            return None
        now = self._clock.now()
        since, until = now + NOTICE, now + HORIZON
        try:
            async with asyncio.timeout(TIMES_PATIENCE_S):
                found = await schedule.free_times(case.snapshot, since, until)
        except TimeoutError:
            return None
        if isinstance(found, Unavailable):
            log.warning(
                "a schedule did not tell its free times",
                extra={"clinic": case.clinic, "code": found.code},
            )
            return None
        fitting = (t for t in found if since <= t < until and t != case.snapshot.start)
        return offered(fitting, branch.timezone)

    async def choose(self, case: Case, branch: Branch, start: datetime) -> Choice:
        """Move a visit to a time that was offered; raises `StoreUnavailable` while nothing has
        been asked of the schedule."""
        schedule = self._free_times(case.clinic)
        if schedule is None:
            return Choice(case, None)
        ref = Ref(Kind.CASE, case.clinic, case.id)
        await self._make_link(ref, case, branch)
        chosen = TimeChosen(fresh_id("move"), start, case.booking)
        decided = await self._engine.apply(ref, chosen)
        moving = decided.case or case
        if moving.move is None or moving.move.id != chosen.id:
            return Choice(moving, None)
        request = MoveRequest(case.clinic, chosen.id, moving.snapshot, start, moving.move.at)
        ended = ended_by(chosen.id, request, await _booked(schedule, request))
        log.info(
            "a patient chose another time",
            extra={"clinic": case.clinic, "result": ended.result.value},
        )
        told = await self._report(ref, ended)
        return Choice(moving, None) if told is None else Choice(told, ended.result)

    async def _make_link(self, ref: Ref, case: Case, branch: Branch) -> None:
        """The new booking's link leads to its visit before there is such a booking: a process
        that dies later leaves a page behind it that still works."""
        token = link_token(branch.link_secret, case.clinic, case.id, case.booking + 1)
        await self._store.remember(f"link:{token}", ref, LINK_FOR)

    async def _report(self, ref: Ref, ended: MoveEnded) -> Case | None:
        for pause in REPORT_PAUSES_S:
            if pause:
                await self._clock.sleep(pause)
            try:
                return (await self._engine.apply(ref, ended)).case
            except StoreUnavailable:
                continue
        log.error("the outcome of a move could not be stored; it will count as unknown")
        return None


async def _booked(schedule: FreeTimes, request: MoveRequest) -> MoveOutcome:
    """Ask, and once more where nobody knows: the request keeps its id."""
    doubt: Unknown | None = None
    for _ in range(BOOKING_TRIES):
        outcome: MoveOutcome
        try:
            async with asyncio.timeout(BOOKING_PATIENCE_S):
                outcome = await schedule.book(request)
        except TimeoutError:
            outcome = Unknown("timeout")
        if isinstance(outcome, Unknown):
            doubt = outcome
        elif isinstance(outcome, Unavailable) and doubt is not None:
            return doubt  # this try did not get through, but the one before may have
        else:
            return outcome
    return doubt or Unknown()


def ended_by(move: str, request: MoveRequest, outcome: MoveOutcome) -> MoveEnded:
    """Return the event of what the schedule said."""
    match outcome:
        case Booked(newest) if newest.id == request.visit.id and newest.start == request.start:
            return MoveEnded(move, MoveResult.BOOKED, newest)
        case Taken():
            return MoveEnded(move, MoveResult.TAKEN)
        case Conflicted(newest):
            return MoveEnded(move, MoveResult.CHANGED, newest, removed=newest is None)
        case Refused():
            return MoveEnded(move, MoveResult.REFUSED)
        case Unavailable():
            return MoveEnded(move, MoveResult.UNAVAILABLE)
        case _:
            return MoveEnded(move, MoveResult.UNKNOWN)


def offered(times: Iterable[datetime], zone: str) -> tuple[datetime, ...]:
    """Return at most `TIMES_MAX` times over several days, spread over the hours of each day."""
    days: dict[date, list[datetime]] = {}
    for moment in sorted(set(times)):
        days.setdefault(local_day(moment, zone), []).append(moment)
    chosen = [moment for day in days.values() for moment in _spread(day, TIMES_A_DAY_MAX)]
    return tuple(chosen[:TIMES_MAX])


def _spread(times: list[datetime], most: int) -> list[datetime]:
    """Return `most` of the times: the first, the last, and what lies evenly between them."""
    if len(times) <= most:
        return times
    return [times[round(step * (len(times) - 1) / (most - 1))] for step in range(most)]


# -- what a form carries --------------------------------------------------------------------------


def sealed(branch: Branch, case: Case, start: datetime) -> str:
    """Return a time as a form carries it: only what was offered for this booking can be chosen."""
    seconds = f"{round(start.timestamp()):x}"
    return f"{seconds}-{_seal(branch, case, seconds)}"


def unsealed(branch: Branch, case: Case, text: str) -> datetime | None:
    """Return the time that a form carries, or None when it was not offered for this booking."""
    seconds, dash, seal = text.partition("-")
    expected = _seal(branch, case, seconds) if dash and len(text) < 64 else ""
    if not expected or not hmac.compare_digest(seal.encode("utf-8", "replace"), expected.encode()):
        return None
    return datetime.fromtimestamp(int(seconds, 16), UTC)


def _seal(branch: Branch, case: Case, seconds: str) -> str:
    booking = link_token(branch.link_secret, case.clinic, case.id, case.booking)
    text = f"free time\0{booking}\0{seconds}".encode("utf-8", "surrogatepass")
    digest = hmac.digest(branch.link_secret, text, hashlib.sha256)[:SEAL_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
