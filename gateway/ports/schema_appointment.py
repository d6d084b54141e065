"""The appointment object, as the schedule API, the rehearsal and file imports take it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Literal

from pydantic import Field, TypeAdapter

from gateway.core.model import App, Appointment, Doctor, Person, Status
from gateway.ports.schema_problems import FieldsError, StrictModel, validate
from gateway.ports.schema_scalars import (
    PHONES_MAX,
    Id,
    KeyId,
    Language,
    MaybeId,
    Moment,
    Text,
    VisitDuration,
    WrittenPhone,
    write_duration,
    write_moment,
)

_DOCTORS_KEPT = 4096  # a clinic has few doctors and many visits: equal ones are one object


class AppModel(StrictModel):
    """The clinic's own app on the patient's phone."""

    installed: bool = False
    push: bool = False


class DoctorModel(StrictModel):
    """Who receives the patient."""

    name: Text = ""
    specialty: Text = ""
    anonymous_appointments: bool = False


class PersonModel(StrictModel):
    """What a patient and a guardian have in common."""

    first_name: Text = ""
    middle_name: Text = ""
    last_name: Text = ""
    phones: list[WrittenPhone] = Field(default_factory=list, max_length=PHONES_MAX)
    language: Language | None = None
    consent: bool
    notifications_refused: bool = False
    app: AppModel = AppModel()


class GuardianModel(PersonModel):
    """An object like a patient, used instead of the patient; it has no guardian of its own."""

    id: MaybeId = ""
    guardian: None = None


class PatientModel(PersonModel):
    """A patient; `consent` is to personal-data processing."""

    id: Id
    guardian: GuardianModel | None = None


class AppointmentModel(StrictModel):
    """One visit as the clinic's schedule describes it."""

    id: Id
    branch: KeyId
    start: Moment
    created: Moment
    patient: PatientModel
    duration: VisitDuration | None = None
    status: Literal[
        "unconfirmed",
        "confirmed",
        "reschedule_requested",
        "cancelled",
        "arrived",
        "completed",
        "no_show",
    ] = "unconfirmed"
    service: bool = False
    booked_online: bool = False
    online_consultation: bool = False
    anonymous: bool = False
    club: bool = False
    doctor: DoctorModel = DoctorModel()


_APPOINTMENT = TypeAdapter(AppointmentModel)


def parse_appointment(data: object, *, consent_default: bool | None) -> Appointment:
    """Read an appointment or raise `FieldsError`; see `gateway.ports.schema.read_appointment`."""
    if consent_default is not None:
        data = _with_consent(data, consent_default)
    model = validate(_APPOINTMENT, data)
    patient = model.patient
    guardian = patient.guardian
    return Appointment(
        id=model.id,
        branch=model.branch,
        start=model.start,
        created=model.created,
        patient=_person(patient, patient.id, _person(guardian, guardian.id) if guardian else None),
        doctor=_doctor(
            model.doctor.name, model.doctor.specialty, model.doctor.anonymous_appointments
        ),
        duration_s=None if model.duration is None else int(model.duration.total_seconds()),
        status=Status(model.status),
        service=model.service,
        booked_online=model.booked_online,
        online_consultation=model.online_consultation,
        anonymous=model.anonymous,
        club=model.club,
    )


def read_appointment(data: object, *, consent_default: bool | None) -> Appointment:
    """Read an appointment from plain JSON data, or raise `InvalidInput` naming every bad field.

    `consent_default` is what a missing `consent` means; None: it is required, as in the API.
    """
    try:
        return parse_appointment(data, consent_default=consent_default)
    except FieldsError as error:
        raise error.invalid() from None


def write_appointment(appointment: Appointment, *, zone: str | None = None) -> dict[str, Any]:
    """Write the object that `read_appointment` reads; moments in `zone`, in UTC without one."""
    seconds = appointment.duration_s
    doctor = appointment.doctor
    return {
        "id": appointment.id,
        "branch": appointment.branch,
        "start": write_moment(appointment.start, zone),
        "duration": None if seconds is None else write_duration(timedelta(seconds=seconds)),
        "created": write_moment(appointment.created, zone),
        "status": appointment.status.value,
        "service": appointment.service,
        "booked_online": appointment.booked_online,
        "online_consultation": appointment.online_consultation,
        "anonymous": appointment.anonymous,
        "club": appointment.club,
        "doctor": {
            "name": doctor.name,
            "specialty": doctor.specialty,
            "anonymous_appointments": doctor.anonymous_appointments,
        },
        "patient": _write_person(appointment.patient),
    }


def appointment_json_schema() -> dict[str, Any]:
    """Return the JSON schema of the object, for the API's description."""
    return _APPOINTMENT.json_schema()


def _with_consent(data: object, default: bool) -> object:
    """Fill in a missing `consent` of the patient and the guardian; everything else stays."""
    if not isinstance(data, Mapping) or not isinstance(data.get("patient"), Mapping):
        return data
    patient = {"consent": default, **data["patient"]}
    if isinstance(patient.get("guardian"), Mapping):
        patient["guardian"] = {"consent": default, **patient["guardian"]}
    return {**data, "patient": patient}


def _person(model: PersonModel, person_id: str, guardian: Person | None = None) -> Person:
    return Person(
        id=person_id,
        first_name=model.first_name,
        middle_name=model.middle_name,
        last_name=model.last_name,
        phones=tuple(model.phones),
        language=model.language,
        consent=model.consent,
        notifications_refused=model.notifications_refused,
        app=_APPS[model.app.installed, model.app.push],
        guardian=guardian,
    )


def _write_person(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "first_name": person.first_name,
        "middle_name": person.middle_name,
        "last_name": person.last_name,
        "phones": list(person.phones),
        "language": person.language,
        "consent": person.consent,
        "notifications_refused": person.notifications_refused,
        "app": {"installed": person.app.installed, "push": person.app.push},
        "guardian": None if person.guardian is None else _write_person(person.guardian),
    }


@lru_cache(maxsize=_DOCTORS_KEPT)
def _doctor(name: str, specialty: str, anonymous_appointments: bool) -> Doctor:
    return Doctor(name, specialty, anonymous_appointments)


_APPS = {
    (installed, push): App(installed, push) for installed in (False, True) for push in (False, True)
}
