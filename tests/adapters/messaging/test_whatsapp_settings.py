"""Settings of the WhatsApp Cloud API."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from adapters.messaging.whatsapp_settings import Config, Sender

NUMBER = {"phone_number_id": "106540352242922", "access_token": "t", "clinic": "zdorovie"}


def config(**sender: object) -> Config:
    return Config.model_validate(
        {"app_secrets": ["s"], "verify_token": "v", "senders": [{**NUMBER, **sender}]}
    )


@pytest.mark.rule("H-7")
@pytest.mark.parametrize(
    ("given", "rate"), [({}, 80.0), ({"per_second": 20}, 20.0), ({"per_second": None}, None)]
)
def test_a_number_has_metas_throughput_unless_the_settings_tell_another(
    given: dict[str, object], rate: float | None
) -> None:
    assert config(**given).senders[0].per_second == rate


@pytest.mark.parametrize("rate", [0, -1, "fast"])
def test_a_rate_must_be_above_nothing(rate: object) -> None:
    with pytest.raises(ValidationError) as caught:
        config(per_second=rate)
    assert caught.value.errors()[0]["loc"] == ("senders", 0, "per_second")


def test_a_number_is_metas_id_of_it() -> None:
    with pytest.raises(ValidationError):
        Sender.model_validate({**NUMBER, "phone_number_id": "+79161234567"})


def test_secrets_are_not_shown() -> None:
    assert "access_token=SecretStr('**********')" in repr(config().senders[0])


@pytest.mark.parametrize(
    "empty",
    [
        {"app_secrets": [""]},
        {"app_secrets": ["s", ""]},
        {"verify_token": ""},
        {"senders": [{**NUMBER, "access_token": ""}]},
    ],
)
def test_a_secret_that_is_empty_proves_nothing_and_is_refused(empty: dict[str, object]) -> None:
    """An unset variable behind `env:` is such a one: anybody could sign with it."""
    whole = {"app_secrets": ["s"], "verify_token": "v", "senders": [NUMBER]}
    Config.model_validate(whole)
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({**whole, **empty})
    assert caught.value.errors()[0]["loc"][0] == next(iter(empty))
