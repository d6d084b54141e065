"""Status changes as a feed that the clinic reads and acknowledges (rule S-3)."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import StoreUnavailable
from gateway.ports.schedule import Change, Published, PushOutcome, Unavailable, change_document
from gateway.ports.store import Store


class FeedSchedule:
    """Puts changes into the clinic's feed, where a repeated one keeps its first place."""

    def __init__(self, store: Store, rang: Callable[[str], None] = lambda _: None) -> None:
        self._store = store
        self._rang = rang  # told the clinic: whoever waits for its feed need not poll

    async def push(self, change: Change) -> PushOutcome:
        """Publish one change; the clinic's acknowledgement comes later."""
        document = change_document(change, None)
        try:
            seq = await self._store.publish(change.ref, change.push, document)
        except StoreUnavailable:
            return Unavailable("store")
        self._rang(change.ref.clinic)
        return Published(seq)

    async def close(self) -> None:
        """Hold nothing: the store is closed by its owner."""
