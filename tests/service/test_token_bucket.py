"""Senders' limits over several nodes: turns, pauses, and visits that change while they wait."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core import policy
from gateway.core.case import AttemptState, EntryKind
from gateway.core.events import Failure
from gateway.core.model import Channel, Status
from gateway.errors import StoreUnavailable
from gateway.ports.messaging import Scope, SenderLimits, SendError
from gateway.service import token_bucket
from gateway.service.supervisor import Supervisor
from gateway.service.token_bucket import Go, Held, TokenBuckets
from tests.service.support import (
    NOW,
    Channels,
    Node,
    appointment,
    case_ref,
    clinic,
    node,
    on_virtual_time,
    until,
)

TEN = SenderLimits("whatsapp:1", 10.0)
PLACE = ("zdorovie", "lenina")


def throttled(retry_after_s: int | None = None, scope: Scope = Scope.SENDER) -> SendError:
    return SendError(Failure.TEMPORARY, "130429", retry_after_s=retry_after_s, scope=scope)


def visit(number: int, **more: Any) -> Any:
    phone = f"+7916123{number:04}"
    return appointment(f"A-{number}", person={"id": f"P-{number}", "phones": [phone]}, **more)


class Bench:
    """One node's buckets, and when those who waited had their turn."""

    def __init__(self, store: MemoryStore, supervisor: Supervisor) -> None:
        self.clock = LoopClock(NOW, asyncio.get_running_loop().time)
        self.hungry: list[str] = []
        self.buckets = TokenBuckets(store, self.clock, supervisor.spawn, self.hungry.append)
        self.went: list[tuple[float, str]] = []
        self.held: list[Held] = []
        self.wanted = True
        self.looks = 0

    async def look(self) -> bool:
        self.looks += 1
        return self.wanted

    async def wait(
        self, name: str, limits: SenderLimits = TEN, *, first: bool = False, takes_s: float = 0.0
    ) -> None:
        async with self.buckets.turn(limits, PLACE, self.look, first=first) as answer:
            if isinstance(answer, Go):
                self.went.append(((self.clock.now() - NOW).total_seconds(), name))
                await self.clock.sleep(takes_s)
            else:
                self.held.append(answer)

    async def waits(self, count: int, **more: Any) -> None:
        await asyncio.gather(*(self.wait(f"m{number}", **more) for number in range(count)))


def most_in_a_second(moments: list[float]) -> int:
    return max(sum(at <= other < at + 1 for other in moments) for at in moments)


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_two_nodes_together_keep_to_the_senders_rate_and_use_it() -> None:
    store = MemoryStore()
    async with Supervisor() as supervisor:
        one, two = Bench(store, supervisor), Bench(store, supervisor)
        await asyncio.gather(one.waits(100), two.waits(100))
    moments = sorted(at for at, _ in one.went + two.went)
    assert len(moments) == 200
    assert most_in_a_second(moments) <= 10
    assert moments[-1] <= 19.9 * 1.02
    assert min(len(one.went), len(two.went)) == 100


@on_virtual_time
async def test_answers_to_patients_go_before_what_waits_already() -> None:
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        waiting = asyncio.gather(*(bench.wait(f"m{number}") for number in range(20)))
        await bench.clock.sleep(0.3)
        await bench.wait("answer", first=True)
        await waiting
    names = [name for _, name in bench.went]
    assert names.index("answer") < 10
    assert names[-1] == "m19"


@pytest.mark.rule("H-3")
@on_virtual_time
async def test_what_waited_is_looked_at_again_before_it_goes() -> None:
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        await bench.wait("at once")
        assert bench.looks == 0
        bench.wanted = False
        await bench.waits(9)
    assert max(at for at, _ in bench.went) < 0.3
    assert set(bench.held) == {Held(None)}
    assert len(bench.held) >= 6


@pytest.mark.rule("H-3")
@on_virtual_time
async def test_a_slow_senders_message_is_looked_at_when_its_turn_has_come() -> None:
    slow = SenderLimits("whatsapp:slow", 0.5)
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        await bench.wait("first", slow)
        waiting = asyncio.gather(bench.wait("second", slow))
        await bench.clock.sleep(1.5)
        bench.wanted = False
        await waiting
    assert (len(bench.went), bench.held) == (1, [Held(None)])


@on_virtual_time
async def test_a_node_says_when_it_has_enough_and_when_it_wants_more() -> None:
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        enough = round(10 * token_bucket.QUEUE_S)
        waiting = asyncio.gather(*(bench.wait("m") for _ in range(enough - 1)))
        await asyncio.sleep(0)
        assert bench.buckets.sated == frozenset()
        more = asyncio.gather(*(bench.wait("m") for _ in range(2)))
        await asyncio.sleep(0)
        assert bench.buckets.sated == {PLACE}
        assert bench.hungry == []
        await waiting
        await more
    assert bench.hungry == [PLACE[0]]
    assert bench.buckets.sated == frozenset()


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_nobody_waits_for_a_turn_that_comes_after_the_lease() -> None:
    slow = SenderLimits("whatsapp:slow", 0.5)
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        await bench.waits(100, limits=slow)
    assert len(bench.held) > 50
    assert {held.paused for held in bench.held} == {False}
    longest = max(at for at, _ in bench.went)
    assert timedelta(seconds=longest) < token_bucket.WAIT_MAX + timedelta(seconds=2)
    assert token_bucket.WAIT_MAX + timedelta(seconds=45) < policy.SEND_LEASE


