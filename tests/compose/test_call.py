"""A test call over SIP straight to a telephone of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from gateway.compose.call import call
from gateway.core.model import CallResult
from gateway.ports.schema_facts import read_facts
from gateway.scripts import load_scripts
from gateway.settings import Loaded, Settings
from tests.adapters.telephony.sip.tls_front import certificate_for, tls_front
from tests.telephony.peers.ports import Block, block_of_ports
from tests.telephony.peers.sip_phone import SipPhone

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

FACTS = read_facts("name: Мария\nclinic: Здоровье\nstart: 2026-11-24T14:30\n", "facts", "ru")


@pytest.fixture
def ports() -> Iterator[Block]:
    with block_of_ports() as block:
        yield block


def configured(ports: Block) -> Loaded:
    sip, rtp = ports.take(2), ports.take(64, even=True)
    settings = {
        "bind": "127.0.0.1",
        "nice": 0,
        "sip_ports": f"{sip}-{sip + 1}",
        "rtp_ports": f"{rtp}-{rtp + 63}",
    }
    return Loaded(Settings(sip=settings), "defaults", None)


@pytest.mark.rule("C-3", "C-4")
async def test_a_test_call_tells_what_happened(tmp_path: Path, ports: Block) -> None:
    told: list[Mapping[str, object]] = []
    async with SipPhone() as phone:
        address = f"sip:patient@127.0.0.1:{phone.port}"
        script = load_scripts().of("ru")
        asked = asyncio.create_task(
            call(configured(ports), tmp_path, address, script, FACTS, told.append)
        )
        taken = await phone.picks_up()
        await taken.hears(20)
        await taken.press("1")
        assert await asked is CallResult.ANSWER
        assert taken.callee == "patient"
    steps = [(step["what"], step.get("state"), step.get("key")) for step in told]
    assert steps == [
        ("dialling", None, None),
        ("answered", None, None),
        ("plays", "visit", None),
        ("heard", None, "1"),
        ("plays", "confirmed", None),
        ("ended", None, None),
    ]
    assert "Ждём вас двадцать четвёртого ноября" in str(told[2]["says"])
    assert told[4]["answer"] == "confirm"


async def test_a_test_call_finds_the_trunks_authorities_beside_the_configuration(
    tmp_path: Path, ports: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = certificate_for("localhost", tmp_path)
    folder = tmp_path / "config"
    folder.mkdir()
    certificate.authority.rename(folder / "ca.pem")
    monkeypatch.chdir(tmp_path)
    told: list[Mapping[str, object]] = []
    port = ports.take()
    trunk = {"name": "t", "proxy": f"localhost:{port}", "caller": "1000", "transport": "tls"}
    own = configured(ports).settings.sip or {}
    settings = Settings(sip={**own, "trunks": [trunk | {"tls_ca_file": "ca.pem"}]})
    there = Loaded(settings, str(folder / "gateway.yaml"), None, folder)
    async with SipPhone("tcp") as phone, tls_front(phone, certificate, port):
        phone.refuses = 486
        script = load_scripts().of("ru")
        result = await call(there, tmp_path / "data", "+79995550101", script, FACTS, told.append)
    assert result is CallResult.BUSY


@pytest.mark.rule("C-6")
async def test_a_telephone_that_is_busy_is_told(tmp_path: Path, ports: Block) -> None:
    told: list[Mapping[str, object]] = []
    async with SipPhone() as phone:
        phone.refuses = 486
        address = f"sip:patient@127.0.0.1:{phone.port}"
        script = load_scripts().of("ru")
        result = await call(configured(ports), tmp_path, address, script, FACTS, told.append)
    assert result is CallResult.BUSY
    assert (told[-1]["what"], told[-1]["result"]) == ("ended", "busy")
