"""What is wrong with an input, in plain words: which field, what was expected, what was got.

Paths are written one way everywhere: `events[3].appointment.patient.phones[0]`. Messages never
repeat what an input says about a person: only settings' own words (a channel, a zone, an hour)
are quoted back, and only when they look like such words.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from gateway.errors import InvalidInput, Problem

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indexes that lead from the top of an input to one of its fields."""

Lines: TypeAlias = Callable[[list[Path]], list[int | None]]
"""Finds the lines of fields in the text that the input was read from."""

_Read = TypeVar("_Read")

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
FINDINGS_MAX = 20  # a reader mends the first few; an input of the wrong kind has a million
_NUMBER_KEY = re.compile(r"\+[0-9]{6,15}")
# What a setting may look like: empty, a small word, a time or amount, a zone, a country. A name
# or a birthday that slipped into the wrong column looks like none of them.
_QUOTABLE = re.compile(
    r"|[a-z_]{1,24}|[0-9+-][A-Za-z0-9:.+ -]{0,15}|[A-Za-z_]+/[A-Za-z0-9_/+-]{1,40}|[A-Za-z]{1,3}"
)
_QUOTED_DIGITS_MAX = 6  # more could be a phone number
_CUSTOM = "callahead"


class StrictModel(BaseModel):
    """An object of a public format: no unknown fields, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the path to it."""

    path: Path
    message: str

    def below(self, prefix: Path) -> Finding:
        """Return the same finding, seen from an object that holds the input at `prefix`."""
        return Finding(prefix + self.path, self.message)


class FieldsError(Exception):
    """An input cannot be taken; becomes `InvalidInput` where it leaves `gateway.ports`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(f"{len(self.findings)} bad fields")

    def invalid(self, source: str = "", lines: Lines | None = None) -> InvalidInput:
        """Return the error for the outside; `lines` finds the lines of fields in a text."""
        found = self.findings
        at = lines([item.path for item in found]) if lines else [None] * len(found)
        problems = [
            Problem(show_path(item.path), item.message, line)
            for item, line in zip(found, at, strict=True)
        ]
        return InvalidInput(*problems, source=source)


def bad(message: str) -> PydanticCustomError:
    """Return what a validator raises: the message stands as it is."""
    return PydanticCustomError(_CUSTOM, "{message}", {"message": message})


def validate(adapter: TypeAdapter[_Read], data: object) -> _Read:
    """Read data with a schema or raise `FieldsError`, which never carries the data itself."""
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise FieldsError(_finding(item, data) for item in details[:FINDINGS_MAX])


def show_path(path: Path) -> str:
    """Write a path: `events[3].appointment.start`; numbers as keys are masked."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            shown += f".{step}" if shown else step
        elif _NUMBER_KEY.fullmatch(step):
            shown += f'["{step[:2]}…{step[-2:]}"]'
        else:
            shown += '["…"]'
    return shown


def got(value: object) -> str:
    """Say what was got: the word itself when it cannot be personal, else its kind."""
    if isinstance(value, str) and _QUOTABLE.fullmatch(value):
        if sum(char.isdigit() for char in value) <= _QUOTED_DIGITS_MAX:
            return f'got "{value}"'
        return "got another text"
    return "got another text" if isinstance(value, str) else f"got {kind_of(value)}"


def kind_of(value: object) -> str:
    """Name the kind of a JSON value in plain words."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    for kind, name in _KINDS.items():
        if isinstance(value, kind):
            return name
    return "something else"


_KINDS: dict[type, str] = {
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    Mapping: "an object",
}


def _finding(item: ErrorDetails, data: object) -> Finding:
    """Translate one of pydantic's errors; its words for types are not the reader's."""
    path = _path_in(data, item["loc"])
    translate = _MESSAGES.get(item["type"])
    if translate is None:
        return Finding(path, "is not valid")
    return Finding(
        path, translate(item["input"], item.get("ctx", {}), str(path[-1]) if path else "")
    )


def _path_in(data: object, loc: Path) -> Path:
    """Follow pydantic's location through the input: an object that may stand for a list of one
    has no index there."""
    path: list[str | int] = []
    here = data
    for step in loc:
        if isinstance(step, int) and isinstance(here, Mapping):
            continue
        path.append(step)
        here = _step_into(here, step)
    return tuple(path)


def _step_into(here: object, step: str | int) -> object:
    if isinstance(here, Mapping):
        return here.get(step)
    if isinstance(here, list) and isinstance(step, int) and 0 <= step < len(here):
        return here[step]
    return None


def _text_expected(value: object, _ctx: Mapping[str, Any], _name: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "must be text in quotes; got a number without quotes"
    return f"must be text; got {kind_of(value)}"


def _unknown_field(_value: object, _ctx: Mapping[str, Any], name: str) -> str:
    names = _field_names(StrictModel)
    close = difflib.get_close_matches(name.strip("(',)"), names, n=1, cutoff=0.8)
    return f"unknown field; did you mean {close[0]}?" if close else "unknown field"


def _field_names(model: type[BaseModel]) -> list[str]:
    """Return the names of all fields of all objects, as they are written."""
    names: list[str] = []
    for kind in model.__subclasses__():
        names += [field.alias or name for name, field in kind.model_fields.items()]
        names += _field_names(kind)
    return names


def _choice(value: object, ctx: Mapping[str, Any], _name: str) -> str:
    words = re.findall(r"'([^']*)'", str(ctx["expected"]))
    return f"must be one of {', '.join(words)}; {got(value)}"


def _expected(what: str) -> Callable[[object, Mapping[str, Any], str], str]:
    return lambda value, _ctx, _name: f"must be {what}; got {kind_of(value)}"


def _limit(what: str) -> Callable[[object, Mapping[str, Any], str], str]:
    return lambda _value, ctx, _name: what.format_map(ctx)


_object_expected = _expected("an object")

_MESSAGES: dict[str, Callable[[object, Mapping[str, Any], str], str]] = {
    _CUSTOM: _limit("{message}"),
    "missing": lambda _value, _ctx, _name: "required, but missing",
    "extra_forbidden": _unknown_field,
    "invalid_key": lambda _value, _ctx, _name: "names of fields must be text",
    "model_type": _object_expected,
    "model_attributes_type": _object_expected,
    "dict_type": _object_expected,
    "list_type": _expected("a list"),
    "string_type": _text_expected,
    "string_unicode": lambda _value, _ctx, _name: "holds characters that are not text",
    "string_too_long": _limit("must have at most {max_length} characters"),
    "string_too_short": lambda _value, _ctx, _name: "must not be empty",
    "too_long": _limit("must have at most {max_length} entries"),
    "too_short": _limit("must have at least {min_length} entries"),
    "bool_type": _expected("true or false"),
    "int_type": _expected("a whole number"),
    "greater_than_equal": _limit("must be at least {ge}"),
    "less_than_equal": _limit("must be at most {le}"),
    "literal_error": _choice,
    "none_required": _expected("null here"),
}
