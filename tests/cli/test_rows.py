"""A file of appointments as rows with their lines, in every form that clinics export."""

from __future__ import annotations

import contextlib

import pytest

from gateway.cli.rows import rows_of
from gateway.errors import InvalidInput


def lines(text: str) -> list[tuple[int, object]]:
    return [(row.line, row.data or row.problem) for row in rows_of(text, "visits")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id": "A"}\n{"id": "B"}\n', [(1, {"id": "A"}), (2, {"id": "B"})]),
        ('\ufeff{"id": "A"}\r\n\r\n{"id": "B"}', [(1, {"id": "A"}), (3, {"id": "B"})]),
        ('{"id": "A"}\n{oops\n{"id": "B"}', [(1, {"id": "A"}), (2, "is not JSON"),
                                             (3, {"id": "B"})]),
        ('[{"id": "A"},\n {"id": "B"}]', [(1, {"id": "A"}), (2, {"id": "B"})]),
        ('\ufeff[\n{"id": "A"}]', [(2, {"id": "A"})]),
        ("- id: A\n\n- id: B\n", [(1, {"id": "A"}), (3, {"id": "B"})]),
        ("# visits\n- id: A\n", [(2, {"id": "A"})]),
        ("---\n- id: A\n", [(2, {"id": "A"})]),
        ("# visits\n\n---\n- id: A\n- id: B\n", [(4, {"id": "A"}), (5, {"id": "B"})]),
        ("[]", []),
    ],
)  # fmt: skip
def test_rows_keep_their_lines(text: str, expected: list[tuple[int, object]]) -> None:
    assert lines(text) == expected


@pytest.mark.parametrize("odd", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_odd_separators_inside_a_row_do_not_cut_it(odd: str) -> None:
    """Names come from other systems; only a line feed ends a row."""
    text = f'{{"id": "A{odd}"}}\n{{"id": "B"}}'
    found = rows_of(text, "visits")
    assert [row.line for row in found] == [1, 2]
    assert found[1].data == {"id": "B"}


def test_rows_nested_too_deeply_are_told() -> None:
    assert lines('{"a":' * 100_000) == [(1, "is not JSON")]


@pytest.mark.parametrize("text", ["", "id: A\n", "42", "plain words"])
def test_what_is_no_list_is_told(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert [row.problem for row in rows_of(text, "visits") if row.problem]


@pytest.mark.parametrize(
    ("text", "line"),
    [("- id: A\n- id: [\n", 3), ("- id: A\n  id: B\n", 2), ('[{"id": "A"},\n{"id": ]', 2)],
)
def test_a_broken_list_is_told_with_the_files_own_line(text: str, line: int) -> None:
    with pytest.raises(InvalidInput) as told:
        rows_of(text, "visits")
    assert told.value.problems[0].line == line
