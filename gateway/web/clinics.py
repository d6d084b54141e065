"""A clinic's settings: shown with every default, changed by merging (rule G-1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.core.clinic import Clinic
from gateway.errors import InvalidInput, NotFound, Problem
from gateway.ports.schema import merge_branch, normalise_clinic, warnings_of, write_clinic
from gateway.ports.schema_problems import show_path
from gateway.service.assembly import Service
from gateway.web.bodies import below, json_response, read_json
from gateway.web.endpoints import TEXT, Content, Endpoint, Response, Schema, list_of, shape
from gateway.web.problems import fields, invalid

SETTINGS_BYTES_MAX = 4 * 1024 * 1024
"""A clinic with a thousand branches and all their prices."""

PATH = "/v1/clinics/{clinic}"

_CLINIC_FIELDS = ("name", "country", "language", "display_zone")
_READ_ONLY = "warnings"  # shown beside the settings; sent back, it is let go

_SHOWN: Schema = {
    "allOf": [
        {"$ref": "#/components/schemas/Clinic"},
        shape({_READ_ONLY: list_of(shape({"field": TEXT, "message": TEXT}))}),
    ]
}


class Clinics:
    """The addresses of a clinic's settings."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, request: web.Request) -> web.Response:
        """Show the settings as they hold."""
        return _shown(await self._service.clinics.clinic(request.match_info["clinic"]))

    async def patch(self, request: web.Request) -> web.Response:
        """Merge a change; it is taken whole or not at all."""
        clinic = request.match_info["clinic"]
        patch = await read_json(request, SETTINGS_BYTES_MAX)

        def merged(stored: Mapping[str, object] | None) -> Mapping[str, object]:
            if stored is None:
                raise NotFound
            return merge_clinic(stored, patch)

        # Changes of several branches at once are tried again together when another came first.
        return _shown(await self._service.clinics.change(clinic, merged))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the addresses."""
        settings = Content(_SHOWN)
        return (
            Endpoint(
                "GET",
                PATH,
                self.get,
                "get_clinic",
                "Show the clinic's settings",
                (Response(200, "The settings with every default filled in.", settings),),
                problems=(404,),
            ),
            Endpoint(
                "PATCH",
                PATH,
                self.patch,
                "patch_clinic",
                "Change the clinic's settings",
                (Response(200, "The settings as they now hold.", settings),),
                body=Content("ClinicPatch"),
                problems=(400, 404, 413, 422),
            ),
        )


def _shown(clinic: Clinic) -> web.Response:
    return json_response({**write_clinic(clinic), _READ_ONLY: fields(warnings_of(clinic))})


def merge_clinic(stored: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """Return the document with a patch merged into it, or raise `InvalidInput` with all problems.

    Branches are found by `id`; one that the clinic does not have yet is added.
    """
    if not isinstance(patch, Mapping):
        raise invalid("", "must be an object")
    problems = [
        Problem(show_path((str(name),)), "unknown field")
        for name in patch
        if name not in (*_CLINIC_FIELDS, "id", "branches", _READ_ONLY)
    ]
    if patch.get("id", stored["id"]) != stored["id"]:
        problems.append(Problem("id", "the id of a clinic cannot be changed"))
    document = _merge_top(stored, patch, problems)
    branches = patch.get("branches", [])
    if not isinstance(branches, list):
        problems.append(Problem("branches", "must be a list"))
        branches = []
    for index, branch in enumerate(branches):
        document = _merge_one(document, branch, f"branches[{index}]", problems)
    if problems:
        raise InvalidInput(*problems)
    return document


def _merge_top(
    stored: Mapping[str, Any], patch: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    own = {name: patch[name] for name in _CLINIC_FIELDS if name in patch}
    try:
        return normalise_clinic({**stored, **own})
    except InvalidInput as error:
        problems += error.problems
        return dict(stored)


def _merge_one(
    document: dict[str, Any], branch: Any, where: str, problems: list[Problem]
) -> dict[str, Any]:
    """Merge one branch; what is wrong with it is added to `problems`."""
    if not isinstance(branch, Mapping) or not isinstance(branch.get("id"), str):
        problems.append(Problem(f"{where}.id", "required, but missing"))
        return document
    try:
        if any(known["id"] == branch["id"] for known in document["branches"]):
            return merge_branch(document, branch["id"], branch)
        return _added(document, branch)
    except InvalidInput as error:
        problems += below(where, error).problems
    return document


def _added(document: dict[str, Any], branch: Mapping[str, Any]) -> dict[str, Any]:
    place = f"branches[{len(document['branches'])}]"
    try:
        return normalise_clinic({**document, "branches": [*document["branches"], branch]})
    except InvalidInput as error:
        cut = (Problem(p.field.removeprefix(place).lstrip("."), p.message) for p in error.problems)
        raise InvalidInput(*cut) from None
