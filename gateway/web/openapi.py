"""The API's description (OpenAPI 3.1), made from the same list that the routes are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from aiohttp import web

from gateway.ports.schema import appointment_json_schema, clinic_json_schema
from gateway.web.bodies import json_response
from gateway.web.endpoints import (
    TEXT,
    Content,
    Endpoint,
    Parameter,
    Response,
    Schema,
    list_of,
    shape,
)
from gateway.web.problems import TITLES

PATH = "/v1/openapi.json"
VERSION = "1"  # of the API, as in its paths

_KEYED_PROBLEMS = (401, 403, 500, 503)
_DEFINED = "#/$defs/"
_COMPONENT = "#/components/schemas/"


class Description:
    """The document, made once."""

    def __init__(self, endpoints: Sequence[Endpoint], public_url: str) -> None:
        own = self.endpoints()
        self._document = document([*endpoints, *own], public_url)

    async def get(self, _request: web.Request) -> web.Response:
        """Show the document."""
        return json_response(self._document)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the address of the document."""
        return (
            Endpoint(
                "GET",
                PATH,
                self.get,
                "openapi",
                "This document",
                (Response(200, "OpenAPI 3.1.", Content({"type": "object"})),),
                keyed=False,
                tag="operations",
            ),
        )


def document(endpoints: Sequence[Endpoint], public_url: str) -> dict[str, Any]:
    """Return the whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Callahead", "version": VERSION},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The clinic's API key, chk_…",
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    statuses = set(endpoint.problems)
    statuses |= set(_KEYED_PROBLEMS) if endpoint.keyed else set()
    responses = {str(one.status): _response(one) for one in endpoint.responses}
    responses |= {str(status): _problem(status) for status in sorted(statuses)}
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": _parameters(endpoint),
        "responses": responses,
    }
    if endpoint.body is not None:
        found["requestBody"] = {
            "required": True,
            "content": _content(endpoint.body),
            "description": endpoint.body.description,
        }
    if endpoint.keyed:
        found["security"] = [{"key": []}]
    return found


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    return in_path + [_in_query(parameter) for parameter in endpoint.query]


def _in_query(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": False,
        "schema": parameter.schema,
        "description": parameter.description,
    }


def _response(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = {"description": response.description}
    if response.content is not None:
        found["content"] = _content(response.content)
    return found


def _problem(status: int) -> dict[str, Any]:
    problem = Content("Problem", "application/problem+json")
    return {"description": TITLES[status], "content": _content(problem)}


def _content(content: Content) -> dict[str, Any]:
    schema: object = content.schema
    if isinstance(content.schema, str):
        schema = {"$ref": f"{_COMPONENT}{content.schema}"}
    return {content.media_type: {"schema": schema}}


def _schemas() -> dict[str, Any]:
    """Return the components: the public formats, each part of them under its own name."""
    problem = shape(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "errors": list_of(shape({"field": TEXT, "message": TEXT})),
        },
        optional=("errors",),
    )
    clinic = _component("Clinic", clinic_json_schema())
    return {
        "Problem": problem,
        **_component("Appointment", appointment_json_schema()),
        **clinic,
        "ClinicPatch": _patch_of(clinic["Clinic"], clinic["BranchModel"]),
    }


def _component(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema and its parts as components that refer to each other."""
    whole = cast("dict[str, Any]", _relinked(schema))
    parts = whole.pop("$defs", {})
    return {name: whole, **parts}


def _relinked(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _relinked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_relinked(item) for item in value]
    if isinstance(value, str) and value.startswith(_DEFINED):
        return _COMPONENT + value.removeprefix(_DEFINED)
    return value


def _patch_of(clinic: Mapping[str, Any], branch: Mapping[str, Any]) -> Schema:
    """Any field of the clinic may be left out, and any of a branch but its id."""
    own = {name: value for name, value in clinic["properties"].items() if name != "branches"}
    partial = {**branch, "required": ["id"]}
    return {
        "type": "object",
        "description": "Objects merge, lists and values replace; branches are found by id.",
        "properties": {**own, "branches": {"type": "array", "items": partial}},
        "additionalProperties": False,
    }
