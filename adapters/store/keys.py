"""Every key of the store: what it holds and when it ends.

`{pNN}` is the hash tag of a partition. All keys of a clinic carry the tag of its partition, so
whatever changes together lives on one node of a cluster. `<clinic>` is quoted (see `quote`).

| key | type | holds | ends |
|---|---|---|---|
| `{callahead}:meta` | hash | number of partitions and version of this layout | never |
| `{callahead}:keys` | hash | hash of an API key -> clinic, creation time, label | at revocation |
| `{callahead}:ping` | string | the last write of a health check | after a minute |
| `hint:<hint>` | string | what a look-up hint points at | with its own TTL |
| `{callahead}:turn:<limit>` | string | when the limit's next turn is | a minute after it |
| `{callahead}:bucket:<sender>` | string | when the next turn is free if turns are even | a minute |
| `{callahead}:taken:<sender>` | list | when its last turns were taken, newest first | a minute |
| `{callahead}:pause:<sender>` | hash | `u` until when it pauses, `l` how long | long after it |
| `{callahead}:lines:<trunk>` | zset | calls on a trunk by when their line frees | an hour later |
| `{pNN}:clinics` | set | ids of the clinics | never |
| `{pNN}:clinic:<clinic>` | hash | settings: `v` version, `d` document, `c` first imports | never |
| `{pNN}:rates:<clinic>` | hash | branch -> messages a minute and lines | never |
| `{pNN}:branches` | set | `<clinic>:<branch>` that ever had a document | never |
| `{pNN}:case:<clinic>:<appointment>` | hash | a case, see below | RETENTION |
| `{pNN}:contact:<clinic>:<number>` | hash | a contact, see below | RETENTION, opted out: never |
| `{pNN}:log:<member>` | list | timeline of a case or contact, oldest first | with its document |
| `{pNN}:visits:<clinic>:<branch>` | zset | appointments by start of the visit | RETENTION |
| `{pNN}:open:<clinic>:<branch>` | zset | those of them with a due time, by start | RETENTION |
| `{pNN}:attention:<clinic>` | zset | members that wait for the staff, by since when | 2 RETENTION |
| `{pNN}:due` | zset | members by due time; a lease is a due time in the future | when empty |
| `{pNN}:rooms` | zset | waiting rooms by the time at which they may be served | when empty |
| `{pNN}:held` | string | since when grants have been held back for due entries | after a minute |
| `{pNN}:granted` | string | how many message slots were ever granted | never |
| `{pNN}:room:<room>:<clinic>:<branch>` | zset | waiting members by rank | when empty |
| `{pNN}:slots:<room>:<clinic>:<branch>` | zset | grants in use by the time they free | SLOTS |
| `{pNN}:seen:<clinic>:<event>` | string | an inbound event was committed | SEEN |
| `{pNN}:ledger:<clinic>:<branch>:<day>` | list | charges in order of commit | RETENTION |
| `{pNN}:days:<clinic>:<branch>` | zset | open days by the moment of their write-off | when empty |
| `{pNN}:offs:<clinic>:<branch>` | hash | day -> its write-off | RETENTION after the last |
| `{pNN}:spent:<clinic>:<branch>:<month>` | string | sum of a month in `MONEY_UNIT` | RETENTION |
| `{pNN}:work:<clinic>:<branch>:<day>` | hash | function, channel and result -> count | RETENTION |
| `{pNN}:feed:<clinic>` | zset | changes that were not taken yet by `seq` | RETENTION |
| `{pNN}:seq:<clinic>` | string | newest `seq` of the feed | never |
| `{pNN}:pushed:<member>:<push>` | string | the `seq` of a change | RETENTION |

A *member* names a document inside its partition: `case:<clinic>:<appointment>`,
`contact:<clinic>:<number>` or `branch:<clinic>:<branch>`.

Fields of a case or contact: `v` version, `d` document, `b` branch, `n` number of a case, `s`
start of the visit in microseconds, `o` the version at which `open` is known to have it, `a`
appointments of a contact (JSON array), `r` rooms it may be waiting in, `l` branch whose line it
holds. All times are UTC epoch microseconds.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from gateway.core.case import Case, Contact
from gateway.ports.store import Kind, Ref, Work

LAYOUT: Final = 1
"""Version of this file; a store with a newer one is refused."""

PARTITIONS_DEFAULT: Final = 64

RETENTION_DEFAULT: Final = timedelta(days=400)
"""A case is kept so long after its visit (or its last change, if later), all else so long after
its last change: a year of reports and a month to look at them."""

SEEN_TTL: Final = timedelta(days=8)
"""WhatsApp repeats a webhook for up to 7 days."""

SLOTS_TTL: Final = timedelta(hours=1)
"""Longer than any grant, so that a slow clock of a node frees nothing early."""

PACE_WINDOW: Final = timedelta(seconds=60)
"""A branch gets `per_minute` grants in any such window; a grant at t frees at exactly t + 60 s."""

LINE_LEASE: Final = timedelta(minutes=10)
"""A line whose call never came back frees by itself: longer than the longest dialogue."""

HOLD_MAX: Final = timedelta(seconds=1)
"""Grants wait so long for due entries, which may want to go before them (rule Z-15)."""

PER_MINUTE_DEFAULT: Final = 60
LINES_DEFAULT: Final = 4
"""Rule Z-15, for a branch without rates."""

MONEY_UNIT: Final = Decimal("0.0001")
"""Months are summed in whole units, which Redis adds exactly: prices have up to 4 decimals."""

META: Final = "{callahead}:meta"
API_KEYS: Final = "{callahead}:keys"
PING: Final = "{callahead}:ping"

PERMANENT: Final = (
    META, API_KEYS,
    "clinics", "clinic:", "rates:", "branches", "due", "rooms", "granted", "room:", "days:", "seq:",
)  # fmt: skip
"""What may stand without a TTL (the part after the tag); opted-out contacts come on top."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def quote(clinic: str) -> str:
    """Escape the separator in a clinic's id, so that it can stand in front of free text."""
    if ":" in clinic or "%" in clinic:
        return clinic.replace("%", "%25").replace(":", "%3A")
    return clinic


