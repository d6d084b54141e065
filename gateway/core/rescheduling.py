"""A free time that the patient chose: asked of the schedule once, and never booked twice (P-3).

The choice is committed before the schedule is asked. Whoever asks it reports what came of it; if
nobody does, the process died in between, and the move is unknown: the wish is recorded, the staff
looks into it, and no other time can be chosen until the schedule tells how the visit stands
(rule G-6).
"""

from __future__ import annotations

from datetime import datetime

from gateway.core import attention, policy
from gateway.core.answers import apply_answer, why_not
from gateway.core.case import Case, EntryKind, JournalValue, Move, MoveState
from gateway.core.draft import Draft
from gateway.core.events import MoveEnded, MoveResult, TimeChosen
from gateway.core.evolve import evolve
from gateway.core.hours import local
from gateway.core.model import Answer, Function, Source, Status

OPEN_MOVES = frozenset({MoveState.STARTED, MoveState.UNKNOWN})
"""Moves that the schedule may have booked."""

MOVABLE = frozenset({Status.UNCONFIRMED, Status.CONFIRMED, Status.RESCHEDULE_REQUESTED})
"""Who has asked for another time may still choose one: it becomes a new booking (rule Z-8)."""


def why_not_move(case: Case, now: datetime, *, booking: int) -> str | None:
    """Return why no time can be chosen for a booking now, or None when one can."""
    if case.removed:
        return "removed"
    if booking != case.booking:
        return "moved"
    if now >= case.snapshot.start:
        return "begun"
    if case.status not in MOVABLE:
        return "status"
    return "moving" if open_move(case) is not None else None


def open_move(case: Case) -> Move | None:
    """Return the move of the present booking whose outcome is not known yet."""
    move = case.move
    if move is None or move.booking != case.booking or move.state not in OPEN_MOVES:
        return None
    return move


def is_open(case: Case, move_id: str) -> bool:
    """Tell whether this move still waits for the schedule's word."""
    move = open_move(case)
    return move is not None and move.id == move_id


def lease_end(case: Case) -> datetime | None:
    """Return when a move that was started counts as lost."""
    move = open_move(case)
    if move is None or move.state is not MoveState.STARTED:
        return None
    return move.at + policy.MOVE_LEASE


def time_chosen(draft: Draft, event: TimeChosen) -> None:
    """Commit the choice; one that cannot be made changes nothing."""
    case, now = draft.case, draft.now
    useless = event.start <= now or event.start == case.snapshot.start
    if useless or why_not_move(case, now, booking=event.booking) is not None:
        return
    _put(draft, Move(event.id, event.booking, event.start, now))


def move_ended(draft: Draft, event: MoveEnded) -> None:
    """Note what came of a move; a snapshot that came with it has been applied already."""
    move = open_move(draft.case)
    if move is None or move.id != event.move:
        return  # the snapshot has settled it
    if event.result in (MoveResult.UNKNOWN, MoveResult.BOOKED):
        # "Booked", but the visit is not at that time: that is not known either.
        _lost(draft, move)
        return
    _put(draft, evolve(move, state=MoveState.FAILED, why=event.result.value))
    if event.result is MoveResult.REFUSED:
        _wish(draft, move)


def moved(draft: Draft) -> bool:
    """The visit has just got another start; tell whether it is the one that the patient chose."""
    case, move = draft.case, draft.case.move
    if move is None or move.booking != case.booking - 1 or move.state not in OPEN_MOVES:
        return False
    by_patient = case.snapshot.start == move.start
    if by_patient:
        _put(draft, evolve(move, state=MoveState.BOOKED, why=""))
    else:
        _put(draft, evolve(move, state=MoveState.FAILED, why=MoveResult.CHANGED.value))
    return by_patient


def reconcile(draft: Draft) -> None:
    """Nobody has reported what came of a move: its process died (rule G-6)."""
    end = lease_end(draft.case)
    move = draft.case.move
    if move is not None and end is not None and draft.now >= end:
        _lost(draft, move)


def _lost(draft: Draft, move: Move) -> None:
    if move.state is MoveState.UNKNOWN:
        return
    _put(draft, evolve(move, state=MoveState.UNKNOWN))
    start = local(move.start, draft.branch.timezone).isoformat(timespec="minutes")
    draft.note(
        EntryKind.NEEDS_ATTENTION,
        {"why": attention.MOVE_UNKNOWN, "start": start},
        Function.CONFIRMATION,
    )
    _wish(draft, move)


def _wish(draft: Draft, move: Move) -> None:
    """The patient wants another time: the schedule is told which, unless it knows the wish."""
    case = draft.case
    answer, source = Answer.RESCHEDULE, Source.LINK
    if why_not(case, answer, source, draft.now, booking=move.booking, asked=True) is None:
        wanted = local(move.start, draft.branch.timezone).isoformat(timespec="minutes")
        raw = f"{answer.value} {wanted}"
        apply_answer(draft, answer, source, raw=raw, booking=move.booking, asked=True)


def _put(draft: Draft, move: Move) -> None:
    draft.case = evolve(draft.case, move=move)
    data: dict[str, JournalValue] = {
        "move": move.id,
        "state": move.state.value,
        "start": move.start.isoformat(),
    }
    if move.why:
        data["why"] = move.why
    draft.note(EntryKind.MOVE, data, booking=move.booking)
