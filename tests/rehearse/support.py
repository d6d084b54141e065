"""Short scenarios: a clinic, one visit, and what a test adds."""

from __future__ import annotations

import json
from typing import Any

from adapters.store.memory_store import MemoryStore
from gateway import rehearse
from gateway.ports.schema_scenario import Scenario, read_scenario
from gateway.scripts import load_scripts, load_texts

NUMBER = "+79161234567"


def visit(appointment_id: str = "A-1", **more: Any) -> dict[str, Any]:
    return {
        "id": appointment_id,
        "branch": "lenina",
        "start": "2026-11-24T14:30:00+05:00",
        "created": "2026-11-20T12:00:00+05:00",
        "patient": {"id": "P-1", "first_name": "Мария", "phones": [NUMBER]},
        **more,
    }


def scenario(
    *events: dict[str, Any],
    branch: dict[str, Any] | None = None,
    patients: dict[str, Any] | None = None,
    start: str = "2026-11-23T08:00:00+05:00",
    until: str = "2026-11-24T20:00:00+05:00",
) -> Scenario:
    document = {
        "start": start,
        "until": until,
        "clinic": {
            "id": "zdorovie",
            "name": "Здоровье",
            "branches": [
                {
                    "id": "lenina",
                    "name": "Здоровье",
                    "timezone": "Asia/Yekaterinburg",
                    "phone": "+73433000000",
                    "functions": {"confirmation": {"method": "message"}},
                    "channels": ["whatsapp", "sms"],
                    **(branch or {}),
                }
            ],
        },
        "patients": patients or {},
        "events": [{"at": "2026-11-20T12:00:00+05:00", "appointment": visit()}, *events],
    }
    return read_scenario(json.dumps(document), "scenario")


def rehearsed(*events: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Play a scenario and return its lines."""
    lines = rehearse.run(scenario(*events, **more), MemoryStore, load_texts(), load_scripts())
    return [dict(line) for line in lines]


def at(clock: str, day: int = 23) -> str:
    return f"2026-11-{day}T{clock}:00+05:00"


def of(lines: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["do"] in kinds]
