"""The composition root: adapters from the configuration, links' key, start and stop."""

from __future__ import annotations

import asyncio
import ssl
import stat
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters import registry
from gateway import compose
from gateway.clock import SystemClock
from gateway.compose import adapters
from gateway.core.model import Channel
from gateway.errors import InvalidInput, Problem, StoreUnusable
from gateway.ports.messaging import Inbound, InboundMessage
from gateway.ports.yaml_lines import read_document
from gateway.settings import Loaded, Settings, load
from tests.adapters.test_registry import service_account
from tests.service.support import clinic

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
WHATSAPP = """\
whatsapp:
  app_secrets: [secret]
  verify_token: token
  senders:
    - {phone_number_id: "106540350000001", access_token: token, clinic: zdorovie}
"""
WEBHOOK = f"""\
schedules:
  zdorovie:
    webhook:
      url: https://schedule.example/changes
      secret: {SECRET}
"""


TELEGRAM = """\
telegram:
  senders:
    - token: 7000000001:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw
      username: zdorovie_bot
      webhook_secrets: [0123456789abcdef]
      clinic: zdorovie
"""
MAX = """\
max:
  senders:
    - {name: zdorovie_bot, token: token, webhook_secrets: [0123456789abcdef], clinic: zdorovie}
  webhook_url: https://host.example/hooks/max
"""
PUSH_BACKEND = f"""\
push_backend:
  senders:
    - {{name: app, url: "https://app.example/push", secrets: [{SECRET}], clinic: zdorovie}}
"""
PUSH_FCM = """\
push_fcm:
  senders:
    - {service_account: file:firebase.json, clinic: zdorovie}
"""
PUSH_RUSTORE = """\
push_rustore:
  senders:
    - {project_id: p, service_token: token, title: Здоровье, clinic: zdorovie}
"""
TWILIO = """\
twilio_messaging:
  accounts:
    - {account_sid: AC00000000000000000000000000000000, auth_tokens: [token]}
  senders:
    - {channel: sms, number: "+15550100001", clinic: zdorovie}
    - {channel: whatsapp, number: "+15550100002", clinic: zdorovie}
"""
EXOLVE = """\
sms_exolve:
  senders:
    - {number: "+79001234567", api_key: k, callback_keys: [0123456789abcdef], clinic: zdorovie}
"""
SMSC = """\
sms_smsc:
  accounts:
    - {api_key: key}
  senders:
    - {answers_to: "+79001234568", clinic: zdorovie}
"""
SMPP = """\
sms_smpp:
  connections:
    - {host: 127.0.0.1, system_id: clinic, password: p}
  senders:
    - {number: "+79001234569", clinic: zdorovie}
"""
SECTIONS = {
    "whatsapp": WHATSAPP,
    "telegram": TELEGRAM,
    "max": MAX,
    "push_backend": PUSH_BACKEND,
    "push_fcm": PUSH_FCM,
    "push_rustore": PUSH_RUSTORE,
    "twilio_messaging": TWILIO,
    "sms_exolve": EXOLVE,
    "sms_smsc": SMSC,
    "sms_smpp": SMPP,
}


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def tools() -> registry.Tools:
    return registry.make_tools(
        SystemClock(), registry.memory_store(), compose.appointment_of, allow_private=False
    )


def test_adapters_are_those_of_the_configuration(tmp_path: Path) -> None:
    built = adapters.build_adapters(loaded(tmp_path, WHATSAPP + WEBHOOK), tools())
    assert [channel.channel for channel in built.channels] == [Channel.WHATSAPP]
    assert set(built.hooks) == {"/hooks/whatsapp"}
    assert built.senders == {(Channel.WHATSAPP, "106540350000001"): "zdorovie"}
    assert built.schedule("zdorovie") is built.schedules["zdorovie"]
    assert built.schedule("another") is None  # it takes its changes from the feed


