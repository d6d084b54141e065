"""An address of the API with everything that routing, checking and describing it needs.

Routes and the OpenAPI document are made from the same list, so neither can miss one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gateway.web.problems import Handler

Schema: TypeAlias = Mapping[str, object]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
WHEN: Schema = {"type": "string", "format": "date-time"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
MAYBE_WHEN: Schema = {"type": ["string", "null"], "format": "date-time"}


def shape(properties: Mapping[str, object], *, optional: Collection[str] = ()) -> Schema:
    """Return the schema of an object; whatever is not optional is always there."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def list_of(items: Mapping[str, object]) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def words(values: Iterable[str]) -> Schema:
    """Return the schema of one of a few words."""
    return {"type": "string", "enum": list(values)}


@dataclass(frozen=True, slots=True)
class Content:
    """A body. `schema` is a JSON schema, or the name of a component."""

    schema: Schema | str
    media_type: str = "application/json"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query; all of them are optional."""

    name: str
    schema: Schema
    description: str


@dataclass(frozen=True, slots=True)
class Response:
    """One of the answers that are no problems."""

    status: int
    description: str
    content: Content | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path. `keyed` ones need the API key of the path's clinic.

    `problems` are the statuses that it may answer besides those which every keyed one has.
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    responses: tuple[Response, ...]
    keyed: bool = True
    body: Content | None = None
    query: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    tag: str = "clinic"
