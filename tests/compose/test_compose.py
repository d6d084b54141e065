"""The composition root: adapters from the configuration, links' key, start and stop."""

from __future__ import annotations

import asyncio
import stat
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
from gateway.ports.yaml_lines import read_document
from gateway.settings import Loaded, Settings, load
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