@pytest.mark.rule("P-3")
def test_only_a_schedule_with_an_address_for_them_offers_free_times(tmp_path: Path) -> None:
    times = "      free_times: https://schedule.example/times\n"
    built = adapters.build_adapters(loaded(tmp_path, WEBHOOK + times), tools())
    assert built.free_times("zdorovie") is built.desks["zdorovie"]
    assert built.free_times("another") is None
    built = adapters.build_adapters(loaded(tmp_path, WEBHOOK), tools())
    assert built.free_times("zdorovie") is None


@pytest.mark.parametrize(
    ("roles", "duties"),
    [
        ({"web", "work", "voice"}, {"due", "message", "call"}),
        ({"work"}, {"due", "message"}),
        ({"voice"}, {"call"}),
        ({"web"}, set()),
    ],
)
def test_a_role_claims_what_is_its_own(roles: set[str], duties: set[str]) -> None:
    assert {duty.value for duty in compose.duties_of(frozenset(roles))} == duties


def with_key_file(folder: Path) -> Path:
    (folder / "firebase.json").write_text(service_account(), encoding="utf-8")
    return folder


def test_every_message_channel_has_a_section() -> None:
    assert list(SECTIONS) == list(adapters.CHANNELS)
    assert list(adapters.CHANNELS.values()) == list(registry.MESSAGING)


async def test_all_message_channels_are_built_in_their_order(tmp_path: Path) -> None:
    settings = loaded(with_key_file(tmp_path), "".join(reversed(SECTIONS.values())))
    built = adapters.build_adapters(settings, tools())
    assert [channel.channel for channel in built.channels] == [
        Channel.WHATSAPP, Channel.TELEGRAM, Channel.MAX, Channel.PUSH, Channel.PUSH, Channel.PUSH,
        Channel.SMS, Channel.WHATSAPP, Channel.SMS, Channel.SMS, Channel.SMS,
    ]  # fmt: skip
    assert set(built.hooks) == {
        "/hooks/whatsapp", "/hooks/telegram", "/hooks/max", "/hooks/push", "/hooks/sms/exolve",
        "/hooks/sms/smsc", "/hooks/twilio/messages", "/hooks/twilio/messages/status",
    }  # fmt: skip
    assert built.hooks["/hooks/telegram"] is built.channels[1]
    assert set(built.senders.values()) == {"zdorovie"}
    assert {channel for channel, _ in built.senders} == set(Channel) - {Channel.CALL}
    assert len(built.listeners) == 3  # subscriptions of MAX, answers of smsc.ru, SMPP
    await built.close()


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_section_passes_alone_and_names_its_wrong_field(
    tmp_path: Path, section: str
) -> None:
    text = SECTIONS[section]
    await compose.check(loaded(with_key_file(tmp_path), text))
    line = text.count("\n") + 1
    with pytest.raises(InvalidInput) as told:
        await compose.check(loaded(tmp_path, text + "  colour: hush-hush\n"))
    assert f"gateway.yaml: line {line}: {section}.colour: " in str(told.value)
    assert "hush-hush" not in str(told.value)
    missing = rf"gateway\.yaml: line 1: {section}\.[a-z_]+: required, but missing"
    with pytest.raises(InvalidInput, match=missing):
        await compose.check(loaded(tmp_path, f"{section}: {{}}\n"))


def test_a_sender_of_two_sections_speaks_for_one_clinic(tmp_path: Path) -> None:
    """What comes in is routed by channel and sender, whichever provider tells it."""
    same = SMPP.replace("+79001234569", "+79001234567")
    built = adapters.build_adapters(loaded(tmp_path, EXOLVE + same), tools())
    assert built.senders == {(Channel.SMS, "+79001234567"): "zdorovie"}
    other = same.replace("zdorovie", "another")
    with pytest.raises(InvalidInput, match=r"line 7: sms_smpp\.senders: another section"):
        adapters.build_adapters(loaded(tmp_path, EXOLVE + other), tools())


