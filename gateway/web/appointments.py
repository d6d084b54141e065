"""Appointments: the schedule tells what it has, and asks why a patient got a message or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.core.case import Attempt, AttemptState, Case, Entry, EntryKind
from gateway.core.clinic import Branch, Clinic
from gateway.core.events import AppointmentRemoved
from gateway.core.explain import LANGUAGES, FunctionView, State, explain, text_of
from gateway.core.hours import local
from gateway.core.model import Appointment, Channel, Function, Purpose, Reason, Status
from gateway.errors import NotFound
from gateway.ports.schema import read_appointment, write_appointment
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.web.bodies import json_response, one_of, read_json
from gateway.web.endpoints import (
    COUNT,
    MAYBE_TEXT,
    MAYBE_WHEN,
    TEXT,
    WHEN,
    Content,
    Endpoint,
    Parameter,
    Response,
    Schema,
    list_of,
    shape,
    words,
)
from gateway.web.problems import invalid

APPOINTMENT_BYTES_MAX = 256 * 1024
"""A hundred times the largest sensible appointment."""

PATH = "/v1/clinics/{clinic}/appointments/{id}"


class Appointments:
    """The addresses of one appointment."""

    def __init__(self, service: Service, *, bytes_max: int = APPOINTMENT_BYTES_MAX) -> None:
        self._service = service
        self._bytes_max = bytes_max

    async def put(self, request: web.Request) -> web.Response:
        """Take a new or changed appointment; the same one again changes nothing."""
        clinic_id, appointment_id = _named(request)
        clinic = await self._service.clinics.clinic(clinic_id)
        data = await read_json(request, self._bytes_max)
        snapshot = checked_appointment(with_id(data, appointment_id), clinic)
        decided = await self._service.engine.snapshot(clinic_id, snapshot)
        is_new = decided.changed and decided.case is not None and decided.case.version == 1
        status = "stored" if decided.changed else "unchanged"
        return json_response({"id": appointment_id, "status": status}, 201 if is_new else 200)

    async def get(self, request: web.Request) -> web.Response:
        """Show the latest snapshot, and how Callahead sees it."""
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        case, _ = await self._service.store.load_case(*_named(request))
        if case is None or case.removed:
            raise NotFound
        shown = write_appointment(case.snapshot, zone=_branch_of(case, clinic).timezone)
        return json_response({**shown, "callahead": _view_of(case)})

    async def delete(self, request: web.Request) -> web.Response:
        """The appointment is gone from the schedule; saying so twice changes nothing."""
        clinic_id, appointment_id = _named(request)
        ref = Ref(Kind.CASE, clinic_id, appointment_id)
        decided = await self._service.engine.apply(ref, AppointmentRemoved())
        if decided.case is None:
            raise NotFound
        return web.Response(status=204)

    async def explain(self, request: web.Request) -> web.Response:
        """Tell how each function stands and why (rule G-4)."""
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        language = one_of(request, "lang", LANGUAGES, clinic.language)
        with_timeline = one_of(request, "timeline", ("0", "1"), "0") == "1"
        case, contact = await self._service.store.load_case(*_named(request))
        if case is None:
            raise NotFound
        settings = await self._service.clinics.settings(clinic.id, case.branch)
        branch = settings.branch
        views = explain(case, contact, branch, self._service.clock.now())
        answer: dict[str, object] = {
            "appointment": case.id,
            "status": case.status.value,
            "booking": case.booking,
            "functions": {f.value: _shown(views[f], language, branch) for f in Function},
        }
        if with_timeline:
            entries = await self._service.store.timeline(Ref(Kind.CASE, clinic.id, case.id))
            answer["timeline"] = [_entry(entry, branch) for entry in entries]
        return json_response(answer)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        stored = Content(_STORED)
        return (
            Endpoint(
                "PUT",
                PATH,
                self.put,
                "put_appointment",
                "Record a new or changed appointment",
                (
                    Response(200, "Known before; changed or not.", stored),
                    Response(201, "Recorded for the first time.", stored),
                ),
                body=Content("Appointment", description="`id` may be left out."),
                problems=(400, 404, 413, 422),
            ),
            Endpoint(
                "GET",
                PATH,
                self.get,
                "get_appointment",
                "Show an appointment as it was last recorded",
                (Response(200, "The snapshot and how Callahead sees it.", Content(_SEEN)),),
                problems=(404,),
            ),
            Endpoint(
                "DELETE",
                PATH,
                self.delete,
                "delete_appointment",
                "The appointment is gone from the schedule",
                (Response(204, "Nothing more is sent for it."),),
                problems=(404,),
            ),
            Endpoint(
                "GET",
                f"{PATH}/explain",
                self.explain,
                "explain_appointment",
                "Why did the patient get it, or not?",
                (Response(200, "Every function with its state and reasons.", Content(_WHY)),),
                query=(
                    Parameter("lang", words(LANGUAGES), "Language of the texts."),
                    Parameter("timeline", words(("0", "1")), "1 adds all that happened."),
                ),
                problems=(404, 422),
            ),
        )


def _named(request: web.Request) -> tuple[str, str]:
    return request.match_info["clinic"], request.match_info["id"]


def with_id(data: Any, appointment_id: str) -> Any:
    """Return the object with the address's id; another id inside is refused."""
    if not isinstance(data, Mapping):
        return data
    if data.get("id", appointment_id) != appointment_id:
        raise invalid("id", "is not the id in the address")
    return {**data, "id": appointment_id}


