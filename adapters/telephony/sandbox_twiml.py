"""Reads TwiML as strictly as a provider should: what it does not know is an error, never skipped.

Written from the reference alone and apart from the adapter, so that a mistake in one of them does
not hide in the other. https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

BYTES_MAX = 64 * 1024
"""Twilio's own limit for a document."""

_ABSOLUTE = re.compile(r"https?://[^\s/]+/\S*").fullmatch
_WHOLE = re.compile(r"[0-9]{1,4}").fullmatch


class TwimlError(Exception):
    """A document cannot be carried out; the text says which verb or attribute."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play an audio file."""

    url: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait in silence."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Gather:
    """Listen for one key while `inner` plays and `timeout_s` after it."""

    timeout_s: int
    action: str
    empty_too: bool
    inner: tuple[Play | Pause, ...]


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


Verb: TypeAlias = Play | Pause | Gather | Redirect | Hangup


def read_twiml(body: bytes, content_type: str) -> tuple[Verb, ...]:
    """Return the verbs of a document in order; raise `TwimlError`."""
    if content_type.partition(";")[0].strip().lower() not in ("text/xml", "application/xml"):
        raise TwimlError(f"the document is {content_type or 'of no type'}")
    if len(body) > BYTES_MAX:
        raise TwimlError("the document is too long")
    if b"<!" in body:
        raise TwimlError("a document type or comment is not expected")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - bounded, and without a DTD
    except ElementTree.ParseError as error:
        raise TwimlError(f"not XML: {error}") from None
    if root.tag != "Response" or root.attrib:
        raise TwimlError("the root must be <Response>")
    _no_text(root)
    return tuple(_verb(element) for element in root)


def _verb(element: Element) -> Verb:
    match element.tag:
        case "Play":
            _attributes(element, {})
            return Play(_url(element, element.text))
        case "Pause":
            return Pause(_seconds(element, "length", "1"))
        case "Gather":
            return _gather(element)
        case "Redirect":
            _attributes(element, {"method": "POST"})
            return Redirect(_url(element, element.text))
        case "Hangup":
            _attributes(element, {})
            _no_text(element)
            return Hangup()
    raise TwimlError(f"<{element.tag}> is not a verb that is known")


_GATHER: Mapping[str, str | None] = {
    "input": "dtmf",
    "numDigits": "1",
    "finishOnKey": "",
    "method": "POST",
    "timeout": None,
    "action": None,
    "actionOnEmptyResult": None,
}
"""Attributes with the only value that is carried out; None: any that is well formed."""


def _gather(element: Element) -> Gather:
    given = dict(element.attrib)
    for name, needed in _GATHER.items():
        if needed is not None and given.get(name) != needed:
            raise TwimlError(f'<Gather>: only {name}="{needed}" is carried out')
    _attributes(element, _GATHER)
    _no_text(element)
    inner: list[Play | Pause] = []
    for child in element:
        verb = _verb(child)
        if not isinstance(verb, Play | Pause):
            raise TwimlError(f"<Gather>: <{child.tag}> must not stand inside")
        inner.append(verb)
    empty = given.get("actionOnEmptyResult", "false")
    if empty not in ("true", "false"):
        raise TwimlError("<Gather>: actionOnEmptyResult is neither true nor false")
    return Gather(
        _seconds_of(element, "timeout", "5"),
        _url(element, given.get("action")),
        empty == "true",
        tuple(inner),
    )


def _attributes(element: Element, allowed: Mapping[str, str | None]) -> None:
    for name, value in element.attrib.items():
        if name not in allowed:
            raise TwimlError(f"<{element.tag}>: {name} is not an attribute that is known")
        wanted = allowed[name]
        if wanted is not None and value != wanted:
            raise TwimlError(f'<{element.tag}>: only {name}="{wanted}" is carried out')


def _seconds(element: Element, name: str, default: str) -> int:
    _attributes(element, {name: None})
    _no_text(element)
    return _seconds_of(element, name, default)


def _seconds_of(element: Element, name: str, default: str) -> int:
    text = element.attrib.get(name, default)
    if not _WHOLE(text) or int(text) < 1:
        raise TwimlError(f"<{element.tag}>: {name} is not a whole number of seconds from 1 on")
    return int(text)


def _url(element: Element, text: str | None) -> str:
    url = (text or "").strip()
    if len(element) and element.tag != "Gather":
        raise TwimlError(f"<{element.tag}>: nothing may stand inside")
    if not _ABSOLUTE(url):
        raise TwimlError(f"<{element.tag}>: needs an absolute address")
    return url


def _no_text(element: Element) -> None:
    pieces = [element.text, *(child.tail for child in element)]
    if any(piece and piece.strip() for piece in pieces):
        raise TwimlError(f"<{element.tag}>: text is not expected")
