"""What messages say (rules W-1 to W-3): texts are data, this fills them with facts.

A text is found by its key, the `about` of an attempt, and by the family of its channel. The
texts of a language come with the words that facts need: names of months and days, the state of
a visit in words, titles of buttons. `gateway.core.texts` reads and checks them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache

from gateway.core.case import Button, Content
from gateway.core.clinic import Branch
from gateway.core.hours import at_local, local
from gateway.core.links import button_payload, link_of
from gateway.core.model import Answer, Appointment, Channel, Doctor, Person, Status
from gateway.core.pattern import Facts, Pattern

FACTS: dict[str, str] = {
    "clinic": "the branch as messages name it",
    "when": "day and time of the visit in one phrase",
    "day": "weekday and date",
    "date": "day of the month and month",
    "weekday": "day of the week",
    "time": "time of the visit",
    "doctor": "the doctor's name",
    "specialty": "the doctor's specialty",
    "name": "first and middle name of the person who is written to",
    "phone": "the branch's phone",
    "state": "how the visit stands in the schedule now",
    "link": "the patient's page of this visit",
    "visits": "list of the patient's visits, one a line",
}
"""Every fact that a text may name. Times are in the branch's zone."""

MAY_BE_EMPTY = frozenset({"doctor", "specialty", "name", "phone"})
"""Facts that a clinic does not always know: they stand only inside [[ ]]."""

FACTS_OF_VISIT = frozenset(FACTS) - {"clinic", "phone", "visits"}

STATES = tuple(f"state.{status.value}" for status in Status)

ABOUTS: tuple[str, ...] = (
    "details",
    "confirmation",
    "reminder",
    "reschedule_link",
    "acknowledgement.confirm",
    "acknowledgement.reschedule",
    "acknowledgement.cancel",
    "acknowledgement.opt_out",
    "acknowledgement.opt_in",
    "acknowledgement.conflict",
    "acknowledgement.linked",
    "clarification.options",
    "clarification.which_visit",
    "clarification.repeat",
    "clarification.number",
    "clarification.not_own_contact",
    "clarification.not_linked",
    *STATES,
    "state.moved",
    "state.removed",
    "state.begun",
    "clinic_phone",
)
"""Keys of all messages."""

FIRST_WORD = frozenset({"details", "confirmation", "reminder", "reschedule_link"})
"""Messages that begin a conversation: they have a push, and chats may want a template."""

WITH_BUTTONS = frozenset({"confirmation", "clarification.options", "clarification.repeat"})

WITHOUT_VISIT = frozenset(
    {
        "acknowledgement.opt_out",
        "acknowledgement.opt_in",
        "acknowledgement.linked",
        "clarification.which_visit",
        "clarification.number",
        "clarification.not_own_contact",
        "clarification.not_linked",
        "clinic_phone",
    }
)
"""Messages that may be about no visit in particular."""

CHAT_ONLY = frozenset(
    {
        "acknowledgement.linked",
        "clarification.number",
        "clarification.not_own_contact",
        "clarification.not_linked",
    }
)
"""Messages about the chat itself, in messengers where the patient has to begin."""

NUMBER_BUTTON = "number"
"""Title of the button with which a messenger tells the patient's number."""

BUTTONS = (Answer.CONFIRM, Answer.RESCHEDULE, Answer.CANCEL)


class Family(StrEnum):
    """Channels that share a text."""

    CHAT = "chat"
    SMS = "sms"
    PUSH = "push"


FAMILY_OF: dict[Channel, Family] = {
    Channel.WHATSAPP: Family.CHAT,
    Channel.MAX: Family.CHAT,
    Channel.TELEGRAM: Family.CHAT,
    Channel.SMS: Family.SMS,
    Channel.PUSH: Family.PUSH,
}


def families_of(about: str) -> tuple[Family, ...]:
    """Return the families for which a message must have a text."""
    if about in CHAT_ONLY:
        return (Family.CHAT,)
    return tuple(Family) if about in FIRST_WORD else (Family.CHAT, Family.SMS)


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """How a language writes dates; see `gateway.core.texts`."""

    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    on_weekdays: tuple[str, ...]
    date: Pattern
    day: Pattern
    when: Pattern
    visit: Pattern


