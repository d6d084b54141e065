"""The sandbox's telephones read and write SIP."""

from __future__ import annotations

import pytest

from adapters.telephony.sandbox_sip_message import (
    Offer,
    parse,
    read_sdp,
    response,
    sdp,
    split_stream,
    tag_in,
    uri_in,
    user_in,
    write,
)

INVITE = (
    b"INVITE sip:+79161234567@127.0.0.1:5060 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
    b'f: "Clinic" <sip:+74950000000@127.0.0.1>;tag=a1\r\n'
    b"To: <sip:+79161234567@127.0.0.1>\r\n"
    b"i: call-1\r\n"
    b"CSeq: 7\r\n INVITE\r\n"
    b"\r\nbody"
)


def test_compact_names_and_folded_lines_are_read() -> None:
    message = parse(INVITE)
    assert (message.method, message.code, message.cseq) == ("INVITE", 0, 7)
    assert message.header("call-id") == "call-1"
    assert tag_in(message.header("from")) == "a1"
    assert uri_in(message.header("from")) == "sip:+74950000000@127.0.0.1"
    assert user_in("sip:+79161234567@127.0.0.1:5060") == "+79161234567"
    assert message.body == b"body"


def test_a_response_repeats_what_the_request_said_and_adds_a_tag() -> None:
    answer = parse(response(parse(INVITE), 486, tag="t9"))
    assert (answer.code, answer.method) == (486, "INVITE")
    assert answer.header("via") == "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1"
    assert tag_in(answer.header("to")) == "t9"
    assert answer.header("content-length") == "0"


def test_trying_has_no_tag_yet() -> None:
    assert tag_in(parse(response(parse(INVITE), 100, tag="t9")).header("to")) == ""


def test_a_session_is_described_and_read_again() -> None:
    assert read_sdp(sdp(4000)) == Offer("127.0.0.1", 4000, (8, 101), 101)
    assert read_sdp(sdp(4000, events=None)).events is None
    assert read_sdp(sdp(4000, direction="inactive")).direction == "inactive"


@pytest.mark.parametrize("body", [b"", b"v=0\r\nm=video 1 RTP/AVP 96\r\n", b"\xff\xfe"])
def test_a_body_without_audio_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="no audio"):
        read_sdp(body)


def test_a_stream_is_cut_by_content_length() -> None:
    one = write("OPTIONS sip:a SIP/2.0", [("CSeq", "1 OPTIONS")], b"12345")
    first, rest = split_stream(b"\r\n" + one + one[:20])
    assert (first, rest) == (one, one[:20])
    assert split_stream(one[:-1]) == (None, one[:-1])
