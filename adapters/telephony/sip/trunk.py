"""SIP trunks as the product sees them: `gateway.ports.telephony.Trunk`."""

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
from gateway.errors import InvalidInput, Problem
from gateway.ports.telephony import CallOrder, Limits, NotPlaced

REST_S: Final = 30.0
"""A trunk that failed goes to the end of its branch's order for so long."""

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


class SipTrunk:
    """All SIP trunks of this machine; each branch is served by those whose settings say so.

    `run` is to be served for as long as calls are placed. Raises `InvalidInput` naming the field
    when a trunk with TLS has no authorities to check it by.
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
        self._trunks = [_OneTrunk(config, trunk, self._zygotes, slots) for trunk in config.trunks]

    async def run(self) -> None:
        """Keep the line cards alive; ends with `close`."""
        await _together([trunk.run() for trunk in self._trunks])

    def serves(self, clinic: str, branch: str) -> bool:
        """Tell whether a trunk is for this branch."""
        return any(trunk.config.carries(clinic, branch) for trunk in self._trunks)

    def limits(self, clinic: str, branch: str) -> Limits:
        """Return the limits of the trunk that would be tried first now.

        Raises `LookupError` if no trunk is for this branch.
        """
        order = self._order(clinic, branch)
        if not order:
            raise LookupError(f"no trunk serves {clinic}/{branch}")
        config = order[0].config
        return Limits(config.name, config.lines, config.per_second)

    async def dial(self, order: CallOrder) -> Call:
        """Call over the branch's first trunk that works; return once somebody picks up.

        Raises `NotAnswered`, or `NotPlaced` when no trunk took the call.
        """
        refused: NotPlaced | None = None
        for trunk in self._order(order.ref.clinic, order.branch):
            try:
                return await trunk.dial(order.to)
            except NotPlaced as error:
                extra = {"trunk": trunk.config.name, "code": error.code}
                _log.warning("sip_call_not_placed", extra=extra)
                if refused is None or error.alert:
                    refused = error
        raise refused or NotPlaced("no_trunk")

    async def close(self) -> None:
        """Hang up, end the cards, and let go of everything."""
        async with asyncio.TaskGroup() as closing:
            for trunk in self._trunks:
                closing.create_task(trunk.close())
        await self._zygotes.close()

    def _order(self, clinic: str, branch: str) -> list[_OneTrunk]:
        """Return the branch's trunks: those that work first, each in the order of the settings."""
        now = asyncio.get_running_loop().time()
        fit = [trunk for trunk in self._trunks if trunk.config.carries(clinic, branch)]
        return sorted(fit, key=lambda trunk: trunk.rests(now))


class _OneTrunk:
    """One trunk: its address, its registration, its pool, its pace."""

    def __init__(self, config: Config, trunk: TrunkConfig, zygotes: Zygotes, slots: Slots) -> None:
        self.config = trunk
        self._all = config
        self._address: str | None = None
        self._rest_until = 0.0
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

    def rests(self, now: float) -> bool:
        """Tell whether this trunk failed a short while ago."""
        return now < self._rest_until or self._unregistered

    @property
    def _unregistered(self) -> bool:
        known = self._registration
        return self.config.register_account and known is not None and not known.active

    async def run(self) -> None:
        """Keep address and cards."""
        await _together([self._keep_address(), self._keep_registration(), self._keep_cards()])

    async def dial(self, number: str) -> Call:
        """Place a call at the trunk's pace; raise `NotPlaced` or `NotAnswered`."""
        await self._usable()
        config = self.config
        try:
            call = await self._pool.dial(
                config.plan.write(number),
                config.trunk_timeout_s,
                config.call_max_s,
                self._wait_turn,
            )
            await _answered(call, config.ring_s)
        except NotPlaced as error:
            if error.code not in {"no_line", "closing"}:
                self._rest_until = asyncio.get_running_loop().time() + REST_S
            raise
        self._rest_until = 0.0
        return call

    async def close(self) -> None:
        """End all calls and cards."""
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
