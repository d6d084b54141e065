"""How fast appointments are rehearsed through their whole life, on one core.

    python bench/bench_rehearse.py --appointments 2000 --rounds 3

A week of one clinic with three branches: details, calls with and without an answer, fallback
messages, written replies, links, status changes, reminders, charges and write-offs. What is
printed are appointments a second and, since machines differ, their ratio to a baseline measured
in the same run: how often a second one appointment is written to JSON and read back.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.registry import memory_store
from gateway.ports.schema_scenario import Scenario, read_scenario
from gateway.rehearse import Line, run
from gateway.scripts import load_scripts, load_texts

TARGET_PER_S = 200
AIM_PER_S = 500
START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
DAYS = 7
BASELINE_S = 0.5
ZONES = ("Europe/Moscow", "Asia/Yekaterinburg", "Europe/Kaliningrad")
CALLS: tuple[dict[str, str], ...] = (
    {"result": "answered", "keys": "1"},
    {"result": "answered", "keys": "0 1"},
    {"result": "answered", "keys": "2"},
    {"result": "answered", "keys": "3"},
    {"result": "no_answer"},
    {"result": "busy"},
    {"result": "machine"},
)
REPLIES = ("1", "1", "1", "2", "3", "да", "спасибо")


def appointment(number: int, chance: random.Random) -> dict[str, Any]:
    """Return one visit of the week."""
    created = START + timedelta(minutes=chance.randrange(30, (DAYS - 3) * 24 * 60))
    start = created + timedelta(minutes=chance.randrange(2 * 24 * 60, 3 * 24 * 60))
    start = start.replace(hour=4 + start.hour % 12, minute=start.minute // 15 * 15)
    has_app = chance.random() < 0.2
    return {
        "id": f"A-{number}",
        "branch": f"b{number % len(ZONES)}",
        "start": start.isoformat(),
        "duration": "30m",
        "created": created.isoformat(),
        "doctor": {"name": "Петров Иван Сергеевич", "specialty": "терапевт"},
        "patient": {
            "id": f"P-{number}",
            "first_name": "Мария",
            "middle_name": "Ивановна",
            "last_name": "Сидорова",
            "phones": [phone(number)],
            "app": {"installed": has_app, "push": has_app},
        },
    }


def phone(number: int) -> str:
    return f"+7916{number:07d}"


def scenario_of(appointments: int, seed: int) -> tuple[str, list[dict[str, Any]]]:
    """Return the text of a scenario and its visits."""
    chance = random.Random(seed)
    visits = [appointment(number, chance) for number in range(appointments)]
    events: list[dict[str, Any]] = []
    patients: dict[str, Any] = {}
    for number, visit in enumerate(visits):
        events.append({"at": visit["created"], "appointment": visit})
        patients[phone(number)] = {
            "call": chance.choice(CALLS),
            "whatsapp": {"account": chance.random() < 0.8},
        }
        asked = datetime.fromisoformat(visit["start"]) - timedelta(hours=chance.randrange(14, 20))
        if chance.random() < 0.3:
            reply = {"from": phone(number), "text": chance.choice(REPLIES)}
            events.append({"at": asked.isoformat(), "reply": reply})
        elif chance.random() < 0.2:
            choice = {"appointment": visit["id"], "answer": chance.choice(("confirm", "cancel"))}
            events.append({"at": asked.isoformat(), "link": choice})
    events.sort(key=lambda event: datetime.fromisoformat(event["at"]))
    branches = [
        {"id": f"b{index}", "name": "Здоровье", "timezone": zone, "lines": 64, "per_minute": 600}
        for index, zone in enumerate(ZONES)
    ]
    document = {
        "start": START.isoformat(),
        "until": (START + timedelta(days=DAYS + 1)).isoformat(),
        "clinic": {"id": "bench", "name": "Здоровье", "branches": branches},
        "patients": patients,
        "events": events,
    }
    return json.dumps(document, ensure_ascii=False), visits


def timed(scenario: Scenario) -> tuple[float, list[Line]]:
    """Return the processor seconds of one rehearsal and its lines."""
    texts = load_texts()
    gc.collect()
    before = time.process_time()
    lines = run(scenario, memory_store, texts, load_scripts())
    return time.process_time() - before, lines


def baseline(visits: list[dict[str, Any]]) -> float:
    """Return how often a second one appointment is written to JSON and read back."""
    done, before = 0, time.process_time()
    while (spent := time.process_time() - before) < BASELINE_S:
        for visit in visits[:100]:
            json.loads(json.dumps(visit))
            done += 1
    return done / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--appointments", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    text, visits = scenario_of(options.appointments, options.seed)
    scenario = read_scenario(text, "bench")
    speeds, ratios = [], []
    lines: list[Line] = []
    for _ in range(options.rounds):
        round_trips = baseline(visits)
        seconds, lines = timed(scenario)
        speeds.append(options.appointments / seconds)
        ratios.append(speeds[-1] / round_trips)
    kinds = Counter(str(line["do"]) for line in lines)
    print(f"{options.appointments} appointments, {len(lines)} lines: {dict(kinds.most_common())}")
    print(
        f"appointments a second on one core: {statistics.median(speeds):.0f} "
        f"(rounds: {', '.join(f'{speed:.0f}' for speed in speeds)}; "
        f"target {TARGET_PER_S}, aim {AIM_PER_S})"
    )
    print(
        f"ratio to JSON round trips of one appointment: 1 : {1 / statistics.median(ratios):.0f} "
        f"({statistics.median(ratios):.5f})"
    )


if __name__ == "__main__":
    main()
