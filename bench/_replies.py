"""Patients' replies as WhatsApp sends them: signed webhooks of about 900 bytes."""

from __future__ import annotations

import hashlib
import hmac
import json

SECRET = "app_secret_of_the_benchmark"
PATH = "/hooks/whatsapp"
CLINICS = 8
BUSINESS = 15550001000


def clinic_of(number: int) -> str:
    """Return the clinic of the patient with that number."""
    return f"clinic-{number % CLINICS}"


def sender_of(number: int) -> str:
    """Return the id of that clinic's WhatsApp sender."""
    return str(106540352242920 + number % CLINICS)


def appointment_of(number: int) -> str:
    """Return the id of that patient's visit."""
    return f"A-{number:07}"


def phone_of(number: int) -> str:
    """Return that patient's number in E.164, a Russian mobile one."""
    return f"+7916{number:07}"


def question_of(number: int) -> str:
    """Return WhatsApp's id of the question that the patient was asked."""
    return f"wamid.HBgLNzkxNjAwMDAwMDAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3{number:07}AA=="


def body_of(number: int, *, typed: bool) -> bytes:
    """Return a webhook: the patient taps "confirm", or types 1 and quotes nothing."""
    phone = phone_of(number)[1:]
    common = {
        "from": phone,
        "from_user_id": f"RU.13491208655302{number:07}",
        "id": f"wamid.HBgLNzkxNjAwMDAwMDAVAgASGBQzQTdBOEY5RDBCMkU2QTJDNEQ4RgA{number:07}=",
        "timestamp": "1773651120",
    }
    if typed:
        said = {"type": "text", "text": {"body": "1"}}
    else:
        payload = f"v1.confirm.1.{appointment_of(number)}"
        reply = {"type": "button_reply", "button_reply": {"id": payload, "title": "Подтвердить"}}
        said = {
            "context": {"from": str(BUSINESS + number % CLINICS), "id": question_of(number)},
            "type": "interactive",
            "interactive": reply,
        }
    contact = {
        "profile": {"name": "Мария", "username": "maria.sokolova"},
        "wa_id": phone,
        "user_id": common["from_user_id"],
        "parent_user_id": f"RU.ENT.1181349120865{number:07}",
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": str(BUSINESS + number % CLINICS),
            "phone_number_id": sender_of(number),
        },
        "contacts": [contact],
        "messages": [{**common, **said}],
    }
    entry = {"id": "215589313241560883", "changes": [{"field": "messages", "value": value}]}
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")
    ).encode()


def request_of(number: int, *, typed: bool) -> bytes:
    """Return the whole signed request."""
    body = body_of(number, typed=typed)
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: facebookexternalua\r\n"
        f"Content-Type: application/json\r\nAccept: */*\r\n"
        f"X-Hub-Signature-256: sha256={digest}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
