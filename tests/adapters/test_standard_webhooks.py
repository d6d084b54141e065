"""Signatures agree with the specification's vector and with its own library."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st

from adapters.standard_webhooks import headers_of, key_of, signature, verify
from gateway.errors import Forbidden, InvalidInput, Unauthenticated

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = key_of(SECRET)
OTHER = key_of("whsec_" + base64.b64encode(b"another key of thirty-two bytes!").decode())
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
NOW = datetime.fromtimestamp(1614265330, UTC)
EXPECTED = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_specifications_vector() -> None:
    assert signature(KEY, ID, 1614265330, BODY) == EXPECTED
    assert headers_of([KEY], ID, NOW, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": EXPECTED,
    }
    assert verify([KEY], headers_of([KEY], ID, NOW, BODY), BODY, NOW) == ID


@given(
    st.text("abcdef0123456789_", min_size=1),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 hypothesis wants naive
)
def test_the_specifications_own_library_agrees(name: str, body: str, naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    ours = headers_of([KEY], name, now, body.encode())["webhook-signature"]
    assert ours == standardwebhooks.Webhook(SECRET).sign(name, now, body)


def test_every_key_signs_while_keys_rotate() -> None:
    headers = headers_of([OTHER, KEY], ID, NOW, BODY)
    assert headers["webhook-signature"].split(" ")[1] == EXPECTED
    for keys in ([KEY], [OTHER], [OTHER, KEY]):
        assert verify(keys, headers, BODY, NOW) == ID


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_a_header_there_is_no_proof(missing: str) -> None:
    headers = headers_of([KEY], ID, NOW, BODY)
    for broken in ({**headers, missing: ""}, {k: v for k, v in headers.items() if k != missing}):
        with pytest.raises(Unauthenticated):
            verify([KEY], broken, BODY, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "1614265330.5"},
        {"webhook-timestamp": "soon"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "no comma"},
        {"webhook-signature": "жж \udc80"},
        {"webhook-signature": EXPECTED.replace("v1", "v1a")},
    ],
)
def test_a_wrong_signature_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        verify([KEY], {**headers_of([KEY], ID, NOW, BODY), **change}, BODY, NOW)


def test_another_body_or_key_is_refused() -> None:
    headers = headers_of([KEY], ID, NOW, BODY)
    for keys, body in (([KEY], BODY + b" "), ([OTHER], BODY), ([], BODY)):
        with pytest.raises(Forbidden):
            verify(keys, headers, body, NOW)


@pytest.mark.parametrize(
    ("seconds", "valid"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_signature_holds_for_five_minutes(seconds: int, valid: bool) -> None:
    headers, later = headers_of([KEY], ID, NOW, BODY), NOW + timedelta(seconds=seconds)
    if valid:
        assert verify([KEY], headers, BODY, later) == ID
    else:
        with pytest.raises(Forbidden, match="too old or too new"):
            verify([KEY], headers, BODY, later)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_AAAA", "whsec_ключ", "not base64!", "whsec_" + "A" * 200],
)
def test_a_weak_secret_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        key_of(secret)
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)


def test_a_secret_may_come_without_prefix_or_padding() -> None:
    text = base64.b64encode(b"k" * 25).decode()
    assert key_of(text) == key_of("whsec_" + text.rstrip("=")) == b"k" * 25
