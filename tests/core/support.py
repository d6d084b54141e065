"""Cases and numbers in the middle of things, and what is read off them."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.case import Attempt, AttemptState, Case, Contact, EntryKind, FunctionState
from tests.core.strategies import (
    CREATED,
    a_case,
    a_contact,
    a_push,
    an_attempt,
    to_number,
    told,
    wrote,
)

CLOSED = FunctionState(CREATED)


def with_attempt(*attempts: Attempt) -> Case:
    """Return a case of which only the confirmation is still open."""
    closed = FunctionState(CREATED)
    return a_case(attempts=attempts, attempts_made=len(attempts), details=closed, reminder=closed)


def started(**changes: object) -> Attempt:
    """Return a message that has just left."""
    return an_attempt(state=AttemptState.STARTED, provider_id=None, **changes)


def first(case: Case | Contact) -> Attempt:
    """Return the oldest attempt."""
    return case.attempts[0]


def charges(case: Case) -> list[str]:
    """Return the amounts that the last decision charged or reversed."""
    return [str(entry["amount"]) for entry in told(case, EntryKind.CHARGE)]


def pushed(**changes: object) -> Case:
    """Return a case with nothing open but a change for the schedule."""
    return a_case(
        pushes=(a_push(**changes),),
        pushes_made=1,
        details=CLOSED,
        confirmation=CLOSED,
        reminder=CLOSED,
    )


def opted_out() -> Contact:
    """Return a number that has just written «стоп»."""
    return to_number(a_contact(), wrote("стоп"))


def back(contact: Contact) -> Contact:
    """Return a contact as it is read back from a store."""
    return replace(contact, journal=(), wake=())
