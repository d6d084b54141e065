"""A private server for each module that needs one, and empty stores in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.store_conformance",
    "tests.adapters.store.conformance_limits",
    "tests.adapters.store.conformance_records",
    "tests.adapters.store.samples",
)

from adapters.store.connection import Connection, parse_url  # noqa: E402
from adapters.store.embedded import EmbeddedServer, open_embedded  # noqa: E402
from adapters.store.redis_store import RedisStore, open_store  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A running server of our own."""
    with asyncio.Runner() as runner:
        opened = runner.run(open_embedded(tmp_path_factory.mktemp("store")))
        assert isinstance(opened, EmbeddedServer)
        yield opened
        runner.run(opened.close())


@pytest.fixture
async def raw(server: EmbeddedServer) -> AsyncIterator[Connection]:
    """A plain connection to the server, which is empty."""
    connection = Connection(parse_url(server.url))
    await connection.call("FLUSHALL")
    yield connection
    await connection.close()


@pytest.fixture
async def stores(
    server: EmbeddedServer, raw: Connection
) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
    """Two clients of the empty store."""
    first, second = await open_store(server.url, partitions=4), await open_store(server.url)
    yield first, second
    await first.close()
    await second.close()


@pytest.fixture
def store(stores: tuple[RedisStore, RedisStore]) -> RedisStore:
    """One client of the empty store."""
    return stores[0]
