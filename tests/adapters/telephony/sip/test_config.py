"""The settings of trunks: what is taken, and what is said about the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from adapters.telephony.sip.config import Config, TrunkConfig, ports_of
from gateway.ports.schema_problems import FieldsError, show_path, validate

TRUNK: dict[str, Any] = {"name": "main", "proxy": "sip.example.ru", "caller": "+74951234567"}


def trunk(**more: Any) -> TrunkConfig:
    return validate(TypeAdapter(TrunkConfig), TRUNK | more)


def config(*trunks: dict[str, Any], **more: Any) -> Config:
    return validate(TypeAdapter(Config), {"trunks": list(trunks) or [TRUNK], **more})


def problem(**more: Any) -> str:
    """Return what is said about the first thing that is wrong."""
    with pytest.raises(FieldsError) as told:
        config(**more)
    finding = told.value.findings[0]
    return f"{show_path(finding.path)}: {finding.message}"


def test_a_name_a_proxy_and_a_caller_are_enough() -> None:
    found = trunk()
    assert (found.host, found.port, found.transport, found.cards) == (
        "sip.example.ru",
        5060,
        "udp",
        1,
    )
    assert found.carries("any", "branch")


@pytest.mark.parametrize(
    ("proxy", "transport", "port"),
    [
        ("h:5080", "udp", 5080),
        ("h", "tcp", 5060),
        ("h", "tls", 5061),
        ("10.0.0.1:5070", "tls", 5070),
    ],
)
def test_the_port_is_the_transports_own_unless_named(proxy: str, transport: str, port: int) -> None:
    assert trunk(proxy=proxy, transport=transport).port == port


@pytest.mark.parametrize(("lines", "cards"), [(1, 1), (4, 1), (5, 2), (100, 25)])
def test_four_lines_need_one_card(lines: int, cards: int) -> None:
    assert trunk(lines=lines).cards == cards


def test_a_trunk_carries_the_calls_it_is_meant_for() -> None:
    found = trunk(serves=[{"clinic": "a", "branches": ["x"]}, {"clinic": "b"}])
    assert found.carries("a", "x")
    assert not found.carries("a", "y")
    assert found.carries("b", "anything")
    assert not found.carries("c", "x")


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"proxy": "sip:host"}, "trunks[0].proxy", "host and port"),
        ({"proxy": "host:99999"}, "trunks[0].proxy", "host and port"),
        ({"proxy": "host:"}, "trunks[0].proxy", "host and port"),
        ({"transport": "ws"}, "trunks[0].transport", "must be one of udp, tcp, tls"),
        ({"srtp": True}, "trunks[0].srtp", "must be one of off, optional, mandatory"),
        ({"lines": 0}, "trunks[0].lines", "must be at least 1"),
        ({"lines": "4"}, "trunks[0].lines", "whole number"),
        ({"ring_s": 500}, "trunks[0].ring_s", "must be at most 120"),
        ({"ring_s": 60}, "trunks[0]", "twice ring_s and call_max_s together must be at most 420"),
        ({"register": True}, "trunks[0]", "register needs username and password"),
        ({"username": "u"}, "trunks[0]", "username and password belong together"),
        ({"password": "p"}, "trunks[0]", "username and password belong together"),
        ({"caller": "+7 495"}, "trunks[0].caller", "without spaces"),
        ({"caller_name": 'A" <sip:x>'}, "trunks[0].caller_name", "without quotes"),
        ({"name": "a b"}, "trunks[0].name", "one word"),
        ({"domain": "a/b"}, "trunks[0].domain", "must be a host"),
        ({"country_code": "+7"}, "trunks[0].country_code", "1 to 3 digits"),
        ({"prefix": "9x"}, "trunks[0].prefix", "digits, * and #"),
        ({"lins": 4}, "trunks[0].lins", "did you mean lines?"),
    ],
)
def test_a_wrong_field_of_a_trunk_is_named(wrong: dict[str, Any], field: str, words: str) -> None:
    said = problem(trunks=[TRUNK | wrong])
    assert said.startswith(f"{field}: ")
    assert words in said


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bind": "localhost"}, "bind: must be an IPv4 address"),
        ({"public": "::1"}, "public: must be an IPv4 address"),
        ({"sip_ports": "5070"}, "sip_ports: must be a range of ports"),
        ({"sip_ports": "5100-5070"}, "smaller port first"),
        ({"sip_ports": "80-90"}, "inside 1024-65535"),
        ({"rtp_ports": "32000-33000"}, "outside 32768-60999"),
        ({"rtp_ports": "20001-20100"}, "even port"),
        ({"rtp_ports": "20000-20010"}, "at least 32"),
        ({"nice": -30}, "nice: must be at least -20"),
        ({"trunks": []}, "trunks: must have at least 1 entries"),
        ({"trunks": [TRUNK, TRUNK]}, "a name of its own"),
        ({"sip_ports": "5070-5070"}, "sip_ports must hold 2 ports"),
        ({"rtp_ports": "20000-20031"}, "rtp_ports must hold 64 ports"),
    ],
)
def test_a_wrong_field_of_the_whole_is_named(wrong: dict[str, Any], words: str) -> None:
    assert words in problem(**wrong)


def test_ports_are_counted_over_all_trunks() -> None:
    two = [TRUNK | {"lines": 8}, TRUNK | {"name": "second", "lines": 4}]
    assert config(*two, sip_ports="5070-5074", rtp_ports="20000-20159")
    assert "must hold 5 ports" in problem(trunks=two, sip_ports="5070-5073")


def test_a_password_is_never_shown() -> None:
    found = trunk(username="u", password="s3cret")
    assert "s3cret" not in repr(found)
    assert "s3cret" not in str(config(TRUNK | {"username": "u", "password": "s3cret"}))


def test_a_range_holds_both_its_ends() -> None:
    assert list(ports_of("5070-5072")) == [5070, 5071, 5072]
