"""Answers from the clinic's own app (rules C-9, C-10, C-12, Z-8)."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from aiohttp import web
from pydantic import TypeAdapter

from gateway.core.answers import outcome_of
from gateway.core.case import Case, StatusPush
from gateway.core.decide import Settings
from gateway.core.events import PatientChose
from gateway.core.explain import LANGUAGES
from gateway.core.model import STATUS_OF_ANSWER, Answer, Channel, Source, Status
from gateway.core.wording import Texts, compose
from gateway.errors import NotFound
from gateway.ports.schema_problems import StrictModel
from gateway.ports.schema_scalars import Id, Moment
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.web.bodies import checked, json_response, one_of, read_json
from gateway.web.endpoints import (
    MAYBE_TEXT,
    TEXT,
    Content,
    Endpoint,
    Parameter,
    Response,
    shape,
    words,
)

ANSWER_BYTES_MAX = 16 * 1024

ANOTHER_BOOKING = -1
"""Booking of an answer to a start that is not the visit's: it never applies (rule C-17)."""

APPLIED = "applied"

ID_PREFIX = "app:"
"""The app's ids are its own: they must not meet those of the patient page."""


class AnswerModel(StrictModel):
    """What a patient chose in the clinic's app; `start` is the visit's as the app showed it."""

    id: Id
    answer: Literal["confirm", "reschedule", "cancel"]
    start: Moment
    at: Moment


_ANSWER = TypeAdapter(AnswerModel)


class Answers:
    """The address that takes a patient's answer."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def post(self, request: web.Request) -> web.Response:
        """Apply an answer once; the same `id` again gets the first result."""
        clinic, appointment = request.match_info["clinic"], request.match_info["id"]
        language = one_of(request, "lang", ("", *LANGUAGES), "")
        given = checked(_ANSWER, await read_json(request, ANSWER_BYTES_MAX))
        case, _ = await self._service.store.load_case(clinic, appointment)
        if case is None:
            raise NotFound
        booking = case.booking if given.start == case.snapshot.start else ANOTHER_BOOKING
        answer = Answer(given.answer)
        event = PatientChose(f"{ID_PREFIX}{given.id}", Source.APP, answer, booking)
        decided = await self._service.engine.apply(Ref(Kind.CASE, clinic, appointment), event)
        if decided.case is None:
            raise NotFound
        settings = await self._service.clinics.settings(clinic, decided.case.branch)
        return json_response({"id": given.id, **result_of(event, decided.case, settings, language)})

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the address."""
        result = shape(
            {
                "id": TEXT,
                "applied": {"type": "boolean"},
                "why": words(("removed", "moved", "begun", "status")),
                "status": words(Status),
                "text": MAYBE_TEXT,
            },
            optional=("why",),
        )
        return (
            Endpoint(
                "POST",
                "/v1/clinics/{clinic}/appointments/{id}/answers",
                self.post,
                "answer_appointment",
                "Take a patient's answer from the clinic's app",
                (Response(200, "What came of it, and what to show.", Content(result)),),
                body=Content(AnswerModel.model_json_schema()),
                query=(Parameter("lang", words(LANGUAGES), "Default: the patient's language."),),
                problems=(400, 404, 413, 422),
            ),
        )


def result_of(
    event: PatientChose, case: Case, settings: Settings, language: str
) -> dict[str, object]:
    """Return what the app is told: an applied answer keeps its own result forever."""
    why = outcome_of(case, event.id)
    if why is None or why == APPLIED:
        push = push_of(case, event.id)
        answer = push.answer if push is not None else event.answer
        text = _text(f"acknowledgement.{answer}", case, settings, language, push)
        return {"applied": True, "status": STATUS_OF_ANSWER[answer], "text": text}
    about = f"state.{case.status}" if why == "status" else f"state.{why}"
    text = _text(about, case, settings, language)
    return {"applied": False, "why": why, "status": case.status, "text": text}


def push_of(case: Case, event_id: str) -> StatusPush | None:
    """Return the status change that an applied answer became.

    Answers of the app that applied and their changes stand in the same order; both lists forget
    their oldest entries, so they are matched from the end.
    """
    names = [seen.partition("\x1f") for seen in case.seen if seen.startswith(ID_PREFIX)]
    applied = [name for name, _, outcome in names if outcome == APPLIED]
    pushes = [push for push in case.pushes if push.source is Source.APP]
    from_end = len(applied) - applied.index(event_id) if event_id in applied else 0
    return pushes[-from_end] if 0 < from_end <= len(pushes) else None


def _text(
    about: str,
    case: Case,
    settings: Settings,
    language: str,
    push: StatusPush | None = None,
) -> str:
    """Return the words of a chat about the visit, in the wanted or the patient's language."""
    texts, snapshot, booking = settings.texts, case.snapshot, case.booking
    if language in texts.by_language:
        texts = Texts({language: texts.by_language[language]})
    if push is not None:
        snapshot, booking = replace(snapshot, start=push.start), push.booking
    content = compose(
        texts,
        about,
        Channel.WHATSAPP,
        branch=settings.branch,
        snapshot=snapshot,
        booking=booking,
    )
    return content.text
