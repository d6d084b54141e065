from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field, TypeAdapter

from gateway.ports.schema_problems import (
    FINDINGS_MAX,
    FieldsError,
    Finding,
    StrictModel,
    got,
    kind_of,
    show_path,
    validate,
)


class Sample(StrictModel):
    """Has every kind of limit once."""

    count: int = Field(default=1, ge=1, le=5)
    names: list[str] = Field(default_factory=list, max_length=2)
    texts: dict[str, str] = Field(default_factory=dict)


SAMPLE = TypeAdapter(Sample)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), ""),
        (("start",), "start"),
        (("events", 3, "appointment", "phones", 0), "events[3].appointment.phones[0]"),
        (("patients", "+79161234567", "call"), 'patients["+7…67"].call'),
        (("patient", "Иванова Мария"), 'patient["…"]'),
        (("a\nb",), '["…"]'),
        (("x" * 41,), '["…"]'),
    ],
)
def test_paths_are_written_one_way(path: tuple[str | int, ...], shown: str) -> None:
    assert show_path(path) == shown


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sms", 'got "sms"'),
        ("24:00", 'got "24:00"'),
        ("Europe/Moskow", 'got "Europe/Moskow"'),
        ("xx", 'got "xx"'),
        ("", 'got ""'),
        ("+79161234567", "got another text"),
        ("1990-01-31", "got another text"),
        ("Sidorova", "got another text"),
        ("Сидорова", "got another text"),
        ("a" * 100, "got another text"),
        (5, "got a number"),
        (None, "got nothing (null)"),
    ],
)
def test_only_what_cannot_be_personal_is_quoted(value: object, message: str) -> None:
    assert got(value) == message


def test_every_json_kind_has_a_plain_name() -> None:
    values: list[Any] = [None, True, False, 1, 1.5, "a", [], {}, object()]
    assert [kind_of(value) for value in values] == [
        "nothing (null)",
        "true",
        "false",
        "a number",
        "a number",
        "text",
        "a list",
        "an object",
        "something else",
    ]


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"count": 0}, "count", "must be at least 1"),
        ({"count": 6}, "count", "must be at most 5"),
        ({"count": 1.0}, "count", "must be a whole number; got a number"),
        ({"names": ["a", "b", "c"]}, "names", "must have at most 2 entries"),
        ({"names": ["a", 1]}, "names[1]", "must be text in quotes; got a number without quotes"),
        ({"names": ["a", True]}, "names[1]", "must be text; got true"),
        ({"texts": []}, "texts", "must be an object; got a list"),
        ({"texts": {"a": None}}, "texts.a", "must be text; got nothing (null)"),
        ({"conut": 1}, "conut", "unknown field; did you mean count?"),
        ({"zzz": 1}, "zzz", "unknown field"),
        ({1: 2}, "", "names of fields must be text"),
        ([], "", "must be an object; got a list"),
    ],
)
def test_messages_are_plain_words(data: object, field: str, message: str) -> None:
    with pytest.raises(FieldsError) as caught:
        validate(SAMPLE, data)
    (finding,) = caught.value.findings
    assert (show_path(finding.path), finding.message) == (field, message)


def test_a_million_problems_are_cut_short() -> None:
    with pytest.raises(FieldsError) as caught:
        validate(SAMPLE, {f"field{number}": 1 for number in range(1000)})
    assert len(caught.value.findings) == FINDINGS_MAX


def test_lines_stand_beside_the_fields() -> None:
    error = FieldsError([Finding(("a",), "is bad").below(("events", 0))])
    assert str(error.invalid("x.yaml", lambda paths: [7 for _ in paths])) == (
        "x.yaml: line 7: events[0].a: is bad"
    )
