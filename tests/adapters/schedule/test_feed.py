"""Changes for clinics that fetch them stand in the store's feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from adapters.schedule.feed import FeedSchedule
from gateway.errors import StoreUnavailable
from gateway.ports.schedule import Published, Unavailable
from gateway.ports.store import Ref, Store
from tests.adapters.schedule.test_webhook import CHANGE, NOTICE


class Feed:
    """The part of the store that publishes: once per change, with a number of its own."""

    def __init__(self) -> None:
        self.items: dict[tuple[Ref, str], Mapping[str, object]] = {}
        self.down = False

    async def publish(self, ref: Ref, push: str, document: Mapping[str, object]) -> int:
        if self.down:
            raise StoreUnavailable("no answer")
        self.items.setdefault((ref, push), document)
        return list(self.items).index((ref, push)) + 1


@pytest.mark.rule("S-3", "G-6")
async def test_a_change_stands_in_the_feed_once() -> None:
    feed = Feed()
    schedule = FeedSchedule(cast(Store, feed))
    assert await schedule.push(CHANGE) == Published(1)
    assert await schedule.push(NOTICE) == Published(2)
    assert await schedule.push(CHANGE) == Published(1)
    documents: list[Any] = list(feed.items.values())
    assert [document["kind"] for document in documents] == ["status", "notifications"]
    assert documents[0]["to"] == "confirmed"
    await schedule.close()


@pytest.mark.rule("S-3")
async def test_a_store_that_does_not_answer_is_asked_again_later() -> None:
    feed = Feed()
    feed.down = True
    assert await FeedSchedule(cast(Store, feed)).push(CHANGE) == Unavailable("store")
