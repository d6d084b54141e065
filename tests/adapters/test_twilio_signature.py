"""A signature counts only with our secret, the whole address, and every parameter."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from adapters.twilio_signature import SigningKeys, read_form, signed_by

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
SHA1, SHA256 = "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s="
KEYS = SigningKeys(["12345"])

RUSSIAN_URL = "https://clinic.example/hooks/twilio/sms"
RUSSIAN = {
    "Body": "Да, приду 👍",
    "ButtonPayload": "",
    "From": "whatsapp:+79161234567",
    "MessageSid": "SM0123456789abcdef0123456789abcdef",
    "NumMedia": "0",
}
JSON_URL = URL + "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
JSON_BODY = '{"property": "value", "boolean": true}'


def signed(url: str, form: dict[str, str], given: str, keys: SigningKeys = KEYS) -> bool:
    return signed_by(keys, url, read_form(urlencode(form).encode()), given)


def test_published_vectors_hold() -> None:
    assert signed(URL, FORM, SHA1)
    assert signed("https://mycompany.com:443/myapp.php?foo=1&bar=2", FORM, SHA1)
    assert signed(URL, FORM, "kvajT1Ptam85bY51eRf/AJRuM3w=")  # signed with the port
    twice = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"
    assert signed_by(KEYS, URL, read_form(twice), "IK+Dwps556ElfBT0I3Rgjkr1wJU=")
    assert signed_by(KEYS, JSON_URL, JSON_BODY, "a9nBmqA0ju/hNViExpshrM61xv4=")


def test_empty_and_russian_values_are_part_of_it() -> None:
    given = "4/VSOE2Ake8hntnwsy0MBU0fP+Y="
    assert signed(RUSSIAN_URL, RUSSIAN, given)
    without = {name: value for name, value in RUSSIAN.items() if value}
    assert not signed(RUSSIAN_URL, without, given)


@pytest.mark.parametrize(
    ("url", "form"),
    [
        (URL.replace("https", "http"), FORM),
        (URL.replace("foo=1", "foo=2"), FORM),
        (URL.partition("?")[0], FORM),
        (URL + "#rc=5", FORM),
        (URL, {**FORM, "Digits": "1"}),
        (URL, {**FORM, "New": ""}),
        (URL, {}),
    ],
)
def test_any_change_breaks_it(url: str, form: dict[str, str]) -> None:
    assert not signed(url, form, SHA1)


@pytest.mark.parametrize("given", ["", " ", SHA1.lower(), SHA1[:-1], SHA1 + "=", "я", SHA256])
def test_anything_else_is_no_signature(given: str) -> None:
    assert not signed(URL, FORM, given)


def test_a_changed_json_body_breaks_it() -> None:
    assert not signed_by(KEYS, JSON_URL, JSON_BODY + " ", "a9nBmqA0ju/hNViExpshrM61xv4=")


def test_each_secret_signs_with_its_own_algorithm_only() -> None:
    shared = SigningKeys(["other"], ["12345"])
    assert signed(URL, FORM, SHA256, shared)
    assert not signed(URL, FORM, SHA1, shared)
    assert not signed(URL, FORM, SHA256, SigningKeys(["12345"], ["other"]))
    assert not signed(URL, FORM, SHA1, SigningKeys([]))


def test_both_secrets_hold_while_one_is_replaced() -> None:
    assert signed(URL, FORM, SHA1, SigningKeys(["new", "12345"]))
    assert signed(URL, FORM, SHA1, SigningKeys(["12345", "new"]))


def test_secrets_are_not_shown() -> None:
    assert "12345" not in repr(SigningKeys(["12345"], ["12345"]))


@pytest.mark.parametrize("body", [b"\xff=1", b"a=%ff", b"&".join([b"a=1"] * 201)])
def test_what_is_no_form_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_form(body)


def test_the_first_of_several_values_is_the_one() -> None:
    form = read_form(b"a=1&a=2&b=")
    assert (form.one("a"), form.one("b"), form.one("c")) == ("1", "", "")
    assert form.getlist("a") == ["1", "2"]
