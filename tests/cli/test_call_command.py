"""`callahead call`: one test call from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.test_script_facts import facts_in


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("patient@127.0.0.1", "--to: must be sip:user@host"),
        ("8916", "--to: must be sip:user@host"),
        ("sip:@host", "--to: must be sip:user@host"),
        ("+79161234567", "--to: a number needs a trunk"),
    ],
)
def test_an_address_that_is_none_is_refused(
    command: Command, tmp_path: Path, to: str, problem: str
) -> None:
    done = command("call", "--to", to, "--facts", facts_in(tmp_path))
    assert done.code == 2
    assert problem in done.err


def test_without_facts_it_is_wrong_usage(command: Command) -> None:
    assert command("call", "--to", "sip:a@b").code == 2


@pytest.mark.timeout(60)
def test_a_telephone_that_is_not_there_is_told(command: Command, tmp_path: Path) -> None:
    done = command(
        "call", "--to", "sip:patient@127.0.0.1:9", "--facts", facts_in(tmp_path), "--json"
    )
    assert done.code == 1
    assert '"what": "not_placed"' in done.out
    assert "could not be placed" in done.err
