"""The settings of SIP trunks; docs/sip.md explains each of them."""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from adapters.telephony.sip.numbers import NumberForm, NumberPlan
from adapters.telephony.sip.protocol import LINES_MAX
from gateway.ports.schema_problems import StrictModel, bad

CALL_MAX_S: Final = 420.0
"""A call that lasts longer than its lease of 8 minutes would be taken for lost in the middle."""

RTP_PORTS_PER_CARD: Final = 32
"""Four calls take eight; the rest are for those whose ports are still being closed."""

_EPHEMERAL: Final = range(32768, 61000)
"""Ports that Linux gives to anybody who asks (ip_local_port_range)."""

_RANGE: Final = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
_PORT_OF: Final = {"udp": 5060, "tcp": 5060, "tls": 5061}


def _port_range(text: str) -> str:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise bad('must be a range of ports such as "20000-23199"')
    first, last = int(found[1]), int(found[2])
    if not 1024 <= first <= last <= 65535:
        raise bad("must be a range inside 1024-65535, the smaller port first")
    return text


def _rtp_range(text: str) -> str:
    ports = ports_of(_port_range(text))
    if ports.start < _EPHEMERAL.stop and ports.stop > _EPHEMERAL.start:
        raise bad("must lie outside 32768-60999: the system gives those to other programs")
    if len(ports) < RTP_PORTS_PER_CARD or ports.start % 2:
        raise bad(f"must begin with an even port and hold at least {RTP_PORTS_PER_CARD}")
    return text


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise bad("must be an IPv4 address") from None


def _proxy(text: str) -> str:
    host, _, port = text.partition(":")
    if not re.fullmatch(_HOST, host) or (":" in text and not 0 < _port(port) <= 65535):
        raise bad('must be a host, or host and port: "sip.example.ru:5060"')
    return text


def _port(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0


Address = Annotated[str, AfterValidator(_address)]


def _like(pattern: str, words: str) -> AfterValidator:
    """Check a text by a pattern, and say in words what it must be."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise bad(f"must be {words}")
        return text

    return AfterValidator(check)


_Host = Annotated[str, _like(_HOST, "a host's name or address")]
_Word = Annotated[str, _like(r"[A-Za-z0-9_.-]{1,40}", "one word of Latin letters, digits, . _ -")]
_User = Annotated[
    str, _like(r"[A-Za-z0-9_.+*#-]{1,64}", "a number or a user's name, without spaces")
]
_Display = Annotated[
    str, _like(r'[^"\\<>\r\n]{0,60}', "at most 60 characters, without quotes, <, > and \\")
]
_CountryCode = Annotated[str, _like(r"[1-9][0-9]{0,2}", "1 to 3 digits, without +")]
_Digits = Annotated[str, _like(r"[0-9*#]{0,10}", "at most 10 digits, * and #")]


def ports_of(text: str) -> range:
    """Return the ports of a range that was checked."""
    first, _, last = text.partition("-")
    return range(int(first), int(last) + 1)


class Serves(StrictModel):
    """Whose calls a trunk carries. `branches` null: all of the clinic's."""

    clinic: Annotated[str, Field(min_length=1, max_length=100)]
    branches: list[str] | None = None


class TrunkConfig(StrictModel):
    """One trunk: an account at a provider, or a line to a telephone exchange.

    `proxy` is where requests go; `domain` is what addresses are written with (the proxy's host
    if null). Without `username` the provider knows us by our address. `caller` is the number
    that patients see, as the provider wants it. `serves` null: every clinic.
    """

    name: _Word
    proxy: Annotated[str, AfterValidator(_proxy)]
    domain: _Host | None = None
    transport: Literal["udp", "tcp", "tls"] = "udp"
    tls_verify: bool = True
    tls_ca_file: str | None = None
    srtp: Literal["off", "optional", "mandatory"] = "off"
    username: _User | None = None
    password: SecretStr | None = None
    realm: Annotated[str, Field(min_length=1, max_length=100)] = "*"
    register_account: Annotated[bool, Field(alias="register")] = False
    expires_s: Annotated[int, Field(ge=60, le=86400)] = 300
    caller: _User
    caller_name: _Display = ""
    number_form: NumberForm = "plus"
    country_code: _CountryCode = "7"
    national_prefix: _Digits = "8"
    international_prefix: _Digits = "810"
    prefix: _Digits = ""
    lines: Annotated[int, Field(ge=1, le=1000)] = 4
    per_second: Annotated[float, Field(ge=0.1, le=200)] = 5.0
    trunk_timeout_s: Annotated[float, Field(ge=1, le=30)] = 6.0
    ring_s: Annotated[float, Field(ge=5, le=120)] = 35.0
    call_max_s: Annotated[float, Field(ge=10, le=3600)] = 300.0
    media_timeout_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    serves: list[Serves] | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        # The network may take as long to reach the telephone as the telephone may ring.
        if self.trunk_timeout_s + 2 * self.ring_s + self.call_max_s > CALL_MAX_S:
            together = "trunk_timeout_s, twice ring_s and call_max_s"
            raise bad(f"{together} together must be at most {CALL_MAX_S:g} seconds")
        if self.register_account and self.username is None:
            raise bad("register needs username and password")
        if (self.username is None) != (self.password is None):
            raise bad("username and password belong together")
        return self

    @property
    def host(self) -> str:
        """The proxy's host."""
        return self.proxy.partition(":")[0]

    @property
    def port(self) -> int:
        """The proxy's port."""
        return _port(self.proxy.partition(":")[2]) or _PORT_OF[self.transport]

    @property
    def cards(self) -> int:
        """How many line cards the trunk's lines need."""
        return math.ceil(self.lines / LINES_MAX)

    @property
    def plan(self) -> NumberPlan:
        """How the trunk wants numbers written."""
        return NumberPlan(
            self.number_form,
            self.country_code,
            self.national_prefix,
            self.international_prefix,
            self.prefix,
        )

    def carries(self, clinic: str, branch: str) -> bool:
        """Tell whether this trunk is for calls of that branch."""
        if self.serves is None:
            return True
        return any(
            one.clinic == clinic and (one.branches is None or branch in one.branches)
            for one in self.serves
        )


class Config(StrictModel):
    """All trunks of this machine. A branch's trunks are tried in the order in which they stand.

    `bind` is an address of this machine; `public` the one that the outside sees, behind a
    router that translates addresses. `nice` below 0 lets calls go before everything else.
    """

    bind: Address = "0.0.0.0"  # noqa: S104  the firewall lets only the trunk in: docs/sip.md
    public: Address | None = None
    sip_ports: Annotated[str, AfterValidator(_port_range)] = "5070-5169"
    rtp_ports: Annotated[str, AfterValidator(_rtp_range)] = "20000-23199"
    nice: Annotated[int, Field(ge=-20, le=19)] = -10
    trunks: Annotated[list[TrunkConfig], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        names = [trunk.name for trunk in self.trunks]
        if len(set(names)) != len(names):
            raise bad("every trunk needs a name of its own")
        # One more a trunk, so that a card that failed is replaced before its ports are free.
        needed = sum(trunk.cards + 1 for trunk in self.trunks)
        if len(ports_of(self.sip_ports)) < needed:
            raise bad(f"sip_ports must hold {needed} ports, one for every four lines and a spare")
        if len(ports_of(self.rtp_ports)) < needed * RTP_PORTS_PER_CARD:
            count = needed * RTP_PORTS_PER_CARD
            raise bad(f"rtp_ports must hold {count} ports, 32 for every four lines and a spare")
        return self
