"""Facts of one test call, as a file: what a dialogue's sentences may name.

name: Мария Ивановна
doctor: Петров Иван Сергеевич
specialty: терапевт
clinic: Здоровье
start: 2026-11-24T14:30       # fills in when, day, date and time
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, TypeAdapter

from gateway.core.pattern import Facts
from gateway.core.spoken import (
    speech,
    spoken_date,
    spoken_day,
    spoken_doctor,
    spoken_specialty,
    spoken_time,
    spoken_when,
)
from gateway.ivr.script import CALL_FACTS, MAY_BE_UNKNOWN
from gateway.ports.schema_problems import FieldsError, StrictModel, bad, validate
from gateway.ports.yaml_lines import read_document

TEXT_CHARS_MAX = 200


def _short(text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise bad(f"must have at most {TEXT_CHARS_MAX} characters")
    return text.strip()


def _moment(value: object) -> object:
    """Take a date and time as it is written there; its zone, if it has one, does not matter."""
    if not isinstance(value, str):
        raise bad("must be a date and time such as 2026-11-24T14:30")
    try:
        return datetime.fromisoformat(value.strip()).replace(tzinfo=UTC)
    except ValueError:
        raise bad("must be a date and time such as 2026-11-24T14:30") from None


Text = Annotated[str, AfterValidator(_short)]


class _Facts(StrictModel):
    """The facts of `CALL_FACTS`, and `start`, from which those of the date are made."""

    name: Text = ""
    clinic: Text = ""
    specialty: Text = ""
    doctor: Text = ""
    phone: Text = ""
    state: Text = ""
    when: Text = ""
    day: Text = ""
    date: Text = ""
    time: Text = ""
    start: Annotated[datetime | None, BeforeValidator(_moment)] = None


_ADAPTER = TypeAdapter(_Facts)


def read_facts(text: str, source: str, language: str) -> Facts:
    """Return the facts of a file, in words; raise `InvalidInput` with file, line and field."""
    document = read_document(text, source)
    try:
        facts = validate(_ADAPTER, document.data)
    except FieldsError as error:
        raise error.invalid(source, document.lines) from None
    return {**_of_start(facts.start, language), **_written(facts, language)}


def _written(facts: _Facts, language: str) -> Mapping[str, str]:
    given = {name: value for name in CALL_FACTS if (value := getattr(facts, name))}
    spoken = {name: speech(value, language) for name, value in given.items()}
    if "doctor" in given:
        spoken["doctor"] = spoken_doctor(given["doctor"], language)
    if "specialty" in given:
        spoken["specialty"] = spoken_specialty(given["specialty"], language)
    return spoken


def _of_start(start: datetime | None, language: str) -> Mapping[str, str]:
    if start is None:
        return {}
    return {
        "when": spoken_when(start, "UTC", language),
        "day": spoken_day(start, "UTC", language),
        "date": spoken_date(start, "UTC", language),
        "time": spoken_time(start, "UTC", language),
    }


def missing_from(facts: Facts, named: frozenset[str]) -> list[str]:
    """Return the facts that sentences name and that may not be unknown, but are."""
    return sorted(name for name in named - MAY_BE_UNKNOWN if not facts.get(name))
