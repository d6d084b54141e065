"""One press is one key, however it is reported."""

from __future__ import annotations

from adapters.telephony.sip.presses import DOUBLED_S, Presses

EVENTS, INFO, TONE = "rfc4733", "info", "tone"


def counted(*reports: tuple[float, str, str]) -> list[str]:
    presses = Presses()
    return [digit for at, digit, method in reports if presses.reported(digit, method, at)]


def test_a_press_that_is_reported_in_several_ways_is_one() -> None:
    assert counted((0.0, "1", EVENTS), (0.1, "1", INFO), (0.15, "1", TONE)) == ["1"]
    assert counted((0.0, "1", INFO), (0.02, "1", EVENTS)) == ["1"]


def test_quick_presses_that_are_each_reported_twice_are_all_counted() -> None:
    quick = ((0.0, "0", EVENTS), (0.1, "0", INFO), (0.3, "0", EVENTS), (0.4, "0", INFO))
    assert counted(*quick) == ["0", "0"]


def test_reports_that_come_after_the_next_press_belong_to_the_earlier_one_first() -> None:
    late = ((0.0, "0", EVENTS), (0.15, "0", EVENTS), (0.2, "0", INFO), (0.3, "0", INFO))
    assert counted(*late) == ["0", "0"]


def test_the_same_key_by_the_same_method_is_pressed_again() -> None:
    assert counted((0.0, "1", EVENTS), (0.2, "1", EVENTS)) == ["1", "1"]


def test_another_key_is_another_press() -> None:
    assert counted((0.0, "1", EVENTS), (0.1, "2", INFO)) == ["1", "2"]


def test_a_key_is_reported_by_another_method_when_it_is_let_go() -> None:
    presses = Presses()
    assert presses.reported("0", EVENTS, 0.0)
    for packet in range(1, 16):
        presses.held("0", EVENTS, packet * 0.05)
    assert not presses.reported("0", INFO, 0.77)
    assert presses.reported("0", INFO, 0.75 + DOUBLED_S)


def test_what_was_not_pressed_is_not_held() -> None:
    presses = Presses()
    assert presses.reported("0", EVENTS, 0.0)
    presses.held("1", EVENTS, 1.0)
    presses.held("0", INFO, 1.0)
    assert presses.reported("0", INFO, 1.1)
