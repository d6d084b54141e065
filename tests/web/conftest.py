"""The edge that most tests of this folder talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.support import Edge, edge


@pytest.fixture
async def web_edge() -> AsyncIterator[Edge]:
    async with edge() as running:
        yield running
