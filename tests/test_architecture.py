"""What holds for the whole tree: who imports whom, what has a test, what the docs promise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.rules import BEHAVIOUR, rules_in

ROOT = Path(__file__).parents[1]
LINES_MAX = 500  # a longer file holds more than one concern

TESTED_ELSEWHERE = {
    "adapters/store/binaries.py": "test_embedded.py starts the server that it finds",
    "adapters/store/library.py": "test_connection.py and test_redis_store.py load and lose it",
    "adapters/store/memory_limits.py": "a part of both stores; conformance_limits.py",
    "adapters/store/redis_limits.py": "a part of both stores; conformance_limits.py",
    "adapters/store/memory_partition.py": "the inside of memory_store.py; test_stores_agree.py",
    "adapters/store/memory_rooms.py": "the inside of memory_store.py; test_stores_agree.py",
    "adapters/store/redis_books.py": "the inside of redis_store.py; test_stores_agree.py",
    "gateway/__main__.py": "hands over to gateway/cli.py; test_readme_commands_exist starts it",
    "gateway/core/events.py": "types only; tests/core and tests/scenarios use every one",
    "gateway/core/model.py": "types only; tests/core and tests/scenarios use every one",
    "gateway/ports/messaging.py": "a Protocol; tests/contracts runs every adapter against it",
    "gateway/ports/schedule.py": "a Protocol; tests/contracts runs every adapter against it",
    "gateway/ports/speech.py": "a Protocol; tests/contracts runs every adapter against it",
    "gateway/ports/store.py": "a Protocol; tests/contracts runs every adapter against it",
    "gateway/ports/telephony.py": "a Protocol; tests/contracts runs every adapter against it",
    "gateway/ports/webhook.py": "a Protocol; tests/contracts runs every adapter against it",
}

NOT_OURS = {".git", ".venv", "build", "data", "dist", "node_modules", "__pycache__"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's folder, without a terminal."""
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def project_files() -> list[str]:
    """Return every file that is, or is about to be, under version control."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = set(listed.stdout.split("\0")) - {""}
        if listed.returncode == 0:
            return sorted(name for name in names if (ROOT / name).is_file())
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS and name[0] != "."]
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in files]
    return sorted(found)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


FILES = project_files()
MODULES = [name for name in FILES if re.fullmatch(r"(gateway|adapters)/.*\.py", name)]
CODE_MODULES = [name for name in MODULES if not name.endswith("/__init__.py")]
PYPROJECT = tomllib.loads(read("pyproject.toml"))


# Direction and size


def test_imports_go_downwards_only() -> None:
    """The contracts of pyproject.toml hold."""
    linted = run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo")
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("name", MODULES)
def test_a_file_has_one_concern(name: str) -> None:
    lines = len(read(name).splitlines())
    assert lines <= LINES_MAX, f"{name} has {lines} lines: split it by meaning"


# Tests


def covers(test: Path, module: str) -> bool:
    """Say whether a test module belongs to a module, by its place and name.

    `tests/core/test_reply.py` covers `gateway/core/reply.py` and `gateway/core/reply_words.py`;
    `tests/core/test_decide_calls.py` covers `gateway/core/decide.py`.
    """
    path = Path(module)
    place = Path("tests", *(path.parts[1:] if path.parts[0] == "gateway" else path.parts)).parent
    subject = test.stem.removeprefix("test_")
    return test.parent == place and (
        path.stem == subject
        or path.stem.startswith(subject + "_")
        or subject.startswith(path.stem + "_")
    )


@pytest.mark.parametrize("module", CODE_MODULES)
def test_every_module_has_a_test_module(module: str) -> None:
    tests = [Path(name) for name in FILES if re.fullmatch(r"tests/(.*/)?test_\w+\.py", name)]
    tested = any(covers(test, module) for test in tests)
    assert tested or module in TESTED_ELSEWHERE, f"no test module for {module}"


def test_rules_named_anywhere_exist() -> None:
    """Comments, docstrings and documents name only rules that docs/behaviour.md states."""
    known = set(rules_in(BEHAVIOUR.read_text(encoding="utf-8")))
    mention = re.compile(r"\brules? ((?:[A-Z]-\d+)(?:(?:, | and |/)[A-Z]-\d+)*)")
    unknown = {
        f"{name}: {rule}"
        for name in FILES
        if name.endswith((".py", ".md", ".lua", ".yaml"))
        for mentioned in mention.findall(read(name))
        for rule in re.findall(r"[A-Z]-\d+", mentioned)
        if rule not in known
    }
    assert not unknown


def test_the_rules_are_read() -> None:
    """A change of the document's form must not silently empty the list of rules."""
    rules = rules_in(BEHAVIOUR.read_text(encoding="utf-8"))
    assert len(rules) == len(set(rules))
    assert {rule[0] for rule in rules} == set("GDCURWHSPTQZV")


