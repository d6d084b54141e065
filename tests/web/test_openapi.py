"""The description of the API is complete, and what it says is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.web.support import NUMBER, Edge, appointment

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
async def described(web_edge: Edge) -> dict[str, Any]:
    status, found = await web_edge.call("GET", "/v1/openapi.json", key=None)
    assert status == 200
    return dict(found)


def routes(app: web.Application) -> set[tuple[str, str]]:
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        path = re.sub(r"{(\w+):[^{}]+}", r"{\1}", route.resource.canonical)
        if route.method != "*":
            found.add((route.method.lower(), path))
    return found


async def test_every_route_is_described_and_nothing_else(
    web_edge: Edge, described: dict[str, Any]
) -> None:
    told = {(method, path) for path, item in described["paths"].items() for method in item}
    assert web_edge.client.app is not None
    assert told == routes(web_edge.client.app)


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


async def test_the_document_is_well_formed(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.")
    assert {"title", "version"} <= set(described["info"])
    ids = []
    for path, item in described["paths"].items():
        assert path.startswith("/")
        for method, operation in item.items():
            assert method in METHODS
            ids.append(operation["operationId"])
            assert operation["summary"]
            names = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
            assert names == re.findall(r"{(\w+)}", path)
            assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
            assert any(status.startswith("2") for status in operation["responses"])
            assert all(r["description"] for r in operation["responses"].values())
            assert method != "get" or "requestBody" not in operation
    assert len(ids) == len(set(ids))


async def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for item in walk(described):
        reference = item.get("$ref")
        if reference is not None:
            assert reference.removeprefix("#/components/schemas/") in schemas
    assert "$defs" not in str(described)


async def test_every_address_of_a_clinic_needs_its_key(
    web_edge: Edge, described: dict[str, Any]
) -> None:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            if path.startswith("/v1/clinics"):
                assert operation["security"] == [{"key": []}]
                address = path.replace("{clinic}", "zdorovie").replace("{seq}", "1")
                address = address.replace("{number}", NUMBER).replace("{channel}", "max")
                status, _ = await web_edge.call(
                    method.upper(), address.replace("{id}", "A-1"), key=None
                )
                assert status == 401, path
            else:
                assert "security" not in operation


def fits(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Check the part of JSON schema that the description uses for answers."""
    if "$ref" in schema:
        return fits(value, schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    if "allOf" in schema:
        return all(fits(value, part, schemas) for part in schema["allOf"])
    if "enum" in schema and value not in schema["enum"]:
        return False
    if not isinstance(value, dict):
        return True
    if any(name not in value for name in schema.get("required", ())):
        return False
    known = schema.get("properties", {})
    return all(fits(item, known[name], schemas) for name, item in value.items() if name in known)


async def test_answers_are_as_described(web_edge: Edge, described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    await web_edge.recorded()
    await web_edge.answered()
    await web_edge.supervisor.drain()
    base = "/v1/clinics/{clinic}"
    for path in (
        base,
        f"{base}/appointments/{{id}}",
        f"{base}/appointments/{{id}}/explain",
        f"{base}/changes",
        f"{base}/contacts/{{number}}",
    ):
        address = path.replace("{clinic}", "zdorovie").replace("{id}", "A-1")
        address = address.replace("{number}", NUMBER)
        status, answer = await web_edge.call("GET", address)
        content = described["paths"][path]["get"]["responses"][str(status)]["content"]
        assert fits(answer, content["application/json"]["schema"], schemas), path


async def test_problems_are_as_described(web_edge: Edge, described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    path = "/v1/clinics/{clinic}/appointments/{id}"
    responses = described["paths"][path]["put"]["responses"]
    for body in (b"{", appointment(club=1)):
        status, problem = await web_edge.put(body, "A-1")
        content = responses[str(status)]["content"]["application/problem+json"]
        assert fits(problem, content["schema"], schemas)


async def test_a_patch_needs_only_the_id_of_a_branch(described: dict[str, Any]) -> None:
    patch = described["components"]["schemas"]["ClinicPatch"]
    assert "required" not in patch
    assert patch["properties"]["branches"]["items"]["required"] == ["id"]
