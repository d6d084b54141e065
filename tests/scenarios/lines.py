"""Lines of a rehearsal: their documented form, what holds in every rehearsal, and matching.

A pattern names fields that a line must have with these values, and may say more with
    not_before, before            bounds of `at` (from, and up to but without)
    {any: [a, b]}                 as a value: one of these
    text_contains, text_lacks     a phrase or several, upper and lower case alike
    has_link                      the text holds a link to the patient page
    has_phone                     the text holds this number, however it is written
    has_options                   the text offers 1, 2 and 3
    cyrillic                      the text has Cyrillic letters, or none
    per_segment                   the amount is this price for each segment of the SMS's text
Amounts are compared as numbers, `keys` as digits, times as moments.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Line = dict[str, Any]
Pattern = dict[str, Any]

MESSAGE_CHANNELS = ("push", "whatsapp", "max", "telegram", "sms")
FUNCTIONS = ("details", "confirmation", "reminder")
STATUSES = (
    "unconfirmed", "confirmed", "reschedule_requested", "cancelled", "arrived", "completed",
    "no_show",
)  # fmt: skip
CALL_RESULTS = (
    "answer", "no_answer_key", "hangup", "no_answer", "busy", "rejected", "unreachable", "machine",
    "failed",
)  # fmt: skip
PURPOSES = (
    "details", "confirmation", "reminder", "reschedule_link", "acknowledgement", "clarification",
)  # fmt: skip
REASONS = {
    "outside_hours", "online_service", "online_doctor", "online_consultation", "anonymous", "club",
    "too_late", "status", "landline_phone", "foreign_phone", "invalid_phone", "no_phone",
    "no_consent", "refused", "doctor_anonymous", "created_same_day", "created_day_before",
    "adopted", "missed_hours", "removed", "no_channel", "budget",
}  # fmt: skip
ANSWERS = ("confirm", "reschedule", "cancel", "repeat")
SOURCES = ("call", "link", "app", *MESSAGE_CHANNELS)
ALWAYS = {"at", "appointment", "function", "do"}

# Spans that no call with this result can undercut (rehearsal.md, virtual durations).
SHORTEST_CALL = {
    "busy": timedelta(seconds=5),
    "rejected": timedelta(seconds=5),
    "unreachable": timedelta(seconds=5),
    "no_answer": timedelta(seconds=40),
    "machine": timedelta(seconds=10),
}
DEFAULT_HOURS = {
    "details": ("06:00", "21:00"),
    "confirmation": ("09:00", "20:00"),
    "reminder": ("06:00", "21:00"),
}


# --------------------------------------------------------------------------------------------------
# Form (V-2)
# --------------------------------------------------------------------------------------------------


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: value in values


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _amount(value: Any) -> bool:
    return bool(
        isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value) and Decimal(value) != 0
    )


def _reasons(value: Any) -> bool:
    return bool(
        isinstance(value, list) and value and value == sorted(set(value)) and set(value) <= REASONS
    )


def _day(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_MESSAGE = {
    "to": _text,
    "purpose": _one_of(*PURPOSES),
    "text": _text,
    "result": _one_of("accepted", "delivered", "failed"),
}
FORM: dict[str, dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(MESSAGE_CHANNELS, _MESSAGE),
    "call": {
        "to": _text,
        "attempt": _whole,
        "result": _one_of(*CALL_RESULTS),
        "keys": _text_or_none,
    },
    "skip": {"reasons": _reasons},
    "answer": {
        "source": _one_of(*SOURCES),
        "raw": _text_or_none,
        "answer": _one_of(*ANSWERS, None),
        "applied": _is_bool,
    },
    "status": {
        "from": _one_of(*STATUSES),
        "to": _one_of(*STATUSES),
        "source": _one_of(*SOURCES),
    },
    "conflict": {"answer": _one_of(*ANSWERS), "status": _one_of(*STATUSES, "removed")},
    "opt_out": {"from": _text},
    "opt_in": {"from": _text},
    "needs_attention": {"why": _text},
    "charge": {"channel": _one_of("call", *MESSAGE_CHANNELS), "amount": _amount},
    "write_off": {"branch": _text, "day": _day, "amount": _text, "charges": _whole},
}
WITHOUT_APPOINTMENT = ("opt_out", "opt_in", "write_off")
WITH_APPOINTMENT = ("call", "skip", "status", "conflict", "charge")


def faults_of_form(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the form or the order of the lines."""
    zones = _zones(scenario)
    for number, line in enumerate(lines, 1):
        for fault in (*_faults_of_fields(line), *_faults_of_place(line, zones)):
            yield f"line {number}: {fault}: {shown(line)}"
    moments = [moment(line) for line in lines if "at" in line]
    for number, (earlier, later) in enumerate(pairwise(moments), 1):
        if earlier > later:
            yield f"line {number + 1} is earlier than line {number}"


