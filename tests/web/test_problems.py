"""Errors as clients see them."""

from __future__ import annotations

import logging

import pytest

from adapters.store.memory_store import MemoryStore
from gateway.core.case import Case, Contact
from gateway.errors import StoreUnavailable
from tests.web.support import Edge, appointment, edge

PATH = "/v1/clinics/zdorovie/appointments/A-1"


class Faulty(MemoryStore):
    """Fails in one way or another when a case is read."""

    error: Exception = StoreUnavailable("redis://:secret@10.0.0.1 does not answer")

    async def load_case(self, clinic: str, appointment: str) -> tuple[Case | None, Contact | None]:
        raise self.error


async def test_while_the_store_is_down_a_client_is_told_to_come_back() -> None:
    async with edge(Faulty()) as running:
        status, problem = await running.put(appointment())
        assert status == 503
        assert int(running.headers["Retry-After"]) > 0
        assert "secret" not in str(problem)


async def test_a_fault_of_ours_tells_nothing_but_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = Faulty()
    store.error = ValueError("Сидорова")
    async with edge(store) as running:
        with caplog.at_level(logging.ERROR):
            status, problem = await running.put(appointment())
    assert status == 500
    assert problem["type"] == "about:blank"
    assert "Сидорова" not in str(problem)
    assert "Traceback" not in str(problem)
    assert "a request failed unexpectedly" in caplog.text


async def test_a_problem_has_the_members_of_the_standard(web_edge: Edge) -> None:
    status, problem = await web_edge.put(appointment(club=1))
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert web_edge.headers["Content-Type"] == "application/problem+json"
