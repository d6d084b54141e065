"""Waiting rooms and limits of the memory store.

A `Room` here is one waiting room of one branch: who waits, by rank, and which of its slots are in
use until when. A message slot is in use for `PACE_WINDOW`, a line for `LINE_LEASE` or until it
is given back. `Rooms` knows which of a partition's rooms may be served, and when.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush

from adapters.store.keys import LINE_LEASE, PACE_WINDOW, quote
from gateway.ports.store import Room

AT_ONCE = datetime(1, 1, 1, tzinfo=UTC)
"""`ready_at` of a room that has to be looked at."""


@dataclass(slots=True)
class BranchRoom:
    """One waiting room of one branch; `limit` slots may be in use at once."""

    kind: Room
    clinic: str
    branch: str
    name: str
    limit: int
    ready_at: datetime | None = None  # None: nobody waits, or no slot will ever be free
    waiting: dict[str, float] = field(default_factory=dict)
    heap: list[tuple[float, str]] = field(default_factory=list)
    used: list[tuple[datetime, str]] = field(default_factory=list)  # (frees at, token), sorted
    tokens: dict[str, datetime] = field(default_factory=dict)  # the same by token

    def put(self, member: str, rank: float) -> None:
        """Let a member wait, or move it to another rank."""
        if self.waiting.get(member) != rank:
            self.waiting[member] = rank
            heappush(self.heap, (rank, member))
            if len(self.heap) > 2 * len(self.waiting) + 64:
                self.heap = [(rank, name) for name, rank in self.waiting.items()]
                heapify(self.heap)

    def pop(self) -> str:
        """Take the member with the lowest rank, ties by name; somebody must be waiting."""
        while True:
            rank, member = heappop(self.heap)
            if self.waiting.get(member) == rank:
                del self.waiting[member]
                return member

    def free(self, now: datetime) -> int:
        """Return how many slots are free, and set `ready_at` by that."""
        used = self.used
        if used and used[0][0] <= now:
            over = bisect_right(used, now, key=_frees_at)
            for _, token in used[:over]:
                del self.tokens[token]
            del used[:over]
        left = self.limit - len(used)
        if not self.waiting or self.limit <= 0:
            self.ready_at = None
        elif left <= 0:
            self.ready_at = used[-left][0]
        return max(0, left)

    def use(self, token: str, now: datetime) -> None:
        """Take a slot into use."""
        self.give_back(token)
        at = now + (LINE_LEASE if self.kind is Room.CALL else PACE_WINDOW)
        insort(self.used, (at, token))
        self.tokens[token] = at

    def give_back(self, token: str) -> None:
        """Free a slot before its time; one that is free already stays so."""
        at = self.tokens.pop(token, None)
        if at is not None:
            del self.used[bisect_left(self.used, (at, token))]


def _ready_since(room: BranchRoom) -> tuple[datetime, str]:
    return room.ready_at or AT_ONCE, room.name


def _frees_at(entry: tuple[datetime, str]) -> datetime:
    return entry[0]


class Rooms:
    """The waiting rooms of one partition."""

    def __init__(self, limit_of: Callable[[Room, str, str], int]) -> None:
        self._rooms: dict[tuple[Room, str, str], BranchRoom] = {}
        self._named: dict[str, BranchRoom] = {}
        self._ready: dict[Room, list[tuple[datetime, str]]] = {kind: [] for kind in Room}
        self._limit_of = limit_of
        self._tokens = 0
        self.sated: frozenset[tuple[str, str]] = frozenset()
        """Branches (clinic, branch) whose messages the node that claims has enough of."""

    def of(self, kind: Room, clinic: str, branch: str) -> BranchRoom:
        """Return a branch's room."""
        room = self._rooms.get((kind, clinic, branch))
        if room is None:
            name = f"{kind.value}:{quote(clinic)}:{branch}"
            limit = self._limit_of(kind, clinic, branch)
            room = BranchRoom(kind, clinic, branch, name, limit)
            self._rooms[kind, clinic, branch] = self._named[name] = room
        return room

    def enter(self, room: BranchRoom, member: str, rank: float) -> None:
        """Let a member wait in a room."""
        room.put(member, rank)
        if room.ready_at is None:
            self._schedule(room, AT_ONCE)

    def leave(self, room: BranchRoom, member: str) -> None:
        """Let a member wait no longer."""
        if room.waiting.pop(member, None) is not None and not room.waiting:
            room.ready_at = None

    def give_back(self, room: BranchRoom, token: str) -> None:
        """Free a slot, and look whether somebody waits for it."""
        room.give_back(token)
        self.poke(room)

    def poke(self, room: BranchRoom) -> None:
        """Have a room looked at by the next claim."""
        if room.waiting:
            self._schedule(room, AT_ONCE)

    def relimit(self, clinic: str) -> None:
        """Apply the new limits of a clinic."""
        for room in self._rooms.values():
            if room.clinic == clinic:
                room.limit = self._limit_of(room.kind, clinic, room.branch)
                self.poke(room)

    def ready(self, now: datetime, kinds: Iterable[Room] = Room) -> BranchRoom | None:
        """Return the first room of these kinds in which somebody can be served now."""
        found = [room for kind in kinds if (room := self._first(kind, now)) is not None]
        return min(found, key=_ready_since, default=None)

    def _first(self, kind: Room, now: datetime) -> BranchRoom | None:
        queue = self._ready[kind]
        passed: list[tuple[datetime, str]] = []
        found: BranchRoom | None = None
        while queue and queue[0][0] <= now:
            at, name = queue[0]
            room = self._named[name]
            is_current = room.ready_at == at
            if is_current and self._is_sated(room):
                passed.append(heappop(queue))
                continue
            if is_current and room.free(now) and room.waiting:
                found = room
                break
            heappop(queue)
            if is_current and room.ready_at is not None:
                self._schedule(room, room.ready_at)
        for entry in passed:
            heappush(queue, entry)
        return found

    def _is_sated(self, room: BranchRoom) -> bool:
        return room.kind is Room.MESSAGE and (room.clinic, room.branch) in self.sated

    def next_at(self, kinds: Iterable[Room] = Room) -> datetime | None:
        """Return when a room of these kinds may be served next; call `ready` before."""
        times: list[datetime] = []
        for kind in kinds:
            queue = self._ready[kind]
            while queue and self._named[queue[0][1]].ready_at != queue[0][0]:
                heappop(queue)
            if queue and self._is_sated(self._named[queue[0][1]]):
                times += self._others(queue)
            elif queue:
                times.append(queue[0][0])
        return min(times, default=None)

    def _others(self, queue: list[tuple[datetime, str]]) -> list[datetime]:
        """When the rooms of a queue may be served, but those of which a node has enough."""
        rooms = ((at, self._named[name]) for at, name in queue)
        return [at for at, room in rooms if room.ready_at == at and not self._is_sated(room)]

    def serve(
        self, now: datetime, limit: int, kinds: Iterable[Room] = Room
    ) -> list[tuple[BranchRoom, str, str]]:
        """Grant up to `limit` slots; return room, member and token of each."""
        granted: list[tuple[BranchRoom, str, str]] = []
        while len(granted) < limit and (room := self.ready(now, kinds)) is not None:
            for _ in range(min(room.free(now), len(room.waiting), limit - len(granted))):
                member = room.pop()
                token = member if room.kind is Room.CALL else self._token()
                room.use(token, now)
                granted.append((room, member, token))
        return granted

    def waiting(self) -> int:
        """Return how many entries wait in all rooms."""
        return sum(len(room.waiting) for room in self._rooms.values())

    def _token(self) -> str:
        self._tokens += 1
        return str(self._tokens)

    def _schedule(self, room: BranchRoom, at: datetime) -> None:
        room.ready_at = at
        heappush(self._ready[room.kind], (at, room.name))
