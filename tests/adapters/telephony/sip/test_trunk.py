"""Trunks of one machine: whose calls they carry, in which order, over which transport."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.telephony.sip import trunk as trunk_module
from adapters.telephony.sip.config import Config
from gateway.core.model import CallResult
from gateway.errors import InvalidInput
from gateway.ivr.menu import Key, Turn
from gateway.ports.telephony import NotAnswered, NotPlaced
from tests.adapters.telephony.sip.support import until
from tests.adapters.telephony.sip.tls_front import Certificate, certificate_for, tls_front
from tests.telephony.peers.branch_trunks import BranchTrunks
from tests.telephony.peers.dialogue import order
from tests.telephony.peers.digest import Guard
from tests.telephony.peers.ports import Block
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = pytest.mark.slow

LISTENS = Turn("greeting", wait_s=5.0, barge_in=True)


def settings(phone: SipPhone, name: str = "t", **more: Any) -> dict[str, Any]:
    base = {"name": name, "proxy": f"127.0.0.1:{phone.port}", "caller": "1000", "per_second": 100.0}
    return base | {"transport": phone.transport} | more


def config(ports: Block, *trunks: dict[str, Any]) -> Config:
    sip, rtp = ports.take(6), ports.take(6 * 32, even=True)
    return Config.model_validate({
        "bind": "127.0.0.1", "nice": 0, "trunks": list(trunks),
        "sip_ports": f"{sip}-{sip + 5}", "rtp_ports": f"{rtp}-{rtp + 191}",
    })  # fmt: skip


@contextlib.asynccontextmanager
async def running(ports: Block, *trunks: dict[str, Any]) -> AsyncIterator[BranchTrunks]:
    trunk = BranchTrunks(config(ports, *trunks))
    serving = asyncio.create_task(trunk.run())
    try:
        yield trunk
    finally:
        await trunk.close()
        await serving


async def test_a_branch_has_the_trunks_that_are_meant_for_it(phone: SipPhone, ports: Block) -> None:
    first = settings(phone, "first", serves=[{"clinic": "c1", "branches": ["b1"]}], lines=7)
    second = settings(phone, "second", serves=[{"clinic": "c1"}], per_second=2.0)
    trunks = BranchTrunks(config(ports, first, second))
    assert [one.config.name for one in trunks.of("c1", "b1")] == ["first", "second"]
    assert [one.config.name for one in trunks.of("c1", "b9")] == ["second"]
    assert trunks.of("c2", "b1") == []
    limits = [trunk.limits("c1", "b1") for trunk in trunks.trunks]
    assert [(one.name, one.lines, one.per_second) for one in limits] == [
        ("first", 7, 100.0),
        ("second", 4, 2.0),
    ]
    with pytest.raises(NotPlaced, match="no_trunk"):
        await trunks.dial(order(clinic="c2"))
    await trunks.close()


@pytest.mark.rule("H-7")
async def test_calls_keep_to_the_trunks_pace(phone: SipPhone, ports: Block) -> None:
    phone.refuses = 486
    loop = asyncio.get_running_loop()
    async with running(ports, settings(phone, per_second=10.0)) as trunk:
        began = loop.time()
        await asyncio.gather(*(trunk.dial(order()) for _ in range(4)), return_exceptions=True)
        assert loop.time() - began >= 0.3
        assert phone.invites == 4


async def test_a_trunk_that_failed_is_tried_last_for_a_while(phone: SipPhone, ports: Block) -> None:
    async with SipPhone() as other:
        phone.refuses, other.refuses = 503, 486
        async with running(ports, settings(phone, "a"), settings(other, "b")) as trunks:

            async def dial(number: str) -> None:
                await asyncio.gather(trunks.dial(order(number)), return_exceptions=True)

            await dial("+79995550101")
            assert not trunks.trunks[0].rests  # it may be this number
            await dial("+79995550102")
            assert [trunk.rests for trunk in trunks.trunks] == [True, False]
            assert (phone.invites, other.invites) == (2, 2)
            await dial("+79995550103")
            assert (phone.invites, other.invites) == (2, 3)
            other.refuses = 503
            await dial("+79995550104")
            assert (phone.invites, other.invites) == (3, 4)


async def test_a_number_that_a_working_trunk_refuses_is_out_of_reach_and_harms_no_other(
    phone: SipPhone, ports: Block
) -> None:
    """The next calls go over the same trunk; the number itself is not waited for (rule C-6)."""
    async with SipPhone() as spare:
        spare.refuses = 503
        async with running(ports, settings(phone, "a"), settings(spare, "b")) as trunks:
            first = trunks.trunks[0]
            phone.refuses = 500
            with pytest.raises(NotPlaced, match="trunk_fails"):
                await trunks.dial(order("+79995550101"))
            phone.refuses = 486
            with pytest.raises(NotAnswered):
                await trunks.dial(order("+79995550102"))
            phone.refuses = 500
            for _ in range(2):
                with pytest.raises(NotAnswered) as told:
                    await trunks.dial(order("+79995550101"))
                assert told.value.result is CallResult.UNREACHABLE
                assert not first.rests
            assert spare.invites == 3


async def test_a_registration_that_is_refused_is_told_to_an_operator(ports: Block) -> None:
    async with SipPhone(guard=Guard("robot", "right")) as registrar:
        account = {"username": "robot", "password": "wrong", "register": True}
        async with running(ports, settings(registrar, **account)) as trunk:
            with pytest.raises(NotPlaced, match="registration_refused") as told:
                await trunk.dial(order())
            assert told.value.alert
            assert registrar.invites == 0


async def test_another_card_takes_over_a_registration(ports: Block) -> None:
    async with SipPhone(guard=Guard("robot", "right")) as registrar:
        account = {"username": "robot", "password": "right", "register": True, "lines": 8}
        async with running(ports, settings(registrar, **account)) as trunk:
            await until(lambda: len(registrar.registrations) == 1)
            pool = trunk.trunks[0]._pool
            pool._wanted = 2
            await until(lambda: len([card for card in pool.cards if card.ready]) == 2)
            pool.cards[0].kill()
            await until(lambda: len(registrar.registrations) == 2)
        given_back = [one for one in registrar.registrations if one.header("expires") == "0"]
        assert len(given_back) == 1


async def test_a_trunk_that_moves_to_another_address_is_followed(
    phone: SipPhone, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trunk_module, "RESOLVE_AGAIN_S", 0.1)
    async with running(ports, settings(phone)) as trunk:
        one = trunk.trunks[0]
        await until(lambda: any(card.ready for card in one._pool.cards))
        (before,) = one._pool.cards

        async def resolve() -> list[str]:
            return ["127.0.0.2"]

        monkeypatch.setattr(one, "_resolve", resolve)
        await until(lambda: before.dead)
        await until(lambda: any(card.ready for card in one._pool.cards))
        assert one._setup(1).proxy == f"127.0.0.2:{phone.port}"


def test_tls_without_authorities_is_refused_before_any_call(ports: Block) -> None:
    wrong = {"name": "t", "proxy": "h", "caller": "1", "transport": "tls", "tls_ca_file": "/gone"}
    with pytest.raises(InvalidInput, match=r"trunks\.0\.tls_ca_file: must name a file"):
        BranchTrunks(config(ports, wrong))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_for("localhost", tmp_path_factory.mktemp("tls"))


async def test_a_call_over_tls(ports: Block, certificate: Certificate) -> None:
    port = ports.take()
    async with SipPhone("tcp") as phone, tls_front(phone, certificate, port):
        tls = {"proxy": f"localhost:{port}", "transport": "tls",
               "tls_ca_file": str(certificate.authority)}  # fmt: skip
        async with running(ports, settings(phone) | tls) as trunk:
            dialling = asyncio.create_task(trunk.dial(order()))
            call = await phone.picks_up()
            line = await dialling
            playing = asyncio.create_task(line.play(LISTENS, None))
            await call.press("1")
            assert await playing == Key("1")
            await line.hang_up()
            assert await call.ended() == "BYE"


@pytest.mark.parametrize("what", ["unknown authority", "another host"])
async def test_a_tls_server_that_cannot_prove_who_it_is_gets_no_call(
    what: str, ports: Block, certificate: Certificate, tmp_path: Path
) -> None:
    shown = certificate
    if what == "another host":
        shown = certificate_for("elsewhere.example", tmp_path / "elsewhere")
    trusted = certificate_for("localhost", tmp_path / "mine").authority
    if what == "another host":
        trusted = shown.authority
    port = ports.take()
    async with SipPhone("tcp") as phone, tls_front(phone, shown, port):
        tls = {"proxy": f"localhost:{port}", "transport": "tls", "tls_ca_file": str(trusted)}
        async with running(ports, settings(phone) | tls) as trunk:
            with pytest.raises(NotPlaced, match="trunk_unreachable"):
                await trunk.dial(order())
        assert phone.invites == 0
