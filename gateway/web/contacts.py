"""A number as the clinic's IT sees it: accounts on messengers, the app's push token, refusals.

A patient who asks why no message came is answered from here when the reason is not the visit's
but the number's: the bot was stopped, the phone is gone, nothing is wanted any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field, TypeAdapter

from gateway.core.case import Contact, EndedBy, Entry, EntryKind
from gateway.core.clinic import Branch
from gateway.core.hours import local
from gateway.core.model import Channel
from gateway.core.phone import contact_number
from gateway.errors import NotFound
from gateway.ports.schema_problems import StrictModel
from gateway.ports.schema_scalars import Id
from gateway.ports.store import Kind, Ref
from gateway.service.assembly import Service
from gateway.web.bodies import checked, json_response, one_of, parse_json, read_body, read_json
from gateway.web.endpoints import (
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
from gateway.web.problems import Refused, invalid

CONTACT_BYTES_MAX = 16 * 1024
TOKEN_CHARS_MAX = 4096

_PATH = "/v1/clinics/{clinic}/contacts/{number}"

_STATES: Mapping[EndedBy, str] = {
    EndedBy.STOPPED: "stopped",
    EndedBy.MOVED: "moved",
    EndedBy.CLINIC: "unlinked",
    EndedBy.GONE: "gone",
}
LINKED, UNREACHABLE = "linked", "unreachable"


class LinkModel(StrictModel):
    """Where a patient is to be invited. `branch`: whose bot; left out, the first that has one."""

    channel: Literal["max", "telegram"]
    branch: Id | None = None


class PushModel(StrictModel):
    """The phone's registration token, and whose it is."""

    provider: Literal["fcm", "rustore"]
    token: Annotated[str, Field(min_length=1, max_length=TOKEN_CHARS_MAX, pattern=r"^[!-~]+$")]


_LINK = TypeAdapter(LinkModel)
_PUSH = TypeAdapter(PushModel)


