"""Killed at any moment, the demo loses nothing and doubles nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import ROOT, Demo

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

ANSWERS = {
    "+79000000011": ("1", "V-201", "confirmed"),
    "+79000000012": ("2", "V-207", "reschedule_requested"),
    "+79000000014": ("3", "V-202", "cancelled"),
    "+79000000015": ("yes", "V-205", "confirmed"),
}


def replies_after_answer(messages: list[Any]) -> list[Any]:
    first = next(i for i, message in enumerate(messages) if message["mine"])
    return [message for message in messages[first:] if not message["mine"]]


@pytest.mark.rule("G-6")
@pytest.mark.parametrize("pause_ms", [0, 8, 20, 45, 90])
def test_answers_that_were_taken_are_applied_once(demo: Demo, pause_ms: int) -> None:
    """Everyone answers at once, and the power goes while the answers are on their way."""
    demo.ask_everyone()
    taken: dict[str, bool] = {}

    def answer(number: str) -> None:
        taken[number] = demo.say(number, ANSWERS[number][0])

    threads = [threading.Thread(target=answer, args=(number,)) for number in ANSWERS]
    for thread in threads:
        thread.start()
    while not taken:
        time.sleep(0.001)
    time.sleep(pause_ms / 1000)
    demo.kill()
    for thread in threads:
        thread.join()
    demo.start()
    items = demo.let_leases_end()
    for number, (text, visit, status) in ANSWERS.items():
        told = items[f"chat:{number}"]["messages"]
        messages = [m for m in told if m["kind"] not in ("contact", "service")]
        mine = [message["text"] for message in messages if message["mine"]]
        assert len(messages) == len({message["id"] for message in messages})
        if not mine:
            assert not taken[number]
            assert items[f"visit:{visit}"]["status"] == "unconfirmed"
            continue
        assert mine == [text]
        assert items[f"visit:{visit}"]["status"] == status
        assert len(replies_after_answer(messages)) == 1


@pytest.mark.rule("G-6")
def test_questions_are_asked_once_whenever_it_is_killed(demo: Demo) -> None:
    """Killed again and again while tomorrow's patients are asked."""
    demo.post("/demo/clock", factor=60)
    chance = random.Random(7)
    for _ in range(4):
        time.sleep(chance.uniform(0.1, 0.6))
        demo.kill()
        demo.start()
    demo.ask_everyone()
    items = demo.let_leases_end()
    for number in (*ANSWERS, "+79000000013"):
        asked = Counter(
            message["text"] for message in items[f"chat:{number}"]["messages"] if message["buttons"]
        )
        assert asked
        assert set(asked.values()) == {1}, number


def test_it_says_what_is_in_the_way(demo: Demo, tmp_path: Path) -> None:
    """A taken port, a demo on the same folder, and a folder that holds something else."""

    def start(*options: str) -> str:
        command = [sys.executable, "-m", "gateway", "demo", "--no-browser", *options]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 1
        return ended.stderr

    other = tmp_path / "other"
    assert f"port {demo.port} is taken" in start("--port", str(demo.port), "--data", str(other))
    assert "already running" in start("--port", "0", "--data", str(demo.data))
    (other / "patients.csv").write_text("precious")
    assert "other data" in start("--port", "0", "--data", str(other), "--fresh")
    assert (other / "patients.csv").read_text() == "precious"


def test_fresh_begins_anew_and_a_stop_is_clean(demo: Demo) -> None:
    demo.ask_everyone()
    assert demo.stop() == 0
    demo.start("--fresh")
    assert not demo.news("+79000000011")
