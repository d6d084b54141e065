"""Samples of every message as a branch's patients get it (rules W-2, H-6)."""

from __future__ import annotations

from decimal import Decimal

from aiohttp import web

from gateway.core.hours import local_day
from gateway.core.model import Channel, Function
from gateway.core.samples import SampleMessage, sample_messages
from gateway.core.segments import Segments
from gateway.core.texts import warnings_of
from gateway.service.assembly import Service
from gateway.web.bodies import json_response, one_of
from gateway.web.endpoints import (
    COUNT,
    MAYBE_TEXT,
    TEXT,
    Content,
    Endpoint,
    Parameter,
    Response,
    list_of,
    shape,
    words,
)
from gateway.web.problems import Refused

PATH = "/v1/clinics/{clinic}/samples"

_SMS = shape({"encoding": TEXT, "parts": COUNT, "units": COUNT, "left": COUNT})
_SAMPLES = shape(
    {
        "branch": TEXT,
        "language": TEXT,
        "messages": list_of(
            shape(
                {
                    "about": TEXT,
                    "function": MAYBE_TEXT,
                    "channel": TEXT,
                    "text": TEXT,
                    "buttons": list_of(TEXT),
                    "parameters": list_of(TEXT),
                    "sms": {**_SMS, "type": ["object", "null"]},
                    "price": MAYBE_TEXT,
                    "price_after_call": MAYBE_TEXT,
                }
            )
        ),
        "warnings": list_of(shape({"field": TEXT, "message": TEXT})),
    }
)


class Samples:
    """The address of the samples."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, request: web.Request) -> web.Response:
        """Show every message with the branch's own name, links and prices."""
        service = self._service
        clinic = await service.clinics.clinic(request.match_info["clinic"])
        wanted = request.query.get("branch", clinic.branches[0].id)
        if clinic.branch(wanted) is None:
            raise Refused(404, "The clinic has no branch with this id.")
        settings = await service.clinics.settings(clinic.id, wanted)
        branch, texts = settings.branch, settings.texts
        own = texts.words(branch, None)
        spoken = texts.by_language[one_of(request, "lang", texts.languages, own.language)]
        day = local_day(service.clock.now(), branch.timezone)
        messages = [message_line(one) for one in sample_messages(spoken, branch, day)]
        warnings = [{"field": w.field, "message": w.message} for w in warnings_of(spoken)]
        return json_response(
            {
                "branch": branch.id,
                "language": spoken.language,
                "messages": [line for line in messages if _is_wanted(line, request)],
                "warnings": warnings,
            }
        )

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        return (
            Endpoint(
                "GET",
                PATH,
                self.get,
                "list_samples",
                "Samples of every message, with SMS parts and prices",
                (Response(200, "With example facts.", Content(_SAMPLES)),),
                query=(
                    Parameter("branch", TEXT, "Whose name, links and tariff (default: the first)."),
                    Parameter("lang", TEXT, "Language (default: the branch's)."),
                    Parameter("function", words(Function), "Only the messages of a function."),
                    Parameter("channel", words(Channel), "Only those of a channel."),
                ),
                problems=(404, 422),
            ),
        )


def message_line(message: SampleMessage) -> dict[str, object]:
    """Return a sample as commands and the API tell it; amounts are decimal texts."""
    return {
        "about": message.about,
        "function": message.function,
        "channel": message.channel,
        "text": message.content.text,
        "buttons": [button.title for button in message.content.buttons],
        "parameters": list(message.parameters),
        "sms": _sms(message.segments) if message.segments is not None else None,
        "price": _amount(message.price),
        "price_after_call": _amount(message.price_after_call),
    }


def _sms(segments: Segments) -> dict[str, object]:
    return {
        "encoding": segments.encoding,
        "parts": segments.count,
        "units": segments.units,
        "left": segments.left,
    }


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _is_wanted(line: dict[str, object], request: web.Request) -> bool:
    function = one_of(request, "function", ("", *Function), "")
    channel = one_of(request, "channel", ("", *Channel), "")
    return function in ("", line["function"]) and channel in ("", line["channel"])
