"""The sandbox carries out what it knows and reports everything else."""

from __future__ import annotations

import pytest

from adapters.telephony.sandbox_twiml import (
    BYTES_MAX,
    Gather,
    Hangup,
    Pause,
    Play,
    Redirect,
    TwimlError,
    read_twiml,
)

ACTION = "https://c.example/a?x=1&y=2"
GATHER = (
    '<Gather input="dtmf" numDigits="1" finishOnKey="" method="POST" timeout="6" '
    'action="https://c.example/a?x=1&amp;y=2" actionOnEmptyResult="true">'
)
PLAY = "<Play>https://c.example/x.wav</Play>"


def read(inner: str) -> object:
    return read_twiml(f"<Response>{inner}</Response>".encode(), "text/xml; charset=utf-8")


def gather(old: str, new: str) -> str:
    """Return a Gather with something replaced in it."""
    assert old in GATHER
    return GATHER.replace(old, new) + "</Gather>"


def test_all_verbs_are_read_in_order() -> None:
    assert read(f"{PLAY}<Pause/><Pause length='3'/>{GATHER}{PLAY}</Gather><Hangup/>") == (
        Play("https://c.example/x.wav"),
        Pause(1),
        Pause(3),
        Gather(6, ACTION, True, (Play("https://c.example/x.wav"),)),
        Hangup(),
    )
    assert read("<Redirect method='POST'>https://c.example/</Redirect>") == (
        Redirect("https://c.example/"),
    )
    assert read("") == ()


def test_an_empty_result_falls_through_unless_it_is_asked_for() -> None:
    quiet = GATHER.replace(' actionOnEmptyResult="true"', "").replace(' timeout="6"', "")
    assert read(f"{quiet}</Gather>") == (Gather(5, ACTION, False, ()),)


@pytest.mark.parametrize(
    "inner",
    [
        "<Say>Здравствуйте</Say>",
        "<play>https://c.example/x.wav</play>",
        "<Play>/x.wav</Play>",
        "<Play/>",
        "<Play loop='2'>https://c.example/x.wav</Play>",
        "<Play>https://c.example/x.wav<b/></Play>",
        "<Pause length='0'/>",
        "<Pause length='1.5'/>",
        "<Hangup reason='x'/>",
        "<Hangup>x</Hangup>",
        "words",
        f"{PLAY}words",
        f"{GATHER}<Hangup/></Gather>",
        f"{GATHER}words</Gather>",
        gather("numDigits=", "numdigits="),
        gather("dtmf", "speech"),
        gather(' finishOnKey=""', ""),
        gather("POST", "GET"),
        gather("https://c.example", ""),
        gather('"6"', '"0"'),
        gather('"true"', '"yes"'),
        gather("<Gather", '<Gather hints="x"'),
    ],
)
def test_what_is_not_known_is_an_error(inner: str) -> None:
    with pytest.raises(TwimlError):
        read(inner)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<Response/>", "text/html"),
        (b"<Response/>", ""),
        (b"<response/>", "text/xml"),
        (b"<Response x='1'/>", "text/xml"),
        (b"<Response>", "text/xml"),
        (b"", "text/xml"),
        (b"{}", "text/xml"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><Response/>', "text/xml"),
        (b"<Response>" + b" " * BYTES_MAX + b"</Response>", "text/xml"),
    ],
)
def test_what_is_no_document_is_an_error(body: bytes, content_type: str) -> None:
    with pytest.raises(TwimlError):
        read_twiml(body, content_type)
