"""Starts the demo as a user would, and looks at it over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START_S = 30.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until(what: str, holds: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true answer of `holds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain: {what}")


class Demo:
    """`callahead demo` in a process group of its own."""

    def __init__(self, data: Path, port: int | None = None) -> None:
        self.data = data
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> Demo:
        """Start and wait until it prints its address."""
        command = [sys.executable, "-m", "gateway", "demo", "--no-browser"]
        command += ["--port", str(self.port), "--data", str(self.data), *options]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        if told.strip() != f"Callahead demo: {self.url}/demo":
            self.kill()
            raise AssertionError("it did not start")
        return self

    def kill(self) -> None:
        """Kill everything at once."""
        self._signal(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it cleanly; return its exit code."""
        return self._signal(signal.SIGTERM)

    def _signal(self, number: int) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        os.killpg(process.pid, number)
        code = process.wait(START_S)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def post(self, path: str, **body: Any) -> bool:
        """Send something; False when it was not answered."""
        request = urllib.request.Request(
            self.url + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-Callahead-Demo": "1"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def items(self) -> dict[str, Any]:
        return dict(self.get("/demo/state")["items"])

    def visit(self, visit: str) -> Any:
        return self.items()[f"visit:{visit}"]

    def messages(self, number: str) -> list[Any]:
        return list(self.items()[f"chat:{number}"]["messages"])

    def news(self, number: str) -> list[Any]:
        """Return the messages of a phone without how a bot came to know its number."""
        return [m for m in self.messages(number) if m["kind"] not in ("contact", "service")]

    def asked(self, number: str) -> bool:
        """Tell whether a question has arrived on a phone."""
        return any(m["buttons"] and m["state"] != "accepted" for m in self.messages(number))

    def switch_off_calls(self) -> None:
        """Ask nobody by telephone: as the clinic would, over the API, with its key."""
        change = {"branches": [{"id": "mira", "functions": {"confirmation": {"enabled": False}}}]}
        self._api("PATCH", json.dumps(change).encode())

    def clinic(self) -> Any:
        """Return the clinic's settings as its API shows them."""
        return self._api("GET", None)

    def _api(self, method: str, body: bytes | None) -> Any:
        key = json.loads((self.data / "demo.json").read_text(encoding="utf-8"))["keys"]["api_key"]
        request = urllib.request.Request(
            f"{self.url}/v1/clinics/demo",
            body,
            {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
            return json.load(answer)

    def ask_everyone(self) -> None:
        """Let the clinic's clock reach ten, when tomorrow's patients are asked in their chats."""
        self.switch_off_calls()
        self.post("/demo/clock", factor=60)
        wait_until("questions", lambda: self.asked("+79000000011"))
        self.post("/demo/clock", factor=1)
        self.settle()

    def let_leases_end(self) -> dict[str, Any]:
        """Let what a killed process had begun be taken up again, and return what there is.

        A started message belongs to its process for two minutes, then its receipt is waited for.
        """
        self.post("/demo/clock", factor=60)
        time.sleep(5)
        self.post("/demo/clock", factor=1)
        return self.settle()

    def settle(self) -> dict[str, Any]:
        """Wait until nothing moves any more and return what there is."""
        seen: list[Any] = [None, None, None]

        def is_still() -> bool:
            time.sleep(0.4)
            seen.append(self.items())
            return bool(seen[-1] == seen[-2] == seen[-3])

        wait_until("rest", is_still)
        return dict(seen[-1])

    def say(self, number: str, text: str, quote: str | None = None) -> bool:
        return self.post(f"/demo/chats/{number}/messages", text=text, quote=quote)
