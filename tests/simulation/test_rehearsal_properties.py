"""What holds in every rehearsal, over random small scenarios; and that it decides nothing."""

from __future__ import annotations

import ast
import inspect
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gateway.compose
import gateway.rehearse
from adapters.store.memory_store import MemoryStore
from gateway.core.case import Entry, EntryKind
from gateway.ports.schema_scenario import Scenario, read_scenario
from gateway.ports.store import Kind, Ref
from gateway.rehearse import Line, lines, run
from gateway.scripts import load_scripts, load_texts
from gateway.service import assembly
from tests.core.strategies import HOUR, zones

MESSAGES = {"push", "whatsapp", "max", "telegram", "sms"}
START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NUMBERS = ("+79161234567", "+79031112233", "+79261112233")
CALL_S = {"busy": 5, "rejected": 5, "unreachable": 5, "no_answer": 40, "machine": 10}
TEXTS = load_texts()
SCRIPTS = load_scripts()


@st.composite
def calls(draw: st.DrawFn) -> dict[str, str]:
    result = draw(st.sampled_from(("answered", "answered", *CALL_S)))
    keys = draw(st.lists(st.sampled_from(("0", "1", "2", "3", "9", "-", "hangup")), max_size=4))
    return (
        {"result": result, "keys": " ".join(keys)} if result == "answered" else {"result": result}
    )


@st.composite
def patients(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "call": draw(calls()),
        "whatsapp": {"account": draw(st.booleans())},
        "sms": {"delivered": draw(st.booleans())},
        "push": {"delivered": draw(st.booleans())},
    }


@st.composite
def appointments(draw: st.DrawFn, number: int) -> dict[str, Any]:
    start = START + timedelta(minutes=15 * draw(st.integers(8, 300)))
    has_app = draw(st.booleans())
    return {
        "id": f"A-{number}",
        "branch": draw(st.sampled_from(("one", "two"))),
        "start": start.isoformat(),
        "created": (START - draw(st.sampled_from((-1, 1, 24, 72))) * HOUR).isoformat(),
        "patient": {
            "id": f"P-{number}",
            "first_name": "Мария",
            "phones": [draw(st.sampled_from(NUMBERS))],
            "app": {"installed": has_app, "push": has_app},
        },
    }


