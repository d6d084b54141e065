from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Answer, Channel
from gateway.errors import InvalidInput
from gateway.ports.schema_scenario import (
    AppEvent,
    AppointmentEvent,
    CallScript,
    ChannelDownEvent,
    DownEvent,
    LinkEvent,
    PatientScript,
    RemoveEvent,
    ReplyEvent,
    Scenario,
    ScheduleDownEvent,
    SettingsEvent,
    read_scenario,
)

TEXT = """\
start: 2026-11-23T08:00:00+03:00
until: 2026-11-24T20:00:00+03:00
clinic:
  id: zdorovie
  branches:
    - {id: lenina, name: Ленина, timezone: Asia/Yekaterinburg}
patients:
  "+79161234567":
    call: {result: answered, keys: "0 1"}
    sms: {delivered: false}
events:
  - at: 2026-11-20T12:00:00+03:00
    appointment:
      id: A-1
      branch: lenina
      start: 2026-11-24T14:30:00+05:00
      created: 2026-11-20T12:00:00+03:00
      patient:
        id: P-1
        phones: ["+79161234567"]
"""
AT = "2026-11-23T12:00:00+03:00"
NOON = datetime(2026, 11, 23, 9, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 10, tzinfo=UTC)


def read(text: str) -> Scenario:
    return read_scenario(text, "day.yaml")


def with_event(event: str, at: str = AT) -> str:
    return f"{TEXT}  - {{at: {at}, {event}}}\n"


def problem(text: str) -> tuple[int | None, str, str]:
    with pytest.raises(InvalidInput) as caught:
        read(text)
    first = caught.value.problems[0]
    assert len(caught.value.problems) == 1, caught.value.problems
    assert str(caught.value) == f"day.yaml: line {first.line}: {first.field}: {first.message}"
    assert "\n" not in str(caught.value)
    return first.line, first.field, first.message


@pytest.mark.rule("V-1")
def test_a_valid_scenario_is_read() -> None:
    scenario = read(TEXT)
    assert scenario.start == datetime(2026, 11, 23, 5, tzinfo=UTC)
    assert scenario.until == datetime(2026, 11, 24, 17, tzinfo=UTC)
    assert scenario.clinic.branches[0].id == "lenina"
    assert scenario.document["branches"][0]["name"] == "Ленина"
    assert scenario.patients == {
        "+79161234567": PatientScript(call=CallScript("answered", ("0", "1")), sms_delivered=False)
    }
    (event,) = scenario.events
    assert isinstance(event, AppointmentEvent)
    assert event.appointment.patient.consent is True


@pytest.mark.rule("Z-1")
def test_every_branch_counts_as_connected_at_start() -> None:
    scenario = read(TEXT)
    assert scenario.clinic.branches[0].connected_at == scenario.start


def test_json_means_the_same() -> None:
    data = {
        "start": "2026-11-23T08:00:00+03:00",
        "until": "2026-11-24T20:00:00+03:00",
        "clinic": {"id": "z", "branches": [{"id": "a", "name": "А", "timezone": "UTC"}]},
    }
    scenario = read_scenario(json.dumps(data), "day.json")
    assert (scenario.patients, scenario.events) == ({}, ())


@pytest.mark.parametrize(
    ("event", "read_as"),
    [
        (
            'reply: {from: "+79161234567", text: "1"}',
            ReplyEvent(NOON, "+79161234567", "1", Channel.WHATSAPP, None),
        ),
        (
            'reply: {from: "+79161234567", text: "", channel: max, quotes: A-1}',
            ReplyEvent(NOON, "+79161234567", "", Channel.MAX, "A-1"),
        ),
        ("link: {appointment: A-1, answer: confirm}", LinkEvent(NOON, "A-1", Answer.CONFIRM)),
        ("app: {appointment: A-1, answer: cancel}", AppEvent(NOON, "A-1", Answer.CANCEL)),
        ("remove: A-1", RemoveEvent(NOON, "A-1")),
        ("down: {until: 2026-11-23T13:00:00+03:00}", DownEvent(NOON, LATER)),
        ("schedule_down: {until: 2026-11-23T13:00:00+03:00}", ScheduleDownEvent(NOON, LATER)),
        (
            "channel_down: {channel: call, until: 2026-11-23T13:00:00+03:00}",
            ChannelDownEvent(NOON, Channel.CALL, LATER),
        ),
    ],
)
def test_each_kind_of_event_is_read(event: str, read_as: object) -> None:
    assert read(with_event(event)).events[-1] == read_as


