"""Where the small world is, its secrets, and the configuration with which adapters find it."""

from __future__ import annotations

import base64
import secrets
from dataclasses import asdict, dataclass, field

from adapters.json_values import Json
from adapters.messaging.sandbox_phones import (
    BACKEND_NAME,
    BOT_NAME,
    MAX_PATH,
    PUSH_PATH,
    SMS_PATH,
    SMS_SENDER,
    TELEGRAM_PATH,
    AppKeys,
)
from adapters.messaging.sandbox_sms_exolve import DELIVERY_STATUSES, REFUSALS
from adapters.telephony.sandbox_sip import free_block

WHATSAPP_PATH = "/sandbox/whatsapp"
TWILIO_PATH = "/sandbox/twilio"
SCHEDULE_PATH = "/sandbox/schedule"

CALLER_NUMBER = "+74950000000"
"""The number that patients see when the clinic calls: that of the demo's branch."""

SIP_LINES, SIP_PORTS, RTP_PORTS = 4, 2, 64
"""One line card and its spare."""

PHONE_NUMBER_ID = "106540350000001"
TEMPLATES = "callahead_{template}_{language}"
"""How the sandbox's approved templates are named: the adapter's own default."""


@dataclass(frozen=True, slots=True)
class Keys(AppKeys):
    """The secrets between the gateway and its small world."""

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)
    app_secret: str = field(repr=False)
    verify_token: str = field(repr=False)
    schedule_secret: str = field(repr=False)
    twilio_account_sid: str = field(repr=False)
    twilio_auth_token: str = field(repr=False)


def sections(url: str, clinic: str, keys: Keys) -> Json:
    """Return the sections of a configuration file that name this world's providers.

    `url` is where it is served beside the gateway.
    """
    return {
        "schedules": {
            clinic: {
                "webhook": {
                    "url": f"{url}{SCHEDULE_PATH}/changes",
                    "free_times": f"{url}{SCHEDULE_PATH}/free-times",
                    "secret": keys.schedule_secret,
                }
            }
        },
        "whatsapp": {
            "app_secrets": [keys.app_secret],
            "verify_token": keys.verify_token,
            "api_base": f"{url}{WHATSAPP_PATH}",
            "senders": [
                {
                    "phone_number_id": PHONE_NUMBER_ID,
                    "access_token": keys.access_token,
                    "clinic": clinic,
                }
            ],
        },
        **_messengers(url, clinic, keys),
        **_sms_and_push(url, clinic, keys),
        "twilio_voice": {
            "api_base": f"{url}{TWILIO_PATH}",
            "accounts": [
                {
                    "account_sid": keys.twilio_account_sid,
                    "auth_tokens": [keys.twilio_auth_token],
                    "calls_per_second": 5.0,
                }
            ],
            "callers": [{"number": CALLER_NUMBER, "clinic": clinic}],
        },
    }


def over_sip(found: Json, port: int, clinic: str) -> Json:
    """Return the sections with the telephone on a SIP trunk to this world's exchange, not Twilio.

    `port` is where the exchange listens on this machine.
    """
    sip_port, rtp_port = free_block(SIP_PORTS), free_block(RTP_PORTS)
    trunk = {
        "name": "demo",
        "proxy": f"127.0.0.1:{port}",
        "caller": CALLER_NUMBER,
        "lines": SIP_LINES,
        "ring_s": 40,
        "serves": [{"clinic": clinic}],
    }
    sip = {
        "bind": "127.0.0.1",
        "nice": 0,
        "sip_ports": f"{sip_port}-{sip_port + SIP_PORTS - 1}",
        "rtp_ports": f"{rtp_port}-{rtp_port + RTP_PORTS - 1}",
        "trunks": [trunk],
    }
    return {name: found[name] for name in found if name != "twilio_voice"} | {"sip": sip}


def _messengers(url: str, clinic: str, keys: Keys) -> Json:
    return {
        "max": {
            "api_base": f"{url}{MAX_PATH}",
            "trust_contacts": True,
            "senders": [
                {
                    "name": BOT_NAME,
                    "token": keys.max_token,
                    "webhook_secrets": [keys.max_secret],
                    "clinic": clinic,
                }
            ],
        },
        "telegram": {
            "api_base": f"{url}{TELEGRAM_PATH}",
            "senders": [
                {
                    "token": keys.telegram_token,
                    "username": BOT_NAME,
                    "webhook_secrets": [keys.telegram_secret],
                    "clinic": clinic,
                }
            ],
        },
    }


def _sms_and_push(url: str, clinic: str, keys: Keys) -> Json:
    return {
        "sms_exolve": {
            "api_base": f"{url}{SMS_PATH}",
            "delivery_statuses": dict(DELIVERY_STATUSES),
            "refusals": dict(REFUSALS),
            "senders": [
                {
                    "number": f"+{SMS_SENDER}",
                    "api_key": keys.sms_api_key,
                    "callback_keys": [keys.sms_callback_key],
                    "clinic": clinic,
                }
            ],
        },
        "push_backend": {
            "senders": [
                {
                    "name": BACKEND_NAME,
                    "url": f"{url}{PUSH_PATH}/notifications",
                    "secrets": [keys.push_secret],
                    "clinic": clinic,
                }
            ],
        },
    }


def fresh_keys(api_key: str) -> Keys:
    """Return new secrets beside the clinic's API key."""
    return Keys(
        api_key=api_key,
        access_token=secrets.token_urlsafe(24),
        app_secret=secrets.token_hex(16),
        verify_token=secrets.token_urlsafe(16),
        schedule_secret=_webhook_secret(),
        twilio_account_sid="AC" + secrets.token_hex(16),
        twilio_auth_token=secrets.token_hex(16),
        max_token=secrets.token_urlsafe(24),
        max_secret=secrets.token_hex(16),
        telegram_token=f"7000000001:{secrets.token_urlsafe(26)}",
        telegram_secret=secrets.token_hex(16),
        sms_api_key=secrets.token_urlsafe(24),
        sms_callback_key=secrets.token_hex(16),
        push_secret=_webhook_secret(),
    )


def _webhook_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def keys_document(keys: Keys) -> dict[str, str]:
    """Return the secrets as they are written to a file."""
    return asdict(keys)