# What is published


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    parts = ("pypi .org", "python hosted.org", "registry. npmjs", "deb. debian")
    hosts = [part.replace(" ", "") for part in parts]
    places = r"(?<![\w.}\])/-])/(?:root|home|opt|work|Users)/\w|file:" + "//"
    forbidden = re.compile("|".join([*map(re.escape, hosts), places]))
    found = [f"{name}: {match[0]}" for name in FILES for match in forbidden.finditer(read(name))]
    assert not found


def normal(name: str) -> str:
    """Return a package name as the locks write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", read(name), re.MULTILINE))


def wanted(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in requirements}  # type: ignore[index]


def test_locks_hold_every_dependency_and_nothing_but_pins_and_hashes() -> None:
    run_lock, dev_lock = locked("requirements/run.lock"), locked("requirements/dev.lock")
    runtime = wanted(PYPROJECT["project"]["dependencies"] + PYPROJECT["build-system"]["requires"])
    assert runtime <= set(run_lock)
    assert wanted(PYPROJECT["dependency-groups"]["dev"]) <= set(dev_lock)
    assert run_lock.items() <= dev_lock.items()
    pin = re.compile(r"[\w.-]+==\S+( ; .*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")
    for name in ("requirements/run.lock", "requirements/dev.lock"):
        odd = [line for line in read(name).splitlines() if not pin.fullmatch(line)]
        assert not odd, f"{name}: {odd[:3]}"


def test_the_table_of_dependencies_is_current() -> None:
    row = re.compile(r"^\| (\w[\w.-]*) \|[^|]*\| ([0-9][^| ]*) \|", re.MULTILINE)
    rows = dict(row.findall(read("docs/dependencies.md")))
    versions = locked("requirements/dev.lock")
    direct = wanted(
        PYPROJECT["project"]["dependencies"]
        + PYPROJECT["build-system"]["requires"]
        + PYPROJECT["dependency-groups"]["dev"]
    )
    assert {normal(name): version for name, version in rows.items()} == {
        name: versions[name] for name in direct
    }


def test_generated_docs_are_current() -> None:
    checked = run(sys.executable, "scripts/docs.py", "--check")
    assert checked.returncode == 0, f"run `make docs`:\n{checked.stdout}{checked.stderr}"


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name in FILES
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(name))
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert not broken


# Commands

TARGETS = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))


def test_make_has_the_promised_targets() -> None:
    promised = {"run", "test", "quick", "lock", "docs", "bench", "clean", "help"}
    assert promised <= TARGETS


def code_in(name: str) -> str:
    """Return the code blocks and the inline code of a document."""
    text = read(name)
    return "\n".join(re.findall(r"```.*?```", text, re.S) + re.findall(r"`[^`\n]+`", text))


DOCUMENTS = [name for name in FILES if name.endswith(".md")]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_commands_in_documents_exist(name: str) -> None:
    used = set(re.findall(r"(?:^|`|\$ )make ([a-z-]+)", code_in(name), re.MULTILINE))
    assert used <= TARGETS


def commands_in(name: str) -> set[str]:
    """Return the words of every `callahead` command in a document, up to its first argument."""
    word = r"[a-z][a-z-]*(?![\w./=:@])"
    pattern = rf"(?:^|`|\$ |&& )callahead ({word}(?: {word})*)"
    return set(re.findall(pattern, code_in(name), re.MULTILINE))


@pytest.mark.parametrize("command", sorted(commands_in("README.md")))
def test_readme_commands_exist(command: str) -> None:
    asked = run(sys.executable, "-m", "gateway", *command.split(), "--help")
    assert asked.returncode == 0, asked.stderr
