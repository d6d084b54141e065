"""The part of the stores' contract about what is shared by all nodes: duties, turns and lines."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from gateway.ports.store import Duty, Store
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
