"""Commands run in this process: their output, and the logging that they must not leave behind."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.service.support import CLINIC

Command = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Run a command in an empty folder."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Done:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    yield run
    root.handlers[:] = before[0]
    root.setLevel(before[1])


@pytest.fixture
def clinic_file(tmp_path: Path) -> Path:
    file = tmp_path / "clinic.json"
    file.write_text(json.dumps(CLINIC, ensure_ascii=False), encoding="utf-8")
    return file
