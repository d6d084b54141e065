"""`callahead health`, and every command's own words about itself."""

from __future__ import annotations

import http.server
import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.support import ROOT, callahead, clinic_document, environment, free_port
from tests.cli.support import command as command_line

COMMANDS = [
    (),
    ("run",),
    ("web",),
    ("work",),
    ("health",),
    ("rehearse",),
    ("parse-reply",),
    ("clinic",),
    ("clinic", "import"),
    ("clinic", "export"),
    ("clinic", "show"),
    ("key",),
    ("key", "create"),
    ("key", "revoke"),
    ("schedule",),
    ("schedule", "import"),
    ("explain",),
    ("config",),
    ("config", "check"),
    ("config", "show"),
    ("config", "schema"),
]


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(command: Command, name: tuple[str, ...]) -> None:
    done = command(*name, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"usage: {' '.join(('callahead', *name))}" in done.out


@pytest.mark.parametrize(
    "arguments",
    [(), ("clinic",), ("key",), ("nonsense",), ("run", "--nonsense"), ("explain", "zdorovie")],
    ids=" ".join,
)
def test_wrong_usage_is_told_on_standard_error(
    command: Command, arguments: tuple[str, ...]
) -> None:
    done = command(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "usage: callahead" in done.err


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """Something that answers every request alike."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is told."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


READY = json.dumps({"ready": True, "pings": [{"name": "store", "ok": True}]}).encode()
NOT_READY = json.dumps({"ready": False, "pings": [{"name": "store", "ok": False}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "code", "shown"),
    [
        (200, READY, 0, "ok   store"),
        (503, NOT_READY, 1, "NOT  store"),
        (200, b"<html>another server</html>", 1, ""),
        (404, b"<html>another server</html>", 1, ""),
        (502, b'{"error": 1}', 1, ""),
        (200, b"[]", 1, ""),
    ],
)
def test_health_asks_the_gateway_that_the_configuration_names(
    command: Command, tmp_path: Path, status: int, body: bytes, code: int, shown: str
) -> None:
    with answering(status, body) as port:
        config = tmp_path / "gateway.yaml"
        config.write_text(f"listen: {{port: {port}}}\n", encoding="utf-8")
        done = command("health", "--config", config)
        assert (done.code, done.out.strip()) == (code, shown.strip())
        if not shown:
            assert "nothing answers at" in done.err
            return
        assert command("health", "--json", "--config", config).data == json.loads(body)


def test_health_of_nobody_is_told(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(f"listen: {{port: {free_port()}}}\n", encoding="utf-8")
    done = command("health", "--config", config)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("callahead: nothing answers at http://127.0.0.1:")


# -- as a process


@pytest.mark.e2e
def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path) -> None:
    """`callahead config schema | true`, whether or not the output fits into a buffer."""
    replies = tmp_path / "replies"
    replies.write_text('{"text": "1"}\n' * 200_000, encoding="utf-8")
    for arguments, source in (("config", "schema"), os.devnull), (("parse-reply",), str(replies)):
        with open(source, "rb") as given:
            process = subprocess.Popen(
                command_line(*arguments),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env=environment(),
            )
            assert process.stdout is not None
            process.stdout.close()
            assert process.stderr is not None
            told = process.stderr.read().decode()
            process.stderr.close()
            assert process.wait(60) == 1
        assert told == ""


@pytest.mark.e2e
@pytest.mark.timeout(120)
def test_a_terminal_shows_the_progress_of_an_import(tmp_path: Path) -> None:
    clinic = tmp_path / "clinic.json"
    clinic.write_text(json.dumps(clinic_document("Asia/Yekaterinburg")), encoding="utf-8")
    data = ("--data", str(tmp_path / "data"))
    assert callahead("clinic", "import", str(clinic), *data).returncode == 0
    rows = tmp_path / "visits.ndjson"
    visits = (
        {
            "id": f"A-{n}",
            "branch": "lenina",
            "start": "2036-11-24T14:30:00+05:00",
            "created": "2026-11-20T12:00:00+05:00",
            "patient": {"id": f"P-{n}", "phones": [f"+7916{n:07}"], "consent": True},
        }
        for n in range(1500)
    )
    rows.write_text("\n".join(map(json.dumps, visits)), encoding="utf-8")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command_line("schedule", "import", "zdorovie", str(rows), *data),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=ROOT,
        env=environment(),
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:
        pass  # the terminal's other end is closed
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "/1500, " in text
    assert "█" in text
    assert "appointments: 1500 in " in text.split("\x1b[K")[-1]