@dataclass(frozen=True, slots=True)
class Sample:
    """Facts for samples (rule W-2)."""

    clinic: str
    phone: str
    first_name: str
    middle_name: str
    last_name: str
    doctor: str
    specialty: str


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Everything that one language says."""

    language: str
    buttons: Mapping[Answer, str]
    number_button: str
    calendar: Calendar
    states: Mapping[Status, str]
    sample: Sample
    messages: Mapping[tuple[str, Family], Pattern]

    def message(self, about: str, family: Family) -> Pattern:
        """Return a message's text; one without a push text is short as an SMS there."""
        for kind in (family, Family.SMS):
            found = self.messages.get((about, kind))
            if found is not None:
                return found
        return self.messages[about, Family.CHAT]


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """The words of every language; the first one speaks when no wanted language is there."""

    by_language: Mapping[str, Words] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages' codes."""
        return tuple(self.by_language)

    def words(self, branch: Branch, snapshot: Appointment | None) -> Words:
        """Return the words for a patient: in the contact's, patient's or branch's language."""
        found = None
        if snapshot is not None:
            patient = snapshot.patient
            found = self._of(patient.contact_person.language) or self._of(patient.language)
        return found or self._of(branch.language) or next(iter(self.by_language.values()))

    def _of(self, language: str | None) -> Words | None:
        if not language:
            return None
        found = self.by_language.get(language)
        return found or self.by_language.get(language[:2].lower())


def compose(
    texts: Texts,
    about: str,
    channel: Channel,
    *,
    branch: Branch,
    snapshot: Appointment | None,
    booking: int,
    choices: Sequence[tuple[str, datetime, str]] = (),
) -> Content:
    """Return the message of that key for the channel.

    `choices` are the visits of "which visit?", each with its start and time zone. Only messages of
    `WITHOUT_VISIT` may come without a snapshot. `parameters` are, for chats, what stands in
    place of {{1}}, {{2}}, … of `template_body`.
    """
    words = texts.words(branch, snapshot)
    family = FAMILY_OF[channel]
    pattern = words.message(about, family)
    link = None
    if snapshot is not None and "link" in pattern.facts:
        link = link_of(branch, snapshot.id, booking)
    facts = facts_of(words, branch, snapshot, link)
    if "visits" in pattern.facts:
        facts["visits"] = _visits(words.calendar, choices)
    text, values = pattern.fill(facts)
    is_chat = family is Family.CHAT
    buttons: tuple[Button, ...] = ()
    if is_chat and snapshot is not None and about in WITH_BUTTONS:
        buttons = tuple(
            [
                Button(answer, words.buttons[answer], button_payload(answer, booking, snapshot.id))
                for answer in BUTTONS
            ]
        )
    return Content(
        text=text,
        template=about,
        language=words.language,
        parameters=values if is_chat else (),
        buttons=buttons,
        link=link,
    )


def template_body(words: Words, about: str) -> str:
    """Return a chat message as a template's body, with {{1}}, {{2}}, … for its parameters."""
    return words.message(about, Family.CHAT).numbered()


def facts_of(
    words: Words, branch: Branch, snapshot: Appointment | None, link: str | None = None
) -> dict[str, str]:
    """Return the facts of a visit in words; without one, only those of the branch."""
    facts = {"clinic": _line(branch.name_in_messages or branch.name), "phone": _line(branch.phone)}
    if snapshot is None:
        return facts
    wall = local(snapshot.start, branch.timezone).replace(tzinfo=None)
    facts.update(_moment(words.calendar, wall))
    facts["name"] = _name(snapshot.patient)
    facts["doctor"] = _line(snapshot.doctor.name)
    facts["specialty"] = _specialty(snapshot.doctor.specialty)
    facts["state"] = words.states[snapshot.status]
    if link is not None:
        facts["link"] = link
    return facts


