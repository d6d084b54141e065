"""The part of the stores' contract about what all nodes share: duties, turns, pauses, lines."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from math import ceil

import pytest

from gateway.ports.store import EVERY_DUTY, Duty, Store
from tests.adapters.store.samples import (
    LEASE,
    NOW,
    Stores,
    call,
    case,
    message,
    one,
    put,
)

SECOND = timedelta(seconds=1)


class Shared:
    """Duties, turns and lines."""

    async def test_a_node_claims_its_duties_only(self, stores: Stores) -> None:
        store, _ = stores
        await put(store, one(case("A-1"), 0, None, message()))
        await put(store, one(case("A-2"), 0, None, call()))
        await put(store, one(case("A-3"), 0, NOW))
        partition = store.partition_of(case().clinic)
        seen: dict[str, list[str]] = {}
        for duty in (Duty.CALL, Duty.MESSAGE, Duty.DUE):
            keys = []
            for step in range(6):  # a grant is held back for a moment while others are due
                at = NOW + step * SECOND / 2
                claim = await store.claim(partition, at, 10, LEASE, frozenset({duty}))
                keys += [item.ref.key for item in claim.items]
            seen[duty.value] = keys
        assert seen == {"call": ["A-2"], "message": ["A-1"], "due": ["A-3"]}

    async def test_a_node_without_work_sleeps_until_its_own_next_moment(
        self, stores: Stores
    ) -> None:
        store, _ = stores
        await put(store, one(case("A-1"), 0, NOW + SECOND))
        partition = store.partition_of(case().clinic)
        phones = await store.claim(partition, NOW, 10, LEASE, frozenset({Duty.CALL}))
        assert (phones.items, phones.next_at) == ((), None)
        works = await store.claim(partition, NOW, 10, LEASE, frozenset({Duty.DUE, Duty.MESSAGE}))
        assert works.next_at == NOW + SECOND

    @pytest.mark.rule("H-7")
    async def test_turns_are_shared_by_all_nodes(self, stores: Stores) -> None:
        longest = timedelta(seconds=10)
        waits = [await node.take_turn("t", 2.0, NOW, longest) for node in (*stores, *stores)]
        assert waits == [SECOND * step / 2 for step in range(4)]
        assert await stores[0].take_turn("other", 2.0, NOW, longest) == timedelta()
        later = NOW + 60 * SECOND
        assert await stores[1].take_turn("t", 2.0, later, longest) == timedelta()

    async def test_a_turn_that_is_too_far_away_is_not_taken(self, stores: Stores) -> None:
        store, other = stores
        assert await store.take_turn("t", 0.5, NOW, SECOND) == timedelta()
        assert await other.take_turn("t", 0.5, NOW, SECOND) is None
        assert await store.take_turn("t", 0.5, NOW + SECOND, SECOND) == SECOND

    @pytest.mark.rule("H-7")
    @pytest.mark.parametrize("per_second", [80.0, 30.0, 2.5, 0.5])
    async def test_two_nodes_together_keep_to_a_senders_rate_and_use_it(
        self, stores: Stores, per_second: float
    ) -> None:
        taken: list[datetime] = []
        now, step = NOW, timedelta(seconds=0.21 / per_second)
        seconds = max(4.0, 8 / per_second)
        while now < NOW + seconds * SECOND:
            for node in stores:
                turns = await node.take_turns("wa", per_second, 50, now)
                assert turns.paused_until is None
                assert turns.wait > timedelta() or turns.taken == 50
                taken += [now] * turns.taken
            now += step
        window = SECOND * max(1.0, 1 / per_second)
        most = max(sum(at <= other < at + window for other in taken) for at in taken)
        assert most <= ceil(per_second)
        assert len(taken) >= 0.9 * per_second * seconds

    @pytest.mark.rule("H-7")
    async def test_what_was_held_up_is_caught_up_within_the_same_second(
        self, stores: Stores
    ) -> None:
        store, _ = stores
        first = await store.take_turns("wa", 80.0, 50, NOW)
        late = NOW + timedelta(milliseconds=50)
        second = await store.take_turns("wa", 80.0, 50, late)
        assert (first.taken, second.taken) == (1, 4)
        later = late + timedelta(milliseconds=900)
        assert (await store.take_turns("wa", 80.0, 50, later)).taken == 41
        idle = later + 2 * SECOND + timedelta(milliseconds=13)
        assert (await store.take_turns("wa", 80.0, 50, idle)).taken == 1
        assert first.wait == timedelta(milliseconds=12.5)

    async def test_the_wait_ends_when_the_next_turn_comes(self, stores: Stores) -> None:
        store, _ = stores
        now = NOW
        for _ in range(100):
            turns = await store.take_turns("wa", 30.0, 1, now)
            if not turns.taken:
                just_before = now + turns.wait - timedelta(milliseconds=1)
                assert (await store.take_turns("wa", 30.0, 1, just_before)).taken == 0
                now += turns.wait
                assert (await store.take_turns("wa", 30.0, 1, now)).taken == 1

    @pytest.mark.rule("H-7")
    async def test_turns_that_were_used_later_than_they_were_taken_count_from_then(
        self, stores: Stores
    ) -> None:
        store, other = stores
        assert (await store.take_turns("wa", 2.0, 1, NOW)).taken == 1
        assert (await store.take_turns("wa", 2.0, 1, NOW + SECOND / 2)).taken == 1
        await other.date_turns("wa", 2, NOW + SECOND)
        await other.date_turns("wa", 9, NOW)
        await other.date_turns("nobody", 9, NOW)
        turns = await store.take_turns("wa", 2.0, 2, NOW + 1.5 * SECOND)
        assert (turns.taken, turns.wait) == (0, SECOND * 0.51)

    async def test_senders_do_not_share_turns(self, stores: Stores) -> None:
        store, other = stores
        assert (await store.take_turns("one", 1.0, 9, NOW)).taken == 1
        assert (await other.take_turns("two", 1.0, 9, NOW)).taken == 1
        assert (await other.take_turns("one", 1.0, 9, NOW)).taken == 0

    async def test_a_sender_without_a_rate_has_a_turn_for_everybody(self, stores: Stores) -> None:
        turns = await stores[0].take_turns("sms", None, 500, NOW)
        assert (turns.taken, turns.wait, turns.paused_until) == (500, timedelta(), None)

    @pytest.mark.rule("H-2", "H-7")
    @pytest.mark.parametrize("per_second", [80.0, None])
    async def test_a_pause_holds_on_all_nodes_and_for_its_sender_only(
        self, stores: Stores, per_second: float | None
    ) -> None:
        store, other = stores
        until = await store.pause_sender("wa", NOW, 7 * SECOND)
        assert until == NOW + 7 * SECOND
        turns = await other.take_turns("wa", per_second, 5, NOW + SECOND)
        assert (turns.taken, turns.wait, turns.paused_until) == (0, 6 * SECOND, until)
        assert (await other.take_turns("sms", per_second, 5, NOW + SECOND)).taken >= 1
        assert (await other.take_turns("wa", per_second, 5, until)).taken >= 1

    @pytest.mark.rule("H-2")
    async def test_pauses_that_follow_each_other_grow(self, stores: Stores) -> None:
        now, lengths = NOW, []
        for number in range(4):
            until = await stores[number % 2].pause_sender("wa", now, timedelta())
            # Messages that were on their way when the pause began do not make it longer.
            assert await stores[0].pause_sender("wa", now + SECOND / 2, timedelta()) == until
            lengths.append(until - now)
            now = until + SECOND
        assert lengths == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]
        calm = now + timedelta(minutes=2)
        assert await stores[1].pause_sender("wa", calm, timedelta()) == calm + SECOND
        longer = await stores[0].pause_sender("wa", calm + SECOND / 2, 30 * SECOND)
        assert longer == calm + SECOND / 2 + 30 * SECOND

    @pytest.mark.rule("H-7", "Z-15")
    async def test_messages_of_a_branch_of_which_a_node_has_enough_keep_waiting(
        self, stores: Stores
    ) -> None:
        store, other = stores
        await put(store, one(case("A-1"), 0, None, message()))
        await put(store, one(case("A-2", branch="side"), 0, None, message()))
        await put(store, one(case("A-3"), 0, None, call()))
        partition = store.partition_of(case().clinic)
        sated = frozenset({(case().clinic, "main")})
        claim = await store.claim(partition, NOW, 10, LEASE, EVERY_DUTY, sated)
        assert {item.ref.key for item in claim.items} == {"A-2", "A-3"}
        again = await store.claim(partition, NOW, 10, LEASE, frozenset({Duty.MESSAGE}), sated)
        assert (again.items, again.next_at) == ((), None)
        rest = await other.claim(partition, NOW, 10, LEASE)
        assert [item.ref.key for item in rest.items] == ["A-1"]

    @pytest.mark.rule("H-7")
    async def test_no_more_lines_are_held_than_there_are(self, stores: Stores) -> None:
        until = NOW + LEASE
        asked = [
            stores[number % 2].take_line("t", f"call-{number}", 3, NOW, until)
            for number in range(8)
        ]
        assert sum(await asyncio.gather(*asked)) == 3

    async def test_a_line_is_free_again_when_its_call_ends_or_never_comes_back(
        self, stores: Stores
    ) -> None:
        store, other = stores
        assert await hold(store, "a")
        assert await hold(other, "a")  # the same call again
        assert not await hold(other, "b")
        await other.free_line("t", "a")
        await other.free_line("t", "nobody")
        assert await hold(store, "b")
        assert not await hold(other, "c")
        later = NOW + 2 * LEASE
        assert await other.take_line("t", "c", 1, later, later + LEASE)


async def hold(store: Store, holder: str) -> bool:
    return await store.take_line("t", holder, 1, NOW, NOW + LEASE)
