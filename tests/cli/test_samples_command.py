"""`callahead samples`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.core.wording import ABOUTS
from gateway.scripts import SCRIPTS_FOLDER
from tests.cli.conftest import Command, Done


def lines(done: Done) -> list[dict[str, Any]]:
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.mark.rule("W-2")
def test_every_message_and_every_word_of_the_robot_is_shown(command: Command) -> None:
    found = lines(command("samples", "--json"))
    assert {line["about"] for line in found if line["channel"] != "call"} == set(ABOUTS)
    assert "call.visit" in {line["about"] for line in found}
    assert {line["language"] for line in found} == {"ru"}
    assert {line["language"] for line in lines(command("samples", "--lang", "en", "--json"))} == {
        "en"
    }


@pytest.mark.rule("H-6")
def test_an_sms_is_shown_with_encoding_parts_what_is_left_and_price(command: Command) -> None:
    (one,) = (
        line
        for line in lines(command("samples", "--channel", "sms", "--json"))
        if line["about"] == "details"
    )
    units = len(one["text"])
    assert one["sms"] == {"encoding": "UCS-2", "parts": 2, "units": units, "left": 134 - units}
    assert (one["price"], one["price_after_call"]) == ("5", None)
    words = command("samples", "--channel", "sms", "--function", "details").out
    head, text, *_ = words.splitlines()
    assert head == f"── details · sms, UCS-2, {units} units in 2 parts, {134 - units} left, price 5"
    assert text == one["text"]


@pytest.mark.rule("W-2")
def test_buttons_and_the_parameters_of_a_template_are_shown(command: Command) -> None:
    chosen = ("samples", "--function", "confirmation", "--channel", "whatsapp")
    (one,) = (line for line in lines(command(*chosen, "--json")) if line["about"] == "confirmation")
    assert one["buttons"] == ["Подтвердить", "Перенести", "Отменить"]
    assert one["parameters"][1] == "Здоровье"
    words = command(*chosen).out
    assert "[Подтвердить] [Перенести] [Отменить]" in words
    assert "  {{2}} = Здоровье\n" in words


@pytest.mark.rule("W-2")
def test_function_and_channel_narrow_it_down(command: Command) -> None:
    found = lines(command("samples", "--function", "reminder", "--channel", "push", "--json"))
    assert [(line["about"], line["channel"]) for line in found] == [("reminder", "push")]
    found = lines(command("samples", "--channel", "call", "--json"))
    assert {line["channel"] for line in found} == {"call"}
    assert {line["price"] for line in found} == {"0"}


@pytest.mark.rule("H-6", "W-3")
def test_own_texts_and_the_host_of_the_links_come_from_the_configuration(
    command: Command, tmp_path: Path
) -> None:
    own = (SCRIPTS_FOLDER / "messages.ru.yaml").read_text(encoding="utf-8")
    long = own.replace("Подтвердите: {link}", "Подтвердите, перенесите или отмените: {link}")
    (tmp_path / "messages.ru.yaml").write_text(long, encoding="utf-8")
    config = tmp_path / "own.yaml"
    config.write_text("public_url: https://zdorovie.example\nscripts: .\n", encoding="utf-8")
    done = command("samples", "--config", config, "--channel", "sms", "--json")
    (one,) = (line for line in lines(done) if line["about"] == "confirmation")
    assert "отмените: https://zdorovie.example/v/" in one["text"]
    assert one["sms"]["parts"] == 3
    assert "warning: messages.ru.yaml: messages.confirmation.sms: 3 SMS parts" in done.err
    checked = command("config", "check", "--config", config)
    assert "warning: messages.ru.yaml: messages.confirmation.sms: 3 SMS parts" in checked.err


def test_a_branch_without_its_clinic_is_wrong_usage(command: Command) -> None:
    done = command("samples", "--branch", "lenina")
    assert (done.code, done.out) == (2, "")
    assert "--branch: needs --clinic" in done.err


@pytest.mark.redis
@pytest.mark.timeout(120)
@pytest.mark.rule("H-6", "W-1")
def test_a_clinics_branch_has_its_own_name_and_prices(command: Command, clinic_file: Path) -> None:
    document = json.loads(clinic_file.read_text(encoding="utf-8"))
    branch = document["branches"][0]
    branch.update(name_in_messages="Наша", sms_price="segment", tariff=[{"sms": "1.50"}])
    clinic_file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    assert command("clinic", "import", clinic_file).code == 0
    chosen = ("samples", "--clinic", "zdorovie", "--channel", "sms", "--json")
    (one,) = (line for line in lines(command(*chosen)) if line["about"] == "details")
    assert one["text"].startswith("Наша: ")
    assert one["price"] == "3.00"
    missing = command(*chosen, "--branch", "nowhere")
    assert (missing.code, missing.out) == (2, "")
    assert "nowhere" in missing.err
