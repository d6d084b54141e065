"""All cases of a window are met once, however they are spread, with few looks at the store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import Case
from gateway.core.clinic import Branch
from gateway.core.model import Appointment, Person
from gateway.ports.store import Commit, Write
from gateway.service import reports_cases
from gateway.service.reports_cases import (
    ALWAYS,
    cases_between,
    days_between,
    timelines_between,
    window_of,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Counted(MemoryStore):
    looks = 0
    largest = 0

    async def cases(
        self, clinic: str, branch: str, since: datetime, until: datetime, limit: int = 1000
    ) -> tuple[Case, ...]:
        self.looks += 1
        found = await super().cases(clinic, branch, since, until, limit)
        self.largest = max(self.largest, len(found))
        return found


async def store_with(*starts: datetime) -> Counted:
    store = Counted()
    for n, start in enumerate(starts):
        snapshot = Appointment(f"A-{n}", "b", start, NOW, Person("p"))
        case = Case("c", f"A-{n}", "b", snapshot, NOW, number=None)
        await store.commit(Commit("c", (Write(case, 0, None),)))
    return store


async def met(store: Counted, since: datetime, until: datetime) -> list[str]:
    return [case.id async for case in cases_between(store, "c", "b", since, until)]


async def test_every_case_is_met_once_and_in_order() -> None:
    starts = [NOW + timedelta(minutes=7 * n) for n in range(300)]
    store = await store_with(*starts)
    assert await met(store, *ALWAYS) == [f"A-{n}" for n in range(300)]
    assert store.looks == 1  # from 1970 to 9999


async def test_pages_follow_each_other_without_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_cases, "PAGE_MAX", 10)
    store = await store_with(*(NOW + timedelta(minutes=n) for n in range(100)))
    found = await met(store, NOW - timedelta(days=1), NOW + timedelta(days=1))
    assert found == [f"A-{n}" for n in range(100)]
    assert store.largest <= 10


async def test_visits_of_one_moment_are_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports_cases, "PAGE_MAX", 10)
    hour = timedelta(hours=1)
    store = await store_with(*[NOW] * 37, *[NOW + hour] * 10, NOW + 2 * hour)
    found = await met(store, *ALWAYS)
    assert sorted(found) == sorted(f"A-{n}" for n in range(48))
    assert found[-1] == "A-47"


async def test_the_end_of_a_window_is_outside() -> None:
    store = await store_with(NOW, NOW + timedelta(hours=1))
    assert await met(store, NOW, NOW + timedelta(hours=1)) == ["A-0"]


async def test_cases_come_with_their_timelines() -> None:
    store = await store_with(*(NOW + timedelta(minutes=n) for n in range(120)))
    found = [case.id async for case, log in timelines_between(store, "c", "b", *ALWAYS) if not log]
    assert len(found) == 120


def test_a_period_is_days_of_the_branch() -> None:
    branch = Branch("c", "b", "b", "Asia/Yekaterinburg", "b")
    day = date(2026, 11, 23)
    assert window_of(branch, day, day) == (
        datetime(2026, 11, 22, 19, tzinfo=UTC),
        datetime(2026, 11, 23, 19, tzinfo=UTC),
    )
    assert days_between(day, date(2026, 11, 25))[-1] == date(2026, 11, 25)
