"""A file of appointments as rows: NDJSON, or a JSON or YAML list, each with its line."""

from __future__ import annotations

import json

from gateway.ports.yaml_lines import read_document
from gateway.service.schedule_import import Row


def rows_of(text: str, source: str) -> list[Row]:
    """Return the rows; raise `InvalidInput` when the file as a whole cannot be read."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("{"):
        return _ndjson(text)
    # A list has no name of its own in the file; as a field its rows get paths and lines.
    indented = "appointments:\n" + text if not start.startswith("[") else None
    whole = indented or '{"appointments":' + text + "}"
    document = read_document(whole, source)
    items = document.data["appointments"]
    if not isinstance(items, list):
        return [Row(1, None, "must be a list of appointments, or one JSON object a line")]
    lines = document.lines([("appointments", index) for index in range(len(items))])
    shift = 1 if indented else 0
    return [Row((line or 1) - shift, item) for item, line in zip(items, lines, strict=True)]


def _ndjson(text: str) -> list[Row]:
    rows = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(Row(number, json.loads(line)))
        except (ValueError, RecursionError):
            rows.append(Row(number, None, "is not JSON"))
    return rows
