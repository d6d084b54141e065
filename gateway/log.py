"""Structured logs, one JSON object a line, with personal data masked.

A log message is a constant string; data are attributes. Whatever belongs to a person goes under
a key that begins with `pii.`: it is masked here, in one place, unless the operator asks for it.
Numbers that slip into other values are masked as well: the last defence, not the rule.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName"}
_NUMBER = re.compile(r"(?<!\w)\+\d[\d ()-]{8,18}\d(?!\d)|(?<![\w.:-])\d{10,15}(?![\w:-]|\.\d)")
"""With a plus it is a number wherever it stands and however it is written; without one it may be
part of a time, an id or an amount."""

_SECRET = re.compile(r"(?i)(bearer\s+|whsec_|chk_)[A-Za-z0-9+/=_\-.]{6,}")


def mask(text: str) -> str:
    """Return text with numbers shown as `+791•••67` and secrets left out."""
    text = _SECRET.sub(lambda found: f"{found[1]}•••", text)
    return _NUMBER.sub(lambda found: f"{found[0][:4]}•••{found[0][-2:]}", text)


def trace_of(error: BaseException) -> str:
    """Return where an error came from. Its text is data and may quote a patient's words, so it is
    told only of errors whose texts are the operating system's."""
    lines: list[str] = []
    seen: set[int] = set()
    told: BaseException | None = error
    while told is not None and id(told) not in seen:
        seen.add(id(told))
        said = f": {mask(str(told))}" if isinstance(told, OSError) else ""
        places = "".join(traceback.format_tb(told.__traceback__))
        lines.insert(0, f"{places}{type(told).__name__}{said}")
        if isinstance(told, BaseExceptionGroup):
            lines += [trace_of(part) for part in told.exceptions]
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)
    return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON."""

    def __init__(self, *, show_personal_data: bool = False) -> None:
        super().__init__()
        self._show = show_personal_data

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what an exception says counts as data too."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if self._show else mask(record.getMessage()),
        }
        for key, value in vars(record).items():
            if key not in _STANDARD:
                line[key] = self._value(key, value)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            error = record.exc_info[1]
            shown = self.formatException(record.exc_info) if self._show else trace_of(error)
            line["trace"] = shown
        return json.dumps(line, ensure_ascii=False, default=str)

    def _value(self, key: str, value: object) -> object:
        if self._show:
            return value
        if key.startswith("pii."):
            text = str(value)
            return mask(text) if _NUMBER.fullmatch(text) else "•••"
        if isinstance(value, bool | int | float) or value is None:
            return value
        return mask(str(value))


def set_up(
    level: str = "info", *, show_personal_data: bool = False, stream: TextIO | None = None
) -> None:
    """Send every log of the process through the masking formatter, to standard error."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(show_personal_data=show_personal_data))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def personal(**data: object) -> Mapping[str, object]:
    """Return log attributes that are personal data: `extra=personal(to=number)`."""
    return {f"pii.{key}": value for key, value in data.items()}
