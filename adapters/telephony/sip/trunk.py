"""SIP trunks as the product sees them: each is a `gateway.ports.telephony.Trunk`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Final

from adapters.telephony.sip.call import Call
from adapters.telephony.sip.config import RTP_PORTS_PER_CARD, Config, TrunkConfig, ports_of
from adapters.telephony.sip.pool import Pool, Slots, Zygotes
from adapters.telephony.sip.protocol import Registration, Setup
from adapters.telephony.sip.refusals import Refusals
from adapters.telephony.sip.results import Refused
from gateway.core.model import CallResult
from gateway.errors import InvalidInput, Problem
from gateway.ports.telephony import CallOrder, Limits, NotAnswered, NotPlaced

REST_S: Final = 30.0
"""A trunk that failed goes to the end of its branch's order for so long."""

REACHED: Final = frozenset({CallResult.BUSY, CallResult.NO_ANSWER, CallResult.REJECTED})
"""Ends of calls that got through to somebody's telephone."""

REGISTER_WAIT_S: Final = 5.0
"""How long a call waits for the first answer of the registrar."""

REFUSED_AGAIN_S: Final = 300.0
"""A refused registration is tried again after this: somebody may have corrected the account."""

RESOLVE_AGAIN_S: Final = 300.0
RESOLVE_RETRY_S: Final = 5.0
RESOLVE_WAIT_S: Final = 5.0

_AUTHORITIES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
)

_log = logging.getLogger("callahead.sip")


class SipTrunks:
    """All SIP trunks of this machine, as they stand in the settings.

    They share the process that line cards are forked from, and this machine's ports. `run` is to
    be served for as long as calls are placed. Raises `InvalidInput` naming the field when a trunk
    with TLS has no authorities to check it by.
    """

    def __init__(self, config: Config) -> None:
        slots = Slots(
            min(
                len(ports_of(config.sip_ports)),
                len(ports_of(config.rtp_ports)) // RTP_PORTS_PER_CARD,
            )
        )
        _check_authorities(config)
        self._zygotes = Zygotes()
        self.trunks = tuple(
            SipTrunk(config, trunk, self._zygotes, slots) for trunk in config.trunks
        )

    async def run(self) -> None:
        """Keep the line cards alive; ends with `close`."""
        await _together([trunk.run() for trunk in self.trunks])

    async def close(self) -> None:
        """Hang up, end the cards, and let go of everything."""
        async with asyncio.TaskGroup() as closing:
            for trunk in self.trunks:
                closing.create_task(trunk.close())
        await self._zygotes.close()


