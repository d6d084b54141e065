"""The settings of a line card's SIP library: endpoint, transports, account.

Every value here was measured or paid for; docs/sip.md ("Pitfalls") says what happens without it.
"""

from __future__ import annotations

from typing import Any, Final

import pjsua2 as pj

from adapters.telephony.sip.protocol import LINES_MAX, Setup

USER_AGENT: Final = "Callahead"
FRAME_MS: Final = 20
RATE_HZ: Final = 8000

CODEC_PRIORITIES: Final = {"PCMA/8000/1": 255, "PCMU/8000/1": 254}
"""A-law first, for Europe; all others are off: prompts are 8 kHz anyway."""

_SRTP: Final = {
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}
_TRANSPORTS: Final = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
_REGISTER_AGAIN_S: Final = 30


def start_endpoint(setup: Setup) -> tuple[Any, int, int]:
    """Start the library; return it, its UDP port (which wakes it) and the SIP port.

    Raises `pj.Error`, as when a port is taken.
    """
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(_endpoint_config())
    endpoint.audDevManager().setNullDev()
    wake_port = _udp(endpoint, setup)
    sip_port = wake_port if setup.transport == "udp" else _stream(endpoint, setup)
    endpoint.libStart()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, CODEC_PRIORITIES.get(codec.codecId, 0))
    return endpoint, wake_port, sip_port


def account_config(setup: Setup) -> Any:
    """Return the only account: who we are to the trunk, and how media flows."""
    config = pj.AccountConfig()
    display = f'"{setup.display}" ' if setup.display else ""
    scheme = f";transport={setup.transport}" if setup.transport != "udp" else ""
    config.idUri = f"{display}<sip:{setup.caller}@{setup.domain}>"
    config.sipConfig.proxies.append(f"sip:{setup.proxy};lr{scheme}")
    if setup.username:
        credential = pj.AuthCredInfo("digest", setup.realm, setup.username, 0, setup.password)
        config.sipConfig.authCreds.append(credential)
    config.regConfig.registerOnAdd = False
    if setup.register:
        config.idUri = f"{display}<sip:{setup.username}@{setup.domain}>"
        config.regConfig.registrarUri = f"sip:{setup.domain}{scheme}"
        config.regConfig.timeoutSec = setup.expires_s
        config.regConfig.retryIntervalSec = _REGISTER_AGAIN_S
        config.regConfig.firstRetryIntervalSec = 2
        config.regConfig.dropCallsOnFail = False
    config.mwiConfig.enabled = False
    # No call of ours lasts as long as a session timer: no reason to be refused for it (422).
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
    media = config.mediaConfig
    media.transportConfig.port = setup.rtp_port
    media.transportConfig.portRange = setup.rtp_ports - 2
    media.transportConfig.boundAddress = setup.bind
    media.transportConfig.publicAddress = setup.public
    media.srtpUse = _SRTP[setup.srtp]
    media.srtpSecureSignaling = 0
    # Several codecs in an answer are no reason for a re-INVITE: we hear nothing but keys.
    media.lockCodecEnabled = False
    return config


def destination(setup: Setup, number: str) -> str:
    """Return the address of a number at the trunk."""
    scheme = f";transport={setup.transport}" if setup.transport != "udp" else ""
    return f"sip:{number}@{setup.domain}{scheme}"


def dial_options(setup: Setup) -> Any:
    """Return what goes with a call: the number that the patient sees."""
    options = pj.CallOpParam(True)
    display = f'"{setup.display}" ' if setup.display else ""
    options.txOption.localUri = f"{display}<sip:{setup.caller}@{setup.domain}>"
    return options


def _endpoint_config() -> Any:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = False
    config.uaConfig.maxCalls = LINES_MAX
    config.uaConfig.userAgent = USER_AGENT
    config.uaConfig.mwiUnsolicitedEnabled = False
    config.medConfig.hasIoqueue = False
    config.medConfig.threadCnt = 0
    config.medConfig.clockRate = config.medConfig.sndClockRate = RATE_HZ
    config.medConfig.channelCount = 1
    config.medConfig.ptime = config.medConfig.audioFramePtime = FRAME_MS
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    config.medConfig.sndAutoCloseTime = 1
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.logConfig.msgLogging = 0
    return config


def _udp(endpoint: Any, setup: Setup) -> int:
    """Open the UDP port: of the trunk, or on this machine only, to wake the library."""
    config = pj.TransportConfig()
    if setup.transport == "udp":
        config.port, config.boundAddress = setup.sip_port, setup.bind
        config.publicAddress = setup.public
    else:
        config.port, config.boundAddress = 0, "127.0.0.1"
    return _opened(endpoint, pj.PJSIP_TRANSPORT_UDP, config)


def _stream(endpoint: Any, setup: Setup) -> int:
    config = pj.TransportConfig()
    config.port, config.boundAddress = setup.sip_port, setup.bind
    config.publicAddress = setup.public
    if setup.transport == "tls":
        config.tlsConfig.CaListFile = setup.ca_file
        config.tlsConfig.verifyServer = setup.verify
    return _opened(endpoint, _TRANSPORTS[setup.transport], config)


def _opened(endpoint: Any, kind: int, config: Any) -> int:
    info = endpoint.transportGetInfo(endpoint.transportCreate(kind, config))
    return int(info.localName.rpartition(":")[2])
