"""TwiML is the same to the letter for the same turn, and whatever a name holds it stays XML."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.telephony.sandbox_twiml import read_twiml
from adapters.telephony.twiml import CONTENT_TYPE, twiml
from gateway.core.model import Answer, CallResult
from gateway.ivr.menu import Turn
from gateway.ports.telephony import NextTurn

FIXTURES = Path(__file__).parent / "fixtures"
AUDIO = "https://clinic.example/hooks/twilio/audio/WyJjMSJd.c2lnbmVk.wav"
ACTION = "https://clinic.example/hooks/twilio/voice?call=case%7Cc1%7C2%7CA-1&turn=3#rc=3&rp=ct,5xx"

LISTENS = Turn("visit", wait_s=6, barge_in=True)
CASES: dict[str, NextTurn | None] = {
    "listens_while_it_speaks": NextTurn(LISTENS, 3, AUDIO),
    "listens_when_it_has_spoken": NextTurn(Turn("visit", wait_s=6), 3, AUDIO),
    "says_goodbye": NextTurn(Turn("confirmed", CallResult.ANSWER, Answer.CONFIRM), 4, AUDIO),
    "hangs_up": None,
    "waits_whole_seconds": NextTurn(Turn("visit", wait_s=4.2, barge_in=True), 3, AUDIO),
}


@pytest.mark.rule("C-3")
@pytest.mark.parametrize("name", CASES)
def test_a_turn_is_this_document(name: str) -> None:
    expected = (FIXTURES / f"{name}.xml").read_text(encoding="utf-8")
    assert twiml(CASES[name], ACTION) == expected


@pytest.mark.parametrize("name", CASES)
def test_the_provider_can_carry_it_out(name: str) -> None:
    """The strict reader of the sandbox was written apart from this."""
    assert read_twiml(twiml(CASES[name], ACTION).encode(), CONTENT_TYPE)


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in FIXTURES.glob("*.xml")} == set(CASES)


@pytest.mark.parametrize(("wait_s", "written"), [(0, "1"), (0.1, "1"), (1, "1"), (6.01, "7")])
def test_a_wait_is_in_whole_seconds_from_one_on(wait_s: float, written: str) -> None:
    document = twiml(NextTurn(Turn("visit", wait_s=wait_s, barge_in=True), 1, AUDIO), ACTION)
    gather = ElementTree.fromstring(document)[0]
    assert gather.attrib["timeout"] == written


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=60))
def test_no_text_in_an_address_breaks_out_of_its_place(hostile: str) -> None:
    audio, action = f"https://clinic.example/{hostile}.wav", f"https://clinic.example/?a={hostile}"
    root = ElementTree.fromstring(twiml(NextTurn(LISTENS, 1, audio), action))
    assert [element.tag for element in root.iter()] == ["Response", "Gather", "Play"]
    assert root[0].attrib["action"] == action
    assert root[0][0].text == audio


@pytest.mark.parametrize(
    "address",
    [
        "/hooks/twilio/audio/x.wav",
        "audio.wav",
        "",
        "ftp://clinic.example/a.wav",
        "https://clinic.example",
        "https://clinic.example/a b.wav",
        "https://clinic.example/Анна.wav",
        "https://clinic.example/a\x00.wav",
    ],
)
def test_an_address_that_is_not_absolute_is_never_written(address: str) -> None:
    with pytest.raises(ValueError, match="absolute"):
        twiml(NextTurn(LISTENS, 1, address), ACTION)
    with pytest.raises(ValueError, match="absolute"):
        twiml(NextTurn(LISTENS, 1, AUDIO), address)
