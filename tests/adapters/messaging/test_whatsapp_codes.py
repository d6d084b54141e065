"""What WhatsApp's error codes mean for the message."""

from __future__ import annotations

import pytest

from adapters.messaging.whatsapp_codes import _CLASSES, MEANING, meaning_of
from gateway.core.events import Failure
from gateway.ports.messaging import Scope


def test_a_code_stands_in_one_class_only() -> None:
    codes = [code for _, codes in _CLASSES for code in codes]
    assert len(codes) == len(set(codes))


@pytest.mark.rule("H-1")
def test_only_one_code_says_that_the_number_has_no_account() -> None:
    found = {code for code, meaning in MEANING.items() if meaning.failure is Failure.IMPOSSIBLE}
    assert found == {131026}


@pytest.mark.rule("H-2")
@pytest.mark.parametrize("code", [1, 2, 4, 613, 80007, 130429, 131000, 131016, 131056, 131057])
def test_what_may_pass_is_tried_again(code: int) -> None:
    assert meaning_of(code, 400).failure is Failure.TEMPORARY


@pytest.mark.parametrize("code", [0, 3, 10, 190, 200, 299, 368, 131005, 131031, 131042, 132001])
def test_what_needs_an_operator_alerts(code: int) -> None:
    assert meaning_of(code) == meaning_of(code, 500)
    assert meaning_of(code).alert


@pytest.mark.rule("H-2", "H-7")
@pytest.mark.parametrize(
    ("code", "scope"),
    [
        (130429, Scope.SENDER),
        (4, Scope.SENDER),
        (80007, Scope.SENDER),
        (131056, Scope.RECIPIENT),
        (131000, None),
    ],
)
def test_throughput_concerns_the_number_and_pairs_the_recipient(
    code: int, scope: Scope | None
) -> None:
    assert meaning_of(code, 429).scope is scope
