"""Calls without an answer lead to the message through a whole gateway; an outage loses no key."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.cli.support import Gateway, eventually, number_of
from tests.e2e.test_voice_journey import Place, answered, place
from tests.e2e.test_voice_journey import ports as ports
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STOPPED_S = 0.5
"""A key is at the gateway within 20 ms; until then its commit has certainly been sent."""


async def message_follows(here: Place, phone: SipPhone, result: str, keys: str = "") -> None:
    """Wait for the message; the patient was called once, and this is how the call ended."""
    phones = here.town.phones
    await eventually(lambda: bool(phones.messages(number_of(1))), 30, "no message came")
    calls = [entry.data for entry in await here.timeline() if entry.kind == "call"]
    assert (calls[-1]["result"], calls[-1]["keys"]) == (result, keys)
    assert phone.invites == 1
    assert len(phones.messages(number_of(1))) == 1
    assert here.town.schedule.taken == []


@pytest.mark.rule("C-6")
async def test_a_telephone_that_rings_in_vain(tmp_path: Path, ports: Block) -> None:
    async with (
        SipPhone() as phone,
        place(tmp_path, ports, f"127.0.0.1:{phone.port}", ring_s=5) as here,
    ):
        await here.records()
        call = await phone.rings(40)
        call.ring()
        assert await call.ended(within_s=15) == "CANCEL"
        await message_follows(here, phone, "no_answer")


@pytest.mark.rule("C-4", "C-6")
@pytest.mark.parametrize("keys", ["999", "0000"], ids=["wrong keys", "repeats"])
async def test_a_patient_who_presses_no_key_that_answers(
    keys: str, tmp_path: Path, ports: Block
) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        for key in keys:
            await call.press(key)
            await call.hears(20)  # the next prompt has begun
        assert await call.ended(within_s=20) == "BYE"
        await message_follows(here, phone, "no_answer_key", keys)


@pytest.mark.rule("C-6")
async def test_a_patient_who_listens_again_and_hangs_up(tmp_path: Path, ports: Block) -> None:
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        await call.press("0")
        await call.hears(30)
        await call.hang_up()
        await message_follows(here, phone, "hangup", "0")


@pytest.mark.rule("G-6", "C-4")
async def test_a_store_that_is_killed_between_key_and_commit_loses_no_answer(
    tmp_path: Path, ports: Block
) -> None:
    """It stands still when the key comes, so the commit has been sent and is never carried out."""
    async with SipPhone() as phone, place(tmp_path, ports, f"127.0.0.1:{phone.port}") as here:
        await here.records()
        call = await answered(phone)
        server = store_server(here.gateway)
        os.kill(server, signal.SIGSTOP)
        await call.press("1")
        await asyncio.sleep(STOPPED_S)
        os.kill(server, signal.SIGKILL)
        await here.told("confirmed", 60)
        assert await call.ended(within_s=20) == "BYE"
        assert await here.gateway.stop() == 0
        answers = [entry.data for entry in await here.timeline() if entry.kind == "answer"]
        assert [(data["source"], data["raw"]) for data in answers] == [("call", "1")]
        assert phone.invites == 1
        assert here.town.phones.messages(number_of(1)) == ()


def store_server(gateway: Gateway) -> int:
    """Return the process of the embedded store."""
    named = [
        pid
        for pid in gateway.children()
        if b"-server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    ]
    assert len(named) == 1, named
    return named[0]
