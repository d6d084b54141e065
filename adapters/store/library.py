"""The atomic steps of the store: Lua functions that live in the server.

The files in `lua/` make one library. Its name carries a digest of its text, so nodes of two
versions can work side by side, each with its own. The server keeps it over a restart and hands
it to its replicas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from adapters.store.connection import Argument, Caller, Command, Connection
from gateway.errors import StoreError

_FILES: Final = ("common.lua", "commit.lua", "claim.lua", "read.lua", "books.lua", "limits.lua")


@cache
def source() -> tuple[str, str]:
    """Return the version and the text of the library."""
    folder = resources.files("adapters.store") / "lua"
    body = "\n".join((folder / name).read_text("utf-8") for name in _FILES)
    version = hashlib.sha256(body.encode()).hexdigest()[:10]
    text = f"#!lua name=callahead_{version}\n" + body.replace("@VERSION@", version)
    return version, text


async def load(caller: Caller) -> None:
    """Load the library unless the server has it."""
    version, text = source()
    if not await caller.call("FUNCTION", "LIST", "LIBRARYNAME", f"callahead_{version}"):
        await caller.call("FUNCTION", "LOAD", "REPLACE", text)


class Library:
    """Calls the functions; loads them again when the server has lost them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = f"callahead_{source()[0]}_"

    async def call(
        self, name: str, tag: str, *arguments: Argument, after: Sequence[Command] = ()
    ) -> Any:
        """Run a function on the partition with that tag, `after` some plain commands."""
        command = ("FCALL", self._prefix + name, 1, tag + "due", *arguments)
        try:
            if after:
                return await self._connection.call_after(after, command)
            return await self._connection.call(*command)
        except StoreError as error:
            if "Function not found" not in str(error):
                raise
        await load(self._connection)
        return await self._connection.call_after(after, command)