class Contacts:
    """The addresses below a number."""

    def __init__(self, service: Service) -> None:
        self._service = service

    # -- what is known ------------------------------------------------------------------------

    async def get(self, request: web.Request) -> web.Response:
        """Show how a number can be reached, and what happened to that."""
        clinic, number = await self._number(request)
        with_timeline = one_of(request, "timeline", ("0", "1"), "0") == "1"
        contact, _ = await self._service.store.load_contact(clinic, number)
        if contact is None:
            raise NotFound
        branch = await self._branch(contact)
        shown: dict[str, object] = {
            "number": number,
            "allowed": contact.opted_out_at is None,
            "channels": _channels(contact, branch, self._service.clock.now()),
        }
        if with_timeline:
            entries = await self._service.store.timeline(Ref(Kind.CONTACT, clinic, number))
            shown["timeline"] = [_entry(entry, branch) for entry in entries]
        return json_response(shown)

    async def _branch(self, contact: Contact) -> Branch:
        clinic = await self._service.clinics.clinic(contact.clinic)
        own = [branch for branch in clinic.branches if branch.id == contact.branch]
        return (*own, *clinic.branches)[0]

    async def _number(self, request: web.Request) -> tuple[str, str]:
        """Return the clinic and the number of an address; only mobile ones have contacts."""
        clinic = await self._service.clinics.clinic(request.match_info["clinic"])
        for country in dict.fromkeys(branch.country for branch in clinic.branches):
            number, _ = contact_number((request.match_info["number"],), country)
            if number is not None:
                return clinic.id, number
        raise invalid("number", "must be a mobile number of the clinic's country: +79161234567")

    # -- messengers ---------------------------------------------------------------------------

    async def link(self, request: web.Request) -> web.Response:
        """Make a one-time link for the clinic's own letters."""
        clinic, number = await self._number(request)
        given = checked(_LINK, await read_json(request, CONTACT_BYTES_MAX))
        contact, _ = await self._service.store.load_contact(clinic, number)
        if contact is not None and contact.opted_out_at is not None:
            raise Refused(409, "This number wants no messages, so nothing would come there.")
        known = [branch.id for branch in (await self._service.clinics.clinic(clinic)).branches]
        if given.branch is not None and given.branch not in known:
            raise invalid("branch", "there is no such branch")
        channel = Channel(given.channel)
        for branch in known if given.branch is None else [given.branch]:
            made = await self._service.links.make(clinic, branch, number, channel)
            if made is not None:
                return json_response({"url": made.url, "until": made.until.isoformat()}, 201)
        raise invalid("channel", "no bot is configured there")

    async def unlink(self, request: web.Request) -> web.Response:
        """Forget the account; only a new proof brings it back."""
        clinic, number = await self._number(request)
        channel = next(
            (c for c in (Channel.MAX, Channel.TELEGRAM) if c == request.match_info["channel"]),
            None,
        )
        if channel is None:
            raise invalid("channel", "must be one of max, telegram")
        await self._service.engine.end_account(clinic, number, channel, EndedBy.CLINIC)
        return web.Response(status=204)

    # -- push ---------------------------------------------------------------------------------

    async def put_push(self, request: web.Request) -> web.Response:
        """Take the token of the phone on which the app is; the newest one counts."""
        clinic, number = await self._number(request)
        given = checked(_PUSH, await read_json(request, CONTACT_BYTES_MAX))
        branches = (await self._service.clinics.clinic(clinic)).branches
        providers = {
            name
            for branch in branches
            for name in self._service.effects.push_providers(clinic, branch.id)
        }
        if given.provider not in providers:
            raise invalid("provider", "nothing is configured that sends through it")
        await self._service.engine.link_account(
            clinic, number, Channel.PUSH, given.token, provider=given.provider
        )
        return web.Response(status=204)

    async def delete_push(self, request: web.Request) -> web.Response:
        """Forget the token; with a body only this one, so that an old phone's farewell does not
        silence a new one."""
        clinic, number = await self._number(request)
        body = await read_body(request, CONTACT_BYTES_MAX)
        token = checked(_PUSH, parse_json(body)).token if body.strip() else None
        await self._service.engine.end_account(
            clinic, number, Channel.PUSH, EndedBy.CLINIC, account=token
        )
        return web.Response(status=204)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        done = (Response(204, "Done, also when there was nothing to do."),)
        return (
            Endpoint(
                "GET",
                _PATH,
                self.get,
                "get_contact",
                "Show how a number can be reached",
                (Response(200, "What is known.", Content(_CONTACT)),),
                query=(Parameter("timeline", words(("0", "1")), "1 adds all that happened."),),
                problems=(404, 422),
            ),
            Endpoint(
                "POST",
                f"{_PATH}/links",
                self.link,
                "invite_contact",
                "Make a one-time link that opens the clinic's bot as this patient",
                (Response(201, "The link.", Content(shape({"url": TEXT, "until": WHEN}))),),
                body=Content(LinkModel.model_json_schema()),
                problems=(400, 404, 409, 413, 422),
            ),
            Endpoint(
                "DELETE",
                f"{_PATH}/links/{{channel}}",
                self.unlink,
                "unlink_contact",
                "Forget a patient's account on a messenger",
                done,
                problems=(404, 422),
            ),
            Endpoint(
                "PUT",
                f"{_PATH}/push",
                self.put_push,
                "put_push_token",
                "Take the push token of a patient's phone",
                done,
                body=Content(PushModel.model_json_schema()),
                problems=(400, 404, 413, 422),
            ),
            Endpoint(
                "DELETE",
                f"{_PATH}/push",
                self.delete_push,
                "delete_push_token",
                "Forget the push token; with a body, only if it is this one",
                done,
                problems=(400, 404, 413, 422),
            ),
        )


def _channels(contact: Contact, branch: Branch, now: datetime) -> list[dict[str, object]]:
    """Return what is known of each channel; one of which nothing is known is not named."""
    found: dict[Channel, dict[str, object]] = {}
    for item in contact.accounts:
        state = LINKED if item.ended is None else _STATES[item.ended]
        found[item.channel] = {"channel": item.channel.value, "state": state}
        if item.at is not None:
            found[item.channel]["heard_at"] = _at(item.at, branch)
        if item.provider:
            found[item.channel]["provider"] = item.provider
    for learnt in contact.learnt:
        known = found.get(learnt.channel)
        if now < learnt.until and (known is None or known["state"] == LINKED):
            found[learnt.channel] = {
                "channel": learnt.channel.value,
                "state": UNREACHABLE,
                "until": _at(learnt.until, branch),
            }
    return list(found.values())


def _at(moment: datetime, branch: Branch) -> str:
    return local(moment, branch.timezone).isoformat()


def _entry(entry: Entry, branch: Branch) -> dict[str, object]:
    return {"at": _at(entry.at, branch), "kind": entry.kind.value, "data": dict(entry.data)}


_CHANNEL: Schema = shape(
    {
        "channel": words(Channel),
        "state": words((LINKED, *_STATES.values(), UNREACHABLE)),
        "heard_at": WHEN,
        "provider": TEXT,
        "until": WHEN,
    },
    optional=("heard_at", "provider", "until"),
)

_CONTACT: Schema = shape(
    {
        "number": TEXT,
        "allowed": {"type": "boolean"},
        "channels": list_of(_CHANNEL),
        "timeline": list_of(
            shape({"at": WHEN, "kind": words(EntryKind), "data": {"type": "object"}})
        ),
    },
    optional=("timeline",),
)
