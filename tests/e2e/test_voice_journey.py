"""A real call through a real gateway: SIPp or a telephone of the tests as the patient."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.core.case import Entry
from gateway.ports.store import Kind, Ref
from tests.cli.support import (
    Clinic,
    Gateway,
    Town,
    clinic_document,
    eventually,
    free_port,
    gateway_in,
    noon_zone,
    number_of,
    town,
    visit,
)
from tests.telephony.peers import sipp
from tests.telephony.peers.key_presses import press
from tests.telephony.peers.pcap import write_pcap
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.ports import Block, block_of_ports
from tests.telephony.peers.rtp import spoken
from tests.telephony.peers.sip_phone import SipPhone
from tests.telephony.peers.tones import key_tones

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

START_S = 90
"""SIPp's time runs while the gateway starts and speaks, which takes long on a busy machine."""

needs_raw_sockets = pytest.mark.skipif(
    not sipp.can_play_pcap(), reason="SIPp plays captures through raw sockets: only root may"
)


@dataclass
class Place:
    gateway: Gateway
    town: Town
    clinic: Clinic

    async def records(self, index: int = 1, **changes: Any) -> None:
        """Put a visit into the schedule and tell the gateway of it: its call is due at once."""
        now = datetime.now(UTC)
        body = visit(index, now, noon_zone(now)[1]) | changes
        self.town.schedule.put(body)
        status, _ = await self.clinic.call("PUT", f"appointments/V-{index}", body)
        assert status in (200, 201)

    async def told(self, status: str, seconds: float = 30) -> None:
        """Wait until the clinic's schedule has a visit's new status."""
        schedule = self.town.schedule
        await eventually(lambda: bool(schedule.taken), seconds, "the schedule was not told")
        assert [taken.change["to"] for taken in schedule.taken] == [status]

    async def timeline(self, index: int = 1) -> list[Entry]:
        """Return the case's journal as the store has it."""
        async with self.gateway.store() as store:
            return list(await store.timeline(Ref(Kind.CASE, "zdorovie", f"V-{index}")))


@pytest.fixture
def ports() -> Iterator[Block]:
    with block_of_ports() as block:
        yield block


@contextlib.asynccontextmanager
async def place(folder: Path, ports: Block, proxy: str, **trunk: Any) -> AsyncIterator[Place]:
    """Run a gateway with a SIP trunk, a clinic, its key, and the world around it."""
    port = free_port()
    sip, rtp = ports.take(4), ports.take(32 * 4, even=True)
    settings = {
        "bind": "127.0.0.1",
        "nice": 0,
        "sip_ports": f"{sip}-{sip + 3}",
        "rtp_ports": f"{rtp}-{rtp + 127}",
        "trunks": [{"name": "t", "proxy": proxy, "caller": "+74950000001", "lines": 4} | trunk],
    }
    async with town(port) as outside, aiohttp.ClientSession() as session:
        gateway = gateway_in(folder, outside, port, sip=settings)
        file = folder / "clinic.json"
        zone, _ = noon_zone(datetime.now(UTC))
        document = clinic_document(zone)
        document["branches"][0]["functions"]["confirmation"] |= {"method": "call"}
        file.write_text(json.dumps(document), encoding="utf-8")
        try:
            await gateway.start()
            await gateway.cli("clinic", "import", str(file))
            key = (await gateway.cli("key", "create", "zdorovie")).strip()
            yield Place(gateway, outside, Clinic(session, gateway.url, key))
        finally:
            gateway.end()


def pressed_by_events(folder: Path) -> list[str]:
    return [sipp.play(write_pcap(folder / f"event{key}.pcap", press(key))) for key in "01"]


def pressed_by_info(folder: Path) -> list[str]:
    bodies = [f"Signal={key}\nDuration=160\n" for key in "01"]
    return [sipp.info("application/dtmf-relay", body, cseq) for cseq, body in enumerate(bodies, 2)]


def pressed_by_tones(folder: Path) -> list[str]:
    sounds = [(key, spoken(key_tones(key))) for key in "01"]
    return [sipp.play(write_pcap(folder / f"tone{key}.pcap", sound)) for key, sound in sounds]


async def answered(phone: SipPhone) -> PhoneCall:
    call = await phone.rings(40)
    call.ring()
    call.answer()
    await call.acked()
    await call.hears(20)
    return call


