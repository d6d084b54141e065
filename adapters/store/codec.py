"""How documents are written down: JSON in an envelope that names its schema.

    {"schema":1,"body":{"clinic":"north","id":"a-17", …}}

Fields at their default are left out, so a schema is the fields *and* their defaults: whoever
changes either raises `SCHEMA` and teaches `upgrade` to read the one before. Decimals are
strings, times are ISO 8601 in UTC. Journals and `wake` are not part of a document.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from gateway.core.case import Case, Contact, Entry
from gateway.errors import StoreUnusable
from gateway.ports.store import Charge, WriteOff

SCHEMA: Final = 1

_HEAD: Final = b'{"schema":%d,"body":' % SCHEMA

T = TypeVar("T")

_CASE: Final = TypeAdapter(Case)
_CONTACT: Final = TypeAdapter(Contact)
_ENTRY: Final = TypeAdapter(Entry)
_CHARGE: Final = TypeAdapter(Charge)
_WRITE_OFF: Final = TypeAdapter(WriteOff)

_LEFT_OUT: Final[Mapping[type, frozenset[str]]] = {
    Case: frozenset({"journal", "version"}),
    Contact: frozenset({"journal", "version", "wake"}),
}


def upgrade(kind: str, schema: int, body: dict[str, Any]) -> dict[str, Any]:
    """Turn a body of an older schema into one of `SCHEMA`.

    Schema 1 is the first, so there is nothing to turn yet. Raises `StoreUnusable` for a schema
    that this version does not know: it was written by a newer one.
    """
    raise StoreUnusable(
        f"a {kind} is stored in schema {schema}, this version reads up to {SCHEMA}: "
        "start a version at least as new as the one that wrote it"
    )


_Shape = tuple[tuple[tuple[str, object], ...], Callable[[Any], tuple[Any, ...]]]

_SHAPES: Final[dict[type, _Shape]] = {}
"""Of every class that was written: its fields with their defaults, and what reads them all."""

_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_UTC_Z


def _wrap(document: object) -> bytes:
    return b"%b%b}" % (_HEAD, orjson.dumps(document, _written, _OPTIONS))


def _written(value: object) -> object:
    """Return the fields of a dataclass that are not at their default, a decimal as text."""
    if isinstance(value, Decimal):
        return str(value)
    known, read = _SHAPES.get(type(value)) or _shape(type(value))
    return {
        name: item
        for (name, default), item in zip(known, read(value), strict=True)
        if item is not default and item != default
    }


def _shape(kind: type) -> _Shape:
    left_out = _LEFT_OUT.get(kind, frozenset())
    known = tuple((f.name, f.default) for f in fields(kind) if f.name not in left_out)
    shape = known, attrgetter(*(name for name, _ in known))
    _SHAPES[kind] = shape
    return shape


def _read(kind: str, adapter: TypeAdapter[T], raw: bytes) -> T:
    """Read a document; raises `StoreUnusable` when it is not what this version can read."""
    try:
        if raw.startswith(_HEAD):
            return adapter.validate_json(raw[len(_HEAD) : -1])
        envelope = json.loads(raw)
        body = upgrade(kind, int(envelope["schema"]), envelope["body"])
        return adapter.validate_python(body)
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        # The error's own text carries the document, so a patient: it is not passed on.
        raise StoreUnusable(f"a stored {kind} cannot be read ({type(error).__name__})") from None


def dump_case(case: Case) -> bytes:
    """Write a case."""
    return _wrap(case)


def load_case(raw: bytes, version: int) -> Case:
    """Read a case; `version` is the one it is stored under."""
    return _versioned(_read("case", _CASE, raw), version)


def dump_contact(contact: Contact) -> bytes:
    """Write a contact."""
    return _wrap(contact)


def load_contact(raw: bytes, version: int) -> Contact:
    """Read a contact; `version` is the one it is stored under."""
    return _versioned(_read("contact", _CONTACT, raw), version)


D = TypeVar("D", Case, Contact)


def _versioned(document: D, version: int) -> D:
    # It was made a moment ago and nobody else has seen it, so it may still be completed;
    # `dataclasses.replace` would cost a third of the reading.
    object.__setattr__(document, "version", version)
    return document


def dump_entry(entry: Entry) -> bytes:
    """Write a line of a timeline."""
    return _wrap(entry)


def load_entry(raw: bytes) -> Entry:
    """Read a line of a timeline."""
    return _read("timeline entry", _ENTRY, raw)


def dump_charge(charge: Charge) -> bytes:
    """Write a ledger entry."""
    return _wrap(charge)


def load_charge(raw: bytes, day: date) -> Charge:
    """Read a ledger entry; `day` is the day in whose ledger it stands."""
    charge = _read("charge", _CHARGE, raw)
    return charge if charge.day == day else replace(charge, day=day)


def dump_write_off(write_off: WriteOff) -> bytes:
    """Write a daily write-off."""
    return _wrap(write_off)


def load_write_off(raw: bytes) -> WriteOff:
    """Read a daily write-off."""
    return _read("write-off", _WRITE_OFF, raw)


def dump_json(value: object) -> bytes:
    """Write a plain JSON value, compactly."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def load_object(raw: bytes) -> Mapping[str, Any]:
    """Read a plain JSON object."""
    return cast("Mapping[str, Any]", json.loads(raw))


def load_array(raw: bytes) -> list[Any]:
    """Read a plain JSON array."""
    return cast("list[Any]", json.loads(raw))


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return write_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a stored JSON document")


def write_time(moment: datetime) -> str:
    """Write a time as ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """Undo `write_time`."""
    return datetime.fromisoformat(text)
