from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from gateway.core.case import Case
from gateway.core.evolve import evolve
from tests.core.strategies import a_case, a_contact, an_attempt


@pytest.mark.parametrize("document", [a_case(), a_contact(), an_attempt()])
def test_a_changed_copy_is_that_of_the_standard_library(document: object) -> None:
    assert evolve(document) == document
    assert evolve(document) is not document


def test_only_the_named_fields_change_and_only_in_the_copy() -> None:
    case = a_case()
    assert evolve(case, booking=2, removed=True) == replace(case, booking=2, removed=True)
    assert case == a_case()


def test_a_copy_is_as_frozen_as_what_it_was_made_of() -> None:
    copy = evolve(a_case(), booking=2)
    assert type(copy) is Case
    with pytest.raises(FrozenInstanceError):
        copy.booking = 3  # type: ignore[misc]  # that is the test


def test_a_class_without_slots_is_refused() -> None:
    @dataclass(frozen=True)
    class Loose:
        one: int
        two: int

    with pytest.raises(TypeError, match="Loose"):
        evolve(Loose(1, 2), one=2)


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="colour"):
        evolve(a_case(), colour="red")