@pytest.mark.rule("G-1")
def test_settings_are_merged_in_the_order_of_time() -> None:
    text = with_event("settings: {branch: lenina, lines: 2}", "2026-11-23T14:00:00+03:00")
    text += f"  - {{at: {AT}, settings: {{branch: lenina, per_minute: 5}}}}\n"
    first, second = read(text).events[1:]
    assert isinstance(first, SettingsEvent)
    assert isinstance(second, SettingsEvent)
    assert (first.branch, first.patch) == ("lenina", {"per_minute": 5})
    assert first.clinic is not None
    assert second.clinic is not None
    assert (first.clinic.branches[0].lines, first.clinic.branches[0].per_minute) == (4, 5)
    assert (second.clinic.branches[0].lines, second.clinic.branches[0].per_minute) == (2, 5)


def test_events_of_the_same_moment_keep_their_order() -> None:
    text = with_event("link: {appointment: A-1, answer: confirm}")
    text += f"  - {{at: {AT}, remove: A-1}}\n  - {{at: {AT}, down: {{until: {AT}}}}}\n"
    kinds = [type(event) for event in read(text).events]
    assert kinds == [AppointmentEvent, LinkEvent, RemoveEvent, DownEvent]


@pytest.mark.parametrize(
    ("script", "read_as"),
    [
        ("{}", PatientScript()),
        ("{call: {}}", PatientScript(call=CallScript("answered"))),
        ("{call: {keys: 1}}", PatientScript(call=CallScript("answered", ("1",)))),
        (
            '{call: {keys: "- 7 * # hangup"}}',
            PatientScript(call=CallScript("answered", ("-", "7", "*", "#", "hangup"))),
        ),
        ("{call: {result: busy}}", PatientScript(call=CallScript("busy"))),
        ("{whatsapp: {account: false}}", PatientScript(whatsapp=False)),
        (
            "{max: {account: true}, telegram: {account: true}}",
            PatientScript(max=True, telegram=True),
        ),
        ("{push: {delivered: false}}", PatientScript(push_delivered=False)),
    ],
)
def test_how_a_patient_behaves_is_read(script: str, read_as: PatientScript) -> None:
    text = TEXT.replace("events:", f'  "+79160000000": {script}\nevents:')
    assert read(text).patients["+79160000000"] == read_as


