"""Takes many appointments at once: the good ones are stored, each bad one is told by line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass

from gateway.errors import InvalidInput, NotFound, Problem
from gateway.ports.schema import read_appointment
from gateway.service.engine import Engine


@dataclass(frozen=True, slots=True)
class Row:
    """One appointment object and the line it stands on; `problem` when it could not be read."""

    line: int
    data: object
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of a row: `stored`, `unchanged` or `error` with its problems."""

    line: int
    id: str | None
    status: str
    problems: tuple[Problem, ...] = ()


async def import_rows(engine: Engine, clinic: str, rows: Iterable[Row]) -> AsyncIterator[Stored]:
    """Store the rows one after another; a bad row never stops the good ones."""
    seen: set[str] = set()
    for row in rows:
        yield await _import_row(engine, clinic, row, seen)


async def _import_row(engine: Engine, clinic: str, row: Row, seen: set[str]) -> Stored:
    named = row.data.get("id") if isinstance(row.data, Mapping) else None
    shown = named if isinstance(named, str) else None
    if row.problem is not None:
        return Stored(row.line, None, "error", (Problem("", row.problem),))
    try:
        appointment = read_appointment(row.data, consent_default=None)
    except InvalidInput as error:
        return Stored(row.line, shown, "error", error.problems)
    if appointment.id in seen:
        problem = Problem("id", "stands twice in this import")
        return Stored(row.line, appointment.id, "error", (problem,))
    seen.add(appointment.id)
    try:
        decided = await engine.snapshot(clinic, appointment)
    except NotFound as error:
        problem = Problem("branch", str(error))
        return Stored(row.line, appointment.id, "error", (problem,))
    return Stored(row.line, appointment.id, "stored" if decided.changed else "unchanged")
