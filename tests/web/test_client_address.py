"""Whose limits hold: the peer's, unless a trusted proxy says on whose behalf it asks."""

from __future__ import annotations

import pytest

from gateway.web.client_address import client_behind, networks

PROXIES = networks(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.9", "203.0.113.5"),  # anybody can write a header
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.9", "198.51.100.9"),  # what the client made up
        ("10.0.0.1", "198.51.100.9, 192.0.2.7", "198.51.100.9"),  # two proxies in a row
        ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::/64"),
        ("10.0.0.1", "2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "_hidden, ", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
        ("fd00::1", "198.51.100.9", "198.51.100.9"),
        ("::ffff:203.0.113.5", "", "203.0.113.5"),
        ("2001:db8::1%eth0", "", "2001:db8::/64"),
        ("", "198.51.100.9", ""),
    ],
)
def test_the_client_is_who_the_last_trusted_proxy_names(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_behind(peer, forwarded, PROXIES) == client


def test_nobody_is_trusted_by_default() -> None:
    assert client_behind("10.0.0.1", "198.51.100.9", ()) == "10.0.0.1"


def test_an_endless_chain_of_proxies_is_not_followed() -> None:
    chain = ", ".join(["198.51.100.9"] + ["10.0.0.2"] * 1000)
    assert client_behind("10.0.0.1", chain, PROXIES) == "10.0.0.2"


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy"):
        networks(["proxy"])
