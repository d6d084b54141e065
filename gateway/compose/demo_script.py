"""The demo's people and visits, read from config/demo/patients.yaml and set around a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, TypeAdapter

from gateway.core.phone import contact_number
from gateway.ports.schema_problems import FieldsError, StrictModel, validate
from gateway.ports.yaml_lines import read_document

_TIME = r"^[0-2][0-9]:[0-5][0-9](:[0-5][0-9])?$"


class DoctorSpec(StrictModel):
    """Who receives the patient."""

    name: str
    specialty: str
    anonymous_appointments: bool = False


class AnswerSpec(StrictModel):
    """What a patient answers by itself, so many minutes after the question."""

    after: int = Field(ge=0)
    text: str


class TelephoneSpec(StrictModel):
    """How a patient takes a call: after so many seconds, pressing one of `keys` a question."""

    after: float = Field(ge=0, le=60)
    keys: str = Field(default="", pattern=r"^[0-9*#]*$")
    declines: bool = False


Messenger = Literal["on", "installed", "no"]
"""`on`: has written to the clinic's bot and shown the number; `installed`: has not yet."""

App = Literal["on", "off", "gone", "no"]
"""The clinic's own app: `off` with push switched off, `gone` removed without anybody noticing."""


class GuardianSpec(StrictModel):
    """Last name, first name, patronymic and phone of whoever is asked instead."""

    person: list[str] = Field(min_length=3, max_length=4)
    consent: bool = True
    language: Literal["ru", "en"] | None = None
    app: App = "no"


class PatientSpec(GuardianSpec):
    """A patient and how it behaves."""

    notifications_refused: bool = False
    guardian: GuardianSpec | None = None
    whatsapp: bool = True
    max: Messenger = "no"
    telegram: Messenger = "no"
    answers: AnswerSpec | None = None
    telephone: TelephoneSpec | None = None
    absent: bool = False

    @property
    def number(self) -> str | None:
        """The mobile number that is contacted, if there is one."""
        return contact_number(tuple((self.guardian or self).person[3:]), "RU")[0]

    @property
    def phone_app(self) -> App:
        """How the clinic's app stands on the phone that is contacted."""
        return (self.guardian or self).app


class VisitSpec(StrictModel):
    """One visit; `made` is when it came into the schedule: day and time."""

    id: str
    day: int
    time: str = Field(pattern=_TIME)
    minutes: int = Field(gt=0)
    doctor: str
    patient: str
    branch: str = "lenina"
    made: list[int | str] = Field(min_length=2, max_length=2)
    status: str = "unconfirmed"
    anonymous: bool = False
    club: bool = False
    service: bool = False
    booked_online: bool = False
    online_consultation: bool = False


class Script(StrictModel):
    """The whole file."""

    begins: str = Field(pattern=_TIME)
    doctors: Mapping[str, DoctorSpec]
    patients: Mapping[str, PatientSpec]
    visits: list[VisitSpec]


_SCRIPT = TypeAdapter(Script)
_FLAGS = ("anonymous", "club", "service", "booked_online", "online_consultation")


def read_script(text: str, source: str) -> Script:
    """Return the script; raise `InvalidInput` naming file, line and field."""
    document = read_document(text, source)
    try:
        return validate(_SCRIPT, document.data)
    except FieldsError as error:
        raise error.invalid(source, document.lines) from None


def beginning(script: Script, today: date, zone: str) -> datetime:
    """Return the moment at which a demo that begins today begins."""
    return _moment(today, 0, script.begins, zone)


def visits_of(script: Script, first_day: date, zone: str) -> list[dict[str, Any]]:
    """Return every visit as the clinic's schedule describes it, in the order of the file."""
    return [_visit(script, visit, first_day, zone) for visit in script.visits]


def _visit(script: Script, visit: VisitSpec, first_day: date, zone: str) -> dict[str, Any]:
    patient = script.patients[visit.patient]
    doctor = script.doctors[visit.doctor]
    day, made_at = visit.made
    return {
        "id": visit.id,
        "branch": visit.branch,
        "start": _moment(first_day, visit.day, visit.time, zone).isoformat(),
        "duration": f"{visit.minutes}m",
        "created": _moment(first_day, int(day), str(made_at), zone).isoformat(),
        "status": visit.status,
        **{flag: True for flag in _FLAGS if getattr(visit, flag)},
        "doctor": {
            "name": doctor.name,
            "specialty": doctor.specialty,
            "anonymous_appointments": doctor.anonymous_appointments,
        },
        "patient": {
            "id": f"P-{visit.patient}",
            **_person(patient),
            "notifications_refused": patient.notifications_refused,
            "guardian": _person(patient.guardian) if patient.guardian else None,
        },
    }


def _person(spec: GuardianSpec) -> dict[str, Any]:
    last, first, middle, *phones = spec.person
    return {
        "last_name": last,
        "first_name": first,
        "middle_name": middle,
        "phones": phones,
        "language": spec.language,
        "consent": spec.consent,
        "app": {"installed": spec.app != "no", "push": spec.app in ("on", "gone")},
    }


def _moment(first_day: date, day: int, clock: str, zone: str) -> datetime:
    at = time.fromisoformat(clock)
    return datetime.combine(first_day + timedelta(days=day), at, ZoneInfo(zone))