def _faults_of_fields(line: Line) -> Iterator[str]:
    form = FORM.get(line.get("do", ""))
    if form is None:
        yield f"unknown do {line.get('do')!r}"
        return
    optional = {"why"} if line["do"] == "answer" else set()
    if missing := ALWAYS | set(form) - set(line):
        missing -= set(line)
        if missing:
            yield f"lacks {sorted(missing)}"
    if unknown := set(line) - ALWAYS - set(form) - optional:
        yield f"has undocumented {sorted(unknown)}"
    for field, holds in form.items():
        if field in line and not holds(line[field]):
            yield f"{field} is {line[field]!r}"
    if line["do"] == "answer" and line.get("applied") is False and not _text(line.get("why")):
        yield "an answer that is not applied says why"


def _faults_of_place(line: Line, zones: dict[str | None, set[ZoneInfo]]) -> Iterator[str]:
    appointment, function = line.get("appointment"), line.get("function")
    if line.get("do") in WITHOUT_APPOINTMENT and (appointment, function) != (None, None):
        yield "appointment and function are null here"
    if line.get("do") in WITH_APPOINTMENT and appointment is None:
        yield "appointment is null"
    if function not in (*FUNCTIONS, None):
        yield f"function is {function!r}"
    if line.get("do") in ("call", "skip", "charge") and function is None:
        yield "function is null"
    if "at" in line:
        at = datetime.fromisoformat(line["at"])
        allowed = zones.get("write_off" if line["do"] == "write_off" else appointment, set())
        if at.tzinfo is None or at.utcoffset() not in _offsets(at, allowed):
            yield f"the offset of {line['at']} is not that of the branch"


def _offsets(at: datetime, zones: set[ZoneInfo]) -> set[timedelta | None]:
    return {at.astimezone(zone).utcoffset() for zone in zones}


def _zones(scenario: dict[str, Any]) -> dict[str | None, set[ZoneInfo]]:
    """Return the zones in which lines of an appointment (None: of none) may be written.

    A write-off without an appointment belongs to a branch all the same; both zones are read so.
    """
    branches = {b["id"]: ZoneInfo(b["timezone"]) for b in scenario["clinic"]["branches"]}
    first = next(iter(branches.values()))
    zones: dict[str | None, set[ZoneInfo]] = {None: {first}, "write_off": set(branches.values())}
    for appointment in _snapshots(scenario):
        zones.setdefault(appointment["id"], set()).add(branches[appointment["branch"]])
    return zones


def _snapshots(scenario: dict[str, Any]) -> list[dict[str, Any]]:
    return [event["appointment"] for event in scenario["events"] if "appointment" in event]


# --------------------------------------------------------------------------------------------------
# What holds in every rehearsal
# --------------------------------------------------------------------------------------------------