def _visits(calendar: Calendar, choices: Sequence[tuple[str, datetime, str]]) -> str:
    """List the visits, each at the clock of its own branch (rule W-1)."""
    starts = sorted({(start, zone) for _, start, zone in choices})
    walls = [local(start, zone).replace(tzinfo=None) for start, zone in starts]
    return "\n".join([calendar.visit.fill(_moment(calendar, wall))[0] for wall in walls])


@lru_cache(maxsize=8192)
def _moment(calendar: Calendar, wall: datetime) -> Facts:
    """Return a local time in words."""
    weekday = wall.weekday()
    facts = {
        "number": str(wall.day),
        "month": calendar.months[wall.month - 1],
        "weekday": calendar.weekdays[weekday],
        "on_weekday": calendar.on_weekdays[weekday],
        "time": f"{wall:%H:%M}",
    }
    facts["date"] = calendar.date.fill(facts)[0]
    facts["day"] = calendar.day.fill(facts)[0]
    facts["when"] = calendar.when.fill(facts)[0]
    return facts


def _line(text: str) -> str:
    """Return the text in one line: schedules hold line breaks, and templates refuse them."""
    return " ".join(text.split())


@lru_cache(maxsize=1024)
def _specialty(text: str) -> str:
    """Return a specialty as it stands inside a sentence; abbreviations keep their capitals."""
    text = _line(text)
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _name(patient: Person) -> str:
    """Return how to address the contact person: never with a surname (rule W-1)."""
    person = patient.contact_person
    names = f"{person.first_name} {person.middle_name}".split()
    surnames = f"{patient.last_name} {person.last_name}".casefold().split()
    return " ".join([name for name in names if name.casefold() not in surnames])


SAMPLE_DAY = datetime(2026, 11, 24, tzinfo=UTC).date()
_SAMPLE_TIME = time(14, 30)
_SAMPLE_ZONE = "Europe/Moscow"


def sample_branch(words: Words) -> Branch:
    """Return an example of a branch (rule W-2)."""
    return Branch(
        clinic="sample",
        id="sample",
        name=words.sample.clinic,
        timezone=_SAMPLE_ZONE,
        name_in_messages=words.sample.clinic,
        phone=words.sample.phone,
        language=words.language,
    )


def sample_visit(words: Words, branch: Branch | None = None) -> tuple[Branch, Appointment]:
    """Return a branch, the example where none is given, and an example of a visit there."""
    sample = words.sample
    branch = branch or sample_branch(words)
    start = at_local(SAMPLE_DAY, _SAMPLE_TIME, branch.timezone)
    patient = Person(
        id="sample",
        first_name=sample.first_name,
        middle_name=sample.middle_name,
        last_name=sample.last_name,
    )
    return branch, Appointment(
        id="sample",
        branch=branch.id,
        start=start,
        created=start - timedelta(days=4),
        patient=patient,
        doctor=Doctor(sample.doctor, sample.specialty),
    )


def sample_facts(words: Words) -> Facts:
    """Return the facts of the example visit."""
    branch, visit = sample_visit(words)
    return facts_of(words, branch, visit, link_of(branch, visit.id, 1))


def samples(words: Words, own: Branch | None = None) -> Iterator[tuple[str, Channel, Content]]:
    """Yield every message for every channel with the facts of the example visit (rule W-2).

    With a branch of the clinic's `own`, the visit is there.
    """
    branch, visit = sample_visit(words, own)
    texts = Texts({words.language: words})
    zone = branch.timezone
    later = visit.start + timedelta(hours=43)
    choices = ((visit.id, visit.start, zone), ("sample-2", later, zone))
    for about in ABOUTS:
        for channel, family in FAMILY_OF.items():
            if family in families_of(about):
                yield (
                    about,
                    channel,
                    compose(
                        texts,
                        about,
                        channel,
                        branch=branch,
                        snapshot=replace(visit, status=_status_of(about)),
                        booking=1,
                        choices=choices if about == "clarification.which_visit" else (),
                    ),
                )


def _status_of(about: str) -> Status:
    """Return the status in which a message is sent, for samples."""
    if about == "acknowledgement.conflict":
        return Status.CANCELLED
    return Status(about.removeprefix("state.")) if about in STATES else Status.UNCONFIRMED