def unquote(text: str) -> str:
    """Undo `quote`."""
    return text.replace("%3A", ":").replace("%25", "%") if "%" in text else text


def member(ref: Ref) -> str:
    """Name a document inside its partition."""
    return f"{ref.kind}:{quote(ref.clinic)}:{ref.key}"


def member_of(document: Case | Contact) -> str:
    """Name the place of a document inside its partition."""
    if isinstance(document, Case):
        return f"case:{quote(document.clinic)}:{document.id}"
    return f"contact:{quote(document.clinic)}:{document.number}"


def ref_of(name: str) -> Ref:
    """Read a member's name."""
    kind, clinic, key = name.split(":", 2)
    return Ref(Kind(kind), unquote(clinic), key)


def partition_of(clinic: str, partitions: int) -> int:
    """Return the partition of a clinic; the same on every machine and in every version."""
    return zlib.crc32(clinic.encode()) % partitions


def tag(partition: int) -> str:
    """Return the prefix of a partition's keys, such as `{p07}:`."""
    return f"{{p{partition:02d}}}:"


def hint(name: str) -> str:
    """Return the key of a look-up hint."""
    return f"hint:{name}"


def month(day: date) -> str:
    """Name the month of a day; months are kept by this name."""
    return day.isoformat()[:7]


def money_units(amount: Decimal) -> int:
    """Return an amount in units of `MONEY_UNIT`; no price that a branch may set has less."""
    return round(amount / MONEY_UNIT)


def work_field(work: Work) -> str:
    """Name a counter within its branch and day."""
    return f"{work.function}|{work.channel}|{work.result}"


def micros(moment: datetime) -> int:
    """Return UTC epoch microseconds; exact, and within what a sorted set keeps exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(micros_: int) -> datetime:
    """Undo `micros`."""
    return _EPOCH + timedelta(microseconds=micros_)