@pytest.mark.rule("C-3", "C-4", "S-1", "G-5")
@pytest.mark.parametrize(
    ("events", "pressed"),
    [
        pytest.param(101, pressed_by_events, marks=needs_raw_sockets),
        (101, pressed_by_info),
        pytest.param(None, pressed_by_tones, marks=needs_raw_sockets),
    ],
    ids=["events", "info", "tones"],
)
async def test_a_patient_listens_presses_0_then_1_and_the_schedule_is_told(
    tmp_path: Path,
    ports: Block,
    events: int | None,
    pressed: Callable[[Path], list[str]],
) -> None:
    zero, one = pressed(tmp_path)
    steps = [sipp.take("INVITE"), sipp.ring(), sipp.pick_up(events=events), sipp.take("ACK")]
    steps += [sipp.pause(1500), zero, sipp.pause(1500), one, sipp.take("BYE"), sipp.ok()]
    port, media = ports.take(), ports.take(2, even=True)
    async with (
        sipp.Sipp.running(
            steps, tmp_path / "sipp", port=port, media_port=media, patience_s=START_S
        ) as patient,
        place(tmp_path, ports, patient.address) as here,
    ):
        await here.records()
        await here.told("confirmed")
        assert (await patient.finished(25)).code == 0
        explained = json.loads(await here.gateway.cli("explain", "zdorovie", "V-1", "--json"))
        assert explained["functions"]["confirmation"]["state"] == "answered"
        entries = await here.timeline()
        answers = [entry.data for entry in entries if entry.kind == "answer"]
        assert [(data["source"], data["raw"]) for data in answers] == [("call", "1")]
        calls = [entry.data for entry in entries if entry.kind == "call"]
        assert (calls[-1]["result"], calls[-1]["keys"]) == ("answer", "01")
        assert here.town.phones.messages(number_of(1)) == ()
        assert await here.gateway.stop() == 0
        for secret in (number_of(1), "Сидорова", "Мария"):
            assert secret not in here.gateway.log


@pytest.mark.rule("C-7")
async def test_key_2_brings_the_link(tmp_path: Path, ports: Block) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        await call.press("2")
        await here.told("reschedule_requested")
        phones = here.town.phones
        await eventually(lambda: bool(phones.messages(number_of(1))), 20, "no link came")
        assert f"{here.gateway.url}/v/" in phones.messages(number_of(1))[0].text


@pytest.mark.rule("C-6")
@pytest.mark.parametrize(
    ("code", "result"), [(486, "busy"), (603, "rejected"), (404, "unreachable")]
)
async def test_a_call_that_nobody_takes_falls_back_to_a_message(
    tmp_path: Path, ports: Block, code: int, result: str
) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        phone.refuses = code
        await here.records()
        phones = here.town.phones
        await eventually(lambda: bool(phones.messages(number_of(1))), 20, "no message came")
        calls = [e.data for e in await here.timeline() if e.kind == "call"]
        assert calls[-1]["result"] == result
        assert phone.invites == 1


@pytest.mark.rule("C-6", "Z-6")
async def test_a_trunk_that_is_down_is_waited_for(tmp_path: Path, ports: Block) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        phone.refuses = 503
        await here.records()
        await eventually(lambda: phone.invites > 0, 20, "nothing was dialled")
        await eventually(
            lambda: here.gateway.log.count("trunk_fails") > 0, 10, "the log does not say why"
        )
        assert here.town.phones.messages(number_of(1)) == ()


@pytest.mark.rule("G-6", "C-6")
async def test_a_gateway_that_dies_in_a_call_calls_nobody_twice(
    tmp_path: Path, ports: Block
) -> None:
    """The answer was committed before the acknowledgement: it outlives the gateway."""
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        await call.press("1")
        await here.told("confirmed")
        here.gateway.kill()
        await here.gateway.start()
        explained = json.loads(await here.gateway.cli("explain", "zdorovie", "V-1", "--json"))
        assert explained["functions"]["confirmation"]["state"] == "answered"
        assert phone.invites == 1


@pytest.mark.rule("C-6")
async def test_a_patient_who_hangs_up_gets_the_message(tmp_path: Path, ports: Block) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        await call.hang_up()
        phones = here.town.phones
        await eventually(lambda: bool(phones.messages(number_of(1))), 20, "no message came")
        calls = [entry.data for entry in await here.timeline() if entry.kind == "call"]
        assert calls[-1]["result"] == "hangup"
        assert phone.invites == 1


@pytest.mark.rule("G-6", "C-6")
async def test_a_line_card_that_dies_in_a_call_loses_one_call_and_dials_nobody_twice(
    tmp_path: Path, ports: Block
) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        await answered(phone)
        cards = line_cards(here.gateway)
        assert cards
        for card in cards:
            os.kill(card, signal.SIGKILL)
        phones = here.town.phones
        await eventually(lambda: bool(phones.messages(number_of(1))), 20, "no message came")
        calls = [entry.data for entry in await here.timeline() if entry.kind == "call"]
        assert (calls[-1]["result"], calls[-1]["code"]) == ("failed", "card_died")
        assert phone.invites == 1
        await here.records(2)
        second = await answered(phone)
        await second.press("1")
        await here.told("confirmed")


def line_cards(gateway: Gateway) -> list[int]:
    """Return the processes that the gateway's zygote has forked."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    mine = set(gateway.children())
    servers = {pid for pid in mine if b"sip.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    return [pid for pid, parent in pairs if parent in servers]
