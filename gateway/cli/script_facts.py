"""A dialogue and facts as the commands `say` and `call` take them."""

from __future__ import annotations

from pathlib import Path

from gateway.core.pattern import Facts
from gateway.errors import InvalidInput, Problem
from gateway.ivr.script import Script
from gateway.ports.schema_facts import missing_from, read_facts
from gateway.scripts import CALL_SCRIPT, LANGUAGES, load_scripts, read_scripts
from gateway.settings import Loaded


def script_and_facts(loaded: Loaded, name: str, file: Path) -> tuple[Script, Facts]:
    """Return the dialogue of that name, such as confirm_visit.ru, and the facts of a file.

    Raises `InvalidInput` when one of them is not there or a fact is missing that a sentence needs.
    """
    script = _script(loaded, name)
    source = str(file)
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(Problem("", error.strerror or "cannot be read"), source=source) from None
    except UnicodeDecodeError:
        raise InvalidInput(Problem("", "is not UTF-8 text"), source=source) from None
    facts = read_facts(text, source, script.language)
    named = frozenset(
        fact for state in script.states.values() for line in state.say for fact in line.facts
    )
    missing = missing_from(facts, named)
    if missing:
        raise InvalidInput(*(Problem(fact, "is missing") for fact in missing), source=source)
    return script, facts


def _script(loaded: Loaded, name: str) -> Script:
    own = loaded.settings.scripts
    scripts = load_scripts() if own is None else read_scripts(loaded.folder / own)
    script, _, language = name.partition(".")
    if script != CALL_SCRIPT or language not in scripts.by_language:
        known = ", ".join(f"{CALL_SCRIPT}.{language}" for language in LANGUAGES)
        raise InvalidInput(Problem("--script", f"must be one of {known}"))
    return scripts.by_language[language]
