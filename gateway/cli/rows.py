"""A file of appointments as rows: NDJSON, or a JSON or YAML list, each with its line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from gateway.errors import InvalidInput
from gateway.ports.yaml_lines import read_document
from gateway.service.schedule_import import Row

_DOCUMENT_START = re.compile(r"\A((?:\s*(?:#[^\n]*)?\n)*)---(?=\s)")
"""YAML's own beginning of a document, which a list that becomes a field must not have."""


def rows_of(text: str, source: str) -> list[Row]:
    """Return the rows; raise `InvalidInput` when the file as a whole cannot be read."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        return _ndjson(text)
    # A list has no name of its own in the file; as a field its rows get paths and lines.
    if start.startswith("["):
        return _listed('{"appointments":' + text.lstrip("\ufeff") + "}", source, shift=0)
    bare = _DOCUMENT_START.sub(lambda found: f"{found[1]}#", text.lstrip("\ufeff"), count=1)
    return _listed("appointments:\n" + bare, source, shift=1)


def _listed(text: str, source: str, *, shift: int) -> list[Row]:
    """Return the rows of a list that was made a field; `shift` lines stand before it."""
    try:
        document = read_document(text, source)
    except InvalidInput as error:
        moved = [replace(p, line=p.line - shift if p.line else None) for p in error.problems]
        raise InvalidInput(*moved, source=source) from None
    items = document.data["appointments"]
    if not isinstance(items, list):
        return [Row(1, None, "must be a list of appointments, or one JSON object a line")]
    lines = document.lines([("appointments", index) for index in range(len(items))])
    return [Row((line or 1) - shift, item) for item, line in zip(items, lines, strict=True)]


def _ndjson(text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(Row(number, json.loads(line)))
        except (ValueError, RecursionError):
            rows.append(Row(number, None, "is not JSON"))
    return rows
