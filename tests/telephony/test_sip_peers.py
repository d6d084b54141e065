"""The test phones themselves: what they send is what the RFCs say, and they understand others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters.telephony.sandbox_sip_message import Message, parse, read_sdp, sdp, split_stream
from tests.telephony.peers import sipp
from tests.telephony.peers.audio import (
    from_a_law,
    likeness,
    pitch_of,
    silence,
    speech_like,
    to_a_law,
    tone,
    write_wav,
)
from tests.telephony.peers.baresip import Baresip
from tests.telephony.peers.digest import Guard
from tests.telephony.peers.key_presses import Style, press, presses
from tests.telephony.peers.pcap import write_pcap
from tests.telephony.peers.ports import Block, block_of_ports
from tests.telephony.peers.rtp import PCMA, Stream, heard_in, spoken, unpack
from tests.telephony.peers.sip_phone import SipPhone
from tests.telephony.peers.tones import frequencies, key_tone, noisy

# Sound


def test_a_law_has_the_values_of_g711() -> None:
    """ITU-T G.711, table 1a: the smallest and the largest value of each sign."""
    codes = bytes([0xD5, 0x55, 0xAA, 0x2A])
    assert from_a_law(codes).tolist() == [8, -8, 32256, -32256]
    assert to_a_law(from_a_law(bytes(range(256)))) == bytes(range(256))


def test_speech_survives_a_law_and_is_found_where_it_begins() -> None:
    prompt = speech_like(2.0)
    heard = np.concatenate([silence(0.25), from_a_law(to_a_law(prompt)), silence(0.5)])
    alike, begins_s = likeness(heard, prompt)
    assert alike > 0.999
    assert begins_s == 0.25


def test_another_voice_is_not_alike() -> None:
    assert likeness(speech_like(2.0, seed=2), speech_like(2.0, seed=1))[0] < 0.3


def test_a_recording_with_a_hole_is_less_alike() -> None:
    prompt = speech_like(2.0)
    heard = prompt.copy()
    heard[8000:9600] = 0
    assert likeness(heard, prompt)[0] < 0.99


@pytest.mark.parametrize("key", "0123456789*#")
def test_a_key_tone_has_the_two_frequencies_of_its_key(key: str) -> None:
    spectrum = np.abs(np.fft.rfft(key_tone(key, length_ms=1000)))
    assert sorted(np.argsort(spectrum)[-2:]) == sorted(frequencies(key))


def test_levels_of_tones_and_noise_are_in_dbm0() -> None:
    """A sine of 0 dBm0 is 3.14 dB below full scale: both tones at 0 dBm0 make 3 dBm0."""
    full_scale = 32767**2 / 2 / 10**0.314
    pair = key_tone("5", length_ms=1000, level_dbm0=-10).astype(float)
    noise = noisy(silence(5), -30).astype(float)
    assert 10 * np.log10((pair**2).mean() / full_scale) == pytest.approx(-7.0, abs=0.05)
    assert 10 * np.log10((noise**2).mean() / full_scale) == pytest.approx(-30.0, abs=0.1)


# RTP


def test_a_key_press_is_one_event_with_a_growing_duration_and_three_ends() -> None:
    """RFC 4733, sections 2.3 and 2.5."""
    stream = Stream(timestamp=8000)
    packets = [unpack(stream.next(slot).pack()) for slot in press("7", length_ms=100)]
    assert {packet.timestamp for packet in packets} == {8000}
    assert [packet.marker for packet in packets] == [True] + [False] * 6
    assert [packet.payload[0] for packet in packets] == [7] * 7
    assert [packet.payload[1] >> 7 for packet in packets] == [0, 0, 0, 0, 1, 1, 1]
    durations = [int.from_bytes(packet.payload[2:], "big") for packet in packets]
    assert durations == [160, 320, 480, 640, 800, 800, 800]


def test_styles_send_what_their_senders_send() -> None:
    def durations(style: Style) -> list[int]:
        slots = [slot for slot in press("1", style, length_ms=80) if slot.payload_type == 101]
        return [int.from_bytes(slot.payload[2:], "big") for slot in slots if not slot.lost]

    assert durations(Style.FIXED_DURATION) == [640] * 6
    assert durations(Style.NO_START) == [640] * 3
    assert durations(Style.END_ONLY) == [640] * 3
    assert durations(Style.HALF_LOST) == [320, 640, 640]


def test_repeated_digits_carry_different_time_stamps() -> None:
    stream = Stream()
    packets = [stream.next(slot) for slot in presses("00", gap_ms=120)]
    stamps = {packet.timestamp for packet in packets if packet.payload_type == 101}
    assert len(stamps) == 2


def test_sound_out_of_order_is_heard_in_order() -> None:
    stream, sound = Stream(timestamp=2**32 - 320), speech_like(0.5)
    packets = [stream.next(slot) for slot in spoken(sound)]
    assert np.array_equal(heard_in([packets[1], packets[0], *packets[2:]]), heard_in(packets))
    assert likeness(heard_in(packets), sound)[0] > 0.999


def test_captures_hold_each_packet_at_its_time_but_not_the_lost_ones(tmp_path: Path) -> None:
    data = write_pcap(tmp_path / "k.pcap", press("0", Style.HALF_LOST)).read_bytes()
    records, at = [], 24
    while at < len(data):
        seconds, micros, length = (int.from_bytes(data[at + i : at + i + 4], "little")
                                   for i in (0, 4, 8))  # fmt: skip
        records.append((seconds * 1000 + micros // 1000, unpack(data[at + 58 : at + 16 + length])))
        at += 16 + length
    assert [time_ms for time_ms, _ in records] == [20, 60, 100, 140, 180]
    first = records[0][1].sequence
    assert [packet.sequence - first for _, packet in records] == [0, 2, 4, 6, 8]


# SIP


def test_messages_are_read_with_compact_and_folded_headers() -> None:
    """RFC 3261, sections 7.3.1 and 7.3.3."""
    data = b"BYE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP x\r\nf: <sip:c@d>\r\n ;tag=1\r\nl: 2\r\n\r\nhi"
    message = parse(data)
    assert (message.method, message.header("via"), message.header("from"), message.body) == (
        "BYE", "SIP/2.0/UDP x", "<sip:c@d> ;tag=1", b"hi",
    )  # fmt: skip
    assert split_stream(b"\r\n\r\n" + data + data[:9]) == (data, data[:9])
    assert split_stream(data[:-1]) == (None, data[:-1])


def test_session_descriptions_are_read_as_they_are_written() -> None:
    offer = read_sdp(sdp(4000, events=120, direction="sendonly"))
    assert (offer.host, offer.port, offer.formats) == ("127.0.0.1", 4000, (PCMA, 120))
    assert (offer.events, offer.direction) == (120, "sendonly")
    assert read_sdp(sdp(4000, events=None)).events is None


def test_the_guard_knows_the_digest_of_rfc_2617() -> None:
    """The example of RFC 2617, section 3.5."""
    guard = Guard(
        "Mufasa", "Circle Of Life", 401, "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    )
    answer = (
        'Digest username="Mufasa", realm="testrealm@host.com", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, '
        'nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1"'
    )
    request = Message("GET sip:x SIP/2.0", (("authorization", answer),))
    assert guard.is_answered(request) is True
    wrong = Guard("Mufasa", "Circle of Life", 401, guard.realm, guard.nonce)
    assert wrong.is_answered(request) is False
    assert guard.is_answered(Message("GET sip:x SIP/2.0", ())) is None


# Real programs


@pytest.mark.e2e
async def test_sipp_calls_the_phone_which_hangs_up(tmp_path: Path, ports: Block) -> None:
    """The phone's answers satisfy a caller that we did not write."""
    steps = [
        """<send retrans="500"><![CDATA[
      INVITE sip:patient@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
      To: <sip:patient@[remote_ip]>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:sipp@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=sipp 1 1 IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio [media_port] RTP/AVP 8 101
      a=rtpmap:101 telephone-event/8000
      ]]></send>""",
        '<recv response="180" rrs="true"/>',
        '<recv response="200" rrs="true" crlf="true"/>',
        """<send><![CDATA[
      ACK [next_url] SIP/2.0
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0
      ]]></send>""",
        sipp.take("BYE"),
        sipp.ok(),
    ]
    async with SipPhone() as phone:
        caller = sipp.Sipp.running(
            steps, tmp_path, port=ports.take(), media_port=ports.take(4, even=True),
            options=[f"127.0.0.1:{phone.port}"],
        )  # fmt: skip
        async with caller as peer:
            call = await phone.rings()
            call.ring()
            call.answer()
            await call.acked()
            answered = await call.hang_up()
            outcome = await peer.finished()
    assert answered.code == 200
    assert outcome.code == 0, outcome.errors


