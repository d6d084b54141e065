"""Writes the generated parts of docs/ anew; with `--check` only says which are stale.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters import registry  # noqa: E402 (the project may not be installed)
from adapters.telephony.sip.results import table_as_markdown  # noqa: E402
from gateway.core.case import ATTEMPT_TRANSITIONS  # noqa: E402
from gateway.core.events import Receipt  # noqa: E402
from gateway.scripts import load_scripts, load_texts, messages_page, scripts_page  # noqa: E402


def attempt_states() -> str:
    """Draw the table of legal moves of one message or call."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> planned"]
    for state, moves in ATTEMPT_TRANSITIONS.items():
        by_target: dict[str, list[str]] = {}
        for event, target in moves.items():
            by_target.setdefault(target.value, []).append(event.value)
        for target, events in by_target.items():
            lines.append(f"    {state.value} --> {target}: {', '.join(events)}")
        if not moves:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```"])


def capabilities() -> str:
    """Draw what each message adapter can say as a table."""
    lines = [
        "| adapter | channel | text up to | buttons | patient known by | answers | receipts |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, cards in registry.CAPABILITIES.items():
        for card in cards:
            cells = [
                f"`{name}`",
                card.channel.value,
                str(card.text_max) + ("" if card.free_text else ", or a template"),
                str(card.buttons_max or "none"),
                "an id of its own" if card.by_account else "number",
                "yes" if card.receives else "no",
                ", ".join(receipt.value for receipt in Receipt if receipt in card.receipts)
                or "none",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


GENERATED: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/architecture.md", "attempt states"): attempt_states,
    ("docs/adapters.md", "capabilities"): capabilities,
    ("docs/sip.md", "sip results"): table_as_markdown,
    ("docs/voice.md", "dialogues"): lambda: scripts_page(load_scripts()),
    ("docs/messages.md", "samples"): lambda: messages_page(load_texts()),
}


def renewed(text: str, name: str, body: str) -> str:
    """Return `text` with the part called `name` replaced by `body`."""
    part = re.compile(
        rf"(<!-- generated: {re.escape(name)} -->\n)(?:.*?\n)?(<!-- end of {re.escape(name)} -->)",
        re.DOTALL,
    )
    new, count = part.subn(lambda match: f"{match[1]}\n{body}\n\n{match[2]}", text)
    if count != 1:
        raise SystemExit(f"docs: expected one generated part called {name!r}, found {count}")
    return new


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare; return the exit code."""
    stale = []
    for (file, name), generate in GENERATED.items():
        path = ROOT / file
        old = path.read_text(encoding="utf-8")
        new = renewed(old, name, generate())
        if new != old:
            stale.append(f"{file}: {name}")
            if "--check" not in arguments:
                path.write_text(new, encoding="utf-8")
    for line in stale:
        print(f"docs: {'stale' if '--check' in arguments else 'written'}: {line}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
