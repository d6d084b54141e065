"""Whose failure a refused call is."""

from __future__ import annotations

import pytest

from adapters.telephony.sip import refusals
from adapters.telephony.sip.refusals import FORGET_S, Refusals


def test_one_refused_number_is_not_the_trunks_failure_two_are() -> None:
    trunk = Refusals()
    assert not trunk.refused("1", 0.0)
    assert trunk.refused("2", 1.0)
    assert not trunk.is_of("1")
    assert not trunk.is_of("2")


def test_the_same_number_again_proves_nothing_new() -> None:
    trunk = Refusals()
    trunk.refused("1", 0.0)
    assert trunk.refused("2", 1.0)
    assert not trunk.refused("1", 30.0)
    assert not trunk.refused("2", 31.0)
    assert trunk.refused("3", 32.0)


def test_when_others_get_through_it_is_the_number_and_never_again_the_trunk() -> None:
    trunk = Refusals()
    trunk.refused("1", 0.0)
    trunk.got_through("2")
    assert trunk.is_of("1")
    assert not trunk.refused("1", 30.0)
    assert not trunk.refused("3", 31.0), "the only other one with nobody through since"
    assert not trunk.is_of("3")
    assert trunk.refused("4", 32.0)


def test_a_number_that_gets_through_itself_is_like_any_other() -> None:
    trunk = Refusals()
    trunk.refused("1", 0.0)
    trunk.got_through("2")
    trunk.got_through("1")
    assert not trunk.is_of("1")
    assert not trunk.refused("1", 60.0)


def test_what_was_long_ago_is_forgotten() -> None:
    trunk = Refusals()
    trunk.refused("1", 0.0)
    trunk.got_through("2")
    assert not trunk.refused("3", FORGET_S + 1)
    assert not trunk.is_of("1")


def test_a_trunk_that_refuses_everybody_is_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "KEPT_MAX", 3)
    trunk = Refusals()
    for number in range(50):
        assert trunk.refused(str(number), float(number)) is (number > 0)
    trunk.got_through("x")
    assert [number for number in range(50) if trunk.is_of(str(number))] == [47, 48, 49]
