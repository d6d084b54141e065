"""Reading JSON of somebody else's making: whatever stands there, these never raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TypeAlias

import orjson

Json: TypeAlias = dict[str, object]


def read_json(text: str | bytes) -> object:
    """Return the document, or None when it is not JSON (or is `null`)."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass  # rare, and not the last word: half a surrogate pair may stand in what `json` reads
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def object_of(value: object) -> Json:
    """Return an object, an empty one when it is anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[Json]:
    """Return the objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str | None:
    """Return a text that is not empty and can be stored: JSON may carry half a surrogate pair."""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def integer_of(value: object) -> int | None:
    """Return a whole number, also one that is written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def unix_moment(value: object) -> datetime | None:
    """Read unix seconds, as text or number; more than a trillion of them are milliseconds."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value >= 10**12 else value, UTC)
    except (OverflowError, ValueError, OSError):
        return None