@st.composite
def later(draw: st.DrawFn, visits: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw something that happens after the visits have appeared."""
    at = START + timedelta(minutes=draw(st.integers(130, 60 * 70)))
    visit = draw(st.sampled_from(visits))
    answer = draw(st.sampled_from(("confirm", "reschedule", "cancel")))
    moved = (datetime.fromisoformat(visit["start"]) + 24 * HOUR).isoformat()
    until = (at + 2 * HOUR).isoformat()
    happened: list[dict[str, Any]] = [
        {"reply": {"from": visit["patient"]["phones"][0], "text": draw(st.sampled_from("1230?"))}},
        {"reply": {"from": NUMBERS[2], "text": draw(st.sampled_from(("стоп", "да")))}},
        {"link": {"appointment": visit["id"], "answer": answer}},
        {"app": {"appointment": visit["id"], "answer": answer}},
        {"appointment": visit | {"start": moved}},
        {"down": {"until": until}},
        {"schedule_down": {"until": until}},
        {"channel_down": {"channel": draw(st.sampled_from(("call", "whatsapp"))), "until": until}},
    ]
    return {"at": at.isoformat()} | draw(st.sampled_from(happened))


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    visits = [draw(appointments(number)) for number in range(draw(st.integers(1, 8)))]
    seen = [
        {"at": max(START, datetime.fromisoformat(v["created"])).isoformat(), "appointment": v}
        for v in visits
    ]
    events = [*seen, *draw(st.lists(later(visits), max_size=6))]
    events.sort(key=lambda event: datetime.fromisoformat(event["at"]))
    branch = {
        "per_minute": draw(st.sampled_from((1, 2, 60))),
        "lines": draw(st.sampled_from((1, 2))),
        "functions": {"confirmation": {"call_attempts": draw(st.integers(1, 2))}},
    }
    document = {
        "start": START.isoformat(),
        "until": (START + timedelta(days=6)).isoformat(),
        "clinic": {
            "id": "zdorovie",
            "name": "Здоровье",
            "branches": [
                {"id": name, "name": "Здоровье", "timezone": draw(zones), **branch}
                for name in ("one", "two")
            ],
        },
        "patients": {number: draw(patients()) for number in NUMBERS},
        "events": events,
    }
    return read_scenario(json.dumps(document), "random")


BOUNDED = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def at(line: Line) -> datetime:
    return datetime.fromisoformat(str(line["at"]))


def rehearsed(scenario: Scenario) -> list[Line]:
    return run(scenario, MemoryStore, TEXTS, SCRIPTS)


def branch_of(scenario: Scenario, line: Line) -> str:
    """Return the branch of a line's visit (no scenario here moves a visit to another)."""
    events = [e.appointment for e in scenario.events if hasattr(e, "appointment")]
    for visit in events:
        if not isinstance(visit, str) and visit.id == line["appointment"]:
            return visit.branch
    return scenario.clinic.branches[0].id


def length_of(line: Line) -> timedelta:
    """Return a span that the call cannot have undercut."""
    return timedelta(seconds=CALL_S.get(str(line["result"]), 20))


@pytest.mark.rule("V-2")
@given(scenarios())
@BOUNDED
def test_lines_come_in_order(scenario: Scenario) -> None:
    assert all(at(a) <= at(b) for a, b in pairwise(rehearsed(scenario)))


@pytest.mark.rule("G-6")
@given(scenarios())
@BOUNDED
def test_the_same_scenario_comes_out_the_same(scenario: Scenario) -> None:
    assert rehearsed(scenario) == rehearsed(scenario)


@pytest.mark.rule("Z-15", "H-7")
@given(scenarios())
@BOUNDED
def test_no_minute_holds_more_messages_than_the_branch_allows(scenario: Scenario) -> None:
    sent: defaultdict[str, list[datetime]] = defaultdict(list)
    for line in rehearsed(scenario):
        if line["do"] in MESSAGES:
            sent[branch_of(scenario, line)].append(at(line))
    for branch in scenario.clinic.branches:
        moments = sent[branch.id]
        for first, over in zip(moments, moments[branch.per_minute :], strict=False):
            assert over - first >= timedelta(seconds=60)


@pytest.mark.rule("Z-15", "C-5", "Z-13")
@given(scenarios())
@BOUNDED
def test_calls_keep_to_the_lines_and_to_the_gap(scenario: Scenario) -> None:
    calls_made = [line for line in rehearsed(scenario) if line["do"] == "call"]
    for branch in scenario.clinic.branches:
        here = [line for line in calls_made if branch_of(scenario, line) == branch.id]
        for line in here:
            going = [c for c in here if at(c) <= at(line) < at(c) + length_of(c)]
            assert len(going) <= branch.lines
    for number in NUMBERS:
        to_number = [line for line in calls_made if line["to"] == number]
        for before, after in pairwise(to_number):
            assert at(after) - at(before) >= length_of(before) + timedelta(minutes=2)


@pytest.mark.rule("T-4", "Q-3", "Z-14", "G-8")
@given(scenarios())
@BOUNDED
def test_write_offs_are_the_sums_of_the_charges(scenario: Scenario) -> None:
    came = rehearsed(scenario)
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in came:
        if line["do"] == "charge":
            day = (branch_of(scenario, line), at(line).date().isoformat())
            sums[day] += Decimal(str(line["amount"]))
            counts[day] += 1
    written = {}
    for line in came:
        if line["do"] == "write_off":
            day = (str(line["branch"]), str(line["day"]))
            assert day not in written
            written[day] = (Decimal(str(line["amount"])), line["charges"])
    assert written == {day: (sums[day], counts[day]) for day in counts}


# A rehearsal has no path of its own on which anything could be decided


FOLDER = Path(gateway.rehearse.__file__).parent
DECIDING = {"decide", "plan", "cascade", "answers", "sending", "suppression", "moments", "draft"}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.stem)
def test_a_rehearsal_imports_nothing_that_decides(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            named = [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
        for name in named:
            assert not (name.startswith("gateway.core.") and name.split(".")[2] in DECIDING), name


def test_a_rehearsal_is_put_together_like_the_gateway() -> None:
    assert gateway.rehearse.assemble is assembly.assemble  # type: ignore[attr-defined]
    assert vars(gateway.compose)["assemble"] is assembly.assemble
    for user in (gateway.rehearse.play, gateway.compose):
        assert "assemble(" in inspect.getsource(user)


TOLD_OF = {kind.value for kind in lines._FIELDS} | {"call", "write_off"} | MESSAGES


@given(scenario=scenarios())
@BOUNDED
def test_every_line_comes_from_the_journal_of_a_commit(scenario: Scenario) -> None:
    """What is printed are the timelines of the store, and nothing besides."""
    stores: list[MemoryStore] = []

    def make_store() -> MemoryStore:
        stores.append(MemoryStore())
        return stores[0]

    came = run(scenario, make_store, TEXTS, SCRIPTS)
    again = lines.Lines(scenario)
    branches = {line["appointment"]: branch_of(scenario, line) for line in came}
    entries: list[tuple[Ref, str, Entry]] = []
    for name, timeline in stores[0]._partitions[0].timelines.items():
        kind, _, key = name.split(":", 2)
        ref = Ref(Kind(kind), scenario.clinic.id, key)
        branch = branches.get(key, scenario.clinic.branches[0].id)
        entries.extend((ref, branch, entry) for entry in timeline)
    for ref, branch, entry in sorted(entries, key=lambda item: item[2].at):
        again.observe(ref, branch, (entry,))
    expected = [line for line in came if line["do"] != "write_off"]

    def shown(found: list[Line]) -> list[str]:
        return sorted(json.dumps(line, sort_keys=True) for line in found)

    assert shown(again.ordered()) == shown(expected)
    assert {str(line["do"]) for line in came} <= TOLD_OF
    assert EntryKind.CHARGE.value in TOLD_OF
