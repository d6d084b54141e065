"""Readers and writers of documents, compiled from the fields of their dataclasses.

A document is a frozen dataclass with slots whose fields are texts, numbers, moments, enums, other
such dataclasses, and tuples of them. It is written as a JSON object with a key for every field
that is not at its default, so a new field with a default changes no document that exists, and a
key that is not known is passed over.

Documents are read and written several times for every message of a patient. A general library
looks at the kind of every field each time; here that is done once, and what is left is one
function for each dataclass that names its fields:

    def write(it):                              def read(of):
        to = {'id': it.id}                          new = blank()
        value = it.due                              value = of['id']
        if value is not None:                       new.id = value
            to['due'] = value                       if 'due' in of:
        return to                                       value = of['due']
                                                        new.due = moment(value)
                                                    else:
                                                        new.due = None
                                                    new.__class__ = frozen
                                                    return new

The writer leaves moments and days to orjson, which writes them as ISO 8601.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from gateway.core.evolve import blank_of, compiled

T = TypeVar("T")

Write = Callable[[Any], Any]
Read = Callable[[Any], Any]

_PLAIN: Final = (str, int, bool, float)
_SPELT: Final[Mapping[type, tuple[str, Read]]] = {
    datetime: ("{}", datetime.fromisoformat),
    date: ("{}", date.fromisoformat),
    Decimal: ("str({})", Decimal),
}
"""How a value is written, as an expression, and what reads it."""


class Shape(Generic[T]):
    """Reads and writes one dataclass. `leaves` are fields that are not part of the document.

    `write` returns what orjson can write. `read` undoes it and sets the leaves to their defaults;
    it raises `LookupError`, `TypeError`, `ValueError`, `AttributeError` or `ArithmeticError` for
    what is no such document. Texts, numbers and flags are taken as they stand.
    """

    def __init__(self, kind: type[T], leaves: frozenset[str] = frozenset()) -> None:
        compiler = _Compiler()
        self.write: Callable[[T], dict[str, Any]] = compiler.writer(kind, leaves)
        self.read: Callable[[Any], T] = compiler.reader(kind, leaves)


class _Compiler:
    """Makes the functions of one document and of all that it holds."""

    def __init__(self) -> None:
        # What the generated functions call, by the name that they use for it.
        self._names: dict[str, Any] = {}
        self._made: set[str] = set()

    # -- writing

    def writer(self, kind: type, leaves: frozenset[str] = frozenset()) -> Write:
        """Return the function that turns an instance into plain values."""
        name = f"write_{kind.__name__}"
        self._made.add(name)
        hints = get_type_hints(kind)
        own = [item for item in fields(kind) if item.name not in leaves]
        always = [item for item in own if not _has_default(item)]
        pairs = (f"{i.name!r}: {self._written(hints[i.name], f'it.{i.name}')}" for i in always)
        lines = [f"def {name}(it):", f"    to = {{{', '.join(pairs)}}}"]
        for item in own:
            if _has_default(item):
                written = self._written(hints[item.name], "value")
                lines += [
                    f"    value = it.{item.name}",
                    f"    if {self._differs(item)}:",
                    f"        to[{item.name!r}] = {written}",
                ]
        lines.append("    return to")
        return compiled("\n".join(lines), name, self._names)

    def _differs(self, item: Field[Any]) -> str:
        """Return the test whether `value` is not the field's default."""
        default = _default(item)
        if default is None:
            return "value is not None"
        if default in ("", 0, False, ()) or default == {}:
            return "value"
        if isinstance(default, StrEnum):
            return f"value is not {self._named(default)}"
        return f"value != {self._named(default)}"

    def _written(self, hint: Any, value: str) -> str:
        """Return the expression of what is written for a value."""
        inner = _optional(hint)
        if inner is not None:
            written = self._written(inner, value)
            return value if written == value else f"None if {value} is None else {written}"
        if _is_plain(hint):
            return value
        if get_origin(hint) is tuple:
            return self._written_tuple(get_args(hint), value)
        if hint in _SPELT:
            return _SPELT[hint][0].format(value)
        if issubclass(hint, StrEnum):
            return f"{value}._value_"  # not `value`, which costs as much as a small function
        name = f"write_{hint.__name__}"
        if name not in self._made:
            self.writer(hint)
        return f"{name}({value})"

    def _written_tuple(self, parts: tuple[Any, ...], value: str) -> str:
        if parts[-1] is Ellipsis:
            item = self._written(parts[0], "one")
            return value if item == "one" else f"[{item} for one in {value}]"
        items = [self._written(part, f"{value}[{at}]") for at, part in enumerate(parts)]
        return f"({', '.join(items)},)"

    # -- reading

    def reader(self, kind: type, leaves: frozenset[str] = frozenset()) -> Read:
        """Return the function that makes an instance of plain values."""
        name = f"read_{kind.__name__}"
        self._made.add(name)
        hints = get_type_hints(kind)
        blank, frozen = self._named(blank_of(kind)), self._named(kind)
        lines = [f"def {name}(of):", f"    new = {blank}()"]
        for item in fields(kind):
            if item.name in leaves:
                lines.append(f"    new.{item.name} = {self._named(_default(item))}")
            else:
                lines += self._read_field(item, hints[item.name])
        lines += [f"    new.__class__ = {frozen}", "    return new"]
        return compiled("\n".join(lines), name, self._names)

    def _read_field(self, item: Field[Any], hint: Any) -> list[str]:
        key, read = repr(item.name), self._read(hint, "value")
        if not _has_default(item):
            return [f"    value = of[{key}]", f"    new.{item.name} = {read}"]
        default = _default(item)
        return [
            f"    if {key} in of:",
            f"        value = of[{key}]",
            f"        new.{item.name} = {read}",
            "    else:",
            f"        new.{item.name} = {'{}' if default == {} else self._named(default)}",
        ]

    def _read(self, hint: Any, value: str) -> str:
        """Return the expression of what is read from a plain value."""
        inner = _optional(hint)
        if inner is not None:
            read = self._read(inner, value)
            return value if read == value else f"None if {value} is None else {read}"
        if _is_plain(hint):
            return value
        if get_origin(hint) is tuple:
            return self._read_tuple(get_args(hint), value)
        if hint in _SPELT:
            return f"{self._named(_SPELT[hint][1])}({value})"
        if issubclass(hint, StrEnum):
            return f"{self._named({member.value: member for member in hint})}[{value}]"
        name = f"read_{hint.__name__}"
        if name not in self._made:
            self.reader(hint)
        return f"{name}({value})"

    def _read_tuple(self, parts: tuple[Any, ...], value: str) -> str:
        if parts[-1] is Ellipsis:
            item = self._read(parts[0], "one")
            return f"tuple({value})" if item == "one" else f"tuple([{item} for one in {value}])"
        items = [self._read(part, f"{value}[{at}]") for at, part in enumerate(parts)]
        return f"({', '.join(items)},)"

    # -- names

    def _named(self, value: object) -> str:
        """Return a name under which the generated functions know a value."""
        name = f"v{len(self._names)}"
        self._names[name] = value
        return name


def _has_default(item: Field[Any]) -> bool:
    return item.default is not MISSING or item.default_factory is not MISSING


def _default(item: Field[Any]) -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _optional(hint: Any) -> Any:
    """Return X of `X | None`, or None for anything else."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else ()
    inner = [part for part in parts if part is not NoneType]
    return inner[0] if len(inner) == 1 and len(parts) == 2 else None


def _is_plain(hint: Any) -> bool:
    """Tell what JSON has itself: texts, numbers, and objects of such values."""
    if hint in _PLAIN or get_origin(hint) is Mapping:
        return True
    is_ours = isinstance(hint, type) and (issubclass(hint, StrEnum) or is_dataclass(hint))
    if hint not in _SPELT and get_origin(hint) is not tuple and not is_ours:
        raise TypeError(f"a field of type {hint} has no place in a document")
    return False