def test_files_in_the_settings_begin_beside_the_configuration(tmp_path: Path) -> None:
    ca_file = Path(ssl.get_default_verify_paths().cafile or "")
    (tmp_path / "authority.pem").symlink_to(ca_file)
    adapters.build_adapters(loaded(tmp_path, MAX + "  ca_file: authority.pem\n"), tools())
    with pytest.raises(InvalidInput, match=r"line 5: max\.ca_file: holds no certificates"):
        adapters.build_adapters(loaded(tmp_path, MAX + "  ca_file: nowhere.pem\n"), tools())


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"ca": "a.pem", "b": 1}, "ca", {"ca": "etc/a.pem", "b": 1}),
        ({"ca": "/a.pem"}, "ca", {"ca": "/a.pem"}),
        ({"all": [{"ca": "a"}, {}, "x"]}, "all.*.ca", {"all": [{"ca": "etc/a"}, {}, "x"]}),
        ({"all": {"ca": "a"}}, "all.*.ca", {"all": {"ca": "a"}}),
        ({"ca": 7}, "ca", {"ca": 7}),
        ({"ca": None}, "ca", {"ca": None}),
        (["ca"], "ca", ["ca"]),
    ],
)
def test_only_what_names_a_file_is_moved(value: object, path: str, found: object) -> None:
    assert adapters.located(value, path.split("."), Path("etc")) == found


def test_without_a_configuration_there_is_the_feed_alone() -> None:
    built = adapters.build_adapters(Loaded(Settings(), "defaults", None), tools())
    assert (built.channels, built.hooks, built.schedules) == ((), {}, {})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (WHATSAPP + "  graph: v1\n", "line 6: whatsapp.graph"),
        (WHATSAPP.replace('"106540350000001"', "x1"), "whatsapp.senders[0].phone_number_id"),
        (WEBHOOK.replace("https://schedule.example", "http://127.0.0.1"),
         "line 4: schedules.zdorovie.webhook.url"),
        (WEBHOOK + "      free_times: https://10.0.0.1/times\n",
         "line 6: schedules.zdorovie.webhook.free_times"),
    ],
)  # fmt: skip
async def test_what_an_adapter_does_not_take_is_told_by_line(
    tmp_path: Path, text: str, place: str
) -> None:
    with pytest.raises(InvalidInput, match=r"gateway\.yaml: ") as told:
        await compose.check(loaded(tmp_path, text))
    assert place in str(told.value)


async def test_a_valid_configuration_passes(tmp_path: Path) -> None:
    await compose.check(loaded(tmp_path, WHATSAPP + WEBHOOK))


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("name", ("name",)),
        ("branches[0].functions.details.hours[1]", ("branches", 0, "functions", "details",
                                                    "hours", 1)),
        ("senders.0.clinic", ("senders", 0, "clinic")),
        ("", ()),
    ],
)  # fmt: skip
def test_a_written_path_is_read_step_by_step(field: str, path: tuple[str | int, ...]) -> None:
    assert adapters.read_path(field) == path


def test_findings_get_the_lines_of_their_document() -> None:
    document = read_document("id: a\nbranches:\n  - id: b\n    lines: x\n", "clinic.yaml")
    found = InvalidInput(Problem("branches[0].lines", "must be a number"))
    told = compose.with_lines(found, document, "clinic.yaml")
    assert str(told) == "clinic.yaml: line 4: branches[0].lines: must be a number"


@pytest.mark.rule("P-2")
def test_the_key_of_links_is_made_once_and_kept(tmp_path: Path) -> None:
    made = compose.link_secret(Settings(), tmp_path)
    assert len(made) == 64
    assert compose.link_secret(Settings(), tmp_path) == made
    file = tmp_path / compose.LINK_KEY_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [kept.name for kept in tmp_path.iterdir()] == [file.name]
    configured = Settings(link_secret="a secret of sixteen")
    assert compose.link_secret(configured, tmp_path) == b"a secret of sixteen"


@pytest.mark.rule("P-2")
async def test_two_processes_that_start_together_have_one_key(tmp_path: Path) -> None:
    made = await asyncio.gather(
        *(asyncio.to_thread(compose.link_secret, Settings(), tmp_path) for _ in range(16))
    )
    assert len(set(made)) == 1
    assert len(made[0]) == 64


