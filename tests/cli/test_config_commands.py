"""Commands about the configuration: what is wrong, what holds, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.config_commands import SECRET_WORDS
from tests.cli.conftest import Command

SECRETS = """\
link_secret: the-links-own-secret
store:
  url: redis://user:hunter2@localhost:6379
schedules:
  zdorovie:
    webhook:
      url: https://name:hunter3@schedule.example/callahead
      secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=
whatsapp:
  app_secrets: [first-app-secret, second-app-secret]
  verify_token: the-verify-token
  senders:
    - {phone_number_id: "106540350000001", access_token: EAAtoken, clinic: zdorovie}
sip:
  trunks:
    - {name: t, proxy: sip.example, caller: "+74950000001", username: u, password: hunter4}
twilio_voice:
  accounts:
    - {account_sid: AC0, auth_tokens: [first-auth-token]}
push_fcm:
  senders:
    - {clinic: zdorovie, service_account: '{"private_key": "pem-of-hunter5"}'}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_defaults_are_valid(command: Command) -> None:
    done = command("config", "check")
    assert (done.code, done.out) == (0, "")
    assert "valid" in done.err


def test_settings_are_shown_without_their_secrets(command: Command, tmp_path: Path) -> None:
    done = command("config", "show", "--config", written(tmp_path, SECRETS))
    assert done.code == 0
    shown = done.data
    assert shown["listen"]["port"] == 8080
    assert shown["whatsapp"]["senders"][0]["phone_number_id"] == "106540350000001"
    assert shown["schedules"]["zdorovie"]["webhook"]["url"].endswith("@schedule.example/callahead")
    for secret in ("own-secret", "hunter", "whsec_", "app-secret", "verify", "EAAtoken", "-auth-"):
        assert secret not in done.out.replace("verify_token", "")


def test_the_schema_names_every_section(command: Command) -> None:
    properties = command("config", "schema").data["properties"]
    assert {"listen", "store", "webhooks", "schedules", "whatsapp"} <= set(properties)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("listen:\n  prot: 1\n", "line 2: listen.prot"),
        ("whatsapp:\n  app_secrets: [a]\n  verify_token: b\n  senders: []\n",
         "line 4: whatsapp.senders"),
        ("whatsapp:\n  app_secrets: [a]\n  verify_token: b\n  senders:\n"
         "    - {phone_number_id: x, access_token: hunter2, clinic: c}\n",
         "line 5: whatsapp.senders[0].phone_number_id"),
        ("schedules:\n  a:\n    webhook:\n      url: http://10.0.0.1/\n"
         "      secret: whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n",
         "line 4: schedules.a.webhook.url"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_file_line_and_field(
    command: Command, tmp_path: Path, text: str, place: str
) -> None:
    file = written(tmp_path, text)
    done = command("config", "check", "--config", file)
    assert (done.code, done.out) == (2, "")
    assert f"{file}: {place}: " in done.err
    assert "hunter2" not in done.err
    assert len(done.err.splitlines()) == 1


def test_a_group_without_a_command_explains_itself(command: Command) -> None:
    done = command("config")
    assert (done.code, done.out) == (2, "")
    assert "check" in done.err


def test_secrets_are_known_by_their_names() -> None:
    assert {"secret", "token", "password"} <= set(SECRET_WORDS)
