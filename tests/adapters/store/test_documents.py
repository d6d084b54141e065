"""Compiled readers and writers do what a general library does, only faster.

pydantic wrote every document of schema 1 before these did, so it is the measure: the same bytes,
and the same document from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from adapters.store.documents import Shape
from gateway.core.case import Attention, Case, Contact, Entry
from gateway.ports.store import Charge, WriteOff

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
ELSEWHERE = datetime(2030, 3, 4, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=3)))
ABSENT = object()


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    name: str
    at: datetime | None = None


NO_LEAF = Leaf("none")


@dataclass(frozen=True, slots=True)
class Tree:
    """A field of every kind that a document may have."""

    id: str
    at: datetime
    day: date
    amount: Decimal
    colour: Colour
    wanted: Colour | None
    leaf: Leaf
    pair: tuple[str, datetime]
    text: str = ""
    count: int = 1
    zero: int = 0
    flag: bool = False
    on: bool = True
    due: datetime | None = None
    price: Decimal | None = None
    shade: Colour = Colour.RED
    tint: Colour | None = None
    names: tuple[str, ...] = ()
    days: tuple[date, ...] = ()
    pairs: tuple[tuple[Colour, datetime, str], ...] = ()
    leaves: tuple[Leaf, ...] = ()
    child: Tree | None = None
    inner: Leaf = NO_LEAF
    data: Mapping[str, bool | int | str | list[str] | None] = field(default_factory=dict)


PLAIN = Tree(
    "1", NOW, date(2030, 3, 4), Decimal("1.50"), Colour.RED, None, Leaf("a"), ("b", NOW)
)  # fmt: skip
FULL = replace(
    PLAIN,
    wanted=Colour.BLUE,
    leaf=Leaf("имя", NOW + timedelta(microseconds=7)),
    text="Подтвердить",
    count=0,
    zero=5,
    flag=True,
    on=False,
    due=NOW,
    price=Decimal("-0.10"),
    shade=Colour.BLUE,
    tint=Colour.RED,
    names=("a", ""),
    days=(date(2030, 1, 1),),
    pairs=((Colour.BLUE, NOW, "x"),),
    leaves=(Leaf("c"), Leaf("d", NOW)),
    child=PLAIN,
    inner=Leaf("e"),
    data={"raw": "1", "n": 2, "yes": True, "list": ["a"], "none": None},
)


def written(shape: Shape[Any], document: object) -> bytes:
    return orjson.dumps(shape.write(document), option=orjson.OPT_UTC_Z)


@pytest.mark.parametrize(
    "document", [PLAIN, FULL, replace(FULL, child=FULL), replace(PLAIN, at=ELSEWHERE)]
)
def test_every_kind_of_field_is_written_as_pydantic_does_and_comes_back(document: Tree) -> None:
    shape, measure = Shape(Tree), TypeAdapter(Tree)
    raw = written(shape, document)
    assert orjson.loads(raw) == orjson.loads(measure.dump_json(document, exclude_defaults=True))
    assert shape.read(orjson.loads(raw)) == document
    assert shape.read(orjson.loads(raw)) == measure.validate_json(raw)


def test_what_is_at_its_default_is_left_out() -> None:
    assert list(Shape(Tree).write(PLAIN)) == [item.name for item in fields(Tree)][:8]


def test_what_is_read_is_frozen_and_of_its_class() -> None:
    found = Shape(Tree).read(Shape(Tree).write(FULL) | orjson.loads(written(Shape(Tree), FULL)))
    assert type(found) is Tree
    assert type(found.leaves[0]) is Leaf
    with pytest.raises(AttributeError):
        found.text = "changed"  # type: ignore[misc]  # that is the test


def test_two_documents_share_no_mapping() -> None:
    shape = Shape(Tree)
    raw = orjson.loads(written(shape, PLAIN))
    assert shape.read(raw).data is not shape.read(raw).data


def test_leaves_are_neither_written_nor_read() -> None:
    shape = Shape(Tree, frozenset({"names", "due"}))
    raw = orjson.loads(written(shape, FULL))
    assert raw.keys().isdisjoint({"names", "due"})
    found = shape.read({**raw, "names": ["x"], "due": "never"})
    assert found == replace(FULL, names=(), due=None)


def test_a_key_that_is_not_known_is_passed_over() -> None:
    raw = orjson.loads(written(Shape(Leaf), Leaf("a")))
    assert Shape(Leaf).read({**raw, "colour": "red"}) == Leaf("a")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", ABSENT),
        ("at", ABSENT),
        ("at", "yesterday"),
        ("at", 5),
        ("amount", "much"),
        ("colour", "green"),
        ("leaf", []),
        ("leaf", {}),
        ("pair", ["only one"]),
        ("pairs", [["red", "2030-03-04T09:00:00Z"]]),
        ("leaves", [None]),
        ("names", 1),
    ],
)
def test_what_is_no_such_document_is_an_error_of_a_known_kind(key: str, value: object) -> None:
    raw = {**orjson.loads(written(Shape(Tree), FULL)), key: value}
    raw = {name: item for name, item in raw.items() if item is not ABSENT}
    with pytest.raises((ArithmeticError, AttributeError, LookupError, TypeError, ValueError)):
        Shape(Tree).read(raw)


@dataclass(frozen=True, slots=True)
class WithBytes:
    raw: bytes


@dataclass(frozen=True, slots=True)
class WithSet:
    names: frozenset[str] = frozenset()


@pytest.mark.parametrize("kind", [WithBytes, WithSet])
def test_a_field_that_has_no_place_in_a_document_is_refused_at_once(kind: type) -> None:
    with pytest.raises(TypeError, match="no place"):
        Shape(kind)


# The documents that exist

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(Decimal, st.decimals(allow_nan=False, allow_infinity=False))
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
values = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.lists(st.text())
st.register_type_strategy(Entry, st.builds(Entry, data=st.dictionaries(st.text(), values)))
st.register_type_strategy(Attention, st.builds(Attention, data=st.dictionaries(st.text(), values)))

LEAVES: dict[type, set[str]] = {
    Case: {"journal", "version"},
    Contact: {"journal", "version", "wake"},
    Entry: set(),
    Charge: set(),
    WriteOff: set(),
}


@pytest.mark.parametrize("kind", LEAVES)
@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(data=st.data())
def test_documents_are_byte_for_byte_those_of_pydantic(kind: type, data: st.DataObject) -> None:
    document = data.draw(st.from_type(kind))
    leaves = LEAVES[kind]
    shape = Shape(kind, frozenset(leaves))
    measure: TypeAdapter[Any] = TypeAdapter(kind)
    raw = measure.dump_json(document, exclude=leaves, exclude_defaults=True)
    assert written(shape, document) == raw
    assert shape.read(orjson.loads(raw)) == measure.validate_json(raw)
