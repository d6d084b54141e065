"""Scenario files: a rehearsal in short form, and what must come of it.

A file is a mapping with
    rules     the ids of the rules that it proves
    what      one sentence
    scenario  the rehearsal, with what base.yaml says filled in (or `source`: its literal text)
    expect    lines that must come, in this order of time       (matching: lines.py)
    only      true: `expect` names every line
    ignore    kinds of lines (`do`) that `only` leaves out of account
    never     patterns that no line may match
    count     how many lines of a kind there are: {charge: 1}, {whatsapp: "<=1"}
    counts    the same for patterns: {do: sms, appointment: A-1, times: 1}
    at_most   {of: pattern, lines: N, within: 60s}: no window of that length holds more
    invalid   instead of all these: {field: NAME, line: N}, the scenario is refused (V-1)

The short form of a scenario, beyond the documented one:
    branch: {...}     the base clinic with one branch, the base branch with these changes
    branches: [...]   the same, several
    visit: {...}      an `appointment` event: the visit as it was last (at first: as in base.yaml)
                      with these changes; `created` is the moment of its first event
    Nov 23 12:00      that moment of 2026 in the zone of the first branch
"""

from __future__ import annotations

import copy
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

FOLDER = Path(__file__).parent
CARD_FIELDS = {
    "rules", "what", "scenario", "source", "expect", "only", "ignore", "never", "count", "counts",
    "at_most", "invalid",
}  # fmt: skip
SHORT_TIME = re.compile(r"(Oct|Nov|Dec) (\d{1,2}) (\d{2}):(\d{2})(?::(\d{2}))?")
MONTHS = {"Oct": 10, "Nov": 11, "Dec": 12}


class _Loader(yaml.SafeLoader):
    """Leaves times as they are written."""


class _Dumper(yaml.SafeDumper):
    """Writes times without quotes, as people do, and every mapping in full."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def load(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)


def dump(scenario: Any) -> str:
    return yaml.dump(scenario, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)


BASE = load(FOLDER / "base.yaml")


def files() -> list[Path]:
    return sorted(path for path in FOLDER.rglob("*.yaml") if path.parent != FOLDER)


def name(path: Path) -> str:
    return path.relative_to(FOLDER).with_suffix("").as_posix()


def card(path: Path) -> dict[str, Any]:
    """Read a scenario file, with its times written out."""
    read: dict[str, Any] = load(path)
    unknown = set(read) - CARD_FIELDS
    assert not unknown, f"{path.name}: unknown fields {sorted(unknown)}"
    assert {"rules", "what"} <= set(read), f"{path.name}: rules and what are needed"
    assert ("scenario" in read) != ("source" in read), f"{path.name}: scenario or source"
    assert ("invalid" in read) != bool({"expect", "never", "count", "counts"} & set(read)), (
        f"{path.name}: what comes of it?"
    )
    if "scenario" in read:
        read["scenario"] = plain(read["scenario"])
        zone = ZoneInfo(read["scenario"]["clinic"]["branches"][0]["timezone"])
        for part in ("expect", "never", "counts", "at_most"):
            if part in read:
                read[part] = times_written_out(read[part], zone)
    return read


def plain(short: dict[str, Any]) -> dict[str, Any]:
    """Return the scenario in the documented format."""
    scenario: dict[str, Any] = {"start": BASE["start"], "until": BASE["until"]}
    scenario |= {key: value for key, value in short.items() if key not in ("branch", "branches")}
    if "clinic" not in scenario or "branches" not in scenario["clinic"]:
        branches = short.get("branches", [short.get("branch", {})])
        merged = [merge(BASE["branch"], branch) for branch in branches]
        scenario["clinic"] = merge(BASE["clinic"], short.get("clinic", {})) | {"branches": merged}
    scenario["events"] = _events(short.get("events", []))
    zone = ZoneInfo(scenario["clinic"]["branches"][0]["timezone"])
    order = ["start", "until", "clinic", "patients", "events"]
    return times_written_out(
        {key: scenario[key] for key in sorted(scenario, key=order.index)}, zone
    )


def _events(short: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known: dict[str, dict[str, Any]] = {}
    events = []
    for event in short:
        if "visit" not in event:
            events.append(event)
            continue
        changes = event["visit"] or {}
        visit_id = changes.get("id", BASE["visit"]["id"])
        before = known.get(visit_id, BASE["visit"] | {"created": event["at"]})
        known[visit_id] = merge(before, changes)
        events.append({"at": event["at"], "appointment": known[visit_id]})
    return events


def merge(base: Any, changes: Any) -> Any:
    """Merge mappings deeply; anything else is replaced."""
    if not (isinstance(base, dict) and isinstance(changes, dict)):
        return copy.deepcopy(changes)
    merged = copy.deepcopy(base)
    for key, value in changes.items():
        merged[key] = merge(base[key], value) if key in base else copy.deepcopy(value)
    return merged


def times_written_out(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, dict):
        return {key: times_written_out(part, zone) for key, part in value.items()}
    if isinstance(value, list):
        return [times_written_out(part, zone) for part in value]
    found = SHORT_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    month, day, hour, minute, second = found.groups()
    moment = datetime(
        2026, MONTHS[month], int(day), int(hour), int(minute), int(second or 0), tzinfo=zone
    )
    return moment.isoformat()