@on_virtual_time
async def test_no_more_requests_are_open_than_there_are_connections() -> None:
    fast = SenderLimits("push", None)
    async with Supervisor() as supervisor:
        bench = Bench(MemoryStore(), supervisor)
        await bench.waits(2 * token_bucket.AT_ONCE_MAX, limits=fast, takes_s=1.0)
    moments = sorted(at for at, _ in bench.went)
    assert moments[token_bucket.AT_ONCE_MAX - 1] < 0.5 < moments[token_bucket.AT_ONCE_MAX]


@pytest.mark.rule("H-2", "H-7")
@on_virtual_time
async def test_a_short_pause_is_waited_for_on_all_nodes() -> None:
    store = MemoryStore()
    async with Supervisor() as supervisor:
        one, two = Bench(store, supervisor), Bench(store, supervisor)
        await one.buckets.pause(TEN, 5)
        await asyncio.gather(one.wait("one"), two.wait("two"))
    assert min(at for at, _ in one.went + two.went) >= 5
    assert one.held == two.held == []


@pytest.mark.rule("H-2", "H-7")
@on_virtual_time
async def test_a_long_pause_gives_messages_back_and_other_senders_go_on() -> None:
    store = MemoryStore()
    async with Supervisor() as supervisor:
        one, two = Bench(store, supervisor), Bench(store, supervisor)
        waiting = asyncio.gather(two.waits(15))
        await two.clock.sleep(0.5)
        await one.buckets.pause(TEN, 600)
        await asyncio.gather(waiting, one.wait("one"))
        await one.wait("sms", SenderLimits("sms:1", None))
    until_ = {held.until for held in one.held + two.held}
    assert until_ == {NOW + timedelta(seconds=600.5)}
    assert all(held.paused for held in one.held + two.held)
    assert len(two.went) + len(two.held) == 15
    assert [name for _, name in one.went] == ["sms"]


class Away(MemoryStore):
    """A store that does not answer for a while."""

    away = False

    async def take_turns(self, *arguments: Any) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        return await super().take_turns(*arguments)

    async def pause_sender(self, *arguments: Any) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        return await super().pause_sender(*arguments)


@pytest.mark.rule("G-6")
@on_virtual_time
async def test_a_store_that_is_away_lets_nothing_through_and_loses_nothing() -> None:
    store = Away()
    async with Supervisor() as supervisor:
        bench = Bench(store, supervisor)
        store.away = True
        waiting = asyncio.gather(bench.waits(5))
        await bench.clock.sleep(3.0)
        assert bench.went == []
        store.away = False
        await waiting
        assert len(bench.went) == 5
        store.away = True
        await bench.buckets.pause(TEN, 60)
        await bench.wait("late")
    assert [held.paused for held in bench.held] == [True]


class Slow(MemoryStore):
    """A store whose disk is slow now and then: what it has granted is known only later."""

    asked = 0

    async def take_turns(self, *arguments: Any) -> Any:
        turns = await super().take_turns(*arguments)
        self.asked += 1
        await asyncio.sleep(0.4 if self.asked % 7 == 0 else 0.001)
        return turns


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_a_store_that_answers_late_makes_no_second_too_full() -> None:
    async with Supervisor() as supervisor:
        bench = Bench(Slow(), supervisor)
        await bench.waits(150)
    assert most_in_a_second([at for at, _ in bench.went]) <= 10


# -- whole nodes


@pytest.mark.rule("H-7", "Z-15")
@on_virtual_time
async def test_two_gateways_send_at_the_senders_rate_in_order_of_visit_time() -> None:
    store, phone = MemoryStore(), Channels()
    phone.rate = TEN
    settings = clinic(per_minute=600)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(node(store, whatsapp=phone, settings=settings))
        two = await stack.enter_async_context(node(store, whatsapp=phone, clinic_known=True))
        await one.record(*(visit(number) for number in range(60)))
        one.start()
        two.start()
        await until(lambda: len(phone.sent) >= 60)
    assert most_in_a_second(phone.sent_at) <= 10
    assert phone.sent_at[59] - phone.sent_at[0] <= 5.9 * 1.05
    assert len({message.to for message in phone.sent}) == 60


async def waiting_behind(here: Node, count: int = 15) -> None:
    """Have a slow sender's messages wait; the last one's visit is A-<count - 1>."""
    here.whatsapp.rate = SenderLimits("whatsapp:1", 1.0)
    await here.record(*(visit(number) for number in range(count)))
    here.start()
    await until(lambda: bool(here.whatsapp.sent))