@pytest.mark.e2e
async def test_baresip_and_the_phone_hear_each_other(tmp_path: Path, ports: Block) -> None:
    says = speech_like(6.0)
    async with SipPhone() as phone, Baresip.running(tmp_path / "b", ports, says=says) as other:
        await other.command("dial", f"sip:x@127.0.0.1:{phone.port}")
        call = await phone.rings()
        call.answer()
        await other.event("CALL_ESTABLISHED")
        await call.say(tone(440, 2.0))
        await call.hears(170)
        await other.command("hangup")
        assert await call.ended() == "BYE"
    assert likeness(call.rtp.heard(), says[:20_000])[0] > 0.98
    assert pitch_of(other.heard()[8000:9600]) == pytest.approx(440, abs=4)


@pytest.mark.e2e
async def test_a_dialled_number_arrives_at_a_listening_baresip(
    tmp_path: Path, ports: Block
) -> None:
    async with Baresip.running(tmp_path / "b", ports) as phone:
        assert "baresip" in (await phone.command("about")).lower()


def test_two_blocks_of_ports_never_overlap() -> None:
    with block_of_ports() as one, block_of_ports() as other:
        assert one.end <= other.first or other.end <= one.first
        assert one.take(32, even=True) % 2 == 0


def test_prompts_are_8_khz_mono_16_bit(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "p.wav", tone(440, 0.1))
    assert path.read_bytes()[20:36].hex() == "01000100401f0000803e000002001000"
