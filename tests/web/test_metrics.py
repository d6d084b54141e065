"""Figures for Prometheus: they move, and none of them names a person."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from gateway.ports.store import Outcome, StoreFigures
from tests.web.support import NOW, NUMBER, Edge, appointment


async def figures(running: Edge) -> dict[tuple[str, tuple[str, ...]], float]:
    async with running.client.get("/metrics") as got:
        assert got.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await got.text()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_happens_is_counted(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.recorded(appointment("A-2", club=True))
    await web_edge.work()
    await web_edge.answered()
    web_edge.metrics.committed(Outcome.CONFLICT)
    found = await figures(web_edge)
    assert found["callahead_events_total", ("snapshot",)] == 2
    assert found["callahead_events_total", ("answer",)] == 1
    assert found["callahead_decisions_total", ()] >= 4
    assert found["callahead_commits_total", ("conflict",)] == 1
    assert found["callahead_effects_total", ("whatsapp", "accepted")] >= 1
    assert found["callahead_not_sent_total", ("details", "club")] == 1
    assert found["callahead_cases", ()] == 2
    assert found["callahead_due", ()] >= 1
    route = "/v1/clinics/{clinic}/appointments/{id}"
    assert found["callahead_request_seconds_count", ("PUT", route, "201")] == 2


async def test_the_store_adds_figures_of_its_own(web_edge: Edge) -> None:
    figures_of_store = StoreFigures(1, 2, 3, NOW - timedelta(seconds=90), {"memory_bytes": 7})

    async def told() -> StoreFigures:
        return replace(figures_of_store)

    web_edge.store.figures = told  # type: ignore[method-assign]
    found = await figures(web_edge)
    assert found["callahead_due_late_seconds", ()] == 90
    assert found["callahead_waiting", ()] == 3
    assert found["callahead_store_memory_bytes", ()] == 7


async def test_nothing_about_a_person_is_in_a_label(web_edge: Edge) -> None:
    await web_edge.recorded()
    await web_edge.work()
    await web_edge.answered()
    await web_edge.call("GET", "/v1/clinics/zdorovie/appointments/A-1")
    async with web_edge.client.get("/metrics") as got:
        text = await got.text()
    assert NUMBER[1:] not in text
    assert "A-1" not in text
    assert not re.search(r"[А-Яа-я]", text)
