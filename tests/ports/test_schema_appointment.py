from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import App, Appointment, Doctor, Person, Status
from gateway.errors import InvalidInput
from gateway.ports.schema import appointment_json_schema, read_appointment, write_appointment
from gateway.ports.schema_appointment import AppointmentModel

FULL: dict[str, Any] = {
    "id": "A-1",
    "branch": "lenina",
    "start": "2026-11-24T14:30:00+05:00",
    "duration": "30m",
    "created": "2026-11-20T12:00:00+03:00",
    "status": "unconfirmed",
    "service": False,
    "booked_online": False,
    "online_consultation": False,
    "anonymous": False,
    "club": False,
    "doctor": {
        "name": "Петров Иван Сергеевич",
        "specialty": "терапевт",
        "anonymous_appointments": False,
    },
    "patient": {
        "id": "P-1",
        "first_name": "Мария",
        "middle_name": "Ивановна",
        "last_name": "Сидорова",
        "phones": ["+79161234567"],
        "language": None,
        "consent": True,
        "notifications_refused": False,
        "app": {"installed": False, "push": False},
        "guardian": None,
    },
}
LEAST: dict[str, Any] = {
    "id": "A-1",
    "branch": "lenina",
    "start": "2026-11-24T14:30:00+05:00",
    "created": "2026-11-20T12:00:00+03:00",
    "patient": {"id": "P-1", "consent": False},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the full appointment with one field set, or removed when the value is `...`."""
    data = copy.deepcopy(FULL)
    *way, last = path.split(".")
    here = data
    for step in way:
        here = here[step]
    if value is ...:
        del here[last]
    else:
        here[last] = value
    return data


def problems(data: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read_appointment(data, consent_default=None)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_reads_every_field_into_the_core_type() -> None:
    assert read_appointment(FULL, consent_default=None) == Appointment(
        id="A-1",
        branch="lenina",
        start=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        created=datetime(2026, 11, 20, 9, tzinfo=UTC),
        patient=Person(
            id="P-1",
            first_name="Мария",
            middle_name="Ивановна",
            last_name="Сидорова",
            phones=("+79161234567",),
            consent=True,
        ),
        doctor=Doctor("Петров Иван Сергеевич", "терапевт"),
        duration_s=1800,
        status=Status.UNCONFIRMED,
    )


def test_what_may_be_left_out_has_its_default() -> None:
    read = read_appointment(LEAST, consent_default=None)
    assert read == Appointment(
        id="A-1",
        branch="lenina",
        start=read.start,
        created=read.created,
        patient=Person(id="P-1"),
    )


def test_a_guardian_is_an_object_like_the_patient() -> None:
    guardian = {"first_name": "Олег", "phones": ["8 916 765-43-21"], "consent": True}
    guardian |= {"app": {"installed": True, "push": True}, "guardian": None}
    read = read_appointment(changed("patient.guardian", guardian), consent_default=None)
    assert read.patient.guardian == Person(
        id="", first_name="Олег", phones=("8 916 765-43-21",), consent=True, app=App(True, True)
    )


def test_a_guardian_has_no_guardian() -> None:
    data = changed("patient.guardian", {"consent": True, "guardian": {"consent": True}})
    assert problems(data) == {"patient.guardian.guardian": "must be null here; got an object"}


@pytest.mark.parametrize("default", [True, False])
def test_a_scenario_has_a_default_for_consent(default: bool) -> None:
    data = changed("patient.guardian", {"first_name": "Олег"})
    del data["patient"]["consent"]
    read = read_appointment(data, consent_default=default)
    assert read.patient.consent is default
    assert read.patient.guardian is not None
    assert read.patient.guardian.consent is default
    assert "consent" not in data["patient"]


def test_the_default_does_not_outweigh_what_is_written() -> None:
    data = changed("patient.consent", False)
    assert read_appointment(data, consent_default=True).patient.consent is False


def test_the_api_requires_consent() -> None:
    data = changed("patient.guardian", {})
    del data["patient"]["consent"]
    assert problems(data) == {
        "patient.consent": "required, but missing",
        "patient.guardian.consent": "required, but missing",
    }


def test_a_visit_may_be_registered_late() -> None:
    data = changed("created", "2026-11-25T12:00:00+03:00")
    assert read_appointment(data, consent_default=None).created > datetime(2026, 11, 25, tzinfo=UTC)


BAD: list[tuple[str, Any, str]] = [
    ("id", ..., "id"),
    ("branch", ..., "branch"),
    ("start", ..., "start"),
    ("created", ..., "created"),
    ("patient", ..., "patient"),
    ("patient.id", ..., "patient.id"),
    ("id", "", "id"),
    ("id", 1, "id"),
    ("id", None, "id"),
    ("id", "A 1", "id"),
    ("id", "A/1", "id"),
    ("id", "A\\1", "id"),
    ("id", "A\x00", "id"),
    ("id", "..", "id"),
    ("id", "A\u200b1", "id"),
    ("id", "A" * 65, "id"),
    ("id", "\ud800", "id"),
    ("branch", "le:nina", "branch"),
    ("branch", "{lenina}", "branch"),
    ("branch", [], "branch"),
    ("start", "2026-11-24T14:30:00", "start"),
    ("start", "2026-11-24", "start"),
    ("start", "24.11.2026 14:30", "start"),
    ("start", "2026-11-24T14:30:00+05:00 ", "start"),
    ("start", "2026-02-30T14:30:00+05:00", "start"),
    ("start", "2026-11-24T25:30:00+05:00", "start"),
    ("start", "2026-11-24T14:30:00+15:00", "start"),
    ("start", "2026-11-24T14:30:00+24:00", "start"),
    ("start", "1999-11-24T14:30:00+05:00", "start"),
    ("start", "2101-11-24T14:30:00+05:00", "start"),
    ("start", "0000-11-24T14:30:00+05:00", "start"),
    ("start", "٢٠٢٦-11-24T14:30:00+05:00", "start"),
    ("start", 1764000000, "start"),
    ("start", None, "start"),
    ("created", "yesterday", "created"),
    ("duration", "30", "duration"),
    ("duration", 30, "duration"),
    ("duration", "-30m", "duration"),
    ("duration", "1.5h", "duration"),
    ("duration", "2d", "duration"),
    ("duration", "169h", "duration"),
    ("status", "Confirmed", "status"),
    ("status", None, "status"),
    ("status", 1, "status"),
    ("service", "true", "service"),
    ("service", 1, "service"),
    ("booked_online", "no", "booked_online"),
    ("online_consultation", None, "online_consultation"),
    ("anonymous", 0, "anonymous"),
    ("club", [], "club"),
    ("doctor", None, "doctor"),
    ("doctor", "Петров", "doctor"),
    ("doctor.name", 5, "doctor.name"),
    ("doctor.name", "Пет\nров", "doctor.name"),
    ("doctor.speciality", "терапевт", "doctor.speciality"),
    ("doctor.anonymous_appointments", "yes", "doctor.anonymous_appointments"),
    ("patient", [], "patient"),
    ("patient.id", 17, "patient.id"),
    ("patient.first_name", "М" * 201, "patient.first_name"),
    ("patient.middle_name", "\u202eabc", "patient.middle_name"),
    ("patient.last_name", None, "patient.last_name"),
    ("patient.phones", "+79161234567", "patient.phones"),
    ("patient.phones", [79161234567], "patient.phones[0]"),
    ("patient.phones", ["", "9" * 65], "patient.phones[1]"),
    ("patient.phones", ["1", None], "patient.phones[1]"),
    ("patient.phones", ["1"] * 21, "patient.phones"),
    ("patient.phones", ["\x07"], "patient.phones[0]"),
    ("patient.language", "de", "patient.language"),
    ("patient.language", False, "patient.language"),
    ("patient.consent", None, "patient.consent"),
    ("patient.consent", "true", "patient.consent"),
    ("patient.notifications_refused", 0, "patient.notifications_refused"),
    ("patient.app", None, "patient.app"),
    ("patient.app.push", "on", "patient.app.push"),
    ("patient.app.version", "1", "patient.app.version"),
    ("patient.guardian", "мама", "patient.guardian"),
    ("patient.guardian", {"consent": True, "id": "a b"}, "patient.guardian.id"),
    ("patient.birthday", "1990-01-01", "patient.birthday"),
    ("statsu", "confirmed", "statsu"),
]


@pytest.mark.rule("V-1")
@pytest.mark.parametrize(("path", "value", "field"), BAD)
def test_a_bad_field_is_named(path: str, value: Any, field: str) -> None:
    assert list(problems(changed(path, value))) == [field]


@pytest.mark.parametrize("data", [None, 5, "A-1", [FULL], True, 1.5])
def test_what_is_no_object_is_refused(data: object) -> None:
    assert problems(data)[""].startswith("must be an object; got ")


def test_every_bad_field_is_named_at_once() -> None:
    data = changed("patient.phones", "none") | {"start": "soon", "club": 1}
    assert set(problems(data)) == {"patient.phones", "start", "club"}


def test_messages_repeat_nothing_about_a_person() -> None:
    secret = "Sidorova +7 916 123-45-67"
    for path in ("id", "start", "duration", "status", "service", "doctor", "patient"):
        assert "Sidorova" not in str(problems(changed(path, secret)))
        assert "916" not in str(problems(changed(path, secret)))
    for path in ("consent", "language", "app", "phones", "guardian"):
        assert "916" not in str(problems(changed(f"patient.{path}", secret)))
        assert "Sidorova" not in str(problems(changed(f"patient.{path}", "Sidorova")))


def test_an_error_carries_no_data_behind_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_appointment(changed("patient.phones", "+79161234567"), consent_default=None)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_mistyped_field_gets_a_hint() -> None:
    assert problems(changed("statsu", "x"))["statsu"] == "unknown field; did you mean status?"


def test_the_statuses_are_those_of_the_core() -> None:
    schema = AppointmentModel.model_json_schema()
    assert set(schema["properties"]["status"]["enum"]) == {status.value for status in Status}


def test_the_json_schema_can_be_shown() -> None:
    schema = appointment_json_schema()
    assert schema["required"] == ["id", "branch", "start", "created", "patient"]
    assert schema["additionalProperties"] is False


names = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
ids = st.text("abcАБВ0123456789-_.:", min_size=3, max_size=20)
moments = st.integers(1_000_000_000, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


def people(guardians: st.SearchStrategy[Person | None]) -> st.SearchStrategy[Person]:
    return st.builds(
        Person,
        id=ids,
        first_name=names,
        middle_name=names,
        last_name=names,
        phones=st.lists(names, max_size=3).map(tuple),
        language=st.sampled_from([None, "ru", "en"]),
        consent=st.booleans(),
        notifications_refused=st.booleans(),
        app=st.builds(App, st.booleans(), st.booleans()),
        guardian=guardians,
    )


appointments = st.builds(
    Appointment,
    id=ids,
    branch=ids.filter(lambda text: ":" not in text),
    start=moments,
    created=moments,
    patient=people(st.none() | people(st.none())),
    doctor=st.builds(Doctor, names, names, st.booleans()),
    duration_s=st.none() | st.integers(0, 86_400),
    status=st.sampled_from(Status),
    service=st.booleans(),
    booked_online=st.booleans(),
    online_consultation=st.booleans(),
    anonymous=st.booleans(),
    club=st.booleans(),
)


@given(appointments, st.sampled_from([None, "Asia/Yekaterinburg", "America/New_York"]))
def test_what_is_written_reads_back_the_same(appointment: Appointment, zone: str | None) -> None:
    written = write_appointment(appointment, zone=zone)
    assert read_appointment(written, consent_default=None) == appointment


def test_what_was_read_is_written_the_same() -> None:
    written = write_appointment(read_appointment(FULL, consent_default=None))
    moments_of = {"start": "2026-11-24T09:30:00+00:00", "created": "2026-11-20T09:00:00+00:00"}
    assert written == FULL | moments_of


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
fields = st.sampled_from([*FULL, *FULL["patient"], *FULL["doctor"], "push", "unknown"])
shaped = st.recursive(
    json_like,
    lambda inner: st.dictionaries(fields, inner, max_size=8) | st.lists(inner, max_size=2),
    max_leaves=20,
)


@given(shaped | st.builds(lambda key, value: {**FULL, key: value}, fields, shaped))
def test_nothing_but_invalid_input_is_ever_raised(data: object) -> None:
    for default in (None, True):
        try:
            read_appointment(data, consent_default=default)
        except InvalidInput:
            continue
