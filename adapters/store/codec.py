"""How documents are written down: JSON in an envelope that names its schema.

    {"schema":2,"body":{"clinic":"north","id":"a-17", …}}

Fields at their default are left out, so a schema is the fields *and* their defaults: whoever
changes either raises `SCHEMA` and teaches `upgrade` to read the one before. Decimals are
strings, times are ISO 8601 in UTC. Journals and `wake` are not part of a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar, cast

import orjson

from adapters.store.documents import Shape
from gateway.core.case import Case, Contact, Entry
from gateway.errors import StoreUnusable
from gateway.ports.store import Charge, Publish, WriteOff

SCHEMA: Final = 2

_HEAD: Final = b'{"schema":%d,"body":' % SCHEMA

T = TypeVar("T")

_CASE: Final = Shape(Case, frozenset({"journal", "version"}))
_CONTACT: Final = Shape(Contact, frozenset({"journal", "version", "wake"}))
_ENTRY: Final = Shape(Entry)
_CHARGE: Final = Shape(Charge)
_WRITE_OFF: Final = Shape(WriteOff)

_UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What `Shape.read` and orjson raise for what is no document of ours."""


def upgrade(kind: str, schema: int, body: dict[str, Any]) -> dict[str, Any]:
    """Turn a body of an older schema into one of `SCHEMA`.

    Schema 2 only added fields, and a body of schema 1 has their defaults; it was raised so that an
    older version refuses what it would otherwise write back without them. Raises `StoreUnusable`
    for a schema that this version does not know: it was written by a newer one.
    """
    if schema == 1:
        return body
    raise StoreUnusable(
        f"a {kind} is stored in schema {schema}, this version reads up to {SCHEMA}: "
        "start a version at least as new as the one that wrote it"
    )


def _write(shape: Shape[T], document: T) -> bytes:
    return _HEAD + orjson.dumps(shape.write(document), option=orjson.OPT_UTC_Z) + b"}"


def _read(kind: str, shape: Shape[T], raw: bytes) -> T:
    """Read a document; raises `StoreUnusable` when it is not what this version can read."""
    try:
        envelope = orjson.loads(raw)
        body, schema = envelope["body"], envelope["schema"]
        if schema != SCHEMA:
            body = upgrade(kind, int(schema), body)
        return shape.read(body)
    except _UNREADABLE as error:
        # The error's own text carries the document, so a patient: it is not passed on.
        raise StoreUnusable(f"a stored {kind} cannot be read ({type(error).__name__})") from None


def dump_case(case: Case) -> bytes:
    """Write a case."""
    return _write(_CASE, case)


def load_case(raw: bytes, version: int) -> Case:
    """Read a case; `version` is the one it is stored under."""
    return _versioned(_read("case", _CASE, raw), version)


def dump_contact(contact: Contact) -> bytes:
    """Write a contact."""
    return _write(_CONTACT, contact)


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
    return _write(_ENTRY, entry)


def load_entry(raw: bytes) -> Entry:
    """Read a line of a timeline."""
    return _read("timeline entry", _ENTRY, raw)


def dump_charge(charge: Charge) -> bytes:
    """Write a ledger entry."""
    return _write(_CHARGE, charge)


def load_charge(raw: bytes, day: date) -> Charge:
    """Read a ledger entry; `day` is the day in whose ledger it stands."""
    charge = _read("charge", _CHARGE, raw)
    return charge if charge.day == day else replace(charge, day=day)


def dump_write_off(write_off: WriteOff) -> bytes:
    """Write a daily write-off."""
    return _write(_WRITE_OFF, write_off)


def load_write_off(raw: bytes) -> WriteOff:
    """Read a daily write-off."""
    return _read("write-off", _WRITE_OFF, raw)


_PLAIN: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
"""Times are written by `write_time`."""


def dump_change(item: Publish) -> bytes:
    """Write a change of the feed with what it leads back to."""
    ref = item.ref
    return dump_json([[ref.kind, ref.clinic, ref.key], item.push, item.document])


def dump_json(value: object) -> bytes:
    """Write a plain JSON value, compactly."""
    return orjson.dumps(value, _plain, _PLAIN)


def load_object(raw: bytes) -> Mapping[str, Any]:
    """Read a plain JSON object."""
    return cast("Mapping[str, Any]", orjson.loads(raw))


def load_array(raw: bytes) -> list[Any]:
    """Read a plain JSON array."""
    return cast("list[Any]", orjson.loads(raw))


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
