"""Whatever is done to the memory store and to the Redis store, they answer the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from adapters.store.connection import Connection, parse_url
from adapters.store.embedded import EmbeddedServer
from adapters.store.memory_store import MemoryStore
from adapters.store.redis_store import RedisStore, open_store
from gateway.core.case import Contact
from gateway.ports.store import (
    Claim,
    ClinicRecord,
    Commit,
    Grant,
    Kind,
    Rates,
    Ref,
    Room,
    Store,
    Want,
    Work,
    Write,
)
from tests.adapters.store.samples import (
    BRANCH,
    CLINIC,
    DAY,
    LEASE,
    MINUTE,
    NOW,
    NUMBER,
    case,
    charge,
    contact,
    entry,
    write_off,
)

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

CASES = ["a1", "a2", "a3", "a4"]
BRANCHES = [BRANCH, "east"]
SPANS = [timedelta(0), timedelta(seconds=1), timedelta(seconds=29), MINUTE, 11 * MINUTE]

ids = st.sampled_from(CASES)
moments = st.sampled_from([None, timedelta(0), timedelta(seconds=-5), MINUTE, 30 * MINUTE])
wants = st.lists(
    st.builds(Want, st.sampled_from(Room), st.sampled_from([0.0, 1.5, 7.0])),
    max_size=2,
    unique_by=lambda want: want.room,
)


class Agreement(RuleBasedStateMachine):
    """The same steps on both stores."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = NOW
        self.versions: dict[str, int] = {}
        self.settings = 0
        self.grants: list[Grant] = []
        self.events = 0
        self.memory: Store = MemoryStore(partitions=2)
        self.redis: RedisStore = self.runner.run(self._open())

    async def _open(self) -> RedisStore:
        connection = Connection(parse_url(self.url))
        await connection.call("FLUSHALL")
        await connection.close()
        return await open_store(self.url, partitions=2)

    def teardown(self) -> None:
        self.runner.run(self.redis.close())
        self.runner.close()

    def both(self, step: Callable[[Store], Awaitable[Any]]) -> Any:
        async def run() -> tuple[Any, Any]:
            return await step(self.memory), await step(self.redis)

        mine, theirs = self.runner.run(run())
        assert mine == theirs
        return mine

    def commit(self, commit: Commit) -> None:
        if self.both(lambda store: store.commit(commit)) == "done":
            for write in commit.writes:
                key = write.document
                name = key.number if isinstance(key, Contact) else key.id
                self.versions[name] = write.expected + 1

    @rule(
        id_=ids,
        due=moments,
        wanted=wants,
        calling=st.booleans(),
        branch=st.sampled_from(BRANCHES),
        hours=st.integers(-3, 3),
        stale=st.sampled_from([0, 0, 0, 0, 1]),
        number=st.sampled_from([NUMBER, None]),
        refund=st.booleans(),
        seen=st.sampled_from([None, None, "e1", "e2"]),
    )
    def write_case(
        self,
        id_: str,
        due: timedelta | None,
        wanted: list[Want],
        calling: bool,
        branch: str,
        hours: int,
        stale: int,
        number: str | None,
        refund: bool,
        seen: str | None,
    ) -> None:
        self.events += 1
        document = case(
            id_,
            branch=branch,
            start=NOW + timedelta(hours=hours),
            number=number,
            journal=(entry(str(self.events)),),
        )
        write = Write(
            document,
            self.versions.get(id_, 0) + stale,
            self.now + due if due is not None else None,
            tuple(wanted),
            calling,
        )
        seen = f"{seen}-{self.events // 8}" if seen else None
        grant = self.grants.pop() if refund and self.grants else None
        self.commit(Commit(CLINIC, (write,), seen=seen, refund=grant))

    @rule(due=moments, wanted=wants, woken=st.lists(ids, max_size=2), after=moments)
    def write_contact(
        self,
        due: timedelta | None,
        wanted: list[Want],
        woken: list[str],
        after: timedelta | None,
    ) -> None:
        wake = tuple((id_, self.now + (after or MINUTE)) for id_ in woken)
        document = contact(visits=tuple(CASES), wake=wake)
        at = self.now + due if due is not None else None
        write = Write(document, self.versions.get(NUMBER, 0), at, tuple(wanted))
        self.commit(Commit(CLINIC, (write,)))

    @rule(id_=ids, day=st.integers(0, 2), due=st.integers(1, 3), result=st.sampled_from("xy"))
    def charge(self, id_: str, day: int, due: int, result: str) -> None:
        self.events += 1
        charged = charge(f"m{self.events}", DAY + timedelta(days=day), at=NOW + due * 20 * MINUTE)
        work = Work(BRANCH, charged.day, "details", "sms", result)
        write = Write(case(id_), self.versions.get(id_, 0), None)
        self.commit(Commit(CLINIC, (write,), charges=(charged,), work=(work,)))

    @rule(day=st.integers(0, 4), more=st.sampled_from([0, 0, 1]), due=moments)
    def write_off(self, day: int, more: int, due: timedelta | None) -> None:
        date = DAY + timedelta(days=day)
        count = len(self.both(lambda store: store.ledger(CLINIC, BRANCH, date)).charges)
        item = write_off(count + more, date)
        next_due = self.now + due if due is not None else None
        if count:
            self.both(lambda store: store.write_off(CLINIC, item, next_due))

    @rule(limit=st.integers(1, 6), span=st.sampled_from(SPANS))
    def claim(self, limit: int, span: timedelta) -> None:
        self.now += span
        partition = self.memory.partition_of(CLINIC)
        found: Claim = self.both(lambda store: store.claim(partition, self.now, limit, LEASE))
        self.grants.extend(item.grant for item in found.items if item.grant is not None)

    @rule(per_minute=st.integers(0, 3), lines=st.integers(0, 2), stale=st.sampled_from([0, 0, 1]))
    def change_settings(self, per_minute: int, lines: int, stale: int) -> None:
        record = ClinicRecord(CLINIC, self.settings + stale, {"n": self.settings}, {BRANCH: NOW})
        rates = {BRANCH: Rates(per_minute, lines)}
        if self.both(lambda store: store.save_clinic(record, rates)) == "done":
            self.settings += 1

    @rule(branch=st.sampled_from(BRANCHES))
    def wake_branch(self, branch: str) -> None:
        self.both(lambda store: store.wake_branch(CLINIC, branch, self.now))
        for id_ in CASES:
            found, _ = self.both(partial(_load, id_))
            if found is not None:
                self.versions[id_] = found.version

    @invariant()
    def they_hold_the_same(self) -> None:
        async def figures(store: Store) -> object:
            return replace(await store.figures(), extra={})

        self.both(figures)
        self.both(lambda store: store.load_contact(CLINIC, NUMBER))

    @invariant()
    def they_tell_the_same(self) -> None:
        since, until = DAY, DAY + timedelta(days=9)
        day = timedelta(days=1)
        self.both(lambda store: store.open_days(CLINIC, BRANCH))
        self.both(lambda store: store.work(CLINIC, BRANCH, since, until))
        self.both(lambda store: store.write_offs(CLINIC, BRANCH, since, until))
        self.both(lambda store: store.cases(CLINIC, BRANCH, NOW - day, NOW + day, 3))
        self.both(lambda store: store.timeline(Ref(Kind.CASE, CLINIC, "a1")))


async def _load(id_: str, store: Store) -> object:
    return await store.load_case(CLINIC, id_)


@pytest.fixture
def machine(server: EmbeddedServer) -> Iterator[type[Agreement]]:
    Agreement.url = server.url
    yield Agreement
    Agreement.url = ""


def test_memory_and_redis_agree(machine: type[Agreement]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