REPLACED: list[tuple[str, str, int, str]] = [
    ("start: 2026-11-23T08:00:00+03:00\n", "", 1, "start"),
    ("until: 2026-11-24T20:00:00+03:00\n", "", 1, "until"),
    ("2026-11-23T08:00:00+03:00", "2026-11-23T08:00:00", 1, "start"),
    ("until: 2026-11-24", "until: 2026-11-22", 2, "until"),
    ("until: 2026-11-24T20:00:00+03:00", "until: 2026-11-23T08:00:00+03:00", 2, "until"),
    ("until:", "untill: 5\nuntil:", 2, "untill"),
    ("  id: zdorovie\n", "", 3, "clinic.id"),
    ("id: lenina, ", "", 6, "clinic.branches[0].id"),
    (", timezone: Asia/Yekaterinburg", "", 6, "clinic.branches[0].timezone"),
    ("Asia/Yekaterinburg", "Asia/Sverdlovsk", 6, "clinic.branches[0].timezone"),
    ("name: Ленина", "name: 5", 6, "clinic.branches[0].name"),
    ("name: Ленина", "name: Л, lines: four", 6, "clinic.branches[0].lines"),
    ('"+79161234567":', '"8 916 123-45-67":', 8, 'patients["…"]'),
    ("result: answered", "result: maybe", 9, 'patients["+7…67"].call.result'),
    ('keys: "0 1"', 'keys: "01"', 9, 'patients["+7…67"].call.keys'),
    ('keys: "0 1"', "keys: 10", 9, 'patients["+7…67"].call.keys'),
    ('keys: "0 1"', "keys: [0, 1]", 9, 'patients["+7…67"].call.keys'),
    ('keys: "0 1"', "keys: true", 9, 'patients["+7…67"].call.keys'),
    ('keys: "0 1"', f'keys: "{"1 " * 101}"', 9, 'patients["+7…67"].call.keys'),
    ("delivered: false", "delivered: 0", 10, 'patients["+7…67"].sms.delivered'),
    ("delivered: false", "account: true", 10, 'patients["+7…67"].sms.account'),
    ("sms:", "viber:", 10, 'patients["+7…67"].viber'),
    ("  - at: 2026-11-20T12:00:00+03:00\n    app", "  - app", 12, "events[0].at"),
    ("at: 2026-11-20T12:00:00+03:00\n", "at: 2026-11-20 12:00\n", 12, "events[0].at"),
    ("id: A-1", "id: 1", 14, "events[0].appointment.id"),
    ("branch: lenina", "branch: other", 15, "events[0].appointment.branch"),
    ("      branch: lenina\n", "", 13, "events[0].appointment.branch"),
    ("start: 2026-11-24T14:30:00+05:00", "start: soon", 16, "events[0].appointment.start"),
    ("id: P-1", "name: P-1\n        id: P-1", 19, "events[0].appointment.patient.name"),
    ("        id: P-1\n", "", 18, "events[0].appointment.patient.id"),
    ('["+79161234567"]', "[+79161234567]", 20, "events[0].appointment.patient.phones[0]"),
    ("    appointment:", "    visit:", 13, "events[0].visit"),
]


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(("old", "new", "line", "field"), REPLACED)
def test_a_bad_field_is_named_with_its_line(old: str, new: str, line: int, field: str) -> None:
    assert old in TEXT
    assert problem(TEXT.replace(old, new, 1))[:2] == (line, field)


