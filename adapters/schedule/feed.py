"""Status changes as a feed that the clinic reads and acknowledges (rule S-3)."""

from __future__ import annotations

from gateway.errors import StoreUnavailable
from gateway.ports.schedule import Change, Published, PushOutcome, Unavailable, change_document
from gateway.ports.store import Store


class FeedSchedule:
    """Puts changes into the clinic's feed, where a repeated one keeps its first place."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def push(self, change: Change) -> PushOutcome:
        """Publish one change; the clinic's acknowledgement comes later."""
        document = change_document(change, None)
        try:
            return Published(await self._store.publish(change.ref, change.push, document))
        except StoreUnavailable:
            return Unavailable("store")

    async def close(self) -> None:
        """Hold nothing: the store is closed by its owner."""