@pytest.mark.rule("P-2")
def test_links_are_never_signed_with_nothing(tmp_path: Path) -> None:
    (tmp_path / compose.LINK_KEY_FILE).touch()
    with pytest.raises(StoreUnusable, match="is empty"):
        compose.link_secret(Settings(), tmp_path)


@pytest.mark.rule("V-1")
def test_a_scenario_that_is_not_valid_is_refused() -> None:
    with pytest.raises(InvalidInput):
        compose.rehearse("start: tomorrow\n", "bad.yaml")


@pytest.mark.redis
@pytest.mark.rule("Z-6")
async def test_what_is_probably_not_meant_is_warned_of(tmp_path: Path) -> None:
    settings = Loaded(Settings(), "defaults", None)
    assert await compose.warnings(settings, tmp_path / "nowhere") == []
    document: dict[str, Any] = clinic(
        functions={"confirmation": {"start": "07:00", "method": "call"}}
    )
    async with compose.open_gateway(settings, tmp_path / "data") as gateway:
        await gateway.service.clinics.save(document)
        found = await gateway.service.clinics.clinic("zdorovie")
        assert found.branches[0].connected_at <= datetime.now(UTC)
    told = "\n".join(await compose.warnings(settings, tmp_path / "data"))
    assert "clinic zdorovie" in told
    for channel in ("whatsapp", "sms", "call"):
        assert f"branch lenina: nothing is configured that serves {channel}" in told


@pytest.mark.redis
async def test_a_channel_that_a_branch_wants_is_served_by_its_section(tmp_path: Path) -> None:
    wanted = clinic(channels=["telegram", "max", "push", "whatsapp", "sms"])
    settings = loaded(tmp_path, TELEGRAM + PUSH_BACKEND + EXOLVE)
    async with compose.open_gateway(settings, tmp_path / "data") as gateway:
        await gateway.service.clinics.save(wanted)
    told = "\n".join(await compose.warnings(settings, tmp_path / "data"))
    for channel in ("max", "whatsapp"):
        assert f"nothing is configured that serves {channel}" in told
    for channel in ("telegram", "push", "sms"):
        assert f"nothing is configured that serves {channel}" not in told


class Listened:
    """A channel that has something to do all the time."""

    channel = Channel.SMS

    def __init__(self) -> None:
        self.take: asyncio.Future[Callable[[Sequence[Inbound]], Awaitable[None]]]
        self.take = asyncio.get_running_loop().create_future()
        self.events: list[str] = []

    def serves(self, _clinic: str, _branch: str) -> bool:
        return True

    def limits(self, _clinic: str, _branch: str) -> None:
        return None

    async def send(self, _message: object) -> str | None:
        raise AssertionError("nothing is sent")

    async def run(self, take: Callable[[Sequence[Inbound]], Awaitable[None]]) -> None:
        self.take.set_result(take)
        try:
            await asyncio.Event().wait()
        finally:
            self.events.append("not served")

    async def close(self) -> None:
        self.events.append("closed")


@pytest.mark.redis
async def test_what_a_channel_hears_is_taken_and_it_is_closed_when_it_hears_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a connection that is let go of would be opened again."""
    heard = Listened()

    def build(_options: object, _tools: registry.Tools) -> registry.BuiltMessaging:
        return registry.BuiltMessaging((heard,), {(Channel.SMS, "+7"): "zdorovie"}, run=heard.run)

    monkeypatch.setitem(registry.MESSAGING, "sms_smpp", build)  # type: ignore[arg-type]
    settings = loaded(tmp_path, SMPP)
    async with compose.open_gateway(settings, tmp_path / "data") as gateway:
        await gateway.service.clinics.save(clinic())
        gateway.listen()
        take = await asyncio.wait_for(heard.take, 10)
        at = datetime.now(UTC)
        news = InboundMessage("1", Channel.SMS, "+7", at, "+79161234567", None, "text", "привет")
        await take([news])
        assert (gateway.service.inbox.taken, gateway.service.inbox.unmatched) == (1, 0)
    assert heard.events == ["not served", "closed"]