def checked_appointment(data: Any, clinic: Clinic) -> Appointment:
    """Read an appointment of a clinic's branch, or raise `InvalidInput` (`consent` is required)."""
    snapshot = read_appointment(data, consent_default=None)
    if clinic.branch(snapshot.branch) is None:
        raise invalid("branch", "the clinic has no branch with this id")
    return snapshot


def _branch_of(case: Case, clinic: Clinic) -> Branch:
    return clinic.branch(case.branch) or clinic.branches[0]


def _view_of(case: Case) -> dict[str, object]:
    return {
        "status": case.status.value,
        "booking": case.booking,
        "recorded_at": case.recorded_at.isoformat(),
    }


def _shown(view: FunctionView, language: str, branch: Branch) -> dict[str, object]:
    return {
        "state": view.state.value,
        "reasons": _reasons(view.reasons, language),
        "next_at": _moment(view.next_at, branch),
        "would_not_send": _reasons(view.would_not_send, language),
        "attempts": [_attempt(attempt, branch) for attempt in view.attempts],
    }


def _reasons(reasons: Sequence[Reason], language: str) -> list[dict[str, str]]:
    return [{"code": reason.value, "text": text_of(reason, language)} for reason in reasons]


def _attempt(attempt: Attempt, branch: Branch) -> dict[str, object]:
    return {
        "channel": attempt.channel.value,
        "purpose": attempt.purpose.value,
        "state": attempt.state.value,
        "at": _moment(attempt.started_at, branch),
        "result": attempt.result.value if attempt.result else None,
        "code": attempt.code,
    }


def _moment(moment: datetime | None, branch: Branch) -> str | None:
    return local(moment, branch.timezone).isoformat() if moment is not None else None


def _entry(entry: Entry, branch: Branch) -> dict[str, object]:
    return {
        "at": _moment(entry.at, branch),
        "kind": entry.kind.value,
        "function": entry.function.value if entry.function else None,
        "booking": entry.booking,
        "data": dict(entry.data),
    }


# -- what the answers look like, for the API's description ---------------------------------------

STATUS = words(Status)

_STORED = shape({"id": TEXT, "status": words(("stored", "unchanged"))})

_SEEN: Schema = {
    "allOf": [
        {"$ref": "#/components/schemas/Appointment"},
        shape({"callahead": shape({"status": STATUS, "booking": COUNT, "recorded_at": WHEN})}),
    ]
}

_REASONS = list_of(shape({"code": words(Reason), "text": TEXT}))

_ATTEMPT = shape(
    {
        "channel": words(Channel),
        "purpose": words(Purpose),
        "state": words(AttemptState),
        "at": MAYBE_WHEN,
        "result": MAYBE_TEXT,
        "code": TEXT,
    }
)

_FUNCTION = shape(
    {
        "state": words(State),
        "reasons": _REASONS,
        "next_at": MAYBE_WHEN,
        "would_not_send": _REASONS,
        "attempts": list_of(_ATTEMPT),
    }
)

_ENTRY = shape(
    {
        "at": WHEN,
        "kind": words(EntryKind),
        "function": MAYBE_TEXT,
        "booking": COUNT,
        "data": {"type": "object"},
    }
)

_WHY = shape(
    {
        "appointment": TEXT,
        "status": STATUS,
        "booking": COUNT,
        "functions": shape({function.value: _FUNCTION for function in Function}),
        "timeline": list_of(_ENTRY),
    },
    optional=("timeline",),
)
