"""Texts and dialogues as files of `ivr_scripts/` (rules C-3, W-2, W-3).

`messages.<language>.yaml` holds what messages say, `confirm_visit.<language>.yaml` the dialogue of
the confirmation call. A clinic's own folder may hold any of them; the others are the product's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import yaml

from gateway.core.model import Channel
from gateway.core.segments import sms_segments
from gateway.core.texts import words_of
from gateway.core.wording import (
    ABOUTS,
    FACTS,
    FAMILY_OF,
    FIRST_WORD,
    MAY_BE_EMPTY,
    Family,
    Texts,
    Words,
    samples,
    template_body,
)
from gateway.errors import InvalidInput, Problem
from gateway.ivr.diagram import diagram
from gateway.ivr.reading import script_of, scripts_of
from gateway.ivr.script import CALL_FACTS, Script, Scripts
from gateway.ivr.script import MAY_BE_UNKNOWN as MAY_BE_UNKNOWN_IN_CALLS
from gateway.ports.yaml_lines import read_document

SCRIPTS_FOLDER = Path(__file__).resolve().parent.parent / "ivr_scripts"
"""Beside the code, in a checkout as in an installed wheel."""

LANGUAGES = ("ru", "en")
"""The languages that come with the product; the first one speaks when none fits."""


CALL_SCRIPT = "confirm_visit"

_Read = TypeVar("_Read")


@lru_cache(maxsize=1)
def load_texts() -> Texts:
    """Return the texts that come with the product."""
    return read_folder(SCRIPTS_FOLDER)


@lru_cache(maxsize=1)
def load_scripts() -> Scripts:
    """Return the dialogues that come with the product."""
    return read_scripts(SCRIPTS_FOLDER)


def read_folder(folder: Path) -> Texts:
    """Return the texts of a folder; raise `InvalidInput` for the first file that is wrong."""
    by_language = {}
    for language in LANGUAGES:
        text, source = _file(folder, f"messages.{language}.yaml")
        words = read_words(text, source)
        _same_language(words.language, language, text, source)
        by_language[language] = words
    return Texts(by_language)


def read_scripts(folder: Path) -> Scripts:
    """Return the dialogues of a folder; raise `InvalidInput` for the first file that is wrong."""
    found = []
    for language in LANGUAGES:
        text, source = _file(folder, f"{CALL_SCRIPT}.{language}.yaml")
        script = read_script(text, source)
        _same_language(script.language, language, text, source)
        found.append(script)
    try:
        return scripts_of(found)
    except InvalidInput as error:
        raise InvalidInput(*error.problems, source=f"{CALL_SCRIPT}.*.yaml") from None


def read_words(text: str, source: str) -> Words:
    """Return the words of one file; raise `InvalidInput` that says all that is wrong with it."""
    return _read(text, source, words_of)


def read_script(text: str, source: str) -> Script:
    """Return the dialogue of one file; raise `InvalidInput` that says all that is wrong."""
    return _read(text, source, script_of)


def _file(folder: Path, source: str) -> tuple[str, str]:
    """Return a file of the folder, or the product's own where the folder has none."""
    file = folder / source
    if not file.is_file():
        file = SCRIPTS_FOLDER / source
    return file.read_text(encoding="utf-8"), source


def _same_language(written: str, language: str, text: str, source: str) -> None:
    if written != language:
        rows = enumerate(text.splitlines(), 1)
        line = next((number for number, row in rows if row.startswith("language:")), None)
        problem = Problem("language", f"{written!r} in the file of {language!r}", line)
        raise InvalidInput(problem, source=source)


def _read(text: str, source: str, read: Callable[[object], _Read]) -> _Read:
    data = read_document(text, source).data
    try:
        return read(data)
    except InvalidInput as error:
        lines = dict(_fields(yaml.compose(text, Loader=yaml.SafeLoader), ""))
        problems = [
            Problem(problem.field, problem.message, _line(problem.field, lines))
            for problem in error.problems
        ]
        raise InvalidInput(*problems, source=source) from None