def last_started(cases: list[Any]) -> Any:
    started = [c for c in cases if c.attempts and c.attempts[-1].state is AttemptState.STARTED]
    return max(started, key=lambda case: int(case.id[2:]))


@pytest.mark.rule("H-3", "C-17")
@on_virtual_time
async def test_a_visit_that_is_cancelled_while_its_message_waits_is_not_asked_about() -> None:
    async with node() as here:
        await waiting_behind(here)
        case = last_started([await here.case(f"A-{number}") for number in range(15)])
        number = int(case.id[2:])
        await here.record(visit(number, status="cancelled"))
        await until(lambda: len(here.whatsapp.sent) == 14)
        await here.clock.sleep(5.0)
        assert case.number not in {message.to for message in here.whatsapp.sent}
        after = await here.case(case.id)
        assert after.status is Status.CANCELLED
        assert all(a.state is not AttemptState.STARTED for a in after.attempts)


@pytest.mark.rule("H-3", "Z-5")
@on_virtual_time
async def test_a_visit_that_moves_while_its_message_waits_is_asked_about_as_it_is_now() -> None:
    async with node() as here:
        await waiting_behind(here)
        case = last_started([await here.case(f"A-{number}") for number in range(15)])
        moved = case.snapshot.start + timedelta(hours=1)
        await here.record(visit(int(case.id[2:]), start=moved.isoformat()))
        await until(lambda: len(here.whatsapp.sent) == 15)
        (message,) = [m for m in here.whatsapp.sent if m.to == case.number]
        after = await here.case(case.id)
        assert after.booking == 2
        assert [a.tries for a in after.attempts if a.function is not None] == [1]
        assert "15:30" in message.content.text


@pytest.mark.rule("H-2", "Z-6")
@on_virtual_time
async def test_a_throttled_sender_pauses_and_its_messages_go_out_after_it() -> None:
    phone = Channels(Channel.WHATSAPP, throttled(90))
    phone.rate = TEN
    async with node(whatsapp=phone) as here:
        await here.record(*(visit(number) for number in range(5)))
        here.start()
        await until(lambda: len(phone.sent) >= 6, 300)
        rest = [at - phone.sent_at[0] for at in phone.sent_at[5:]]
        assert min(rest) >= 0
        again = [at for at in phone.sent_at if at - phone.sent_at[0] > 1]
        assert min(again) - phone.sent_at[0] >= 90
        assert here.sms.sent == []
        tries = [(await here.case(f"A-{number}")).attempts[0].tries for number in range(5)]
        assert sorted(tries) == [1, 1, 1, 1, 2]


@pytest.mark.rule("H-2", "Z-6")
@on_virtual_time
async def test_what_waits_for_a_paused_sender_is_handed_over_after_half_an_hour() -> None:
    phone = Channels(Channel.WHATSAPP, throttled(7200))
    phone.rate = SenderLimits("whatsapp:1", 1.0)
    async with node(whatsapp=phone) as here:
        await here.record(*(visit(number) for number in range(3)))
        here.start()
        await until(lambda: len(here.sms.sent) == 3, 3600)
        assert len(phone.sent) == 1
        for number in range(3):
            first, second = (await here.case(f"A-{number}")).attempts
            assert first.state is AttemptState.FAILED
            assert second.channel is Channel.SMS
            assert second.started_at is not None
            assert first.first_try_at is not None
            waited = second.started_at - first.first_try_at
            assert timedelta(minutes=29) <= waited <= timedelta(minutes=31)


@pytest.mark.rule("H-2")
@on_virtual_time
async def test_a_recipient_that_is_written_to_too_fast_holds_up_nobody_else() -> None:
    phone = Channels(Channel.WHATSAPP, throttled(6, Scope.RECIPIENT))
    phone.rate = TEN
    async with node(whatsapp=phone) as here:
        await here.record(*(visit(number) for number in range(5)))
        here.start()
        await until(lambda: len(phone.sent) == 5)
        assert phone.sent_at[4] - phone.sent_at[0] < 1.0


@pytest.mark.rule("G-6", "H-7")
@on_virtual_time
async def test_a_node_that_dies_while_messages_wait_frees_nothing_and_loses_nothing() -> None:
    store, phone = MemoryStore(), Channels()
    phone.rate = SenderLimits("whatsapp:1", 1.0)
    async with node(store, whatsapp=phone) as first:
        await first.record(*(visit(number) for number in range(10)))
        first.start()
        await until(lambda: len(phone.sent) == 3)
        first.service.workers.stop()
        first.supervisor.abandon()
    async with node(store, whatsapp=phone, clinic_known=True) as second:
        second.start()
        await until(lambda: len({message.to for message in phone.sent}) == 10, 900)
        await second.clock.sleep(120)
        entries = [
            entry
            for number in range(10)
            for entry in await store.timeline(case_ref(f"A-{number}"))
            if entry.kind is EntryKind.RECONCILE
        ]
    assert len(phone.sent) == 10
    assert most_in_a_second(phone.sent_at) <= 1
    assert entries
