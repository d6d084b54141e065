"""An append-only file of JSON lines: what a sandbox world remembers of its earlier lives.

A record counts once its line is whole. A line that was being written when the process died is
cut off when the file is opened again, so whoever asked for it was never told that it was kept.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from adapters.json_values import Json, object_of, read_json


class Journal:
    """One file. `records` is what stood in it when it was opened."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a+b")
        self._file.seek(0)
        text = self._file.read()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)
        self.records: tuple[Json, ...] = tuple(
            object_of(read_json(line)) for line in text[:whole].splitlines()
        )

    def write(self, record: Json, *, durable: bool = True) -> None:
        """Append a record; `durable` waits until it would survive a power cut as well."""
        self._file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        if durable:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