def faults_of_sense(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    """Yield what no rehearsal may show, whatever its scenario."""
    yield from _surnames(lines, scenario)
    yield from _hours(lines, scenario)
    yield from _calls_too_close(lines, scenario)
    yield from _repeated_skips(lines, scenario)
    yield from _write_offs(lines, scenario)


def _surnames(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    people = [a["patient"] for a in _snapshots(scenario)]
    people += [p["guardian"] for p in people if p.get("guardian")]
    surnames = {p["last_name"] for p in people if p.get("last_name")}
    for line in lines:
        for surname in surnames:
            if surname in line.get("text", ""):
                yield f"W-1: a surname in {shown(line)}"


def _hours(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    if any("functions" in event.get("settings", {}) for event in scenario["events"]):
        return
    branch_of = {a["id"]: a["branch"] for a in _snapshots(scenario)}
    branches = {b["id"]: b for b in scenario["clinic"]["branches"]}
    for line in lines:
        if line["do"] != "call" and line.get("purpose") not in FUNCTIONS:
            continue
        functions = branches[branch_of[line["appointment"]]].get("functions", {})
        hours = functions.get(line["function"], {}).get("hours", DEFAULT_HOURS[line["function"]])
        opening, closing = (time.fromisoformat(hour) for hour in hours)
        if not opening <= moment(line).time() < closing:
            yield f"G-2: outside hours: {shown(line)}"


def _calls_too_close(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    if any("functions" in event.get("settings", {}) for event in scenario["events"]):
        return
    gaps = [
        b.get("functions", {}).get("confirmation", {}).get("call_gap", "2m")
        for b in scenario["clinic"]["branches"]
    ]
    gap = min(span(written) for written in gaps)
    ends: dict[str, datetime] = {}
    for line in lines:
        if line["do"] != "call" or line["result"] == "failed":
            continue
        if line["to"] in ends and moment(line) < ends[line["to"]] + gap:
            yield f"C-5: too soon after the call before: {shown(line)}"
        ends[line["to"]] = moment(line) + SHORTEST_CALL.get(line["result"], timedelta())


def _repeated_skips(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    bookings: dict[str, list[str]] = defaultdict(list)
    for appointment in _snapshots(scenario):
        if [appointment["start"]] != bookings[appointment["id"]][-1:]:
            bookings[appointment["id"]].append(appointment["start"])
    skips: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        if line["do"] == "skip":
            case = line["appointment"], line["function"]
            skips[case] += 1
            most = 1 if line["function"] == "details" else len(bookings[line["appointment"]])
            if skips[case] > most:
                yield f"G-4: skipped again: {shown(line)}"


def _write_offs(lines: list[Line], scenario: dict[str, Any]) -> Iterator[str]:
    branch_of = {a["id"]: a["branch"] for a in _snapshots(scenario)}
    for branch in scenario["clinic"]["branches"]:
        zone = ZoneInfo(branch["timezone"])
        charges = [
            (moment(line).astimezone(zone).date().isoformat(), line)
            for line in lines
            if line["do"] == "charge" and branch_of[line["appointment"]] == branch["id"]
        ]
        offs = [
            line for line in lines if line["do"] == "write_off" and line["branch"] == branch["id"]
        ]
        yield from _branch_write_offs(charges, offs, zone)
        # Half an hour after the last midnight the write-off of the day before it is due.
        end = datetime.fromisoformat(scenario["until"]) - timedelta(minutes=30)
        today = end.astimezone(zone).date().isoformat()
        last = max((line["day"] for line in offs), default="")
        for day, line in charges:
            if last < day < today:
                yield f"T-4: never written off: {shown(line)}"


def _branch_write_offs(
    charges: list[tuple[str, Line]], offs: list[Line], zone: ZoneInfo
) -> Iterator[str]:
    before = ""
    for line in offs:
        if line["day"] >= moment(line).astimezone(zone).date().isoformat():
            yield f"T-4: written off before the day is over: {shown(line)}"
        due = [charge for day, charge in charges if before < day <= line["day"]]
        total = sum((Decimal(charge["amount"]) for charge in due), Decimal())
        if (total, len(due)) != (Decimal(line["amount"]), line["charges"]):
            yield f"T-4: {len(due)} charges make {total}, not {shown(line)}"
        before = line["day"]


# --------------------------------------------------------------------------------------------------
# Matching
# --------------------------------------------------------------------------------------------------


def moment(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])


def span(written: str) -> timedelta:
    unit = {"s": "seconds", "m": "minutes", "h": "hours"}[written[-1]]
    return timedelta(**{unit: int(written[:-1])})


def shown(line: Line | Pattern) -> str:
    return json.dumps(line, ensure_ascii=False)


def _folded(text: str) -> str:
    return text.casefold().replace("ё", "е")


def _phrases(phrases: str | list[str]) -> list[str]:
    return [_folded(str(p)) for p in (phrases if isinstance(phrases, list) else [phrases])]


def _digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "")


def segments(text: str) -> int:
    """Count the SMS segments of a text outside GSM-7."""
    units = len(text.encode("utf-16-be")) // 2
    return 1 if units <= 70 else -(-units // 67)


def _offers_options(text: str) -> bool:
    return all(re.search(rf"(?<!\d){number}(?!\d)", text) for number in "123")


MORE: dict[str, Callable[[Line, Any], bool]] = {
    "not_before": lambda line, value: moment(line) >= datetime.fromisoformat(value),
    "before": lambda line, value: moment(line) < datetime.fromisoformat(value),
    "text_contains": lambda line, value: all(p in _folded(line["text"]) for p in _phrases(value)),
    "text_lacks": lambda line, value: not any(p in _folded(line["text"]) for p in _phrases(value)),
    "has_link": lambda line, value: (re.search(r"\S+/v/\S+", line["text"]) is not None) == value,
    "has_phone": lambda line, value: _digits(value)[-10:] in _digits(line["text"]),
    "has_options": lambda line, value: _offers_options(line["text"]) == value,
    "cyrillic": lambda line, value: (re.search("[а-яё]", line["text"], re.I) is not None) == value,
}
FIELDS = ALWAYS | {field for form in FORM.values() for field in form} | {"why"}


def _same(field: str, value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and set(wanted) == {"any"}:
        return any(_same(field, value, one) for one in wanted["any"])
    if field == "at":
        there, here = datetime.fromisoformat(value), datetime.fromisoformat(wanted)
        return (there, there.utcoffset()) == (here, here.utcoffset())
    if field == "amount":
        return Decimal(value) == Decimal(wanted)
    if field == "keys":
        return _digits(value) == _digits(wanted)
    return bool(value == wanted)


def unmet(line: Line, pattern: Pattern, lines: list[Line]) -> list[str]:
    """Name the parts of the pattern that the line does not meet."""
    return [part for part in pattern if not _meets(line, part, pattern[part], lines)]


def _meets(line: Line, part: str, wanted: Any, lines: list[Line]) -> bool:
    if part == "per_segment":
        return any(_is_price(line, sms, wanted) for sms in lines if sms["do"] == "sms")
    if part in MORE:
        return ("text" in line or not part.startswith(("text", "has", "cyr"))) and MORE[part](
            line, wanted
        )
    assert part in FIELDS, f"unknown part of a pattern: {part}"
    return part in line and _same(part, line[part], wanted)


def _is_price(charge: Line, sms: Line, price: str) -> bool:
    same_case = all(charge[key] == sms[key] for key in ("appointment", "function"))
    return (
        same_case
        and "amount" in charge
        and Decimal(charge["amount"]) == Decimal(price) * segments(sms["text"])
    )


def assign(expected: list[Pattern], lines: list[Line]) -> int:
    """Return how many of the patterns, from the first, can be met in order of time.

    Each takes a line of its own, none earlier than the line before; lines of one moment are in no
    order.
    """
    fitting = [[n for n, ln in enumerate(lines) if not unmet(ln, p, lines)] for p in expected]
    moments = [moment(line) for line in lines]
    deepest = 0

    def place(index: int, since: datetime | None, taken: frozenset[int]) -> bool:
        nonlocal deepest
        deepest = max(deepest, index)
        if index == len(expected):
            return True
        return any(
            place(index + 1, moments[n], taken | {n})
            for n in fitting[index]
            if n not in taken and (since is None or moments[n] >= since)
        )

    place(0, None, frozenset())
    return deepest


def faults_of_outcome(card: dict[str, Any], lines: list[Line]) -> Iterator[str]:
    """Yield where the lines differ from what the scenario file says."""
    expected = card.get("expect", [])
    met = assign(expected, lines)
    if met < len(expected):
        yield _not_found(expected, met, lines)
    elif card.get("only"):
        ignored = set(card.get("ignore", []))
        rest = [ln for ln in lines if ln["do"] not in ignored]
        wanted = [p for p in expected if p.get("do") not in ignored]
        if len(rest) != len(wanted):
            spare = [ln for ln in rest if all(unmet(ln, p, lines) for p in wanted)]
            yield f"{len(wanted)} lines expected, {len(rest)} came" + _listed(spare)
    for pattern in card.get("never", []):
        for line in lines:
            if not unmet(line, pattern, lines):
                yield f"never {shown(pattern)}\n      but {shown(line)}"
    yield from _wrong_counts(card, lines)
    yield from _crowded(card, lines)


def _not_found(expected: list[Pattern], met: int, lines: list[Line]) -> str:
    pattern = expected[met]
    near = sorted(lines, key=lambda line: _distance(unmet(line, pattern, lines)))[:3]
    if near and not unmet(near[0], pattern, lines):
        why = "a line like it came, but not after those expected before it, or not often enough"
        return f"expected {shown(pattern)}\n  {why}" + _listed(near[:1])
    different = [f"{shown(ln)}\n        differs in {unmet(ln, pattern, lines)}" for ln in near]
    return f"expected {shown(pattern)}\n  nearest:" + "".join(f"\n      {d}" for d in different)


def _distance(parts: list[str]) -> int:
    return len(parts) + 3 * ("do" in parts)


def _listed(lines: list[Line]) -> str:
    return "".join(f"\n      {shown(line)}" for line in lines)


def _counted(times: int | str, found: int) -> bool:
    if isinstance(times, str):
        assert times.startswith(("<=", ">=")), times
        return found <= int(times[2:]) if times.startswith("<=") else found >= int(times[2:])
    return found == times


def _wrong_counts(card: dict[str, Any], lines: list[Line]) -> Iterator[str]:
    patterns = [({"do": do}, times) for do, times in card.get("count", {}).items()]
    for pattern in card.get("counts", []):
        rest = {key: value for key, value in pattern.items() if key != "times"}
        patterns.append((rest, pattern["times"]))
    for pattern, times in patterns:
        found = [line for line in lines if not unmet(line, pattern, lines)]
        if not _counted(times, len(found)):
            yield f"{times} expected of {shown(pattern)}, {len(found)} came" + _listed(found)


def _crowded(card: dict[str, Any], lines: list[Line]) -> Iterator[str]:
    if "at_most" not in card:
        return
    rule = card["at_most"]
    moments = [moment(line) for line in lines if not unmet(line, rule["of"], lines)]
    for first, last in zip(moments, moments[rule["lines"] :], strict=False):
        if last - first < span(rule["within"]):
            yield f"more than {rule['lines']} of {rule['of']} within {rule['within']} from {first}"
