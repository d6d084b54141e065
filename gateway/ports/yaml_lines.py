"""YAML or JSON text to plain data, and back from a field to its line.

YAML is read as version 1.2 means it: only `true` and `false` are booleans, `10:00` and
`2026-11-24` are text, a key is always text. What nobody means (duplicate keys, tags, a second
document) is refused with its line.

Reading keeps no line numbers: a rehearsal of 100,000 visits has millions of fields. Lines are
looked up in a second pass, only for the fields that a message names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from gateway.errors import InvalidInput, Problem
from gateway.ports.schema_problems import Path, show_path

TEXT_CHARS_MAX = 512 * 1024 * 1024
DEPTH_MAX = 32  # the deepest public format has nine levels
ALIASED_NODES_MAX = 5_000_000  # what aliases may unfold to: no billion laughs
KEY_CHARS_MAX = 200
INTEGER_DIGITS_MAX = 18  # more digits are no count of anything, so they stay text

# The loader on top of libyaml is about eight times as fast as the one in Python.
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Event: TypeAlias = Any  # the kinds of events have no common type with all of their fields
_TEXT_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_MERGE_KEY = "<<"
_MAYBE_NOT_TEXT = frozenset("-+.0123456789tTfFnN~")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(rf"[-+]?[0-9]{{1,{INTEGER_DIGITS_MAX}}}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?")
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^\s{}\[\]:,"]+')


@dataclass(frozen=True, slots=True)
class Document:
    """What a text says, and the text itself, so that a field's line can be found."""

    data: dict[str, Any]
    text: str
    is_json: bool

    def lines(self, paths: list[Path]) -> list[int | None]:
        """Return the line of each field; of one that is missing, the line of what lacks it."""
        wanted = {here for path in paths for here in _existing(self.data, path)}
        walk = _marks(_json_nodes(self.text) if self.is_json else _yaml_nodes(self.text))
        found: dict[Path, int] = {}
        for path, line in walk:
            if path in wanted:
                found.setdefault(path, line)
                if len(found) == len(wanted):
                    break
        return [_nearest(found, path) for path in paths]


def read_document(text: str, source: str) -> Document:
    """Read a text whose top level is an object, or raise `InvalidInput` with the line."""
    text = text.removeprefix("\ufeff")
    if len(text) > TEXT_CHARS_MAX:
        _refuse(source, None, f"is larger than {TEXT_CHARS_MAX // 1024 // 1024} MB")
    is_json, data = False, None
    if text.lstrip()[:1] == "{":
        is_json, data = _read_json(text, source)
    if not is_json:
        data = _read_yaml(text, source)
    if data is None:
        _refuse(source, None, "is empty")
    if not isinstance(data, dict):
        _refuse(source, 1, "must have fields at its top level")
    return Document(data, text, is_json)


def _refuse(source: str, line: int | None, message: str, field: str = "") -> NoReturn:
    raise InvalidInput(Problem(field, message, line), source=source) from None


class _TwiceError(Exception):
    """An object has two fields of the same name."""


def _refuse_twice(source: str, nodes: Iterator[tuple[str, str, int]]) -> NoReturn:
    """Name the first field that stands twice, which reading alone does not know."""
    seen: set[Path] = set()
    for path, line in _marks(nodes):
        if path in seen:
            _refuse(source, line, "stands twice in the same object", show_path(path))
        seen.add(path)
    _refuse(source, None, "a field stands twice in the same object")


# JSON


