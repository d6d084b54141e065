"""Line cards that die or hang, and a gateway that dies: what is lost, and how soon it is back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from pathlib import Path

import pytest

from gateway.core.model import Answer
from gateway.ivr.menu import Lost, Turn
from gateway.ports.telephony import NotAnswered
from tests.telephony.conftest import OpenTrunk, config_of, trunk_settings
from tests.telephony.peers.dialogue import Prompts, calling, order, script_of
from tests.telephony.peers.ports import Block
from tests.telephony.peers.processes import children_of, is_alive, owner_of
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LISTENING = Turn("greeting", wait_s=20.0, barge_in=True)


async def gone(pid: int, within_s: float) -> float:
    """Wait until a process has ended; return how long that took in seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while is_alive(pid):
        assert loop.time() - began < within_s, f"process {pid} still runs"
        await asyncio.sleep(0.01)  # another's child: nothing tells us
    return loop.time() - began


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
async def test_a_card_that_dies_loses_its_calls_and_is_replaced_within_a_second(
    how: signal.Signals, phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone)
    talk = calling(trunk, script_of(wait_s=20), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    loop = asyncio.get_running_loop()
    began = loop.time()
    os.kill(owner_of(call.source[1]), how)
    told = await talk
    assert loop.time() - began < 0.5
    assert isinstance(told.end, Lost)
    again = calling(trunk, script_of(), prompts)
    following = await phone.picks_up()
    assert loop.time() - began < 1.0
    await following.press("1")
    assert (await again).answer is Answer.CONFIRM


async def test_a_card_that_hangs_is_ended_and_replaced(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    """SIGSTOP: the process lives and says nothing. Its calls end as lost after a second or so."""
    trunk = await open_trunk(phone)
    talk = calling(trunk, script_of(wait_s=20), prompts)
    call = await phone.picks_up()
    await call.hears(5)
    loop = asyncio.get_running_loop()
    card, began = owner_of(call.source[1]), loop.time()
    os.kill(card, signal.SIGSTOP)
    told = await talk
    lost_s = loop.time() - began
    assert isinstance(told.end, Lost)
    assert lost_s < 2.0
    await gone(card, 1.0)
    again = calling(trunk, script_of(), prompts)
    following = await phone.picks_up()
    assert loop.time() - began - lost_s < 1.0
    await following.press("1")
    assert (await again).answer is Answer.CONFIRM


async def test_a_dead_card_takes_only_its_own_calls_with_it(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, lines=8)
    talks = {}
    for number in range(8):
        to = f"+7999555020{number}"
        talks[to] = calling(trunk, script_of(wait_s=20), prompts, to)
    calls = [await phone.picks_up() for _ in talks]
    victim = owner_of(calls[0].source[1])
    theirs = {call.callee for call in calls if owner_of(call.source[1]) == victim}
    assert 0 < len(theirs) <= 4
    os.kill(victim, signal.SIGKILL)
    for call in calls:
        if call.callee not in theirs:
            await call.hears(5)
            await call.press("1")
    for to, talk in talks.items():
        told = await talk
        assert isinstance(told.end, Lost) if to in theirs else told.answer is Answer.CONFIRM


async def test_a_card_that_dies_while_it_rings_is_no_second_ringing(
    phone: SipPhone, open_trunk: OpenTrunk
) -> None:
    """Somebody's telephone rang: this was an attempt, and it must not be placed again at once."""
    trunk = await open_trunk(phone)
    dialling = asyncio.create_task(trunk.dial(order()))
    call = await phone.rings()
    call.ring()
    await asyncio.sleep(0.1)
    os.kill(owner_of(call.source[1]), signal.SIGKILL)
    with pytest.raises(NotAnswered):
        await dialling
    await asyncio.sleep(0.5)
    assert phone.invites == 1


async def test_the_process_that_cards_are_forked_from_is_replaced_too(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, lines=8)
    talk = calling(trunk, script_of(wait_s=20), prompts)
    call = await phone.picks_up()
    card = owner_of(call.source[1])
    zygote = next(pid for pid in children_of(os.getpid()) if card in children_of(pid))
    os.kill(zygote, signal.SIGKILL)
    await call.hears(10)  # cards live on
    talks = [calling(trunk, script_of(wait_s=20), prompts) for _ in range(5)]
    calls = [await phone.picks_up() for _ in talks]
    assert len({one.source for one in calls}) == 2
    for one in [call, *calls]:
        await one.press("1")
    assert {(await one).answer for one in [talk, *talks]} == {Answer.CONFIRM}


async def test_cards_that_die_again_and_again_do_not_stop_the_others(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    trunk = await open_trunk(phone, lines=8)
    for _ in range(4):
        talk = calling(trunk, script_of(wait_s=20), prompts)
        call = await phone.picks_up()
        await call.hears(15)  # so the gateway has heard of the answer before the card dies
        os.kill(owner_of(call.source[1]), signal.SIGKILL)
        assert isinstance((await talk).end, Lost)
    talk = calling(trunk, script_of(), prompts)
    async with asyncio.timeout(5):
        call = await phone.picks_up()
    await call.press("1")
    assert (await talk).answer is Answer.CONFIRM


async def test_closing_leaves_no_process_behind(
    phone: SipPhone, open_trunk: OpenTrunk, prompts: Prompts
) -> None:
    before = set(children_of(os.getpid()))
    trunk = await open_trunk(phone, lines=8)
    talks = [calling(trunk, script_of(), prompts) for _ in range(6)]
    for _ in talks:
        await phone.picks_up()
    born = set(children_of(os.getpid())) - before
    assert len(born) >= 3  # two cards and the process that they are forked from
    await trunk.close()
    assert not [pid for pid in born if is_alive(pid)]
    await asyncio.gather(*talks)


GATEWAY = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from adapters.telephony.sip.config import Config
    from tests.telephony.peers.branch_trunks import BranchTrunks
    from gateway.ivr.menu import Turn
    from tests.telephony.peers.dialogue import order

    async def main():
        trunk = BranchTrunks(Config.model_validate_json(sys.argv[1]))
        running = asyncio.create_task(trunk.run())
        line = await trunk.dial(order())
        await line.play(Turn("greeting", wait_s=60.0), Path(sys.argv[2]))

    asyncio.run(main())
""")


async def test_cards_hang_up_and_end_when_the_gateway_dies(
    phone: SipPhone, ports: Block, prompts: Prompts
) -> None:
    """kill -9: the patients hear the end of the call, and no process is left."""
    config = config_of(ports, trunk_settings(phone)).model_dump_json(by_alias=True)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", GATEWAY, config, str(prompts.paths["greeting"]),
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        call = await phone.picks_up()
        await call.hears(5)
        family = children_of(parent.pid)
        assert len(family) >= 2
        parent.kill()
        assert await call.ended(within_s=3) == "BYE"
        for pid in family:
            await gone(pid, 4.0)
    finally:
        if parent.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                parent.kill()
        await parent.wait()
