"""The progress bar: alive on a terminal, one line elsewhere."""

from __future__ import annotations

import io

import pytest

from gateway.cli import progress
from gateway.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Watch:
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    moved = Watch()
    monkeypatch.setattr(progress, "time", moved)
    return moved


def test_elsewhere_only_the_end_is_told(watch: Watch) -> None:
    out = io.StringIO()
    bar = Progress("appointments", 100, out)
    for _ in range(100):
        watch.seconds += 1
        bar.step()
    bar.finish()
    assert out.getvalue() == "appointments: 100 in 100.0 s\n"


def test_a_terminal_shows_how_far_it_is_and_how_long_it_takes(watch: Watch) -> None:
    out = Terminal()
    bar = Progress("appointments", 10, out)
    watch.seconds = 5.0
    bar.step(5)
    assert f"{'█' * 15}{'·' * 15} 5/10, 5 s left" in out.getvalue()
    bar.finish()
    assert out.getvalue().endswith("\r\x1b[Kappointments: 5 in 5.0 s\n")


def test_a_terminal_is_not_drawn_more_often_than_it_can_be_seen(watch: Watch) -> None:
    out = Terminal()
    bar = Progress("appointments", 1000, out)
    for _ in range(1000):
        watch.seconds += 0.001
        bar.step()
    assert out.getvalue().count("\r") <= 11


def test_nothing_to_do_and_more_than_expected_are_no_faults(watch: Watch) -> None:
    out = Terminal()
    bar = Progress("appointments", 0, out)
    watch.seconds = 1.0
    bar.step(0)
    watch.seconds = 2.0
    bar.step(3)
    bar.finish()
    assert "appointments: 3 in 2.0 s" in out.getvalue()
