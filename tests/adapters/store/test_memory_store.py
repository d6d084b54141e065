"""The memory store keeps the contract."""

from __future__ import annotations

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.ports.store import Store
from tests.adapters.store.samples import (
    NOW,
    Stores,
    case,
    claimed,
    entry,
    message,
    one,
    put,
    ref,
)
from tests.contracts.store_conformance import StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def stores(self) -> Stores:
        store = MemoryStore(partitions=4)
        return store, store


async def test_timelines_can_be_left_out() -> None:
    store: Store = MemoryStore(keep_timelines=False)
    await put(store, one(case(journal=(entry("x"),))))
    assert await store.timeline(ref()) == ()
    await store.close()


async def test_queues_stay_small_however_often_entries_move() -> None:
    store = MemoryStore()
    await put(store, one(case(), 0, NOW, message(1)))
    for n in range(1, 3000):
        await put(store, one(case(), n, NOW.replace(microsecond=n), message(n)))
    (partition,) = store._partitions
    (room,) = partition.rooms._rooms.values()
    assert len(partition._due) < 1100
    assert len(room.heap) < 100
    assert await claimed(store, NOW.replace(microsecond=2999)) == ["a1"]
    assert await claimed(store, NOW.replace(microsecond=2999)) == ["a1"]
