"""Writes the generated parts of docs/ anew; with `--check` only says which are stale.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gateway.core.case import ATTEMPT_TRANSITIONS  # noqa: E402 (the project may not be installed)
from gateway.scripts import load_scripts, scripts_page  # noqa: E402


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


GENERATED: dict[tuple[str, str], Callable[[], str]] = {
    ("docs/architecture.md", "attempt states"): attempt_states,
    ("docs/voice.md", "dialogues"): lambda: scripts_page(load_scripts()),
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