class SipTrunk:
    """One trunk: its address, its registration, its pool, its pace; a `Trunk` of the product."""

    def __init__(self, config: Config, trunk: TrunkConfig, zygotes: Zygotes, slots: Slots) -> None:
        self.config = trunk
        self._all = config
        self._address: str | None = None
        self._rest_until = 0.0
        self._refusals = Refusals()
        self._next_at = 0.0
        self._pace = asyncio.Lock()
        self._registration: Registration | None = None
        self._registered = asyncio.Event()
        self._closing = asyncio.Event()
        self._pool = Pool(
            trunk.name,
            trunk.lines,
            trunk.cards,
            self._setup,
            zygotes,
            slots,
            registers=trunk.register_account,
            on_registration=self._on_registration,
        )
        self._resolved = asyncio.Event()

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether this trunk is for calls of that branch."""
        return self.config.carries(clinic, branch)

    def limits(self, clinic: str, branch: str) -> Limits:
        """Return the trunk's own limits, the same for all its branches."""
        return Limits(self.config.name, self.config.lines, self.config.per_second)

    @property
    def rests(self) -> bool:
        """Tell whether this trunk failed a short while ago."""
        return asyncio.get_running_loop().time() < self._rest_until or self._unregistered

    @property
    def _unregistered(self) -> bool:
        known = self._registration
        return self.config.register_account and known is not None and not known.active

    async def run(self) -> None:
        """Keep address and cards."""
        await _together([self._keep_address(), self._keep_registration(), self._keep_cards()])

    async def dial(self, order: CallOrder) -> Call:
        """Place a call at the trunk's pace; return once somebody picks up.

        Raises `NotAnswered`, or `NotPlaced` when the trunk did not take the call.
        """
        try:
            call = await self._dialled(order.to)
        except NotPlaced as error:
            extra = {"trunk": self.config.name, "code": error.code}
            _log.warning("sip_call_not_placed", extra=extra)
            raise self._blamed(error, order.to) from None
        except NotAnswered as error:
            if error.result in REACHED:
                self._refusals.got_through(order.to)
            raise
        self._rest_until = 0.0
        self._refusals.got_through(order.to)
        return call

    async def _dialled(self, number: str) -> Call:
        await self._usable()
        config = self.config
        call = await self._pool.dial(
            config.plan.write(number),
            config.trunk_timeout_s,
            config.call_max_s,
            self._wait_turn,
        )
        await _answered(call, config.ring_s)
        return call

    def _blamed(self, error: NotPlaced, number: str) -> NotPlaced:
        """Put the trunk to rest if it has failed, and tell whether it refuses only this number."""
        now = asyncio.get_running_loop().time()
        if not isinstance(error, Refused):
            failed = error.code not in {"no_line", "closing"}
        elif self._refusals.is_of(number):
            self._refusals.refused(number, now)
            return NotPlaced(error.code, of_number=True)
        else:
            failed = self._refusals.refused(number, now)
        if failed:
            self._rest_until = now + REST_S
        return error

    async def close(self) -> None:
        """End its calls and cards."""
        self._closing.set()
        await self._pool.close()

    async def _usable(self) -> None:
        """Wait for the address and the first registration; raise `NotPlaced`."""
        if self._closing.is_set():
            raise NotPlaced("closing")
        if not await _within(RESOLVE_WAIT_S, self._resolved):
            raise NotPlaced("trunk_unknown_host", alert=True)
        if not self.config.register_account:
            return
        if not await _within(REGISTER_WAIT_S, self._registered):
            raise NotPlaced("registration_timeout")
        known = self._registration
        if known is not None and not known.active:
            refused = known.code in {401, 403, 404, 407}
            raise NotPlaced("registration_refused" if refused else "unregistered", alert=refused)

    async def _wait_turn(self) -> None:
        """Keep to so many calls a second (rule H-7); waiting calls go in their order."""
        async with self._pace:
            loop = asyncio.get_running_loop()
            now = loop.time()
            if self._next_at > now:
                await asyncio.sleep(self._next_at - now)
            self._next_at = max(now, self._next_at) + 1 / self.config.per_second

    # --- The address ----------------------------------------------------------------------------

    async def _keep_address(self) -> None:
        """Find the proxy's address, for the cards must not wait for name servers."""
        while not self._closing.is_set():
            addresses = await self._resolve()
            if addresses and self._address not in addresses:
                moved, self._address = self._address is not None, addresses[0]
                self._resolved.set()
                if moved:
                    _log.warning("sip_trunk_moved", extra={"trunk": self.config.name})
                    self._pool.renew()
            await _within(RESOLVE_AGAIN_S if addresses else RESOLVE_RETRY_S, self._closing)

    async def _resolve(self) -> list[str]:
        """Return the proxy's addresses, none if nobody tells."""
        host, port = self.config.host, self.config.port
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, family=socket.AF_INET)
        except OSError:
            _log.error("sip_trunk_unknown_host", extra={"trunk": self.config.name})
            return []
        return [str(entry[4][0]) for entry in found]

    def _setup(self, slot: int) -> Setup:
        config, every = self.config, self._all
        tls = config.transport == "tls"
        # A certificate names a host, so TLS is given the name and not the address.
        host = config.host if tls and config.tls_verify else self._address
        return Setup(
            bind=every.bind,
            public=every.public or "",
            sip_port=ports_of(every.sip_ports)[slot],
            rtp_port=ports_of(every.rtp_ports)[slot * RTP_PORTS_PER_CARD],
            rtp_ports=RTP_PORTS_PER_CARD,
            nice=every.nice,
            transport=config.transport,
            proxy=f"{host}:{config.port}",
            domain=config.domain or config.host,
            caller=config.caller,
            display=config.caller_name,
            username=config.username or "",
            password=config.password.get_secret_value() if config.password else "",
            realm=config.realm,
            register=config.register_account,
            expires_s=config.expires_s,
            srtp=config.srtp,
            ca_file=_authorities(config) or "",
            verify=config.tls_verify,
            media_timeout_s=config.media_timeout_s,
        )

    # --- Cards and registration -----------------------------------------------------------------

    async def _keep_cards(self) -> None:
        if await _first_of(self._resolved, self._closing):
            await self._pool.run()

    def _on_registration(self, registration: Registration) -> None:
        before, self._registration = self._registration, registration
        self._registered.set()
        if before is None or before.active != registration.active:
            level = logging.INFO if registration.active else logging.ERROR
            extra = {"trunk": self.config.name, "code": registration.code}
            _log.log(level, "sip_registration", extra=extra)

    async def _keep_registration(self) -> None:
        while not self._closing.is_set():
            await _within(REFUSED_AGAIN_S, self._closing)
            if self._unregistered:
                self._pool.register_again()


def _authorities(trunk: TrunkConfig) -> str | None:
    """Return the file of authorities; the library's own OpenSSL does not know where ours are."""
    if trunk.tls_ca_file is not None:
        return str(Path(trunk.tls_ca_file).absolute())  # a card runs in another folder
    places = (ssl.get_default_verify_paths().cafile, *_AUTHORITIES)
    return next((place for place in places if place and Path(place).is_file()), None)


def _check_authorities(config: Config) -> None:
    """Raise `InvalidInput` for a trunk that could never prove who it is."""
    for index, trunk in enumerate(config.trunks):
        if trunk.transport != "tls" or not trunk.tls_verify:
            continue
        file = _authorities(trunk)
        if file is None or not Path(file).is_file():
            message = "must name a file with the authorities that the trunk's certificate is from"
            raise InvalidInput(Problem(f"trunks.{index}.tls_ca_file", message))


async def _answered(call: Call, ring_s: float) -> None:
    """Wait until somebody picks up; a call that nobody waits for any more is given up."""
    try:
        await call.answer(ring_s)
    except asyncio.CancelledError:
        await call.hang_up()
        raise


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event; False if the time came first."""
    if not event.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def _first_of(wanted: asyncio.Event, end: asyncio.Event) -> bool:
    """Wait for either event; True if the wanted one came."""
    while not wanted.is_set() and not end.is_set():
        await _within(0.1, wanted)
    return wanted.is_set()


async def _together(coroutines: list[Coroutine[object, object, None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for coroutine in coroutines:
            group.create_task(coroutine)
