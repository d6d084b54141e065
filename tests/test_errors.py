"""Errors that are meant to be read: they name the source, the line and the field."""

from __future__ import annotations

import pytest

from gateway.errors import (
    CallaheadError,
    Forbidden,
    InvalidInput,
    NotFound,
    Problem,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    Unauthenticated,
)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("start", "must be a time", 3), "line 3: start: must be a time"),
        (Problem("start", "must be a time"), "start: must be a time"),
        (Problem("", "is not JSON", 3), "line 3: is not JSON"),
        (Problem("", "is not JSON"), "is not JSON"),
    ],
)
def test_a_problem_names_its_place(problem: Problem, text: str) -> None:
    assert str(problem) == text
    assert str(InvalidInput(problem, source="a.yaml")) == f"a.yaml: {text}"


def test_further_problems_are_counted() -> None:
    error = InvalidInput(Problem("a", "x"), Problem("b", "y"), Problem("c", "z"))
    assert str(error) == "a: x (and 2 more)"
    assert len(error.problems) == 3
    assert str(InvalidInput()) == "invalid input"


def test_every_error_belongs_to_one_tree() -> None:
    for kind in (InvalidInput, Unauthenticated, Forbidden, StoreError, NotFound):
        assert issubclass(kind, CallaheadError)
    assert issubclass(StoreUnavailable, StoreError)
    assert issubclass(StoreUnusable, StoreError)
