"""Reading and writing SIP messages where the library has no words of its own."""

from __future__ import annotations

import pytest

from adapters.telephony.sip.linecard_text import (
    dtmf_of_info,
    has_description,
    offer_usual_event_type,
    q850_cause,
    status_code,
    takes_telephone_events,
)

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=pjmedia\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 8 0 120\r\nc=IN IP4 127.0.0.1\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:120 telephone-event/8000\r\na=fmtp:120 0-16\r\na=sendrecv\r\n"
)


def test_telephone_event_is_offered_as_101() -> None:
    sdp = offer_usual_event_type(OFFER)
    assert "m=audio 4000 RTP/AVP 8 0 101\r\n" in sdp
    assert "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n" in sdp
    assert "120" not in sdp


def test_an_offer_that_has_it_already_stays_as_it_is() -> None:
    usual = offer_usual_event_type(OFFER)
    assert offer_usual_event_type(usual) == usual


def test_a_number_in_a_port_or_codec_is_not_taken_for_the_payload_type() -> None:
    sdp = offer_usual_event_type(OFFER.replace("audio 4000", "audio 120"))
    assert "m=audio 120 RTP/AVP 8 0 101\r\n" in sdp


def test_an_offer_without_it_or_with_101_taken_stays_as_it_is() -> None:
    without = OFFER.replace("telephone-event", "speex")
    taken = OFFER + "a=rtpmap:101 L16/8000\r\n"
    assert offer_usual_event_type(without) == without
    assert offer_usual_event_type(taken) == taken


def test_events_are_recognised_under_any_number_and_in_any_case() -> None:
    assert takes_telephone_events("a=rtpmap:96 Telephone-Event/8000\r\n")
    assert not takes_telephone_events("a=rtpmap:8 PCMA/8000\r\n")


@pytest.mark.parametrize("header", ["Content-Type: application/sdp", "c:application/SDP;x=y"])
def test_a_description_is_recognised_by_its_type(header: str) -> None:
    assert has_description(f"SIP/2.0 183 Session Progress\r\n{header}\r\n\r\nv=0\r\n")
    assert not has_description(f"SIP/2.0 183 Session Progress\r\n\r\n{header}\r\n")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("SIP/2.0 486 Busy Here\r\n", 486),
        ("SIP/2.0 200 OK\r\n", 200),
        ("BYE sip:x SIP/2.0\r\n", 0),
        ("", 0),
    ],
)
def test_a_response_is_known_by_its_code(message: str, code: int) -> None:
    assert status_code(message) == code


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        ('Reason: Q.850;cause=17;text="User busy"', 17),
        ("reason:q.850 ; cause = 19", 19),
        ('Reason: SIP;cause=487, Q.850;cause=16;text="x"', 16),
        ("Reason: SIP;cause=487", 0),
        ('Reason: Q.850;text="cause=3"', 0),
        ("X-Reason: Q.850;cause=17", 0),
        ("Subject: none", 0),
    ],
)
def test_the_cause_of_the_telephone_network_is_read(header: str, cause: int) -> None:
    assert q850_cause(f"SIP/2.0 480 Gone\r\n{header}\r\n\r\nReason: Q.850;cause=1\r\n") == cause


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("application/dtmf", "5", "5"),
        ("application/dtmf", " 0\r\n", "0"),
        ("application/DTMF; x=1", "#", "#"),
        ("application/dtmf", "d", "D"),
        ("application/dtmf", "Signal=7\r\nDuration=160", "7"),
        ("application/dtmf", "12", ""),
        ("application/dtmf", "hello", ""),
        ("application/dtmf", "", ""),
        ("application/dtmf-relay", "Signal=5", ""),
        ("text/plain", "5", ""),
    ],
)
def test_an_info_holds_one_key(kind: str, body: str, key: str) -> None:
    message = f"INFO sip:x SIP/2.0\r\nContent-Type: {kind}\r\nContent-Length: 1\r\n\r\n{body}"
    assert dtmf_of_info(message) == key
