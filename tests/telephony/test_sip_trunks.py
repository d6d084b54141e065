"""Trunks as providers run them: registration, passwords, TCP, several trunks, limits."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

import pytest

from adapters.telephony.sandbox_sip_message import uri_in
from gateway.core.model import Answer, CallResult
from gateway.ports.telephony import Limits, NotAnswered, NotPlaced
from tests.telephony.conftest import OpenTrunk
from tests.telephony.peers.branch_trunks import BranchTrunks
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.digest import Guard
from tests.telephony.peers.phone_call import PhoneCall
from tests.telephony.peers.processes import owner_of
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

PASSWORD = "correct-horse"
ACCOUNT = {"username": "clinic7", "password": PASSWORD}


def guarded(phone: SipPhone, *, code: int = 401, password: str = PASSWORD) -> None:
    """Let the phone ask for the account's password, as registrar or as proxy."""
    phone.guard = Guard("clinic7", password, code)
    phone.guards_invites = True


async def confirmed(trunk: BranchTrunks, phone: SipPhone, prompts: Prompts) -> PhoneCall:
    """Hold one call to its end."""
    talk = calling(trunk, script_of(), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM
    assert await call.ended() == "BYE"
    return call


async def registered(phone: SipPhone, count: int = 1) -> None:
    """Wait for accepted registrations."""
    async with asyncio.timeout(5):
        while len(phone.registrations) < count:
            await phone.asked()


# Registration and passwords


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_registered_trunk_places_calls(
    transport: Any, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """REGISTER is asked for the password by 401, and so is each INVITE."""
    async with SipPhone(transport) as phone:
        guarded(phone)
        trunk = await open_trunk(phone, register=True, **ACCOUNT)
        await confirmed(trunk, phone, prompts)
        (registration,) = phone.registrations
        assert uri_in(registration.header("to")).startswith("sip:clinic7@")


async def test_a_proxy_that_asks_by_407_gets_the_password(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    guarded(phone, code=407)
    await confirmed(await open_trunk(phone, **ACCOUNT), phone, prompts)
    assert phone.registrations == []


async def test_only_one_card_registers(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """Several contacts for one account confuse trunks; all cards dial with its password."""
    guarded(phone)
    trunk = await open_trunk(phone, register=True, lines=8, **ACCOUNT)
    talks = [calling(trunk, script_of(), prompts) for _ in range(8)]
    calls = [await phone.picks_up() for _ in talks]
    for call in calls:
        await call.press("1")
    assert {(await talk).answer for talk in talks} == {Answer.CONFIRM}
    assert len({call.source for call in calls}) == 2
    assert len({uri_in(one.header("contact")) for one in phone.registrations}) == 1


async def test_a_wrong_password_is_told_to_the_operator_and_no_attempt(
    phone: SipPhone, open_trunk: OpenTrunk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    guarded(phone, password="another")
    trunk = await open_trunk(phone, register=True, **ACCOUNT)
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.alert
    assert phone.calls == []
    assert PASSWORD not in "".join(str(vars(record)) for record in caplog.records)


async def test_a_wrong_password_without_registration_is_told_too(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    guarded(phone, code=407, password="another")
    trunk = await open_trunk(phone, **ACCOUNT)
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.alert
    assert phone.calls == []


async def test_the_registration_is_given_back_at_the_end(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    guarded(phone)
    trunk = await open_trunk(phone, register=True, **ACCOUNT)
    await registered(phone)
    await trunk.close()
    last = phone.registrations[-1]
    assert "expires=0" in last.header("contact") or last.header("expires") == "0"


async def test_another_card_registers_when_the_first_one_dies(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    guarded(phone)
    trunk = await open_trunk(phone, register=True, **ACCOUNT)
    await registered(phone)
    contact = uri_in(phone.registrations[0].header("contact"))
    os.kill(owner_of(int(contact.rpartition(":")[2].partition(";")[0])), signal.SIGKILL)
    await registered(phone, 2)
    await confirmed(trunk, phone, prompts)


# Several trunks


@pytest.mark.rule("C-6")
@pytest.mark.parametrize("code", [503, 500])
async def test_the_next_trunk_takes_a_call_that_the_first_one_could_not(
    code: int, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with SipPhone() as broken:
        broken.refuses = code
        trunk = await open_trunk(broken, phone)
        await confirmed(trunk, phone, prompts)
        assert broken.invites == 1


async def test_a_dead_trunk_is_left_alone_for_a_while(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with SipPhone() as dead:
        dead.deaf = True
        trunk = await open_trunk(dead, phone, trunk_timeout_s=1)
        await confirmed(trunk, phone, prompts)
        began = asyncio.get_running_loop().time()
        talk = calling(trunk, script_of(), prompts)
        call = await phone.rings()
        assert asyncio.get_running_loop().time() - began < 0.9
        call.answer()
        await call.press("1")
        await talk
        assert [one.rests for one in trunk.trunks] == [True, False]


async def test_a_busy_patient_is_not_called_over_the_next_trunk(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    async with SipPhone() as second:
        phone.refuses = 486
        trunk = await open_trunk(phone, second)
        with pytest.raises(NotAnswered) as told:
            await trunk.dial(order())
        assert told.value.result is CallResult.BUSY
        assert second.invites == 0


async def test_when_all_trunks_fail_the_call_is_not_placed(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    async with SipPhone() as second:
        phone.refuses = second.refuses = 503
        trunk = await open_trunk(phone, second)
        with pytest.raises(NotPlaced):
            await trunk.dial(order())
        assert (phone.invites, second.invites) == (1, 1)


async def test_each_branch_is_called_over_its_own_trunk(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    async with SipPhone() as north:
        phone.refuses = north.refuses = 486
        of_south, of_north = ({"clinic": "c1", "branches": [branch]} for branch in ("s", "n"))
        trunk = await open_trunk(
            {"proxy": f"127.0.0.1:{phone.port}", "serves": [of_south]},
            {"proxy": f"127.0.0.1:{north.port}", "serves": [of_north], "lines": 7, "per_second": 3},
        )
        with pytest.raises(NotAnswered):
            await trunk.dial(order(branch="n"))
        assert (phone.invites, north.invites) == (0, 1)
        assert [one.config.name for one in trunk.of("c1", "s")] == ["t1"]
        assert trunk.of("c1", "elsewhere") == []
        assert trunk.trunks[1].limits("c1", "n") == Limits("t2", 7, 3)


# Limits


@pytest.mark.rule("C-6")
async def test_more_calls_than_lines_are_not_placed(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, lines=5)
    talks = [calling(trunk, script_of(wait_s=4.0), prompts) for _ in range(5)]
    calls = [await phone.picks_up() for _ in talks]
    with pytest.raises(NotPlaced) as told:
        await trunk.dial(order())
    assert told.value.code == "no_line"
    assert not told.value.alert
    for call in calls:
        await call.press("1")
    assert {(await talk).answer for talk in talks} == {Answer.CONFIRM}
    await confirmed(trunk, phone, prompts)
    assert phone.invites == 6


async def test_new_calls_keep_to_their_number_a_second(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    phone.refuses = 486
    trunk = await open_trunk(phone, per_second=5)
    with pytest.raises(NotAnswered):
        await trunk.dial(order())  # the first one waits for its card as well
    results = await asyncio.gather(
        *(trunk.dial(order(f"+7999555010{n}")) for n in range(6)), return_exceptions=True
    )
    assert {type(result) for result in results} == {NotAnswered}
    times = [call.rang_at for call in phone.calls[1:]]
    assert times[-1] - times[0] == pytest.approx(1.0, abs=0.2)


async def test_a_line_whose_peer_does_not_answer_our_bye_is_not_used_meanwhile(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """It stays taken in the card for up to 32 s; the next calls go over other lines."""
    trunk = await open_trunk(phone, lines=8)
    talk = calling(trunk, script_of(), prompts)
    call = await phone.picks_up()
    call.ignores_bye = True
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM
    talks = [calling(trunk, script_of(wait_s=4.0), prompts) for _ in range(6)]
    calls = [await phone.picks_up() for _ in talks]
    for one in calls:
        await one.press("2")
    assert {(await talk).answer for talk in talks} == {Answer.RESCHEDULE}


# TCP


async def test_a_call_over_tcp_from_dialling_to_hanging_up(
    open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with SipPhone("tcp") as phone:
        trunk = await open_trunk(phone)
        call = await confirmed(trunk, phone, prompts)
        assert "TCP" in call.invite.header("via")


async def test_a_trunk_that_drops_its_tcp_connection_is_called_over_a_new_one(
    open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    async with SipPhone("tcp") as phone:
        trunk = await open_trunk(phone)
        await confirmed(trunk, phone, prompts)
        phone.drop_connections()
        await asyncio.sleep(0.1)
        await confirmed(trunk, phone, prompts)


# Ends


async def test_closing_hangs_up_what_is_still_going_on(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    talk = calling(trunk, script_of(), prompts)
    ringing = asyncio.create_task(trunk.dial(order()))
    call, other = await phone.picks_up(), await phone.rings()
    other.ring()
    await call.hears(5)
    await trunk.close()
    assert await call.ended() == "BYE"
    assert await other.ended() == "CANCEL"
    assert (await talk).end is not None
    with pytest.raises((NotPlaced, NotAnswered)):
        await ringing


async def test_a_trunk_can_be_closed_at_once_and_twice(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    trunk = await open_trunk(phone)
    await trunk.close()
    await trunk.close()
    with pytest.raises(NotPlaced):
        await trunk.dial(order())


async def test_two_programs_on_one_machine_do_not_share_ports(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    one, other = await open_trunk(phone), await open_trunk(phone)
    first = await confirmed(one, phone, prompts)
    second = await confirmed(other, phone, prompts)
    assert first.source != second.source
