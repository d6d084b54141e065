"""Which trunk takes a call, and what is told when none does."""

from __future__ import annotations

import asyncio

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.clock import LoopClock
from gateway.core.case import AttemptState
from gateway.core.model import CallResult
from gateway.ports.telephony import CallOrder, Limits, NotAnswered, NotPlaced
from gateway.service import fail_over as fail_over_module
from gateway.service.fail_over import fail_over
from tests.service.support import (
    NOW,
    Node,
    ScriptedLine,
    Trunk,
    appointment,
    by_call,
    node,
    on_virtual_time,
    until,
)


class Named(Trunk):
    """A trunk with a name and lines of its own; a dead one places no call."""

    def __init__(
        self, name: str, lines: int = 1000, *, dead: str = "", rests: bool = False
    ) -> None:
        super().__init__()
        self.name, self.lines, self.dead, self.rests = name, lines, dead, rests
        self.takes_s = 0.0

    def limits(self, clinic: str, branch: str) -> Limits:
        return Limits(self.name, self.lines, 1000.0)

    async def dial(self, order: CallOrder) -> ScriptedLine:
        await asyncio.sleep(self.takes_s)
        if self.dead:
            self.dialled.append(order)
            raise NotPlaced(self.dead)
        return await super().dial(order)


async def tried(*trunks: Trunk) -> list[str]:
    """Return the names of the trunks that a call was offered to, the last one took it."""
    names: list[str] = []

    async def place(trunk: object) -> None:
        assert isinstance(trunk, Named)
        names.append(trunk.name)
        if trunk.dead:
            raise NotPlaced(trunk.dead)

    await fail_over(trunks, place, clock())
    return names


def clock() -> LoopClock:
    return LoopClock(NOW, asyncio.get_running_loop().time)


async def told(*errors: NotPlaced) -> Exception:
    """Return what is told when every trunk refuses in its way."""
    left = iter(errors)

    async def place(_: object) -> None:
        raise next(left)

    with pytest.raises((NotPlaced, NotAnswered)) as raised:
        await fail_over([Trunk() for _ in errors], place, clock())
    return raised.value


@on_virtual_time
async def test_the_first_that_works_takes_the_call_and_those_that_rest_come_last() -> None:
    assert await tried(Named("a"), Named("b")) == ["a"]
    assert await tried(Named("a", dead="trunk_fails"), Named("b"), Named("c")) == ["a", "b"]
    resting = Named("a", rests=True)
    assert await tried(resting, Named("b")) == ["b"]
    assert await tried(resting, Named("b", dead="no_line")) == ["b", "a"]


@on_virtual_time
async def test_what_tells_most_is_told() -> None:
    full, fails = NotPlaced("no_line"), NotPlaced("trunk_fails")
    unpaid = NotPlaced("payment_required", alert=True)
    assert await told(full, fails, unpaid, NotPlaced("trunk_timeout")) is unpaid
    assert await told(full, fails, NotPlaced("trunk_timeout")) is fails
    assert await told(full, NotPlaced("no_turn")) is full
    assert str(await told()) == "no_trunk"


@pytest.mark.rule("C-6")
@on_virtual_time
async def test_a_number_that_a_working_trunk_refuses_is_out_of_reach() -> None:
    refused, dead = NotPlaced("trunk_fails", of_number=True), NotPlaced("trunk_timeout")
    for errors in ([refused], [dead, refused], [refused, dead]):
        outcome = await told(*errors)
        assert isinstance(outcome, NotAnswered)
        assert (outcome.result, outcome.code) == (CallResult.UNREACHABLE, "trunk_fails")
    assert isinstance(await told(refused, NotPlaced("no_line")), NotPlaced)  # a line gets free


@pytest.mark.parametrize("code", ["changed", "no_store"])
def test_what_is_not_about_the_trunk_ends_the_search(code: str) -> None:
    @on_virtual_time
    async def check() -> None:
        assert str(await told(NotPlaced(code), NotPlaced("trunk_fails", alert=True))) == code

    check()


@on_virtual_time
async def test_the_search_ends_before_the_calls_lease_is_used_up() -> None:
    trunks = [Named(str(number)) for number in range(9)]
    asked: list[object] = []
    time = clock()

    async def place(trunk: object) -> None:
        asked.append(trunk)
        await time.sleep(fail_over_module.FAIL_OVER_FOR.total_seconds() / 2)
        raise NotPlaced("trunk_timeout")

    with pytest.raises(NotPlaced):
        await fail_over(trunks, place, time)
    assert len(asked) == 2


@pytest.mark.rule("H-7", "C-6")
@on_virtual_time
async def test_over_all_nodes_a_call_counts_on_the_trunk_that_carries_it() -> None:
    """The first trunk is dead; the spare one has two lines, whichever node dials."""
    store = MemoryStore()
    dead = [Named("first", dead="trunk_timeout") for _ in range(2)]
    spare = [Named("spare", lines=2) for _ in range(2)]
    for one in spare:
        one.rings_s = 60.0
    async with (
        node(store, settings=by_call(), trunks=(dead[0], spare[0])) as here,
        node(store, trunks=(dead[1], spare[1]), clinic_known=True) as there,
    ):
        phones = [f"+7916555020{number}" for number in range(6)]
        await here.record(*(appointment(f"A-{n}", phones=[p]) for n, p in enumerate(phones)))
        busiest = 0
        here.start()
        there.start()
        for _ in range(600):
            await here.clock.sleep(1)
            busiest = max(busiest, spare[0].busy + spare[1].busy)
        assert busiest == 2
        assert len(spare[0].dialled) + len(spare[1].dialled) == len(phones)
        assert spare[0].dialled
        assert spare[1].dialled
        for number in range(len(phones)):
            (call,) = [a for a in (await here.case(f"A-{number}")).attempts if a.is_call]
            assert (call.state, call.result) == (AttemptState.ENDED, CallResult.NO_ANSWER_KEY)


@pytest.mark.rule("C-6", "Z-6")
@pytest.mark.parametrize(
    ("of_number", "calls", "messages"), [(True, 1, 1), (False, 2, 0)], ids=["number", "trunk"]
)
def test_a_refused_number_gets_the_message_and_a_trunk_that_fails_is_waited_for(
    of_number: bool, calls: int, messages: int
) -> None:
    @on_virtual_time
    async def check() -> None:
        trunk = Trunk(*[NotPlaced("trunk_fails", of_number=of_number)] * 9)
        async with node(settings=by_call(), trunk=trunk) as here:
            await here.record()
            here.start()
            await here.clock.sleep(50)
            assert len(trunk.dialled) == calls
            assert len(here.whatsapp.sent) == messages

    check()


@pytest.mark.rule("H-7")
@on_virtual_time
async def test_a_trunk_that_failed_holds_no_line() -> None:
    """Else a dead trunk with one line would look full when it works again."""
    first, spare = Named("first", lines=1, dead="trunk_fails"), Named("spare")
    spare.rings_s = 100.0

    async with node(settings=by_call(), trunks=(first, spare)) as here:
        await placed(here, spare, "A-1", "+79165550201")
        first.dead = ""
        await placed(here, first, "A-2", "+79165550202")


async def placed(here: Node, trunk: Trunk, visit: str, number: str) -> None:
    """Record a visit and wait until its call is dialled over a trunk."""
    await here.record(appointment(visit, phones=[number]))
    if visit == "A-1":
        here.start()
    await until(lambda: number in [order.to for order in trunk.dialled], 30)
