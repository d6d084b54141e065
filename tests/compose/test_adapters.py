"""Adapters of the configuration: telephone and speech. Channels and schedules: test_compose.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.compose import adapters
from gateway.core.model import Channel
from gateway.errors import InvalidInput
from gateway.scripts import load_scripts
from tests.compose.test_compose import TELEGRAM, WHATSAPP, loaded, tools

TWILIO = f"""\
twilio_voice:
  accounts:
    - {{account_sid: AC{"0a" * 16}, auth_tokens: [secret]}}
  callers:
    - {{number: "+74950000001", clinic: zdorovie}}
"""
SIP = """\
sip:
  bind: 127.0.0.1
  trunks:
    - {name: main, proxy: "127.0.0.1:5060", caller: "+74950000001"}
"""


async def test_a_telephone_brings_speech_and_callbacks(tmp_path: Path) -> None:
    built = adapters.build_adapters(loaded(tmp_path, TWILIO), tools())
    assert set(built.telephone.hooks) == {"/hooks/twilio/voice", "/hooks/twilio/voice/status"}
    assert built.telephone.providers[0].serves("zdorovie", "lenina")
    assert [engine.speaks("ru") for engine in built.speech] == [True, False]
    await built.close()


async def test_a_trunk_is_served_while_there_are_calls(tmp_path: Path) -> None:
    built = adapters.build_adapters(loaded(tmp_path, SIP), tools())
    assert built.telephone
    assert len(built.telephone.services) == 1
    assert built.telephone.trunks[0].serves("zdorovie", "lenina")
    await built.close()


TLS = SIP.replace("name: main,", "name: main, transport: tls, tls_ca_file: ca.pem,")


async def test_a_trunks_authorities_begin_in_the_folder_of_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    there = loaded(tmp_path, TLS)
    with pytest.raises(InvalidInput) as caught:
        adapters.build_adapters(there, tools())
    (problem,) = caught.value.problems
    assert problem.field == "sip.trunks[0].tls_ca_file"
    assert problem.line is not None
    (tmp_path / "ca.pem").write_text("authorities")
    await adapters.build_adapters(there, tools()).close()


def test_without_a_telephone_nothing_speaks(tmp_path: Path) -> None:
    built = adapters.build_adapters(loaded(tmp_path, "{}"), tools())
    assert not built.telephone
    assert built.speech == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SIP.replace("name: main, ", ""), "sip.trunks[0].name"),
        (SIP.replace("127.0.0.1:5060", "sip:x"), "sip.trunks[0].proxy"),
        (TWILIO.replace("+7495", "7495"), "twilio_voice.callers[0].number"),
        (TWILIO.replace("[secret]", "secret"), "twilio_voice.accounts[0].auth_tokens"),
        (SIP + "speech: {engines: [{engine: robot}]}", "speech.engines[0].engine"),
        (SIP + "speech: {engines: [{engine: rhvoice}]}", "speech.engines[0]"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_field(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        adapters.build_adapters(loaded(tmp_path, text), tools())
    assert any(found.field.startswith(problem) for found in caught.value.problems)
    assert all(found.line is not None for found in caught.value.problems)
    assert "secret" not in str(caught.value)


def test_sentences_without_facts_are_kept_for_good() -> None:
    fixed = set(adapters.fixed_sentences(load_scripts()))
    assert "Если придёте, нажмите один." in fixed
    assert "If you are coming, press one." in fixed
    assert not any("Ждём вас" in sentence for sentence in fixed)


async def test_recordings_that_are_not_there_are_told(tmp_path: Path) -> None:
    there = loaded(tmp_path, SIP + "speech: {recordings: nowhere}")
    with pytest.raises(InvalidInput):
        adapters.prompts_of(there, (), load_scripts(), tmp_path, SystemClock())


@pytest.mark.rule("H-1")
async def test_a_capability_card_tells_whether_deliveries_are_reported(tmp_path: Path) -> None:
    built = adapters.build_adapters(loaded(tmp_path, WHATSAPP + TELEGRAM), tools())
    assert built.reports_delivery(Channel.WHATSAPP, "zdorovie", "lenina")
    assert not built.reports_delivery(Channel.TELEGRAM, "zdorovie", "lenina")
    await built.close()