def _read_json(text: str, source: str) -> tuple[bool, Any]:
    """Read JSON; what begins like it but is not may still be YAML, unless its name says JSON."""

    try:
        return True, json.loads(text, object_pairs_hook=_fields, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        if source.lower().endswith(".json"):
            _refuse(source, error.lineno, f"is not valid JSON: {error.msg}")
    except _TwiceError:
        _refuse_twice(source, _json_nodes(text))
    except RecursionError:
        _refuse(source, None, f"has more than {DEPTH_MAX} levels")
    except ValueError:
        _refuse(source, None, "holds a number that is none")
    return False, None


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _TwiceError
    return fields


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


# YAML


def _read_yaml(text: str, source: str) -> Any:
    """Read one YAML document."""
    try:
        return _Builder(text, source).document()
    except _TwiceError:
        _refuse_twice(source, _yaml_nodes(text))
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        _refuse(source, line, "holds characters that are not text")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        words = error.problem or "cannot be read"
        if error.context and error.context_mark:
            words += f" {error.context} that begins in line {error.context_mark.line + 1}"
        _refuse(source, mark.line + 1 if mark else None, f"is not valid YAML: {words}")
    except yaml.reader.ReaderError as error:
        before = text.encode()[: error.position] if isinstance(error.position, int) else b""
        line = before.count(b"\n") + 1
        _refuse(source, line, "holds control characters")
    except yaml.YAMLError:
        _refuse(source, None, "is not valid YAML")


class _Builder:
    """Builds plain data from libyaml's events, which keeps neither nodes nor marks."""

    def __init__(self, text: str, source: str) -> None:
        self._next: Callable[[], _Event] = _LOADER(text).get_event
        self._source = source
        self._anchors: dict[str, Any] = {}
        self._sizes: dict[int, tuple[Any, int, int]] = {}
        self._aliased_nodes = 0

    def document(self) -> Any:
        """Return the only document, None for an empty text."""
        self._next()  # the stream begins
        if isinstance(self._next(), StreamEndEvent):
            return None
        data = self._node(self._next(), 0)
        self._next()  # the document ends
        event = self._next()
        if isinstance(event, DocumentStartEvent):
            self._refuse(event, "a second document begins here; there must be only one")
        return data

    def _node(self, event: _Event, depth: int) -> Any:
        kind = type(event)
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            return self._alias(event, depth)
        if depth >= DEPTH_MAX:
            self._refuse(event, f"has more than {DEPTH_MAX} levels")
        if event.tag is not None:
            self._refuse(event, "tags are not supported")
        if kind is MappingStartEvent:
            data: Any = self._mapping(depth + 1)
        else:
            data = self._sequence(depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = data
        return data

    def _sequence(self, depth: int) -> list[Any]:
        following, items = self._next, []
        while type(event := following()) is not SequenceEndEvent:
            items.append(self._node(event, depth))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        following = self._next
        fields: dict[str, Any] = {}
        merged: dict[str, Any] | None = None
        while type(event := following()) is not MappingEndEvent:
            name = self._key(event)
            if name == _MERGE_KEY and not event.style:
                if merged is not None:
                    raise _TwiceError
                merged = self._merge(event, self._node(following(), depth))
                continue
            if name in fields:
                raise _TwiceError
            fields[name] = self._node(following(), depth)
        return {**merged, **fields} if merged else fields

    def _key(self, event: _Event) -> str:
        if type(event) is not ScalarEvent or event.tag is not None:
            self._refuse(event, "the name of a field must be plain text")
        name: str = event.value
        if len(name) > KEY_CHARS_MAX:
            self._refuse(event, f"the name of a field has more than {KEY_CHARS_MAX} characters")
        if event.anchor is not None:
            self._anchors[event.anchor] = name
        return intern(name)

    def _scalar(self, event: _Event) -> Any:
        text: str = event.value
        value: Any = text
        if event.tag is not None:
            if event.tag not in _TEXT_TAGS:
                self._refuse(event, "tags are not supported")
        elif not event.style and (not text or text[0] in _MAYBE_NOT_TEXT):
            value = _resolve(text)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _alias(self, event: _Event, depth: int) -> Any:
        """Return the data that the alias names; it is shared, never copied."""
        if event.anchor not in self._anchors:
            self._refuse(event, "this alias has no anchor before it")
        data = self._anchors[event.anchor]
        size, height = self._measure(data)
        self._aliased_nodes += size
        if self._aliased_nodes > ALIASED_NODES_MAX or depth + height > DEPTH_MAX:
            self._refuse(event, "aliases unfold to more than can be read")
        return data

    def _measure(self, data: Any) -> tuple[int, int]:
        """Return how many nodes, on how many levels, data unfolds to."""
        if not isinstance(data, dict | list):
            return 1, 0
        known = self._sizes.get(id(data))
        if known is None:
            inner = [self._measure(i) for i in (data.values() if type(data) is dict else data)]
            size = 1 + sum(one for one, _ in inner)
            height = 1 + max((one for _, one in inner), default=0)
            # The data itself is kept too: its id must not be given to another object.
            known = self._sizes[id(data)] = (data, size, height)
        return known[1], known[2]

    def _merge(self, event: _Event, value: Any) -> dict[str, Any]:
        """Return what `<<` brings in; of several objects the first one wins."""
        sources = value if isinstance(value, list) else [value]
        merged: dict[str, Any] = {}
        for fields in reversed(sources):
            if not isinstance(fields, Mapping):
                self._refuse(event, "<< takes objects only")
            merged.update(fields)
        return merged

    def _refuse(self, event: _Event, message: str) -> NoReturn:
        _refuse(self._source, event.start_mark.line + 1, message)


def _resolve(text: str) -> Any:
    """Read a plain scalar as YAML 1.2 does; what is no null, boolean or number is text."""
    if not text or text in _WORDS:
        return _WORDS.get(text)
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


# Lines


def _existing(data: Any, path: Path) -> Iterator[Path]:
    """Yield the beginnings of a path as far as the data has them."""
    yield ()
    for size, step in enumerate(path, start=1):
        inside = range(len(data)) if isinstance(data, list) else data
        if not isinstance(inside, dict | range) or step not in inside:
            return
        data = data[step]
        yield path[:size]


def _nearest(found: Mapping[Path, int], path: Path) -> int | None:
    lines = (found.get(path[:size]) for size in range(len(path), -1, -1))
    return next((line for line in lines if line is not None), None)


@dataclass(slots=True)
class _Frame:
    """An object or list that is being walked through, and where in it the walk stands."""

    step: str | int
    key_next: bool


def _marks(nodes: Iterator[tuple[str, str, int]]) -> Iterator[tuple[Path, int]]:
    """Yield every field's path and line; a field's line is that of its key."""
    frames: list[_Frame] = []
    for kind, value, line in nodes:
        if kind == "end":
            frames.pop()
            continue
        if frames and frames[-1].key_next:
            frames[-1].step, frames[-1].key_next = value, False
            yield tuple(frame.step for frame in frames), line
            continue
        if not frames or _step_on(frames[-1]):
            yield tuple(frame.step for frame in frames), line
        if kind != "value":
            frames.append(_Frame("" if kind == "object" else -1, kind == "object"))


def _step_on(frame: _Frame) -> bool:
    """Go on to the next value; tell whether it is an item, which has no key to be found by."""
    if isinstance(frame.step, int):
        frame.step += 1
        return True
    frame.key_next = True
    return False


_NODES: dict[type[Any], str] = {
    MappingStartEvent: "object",
    SequenceStartEvent: "list",
    MappingEndEvent: "end",
    SequenceEndEvent: "end",
    ScalarEvent: "value",
    AliasEvent: "value",
}


def _yaml_nodes(text: str) -> Iterator[tuple[str, str, int]]:
    for event in iter(_LOADER(text).get_event, None):
        kind = _NODES.get(type(event))
        if kind is not None:
            yield kind, getattr(event, "value", ""), event.start_mark.line + 1


_BRACKETS = {"{": "object", "[": "list", "}": "end", "]": "end"}


def _json_nodes(text: str) -> Iterator[tuple[str, str, int]]:
    line, seen = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        token = match[0]
        kind = _BRACKETS.get(token, "value")
        yield kind, json.loads(token) if token[0] == '"' else token, line