EVENTS: list[tuple[str, str]] = [
    ("remove: A-1, down: {until: 2026-11-23T13:00:00+03:00}", ""),
    ("note: hello", "note"),
    ("remove: 1", "remove"),
    ("remove: {appointment: A-1}", "remove"),
    ("remove: A-2", "remove"),
    ("link: {appointment: A-2, answer: confirm}", "link.appointment"),
    ("link: {appointment: A-1}", "link.answer"),
    ("link: {appointment: A-1, answer: repeat}", "link.answer"),
    ("link: {appointment: A-1, answer: 1}", "link.answer"),
    ("app: {answer: confirm}", "app.appointment"),
    ("app: {appointment: A-2, answer: confirm}", "app.appointment"),
    ("app: A-1", "app"),
    ('reply: {text: "1"}', "reply.from"),
    ('reply: {from: "89161234567", text: "1"}', "reply.from"),
    ('reply: {from: +79161234567, text: "1"}', "reply.from"),
    ('reply: {from: "+79161234567"}', "reply.text"),
    ('reply: {from: "+79161234567", text: 1}', "reply.text"),
    ('reply: {from: "+79161234567", text: "1", channel: call}', "reply.channel"),
    ('reply: {from: "+79161234567", text: "1", quotes: A-2}', "reply.quotes"),
    ('reply: {from: "+79161234567", text: "1", form: A-2}', "reply.form"),
    ("settings: {lines: 2}", "settings.branch"),
    ("settings: {branch: other, lines: 2}", "settings.branch"),
    ("settings: {branch: 5, lines: 2}", "settings.branch"),
    ("settings: lenina", "settings"),
    ("settings: {branch: lenina, lanes: 2}", "settings.lanes"),
    ("settings: {branch: lenina, id: mira}", "settings.id"),
    ("settings: {branch: lenina, tariff: {sms: 5}}", "settings.tariff.sms"),
    (
        "settings: {branch: lenina, functions: {confirmation: {start: 9:00}}}",
        "settings.functions.confirmation.start",
    ),
    ("down: {}", "down.until"),
    ("down: {until: 2026-11-23T11:59:00+03:00}", "down.until"),
    ("down: {until: 2026-11-23T13:00:00+03:00, channel: sms}", "down.channel"),
    ("down: 30m", "down"),
    ("schedule_down: {until: 2026-11-23}", "schedule_down.until"),
    ("channel_down: {until: 2026-11-23T13:00:00+03:00}", "channel_down.channel"),
    (
        "channel_down: {channel: viber, until: 2026-11-23T13:00:00+03:00}",
        "channel_down.channel",
    ),
    ("channel_down: {channel: sms}", "channel_down.until"),
    ("appointment: {}", "appointment.id"),
]


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(("event", "field"), EVENTS)
def test_a_bad_event_is_named_with_its_line(event: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(with_event(event))
    first = caught.value.problems[0]
    assert (first.line, first.field) == (21, f"events[1].{field}".removesuffix("."))


@pytest.mark.rule("V-1")
@pytest.mark.parametrize("text", ["5", "[]", "null", "text"])
def test_an_event_that_is_no_object_is_named(text: str) -> None:
    assert problem(f"{TEXT}  - {text}\n")[:2] == (21, "events[1]")


@pytest.mark.parametrize(
    "event",
    [
        "remove: A-1",
        'reply: {from: "+79161234567", text: "1"}',
        "settings: {branch: lenina, lines: 2}",
        "down: {until: 2026-11-23T13:00:00+03:00}",
    ],
)
@pytest.mark.rule("V-1")
def test_only_appointments_may_lie_before_the_start(event: str) -> None:
    line, field, message = problem(with_event(event, "2026-11-23T07:59:59+03:00"))
    assert (line, field) == (21, "events[1].at")
    assert message == "lies before start, where only appointments may stand"


@pytest.mark.rule("V-1")
def test_a_visit_must_be_there_before_it_is_named() -> None:
    at = "2026-11-20T11:59:59+03:00"
    text = TEXT.replace("start: 2026-11-23", "start: 2026-11-19", 1)
    assert problem(f"{text}  - {{at: {at}, remove: A-1}}\n")[1] == "events[1].remove"


def test_a_bad_clinic_is_told_before_the_events() -> None:
    text = with_event("nonsense: 1").replace("id: zdorovie", "id: a b")
    assert problem(text)[:2] == (4, "clinic.id")


def test_a_file_of_the_wrong_kind_is_cut_short() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(TEXT + "  - {at: 1}\n" * 1000)
    assert len(caught.value.problems) <= 20


def test_no_number_is_ever_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        read(TEXT.replace("result: answered", "result: +79161234567"))
    assert "916" not in str(caught.value)


def test_the_name_of_the_file_may_be_anything() -> None:
    with pytest.raises(InvalidInput, match=r"^конец дня\.txt: is empty$"):
        read_scenario("", "конец дня.txt")


DATA: dict[str, Any] = {
    "start": "2026-11-23T08:00:00+03:00",
    "until": "2026-11-24T20:00:00+03:00",
    "clinic": {"id": "z", "branches": [{"id": "a", "name": "А", "timezone": "UTC"}]},
    "patients": {},
    "events": [],
}
words = st.sampled_from(
    ["at", "appointment", "reply", "link", "remove", "settings", "branch", "down", "until", "id"]
)
shaped = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([AT, "a"]),
    lambda inner: st.dictionaries(words, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=15,
)


@given(st.sampled_from(list(DATA)), shaped, st.lists(shaped, max_size=3))
def test_nothing_but_invalid_input_is_ever_raised(key: str, value: object, events: Any) -> None:
    for data in ({**DATA, key: value}, {**DATA, "events": events}):
        try:
            read_scenario(json.dumps(data), "x.json")
        except InvalidInput:
            continue
