"""The table of adapters: what there is and how it is built."""

from __future__ import annotations

from adapters.store.memory_store import MemoryStore
from gateway.ports.store import Store


def memory_store() -> Store:
    """Build the store of a rehearsal."""
    return MemoryStore()
