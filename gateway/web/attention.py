"""What waits for the clinic's staff, and the word that they have seen to it."""

from __future__ import annotations

from datetime import datetime

from aiohttp import web

from gateway.core.attention import LANGUAGES, text_of
from gateway.core.clinic import Clinic
from gateway.core.hours import local
from gateway.service.assembly import Service
from gateway.service.attention import Waiting, mark_done, waiting_for_staff
from gateway.web.bodies import json_response, one_of, whole_number
from gateway.web.endpoints import (
    MAYBE_TEXT,
    MAYBE_WHEN,
    TEXT,
    WHEN,
    Content,
    Endpoint,
    Parameter,
    Response,
    list_of,
    shape,
    words,
)
from gateway.web.problems import Refused

PATH = "/v1/clinics/{clinic}/attention"
ITEMS_MAX = 1000
ITEMS_DEFAULT = 100

_QUEUE = shape(
    {
        "items": list_of(
            shape(
                {
                    "id": TEXT,
                    "at": WHEN,
                    "why": TEXT,
                    "text": TEXT,
                    "branch": TEXT,
                    "appointment": MAYBE_TEXT,
                    "start": MAYBE_WHEN,
                    "number": MAYBE_TEXT,
                    "raw": MAYBE_TEXT,
                    "answer": MAYBE_TEXT,
                    "source": MAYBE_TEXT,
                    "code": MAYBE_TEXT,
                }
            )
        ),
        "more": {"type": "boolean"},
    }
)


class AttentionQueue:
    """The addresses of the queue."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, request: web.Request) -> web.Response:
        """Show what waits, the longest waiting first."""
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        language = one_of(request, "lang", LANGUAGES, _language_of(clinic))
        limit = whole_number(request, "limit", default=ITEMS_DEFAULT, most=ITEMS_MAX, least=1)
        found = await waiting_for_staff(self._service.store, clinic.id, limit + 1)
        items = [shown(waiting, clinic, language) for waiting in found[:limit]]
        return json_response({"items": items, "more": len(found) > limit})

    async def done(self, request: web.Request) -> web.Response:
        """Take an item off the queue."""
        service, clinic = self._service, request.match_info["clinic"]
        if not await mark_done(service.store, service.engine, clinic, request.match_info["id"]):
            raise Refused(404, "Nothing of this id waits: it is settled, or something came on top.")
        return web.Response(status=204)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        return (
            Endpoint(
                "GET",
                PATH,
                self.get,
                "list_attention",
                "What waits for the staff: unclear answers, conflicts, refused changes",
                (Response(200, "The longest waiting first.", Content(_QUEUE)),),
                query=(
                    Parameter("lang", words(LANGUAGES), "Language of the texts."),
                    Parameter(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": ITEMS_MAX},
                        f"Items at most (default {ITEMS_DEFAULT}).",
                    ),
                ),
                problems=(404, 422),
            ),
            Endpoint(
                "POST",
                f"{PATH}/{{id}}:done",
                self.done,
                "attention_done",
                "The staff has seen to it",
                (Response(204, "It waits no more."),),
                problems=(404,),
            ),
        )


def shown(waiting: Waiting, clinic: Clinic, language: str) -> dict[str, object]:
    """Return an item as the API tells it; times are those of its branch."""
    branch = clinic.branch(waiting.branch) or clinic.branches[0]

    def moment(at: datetime | None) -> str | None:
        return local(at, branch.timezone).isoformat() if at is not None else None

    data = waiting.data
    return {
        "id": waiting.id,
        "at": moment(waiting.at),
        "why": waiting.why,
        "text": text_of(waiting.why, language),
        "branch": branch.id,
        "appointment": waiting.appointment,
        "start": moment(waiting.start),
        "number": waiting.number,
        "raw": data.get("raw"),
        "answer": data.get("answer"),
        "source": data.get("source"),
        "code": data.get("code"),
    }


def _language_of(clinic: Clinic) -> str:
    return clinic.language if clinic.language in LANGUAGES else LANGUAGES[0]
