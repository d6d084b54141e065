"""The reports of a clinic, by name (rules Q-1 to Q-5).

Whoever asks gives days of the branches' own calendars, both included. `charges` and `work` are
about what happened on those days; `appointments`, `outcomes` and `suppressed` are about the
visits that start on them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.core.clinic import Branch, Clinic
from gateway.core.model import Channel, Function
from gateway.errors import InvalidInput, NotFound, Problem
from gateway.ports.store import Store
from gateway.service import reports_money, reports_visits
from gateway.service.reports_table import Query, Report

DAYS_MAX = 366
"""Longest period of one report: as long as everything is kept."""

_BOTH = frozenset({"function", "channel"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One report: who makes it, what it can be narrowed to, and its name for people."""

    make: Callable[[Store, Query], Awaitable[Report]]
    filters: frozenset[str]
    english: str


REPORTS: Mapping[str, Kind] = {
    "appointments": Kind(reports_visits.appointments, _BOTH, "Visits in support, and what ran"),
    "work": Kind(reports_money.work, _BOTH, "Amount of work by day and result"),
    "charges": Kind(reports_money.charges, _BOTH, "Every charge and reversal, with totals"),
    "outcomes": Kind(reports_visits.outcomes, frozenset({"channel"}), "What patients answered"),
    "suppressed": Kind(reports_visits.suppressed, frozenset({"function"}), "Why nothing was sent"),
}


async def report(store: Store, name: str, query: Query) -> Report:
    """Return a report; `name` is one of `REPORTS`."""
    return await REPORTS[name].make(store, query)


def query_of(
    name: str,
    clinic: Clinic,
    *,
    since: date,
    until: date,
    branch: str | None = None,
    function: str | None = None,
    channel: str | None = None,
) -> Query:
    """Check what is asked; raise `InvalidInput` naming the field, or `NotFound` for a branch."""
    if until < since:
        raise InvalidInput(Problem("to", "must not be before `from`"))
    if (until - since).days >= DAYS_MAX:
        raise InvalidInput(Problem("to", f"must be at most {DAYS_MAX} days from `from`"))
    for field, given in (("function", function), ("channel", channel)):
        if given is not None and field not in REPORTS[name].filters:
            raise InvalidInput(Problem(field, f"the report `{name}` has no such filter"))
    return Query(
        clinic,
        branches_of(clinic, branch),
        since,
        until,
        Function(_known("function", function, Function)) if function is not None else None,
        Channel(_known("channel", channel, Channel)) if channel is not None else None,
    )


def day_of(text: str) -> date:
    """Read a date as people write it in a query, YYYY-MM-DD; raise `ValueError`."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:  # weeks and dates without dashes are ISO 8601 too
        raise ValueError(text)
    return day


def branches_of(clinic: Clinic, branch: str | None) -> tuple[Branch, ...]:
    """Return the branch that was named, or all of them; raise `NotFound`."""
    if branch is None:
        return clinic.branches
    found = clinic.branch(branch)
    if found is None:
        raise NotFound(f"no branch {branch!r} in clinic {clinic.id!r}")
    return (found,)


def _known(field: str, given: str, words: type[Function] | type[Channel]) -> str:
    values = [word.value for word in words]
    if given not in values:
        raise InvalidInput(Problem(field, f"must be one of {', '.join(values)}"))
    return given