def _fields(node: yaml.Node | None, field: str) -> Iterator[tuple[str, int]]:
    """Yield every field, with the names above it, and the line it stands on.

    Names may hold dots (`acknowledgement.confirm`), so a field is looked up by its whole name.
    """
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{field}.{key.value}" if field else str(key.value)
            yield name, key.start_mark.line + 1
            yield from _fields(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            name = f"{field}[{number}]"
            yield name, item.start_mark.line + 1
            yield from _fields(item, name)


def _line(field: str, lines: Mapping[str, int]) -> int | None:
    """Return the line of a field or, if it is missing, of what it is missing from."""
    while field and field not in lines:
        field = field[: max(field.rfind("."), field.rfind("["), 0)]
    return lines.get(field)


WHEN_SENT: dict[str, str] = {
    "details": "soon after the visit appears in the schedule",
    "confirmation": "on the day before the visit",
    "reminder": "two hours before the visit",
    "reschedule_link": "after key 2 in a call",
    "acknowledgement.confirm": "after the answer 1",
    "acknowledgement.reschedule": "after the answer 2",
    "acknowledgement.cancel": "after the answer 3",
    "acknowledgement.opt_out": 'after «стоп» or "stop"',
    "acknowledgement.opt_in": 'after «старт» or "start"',
    "acknowledgement.conflict": "when the schedule did not take the answer",
    "acknowledgement.linked": "in MAX or Telegram, once the chat is known to be the patient's",
    "clarification.options": "after an answer that was not understood",
    "clarification.which_visit": "after a clear answer that may be about several visits",
    "clarification.repeat": "after the answer 0",
    "clarification.number": "in MAX or Telegram, to a person whom nobody knows, once a day",
    "clarification.not_own_contact": "the same, after somebody else's contact",
    "clarification.not_linked": "the same, where a contact proves no number (MAX by default)",
    "state.unconfirmed": "after an answer that came too late: the visit is not confirmed",
    "state.confirmed": "the same: the visit is confirmed",
    "state.reschedule_requested": "the same: another time was asked for",
    "state.cancelled": "the same: the visit is cancelled",
    "state.arrived": "the same: the patient has arrived",
    "state.completed": "the same: the visit has taken place",
    "state.no_show": "the same: the patient did not come",
    "state.moved": "the same: the visit was moved to another time",
    "state.removed": "the same: the visit is not in the schedule",
    "state.begun": "the same: the visit has begun",
    "clinic_phone": "to a number without visits, once a day",
}
"""Per message, when a patient gets it."""

_TITLES = {"ru": "Примеры сообщений: русский", "en": "Samples: English"}
_SHOWN = {Channel.WHATSAPP: "Chat", Channel.SMS: "SMS", Channel.PUSH: "Push"}


def messages_page(texts: Texts) -> str:
    """Return the generated part of docs/messages.md: facts, and messages as patients get them."""
    lines = ["| fact | what it is | may be unknown |", "| --- | --- | --- |"]
    lines += [
        f"| `{{{name}}}` | {what} | {'yes' if name in MAY_BE_EMPTY else ''} |"
        for name, what in FACTS.items()
    ]
    lines += ["", "## When each message is sent", "", "| message | sent |", "| --- | --- |"]
    lines += [f"| `{about}` | {WHEN_SENT[about]} |" for about in ABOUTS]
    for words in texts.by_language.values():
        lines += ["", f"## {_TITLES[words.language]}", *_sample_lines(words)]
        lines += ["", f"### WhatsApp templates ({words.language})", *_template_lines(words)]
    return "\n".join(lines)


def _sample_lines(words: Words) -> Iterator[str]:
    shown = ""
    for about, channel, content in samples(words):
        if channel not in _SHOWN:
            continue
        if about != shown:
            shown = about
            yield from ("", f"### `{about}`")
        note = ""
        if channel is Channel.SMS:
            length = sms_segments(content.text)
            note = (
                f" ({length.units} units of {length.encoding}, parts: {length.count}, "
                f"left: {length.left})"
            )
        if content.buttons:
            note = f", with the buttons {', '.join(button.title for button in content.buttons)}"
        yield from ("", f"{_SHOWN[channel]}{note}:", "", "```text", content.text, "```")


def _template_lines(words: Words) -> Iterator[str]:
    parameters = {
        about: content.parameters
        for about, channel, content in samples(words)
        if FAMILY_OF[channel] is Family.CHAT
    }
    for about in ABOUTS:
        if about in FIRST_WORD:
            yield from ("", f"`{about}`:", "", "```text", template_body(words, about), "```", "")
            for number, value in enumerate(parameters[about], 1):
                yield f"- {{{{{number}}}}}: {value}"


def scripts_page(scripts: Scripts) -> str:
    """Return the generated part of docs/voice.md: facts, the diagram, and what is said."""
    lines = ["| fact | what it is | may be unknown |", "| --- | --- | --- |"]
    lines += [
        f"| `{{{name}}}` | {what} | {'yes' if name in MAY_BE_UNKNOWN_IN_CALLS else ''} |"
        for name, what in CALL_FACTS.items()
    ]
    for script in scripts.by_language.values():
        lines += ["", f"## `{script.name}.{script.language}`", ""]
        lines += ["```mermaid", diagram(script), "```"]
    return "\n".join(lines)
