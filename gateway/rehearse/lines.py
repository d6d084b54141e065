"""The lines of a rehearsal, made from committed timeline entries (docs/rehearsal.md).

A message or call is one line with its last known result, so lines are put in order at the end.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TypeAlias

from gateway.core.case import Entry, EntryKind
from gateway.core.clinic import Clinic
from gateway.core.hours import zone
from gateway.ports.schema_scenario import Scenario
from gateway.ports.store import Kind, Ref, WriteOff

Line: TypeAlias = dict[str, object]

_RESULT_OF_STATE = {
    "accepted": "accepted",
    "delivered": "delivered",
    "read": "delivered",
    "failed": "failed",
    "planned": "failed",  # a try that failed and is waiting to be repeated
}


class Lines:
    """Collects lines while a rehearsal runs."""

    def __init__(self, scenario: Scenario) -> None:
        self.retime(scenario.clinic)
        self._lines: list[tuple[datetime, Line]] = []
        self._messages: dict[tuple[Ref, str], int] = {}
        self._answers: dict[tuple[Ref, str, str], Line] = {}
        self._calls: Counter[tuple[Ref, int]] = Counter()

    def retime(self, clinic: Clinic) -> None:
        """Show later lines in the zones that the branches have now."""
        self._zones = {b.id: b.timezone for b in clinic.branches}
        self._first_zone = clinic.branches[0].timezone

    def observe(self, ref: Ref, branch: str, entries: tuple[Entry, ...]) -> None:
        """Take the journal of one commit."""
        for entry in entries:
            if entry.kind is EntryKind.MESSAGE:
                self._message(ref, branch, entry)
            elif entry.kind is EntryKind.CALL:
                self._call(ref, branch, entry)
            else:
                self._other(ref, branch, entry)

    def observe_write_off(self, clinic: str, write_off: WriteOff) -> None:
        """Take a daily write-off."""
        line: Line = {
            "at": self._shown(write_off.at, self._first_zone),
            "appointment": None,
            "function": None,
            "do": "write_off",
            "branch": write_off.branch,
            "day": write_off.day.isoformat(),
            "amount": str(write_off.amount),
            "charges": write_off.charges,
        }
        self._lines.append((write_off.at, line))

    def ordered(self) -> list[Line]:
        """Return all lines in the order of `at`."""
        self._lines.sort(key=lambda pair: pair[0])
        return [line for _, line in self._lines if line.get("result", "") is not None]

    def _shown(self, at: datetime, zone_name: str) -> str:
        return at.astimezone(zone(zone_name)).isoformat(timespec="seconds")

    def _start(self, ref: Ref, branch: str, entry: Entry, at: datetime, do: str) -> Line:
        is_case = ref.kind is Kind.CASE
        return {
            "at": self._shown(at, self._zones[branch] if is_case else self._first_zone),
            "appointment": ref.key if is_case else None,
            "function": entry.function.value if entry.function and is_case else None,
            "do": do,
        }

    def _message(self, ref: Ref, branch: str, entry: Entry) -> None:
        data = entry.data
        key = (ref, str(data["attempt"]))
        at = datetime.fromisoformat(str(data["started_at"]))
        result = _RESULT_OF_STATE.get(str(data["state"]))
        if key not in self._messages:
            line = self._start(ref, branch, entry, at, str(data["channel"]))
            line |= {"to": data["to"], "purpose": data["purpose"]}
            line |= {"text": data.get("text", ""), "result": result}
            self._messages[key] = len(self._lines)
            self._lines.append((at, line))
            return
        index = self._messages[key]
        line = self._lines[index][1]
        line["at"] = self._start(ref, branch, entry, at, "")["at"]
        line["text"] = data.get("text", line["text"])
        line["result"] = result or line["result"]
        self._lines[index] = (at, line)

    def _call(self, ref: Ref, branch: str, entry: Entry) -> None:
        data = entry.data
        if data["state"] != "ended":
            return
        self._calls[(ref, entry.booking)] += 1
        at = datetime.fromisoformat(str(data["started_at"]))
        line = self._start(ref, branch, entry, at, "call")
        line |= {
            "to": data["to"],
            "attempt": self._calls[(ref, entry.booking)],
            "result": data["result"],
            "keys": " ".join(str(data["keys"])),
        }
        self._lines.append((at, line))

    def _other(self, ref: Ref, branch: str, entry: Entry) -> None:
        fields = _FIELDS.get(entry.kind)
        if fields is None:
            return
        line = self._start(ref, branch, entry, entry.at, entry.kind.value)
        line |= {name: entry.data[name] for name in fields}
        if entry.kind is EntryKind.ANSWER and not line["applied"]:
            line["why"] = entry.data["why"]
        elif entry.kind is EntryKind.ANSWER:
            self._answers[_answer(ref, entry)] = line
        elif entry.kind is EntryKind.CONFLICT:
            # What the schedule did not take is no status change after all (rule S-2).
            answer = self._answers.pop(_answer(ref, entry), None)
            if answer is not None:
                answer |= {"applied": False, "why": "conflict"}
        self._lines.append((entry.at, line))


def _answer(ref: Ref, entry: Entry) -> tuple[Ref, str, str]:
    return ref, str(entry.data["source"]), str(entry.data["raw"])


_FIELDS: dict[EntryKind, tuple[str, ...]] = {
    EntryKind.SKIP: ("reasons",),
    EntryKind.ANSWER: ("source", "raw", "answer", "applied"),
    EntryKind.STATUS: ("from", "to", "source"),
    EntryKind.CONFLICT: ("answer", "status"),
    EntryKind.OPT_OUT: ("from",),
    EntryKind.OPT_IN: ("from",),
    EntryKind.NEEDS_ATTENTION: ("why",),
    EntryKind.CHARGE: ("channel", "amount"),
}
