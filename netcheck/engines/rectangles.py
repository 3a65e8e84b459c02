"""From the tables of both directions to rectangles: sets of sources x sets of destinations x ports.

A flow passes iff its source's egress table and its destination's ingress table both let it pass. Tables with equal
parts are merged first, so the cost follows the number of different rules, never the number of pairs of pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netcheck.engines.tables import Table
from netcheck.logic.atoms import indexes, runs
from netcheck.logic.classes import mask_of


@dataclass(frozen=True, slots=True, order=True)
class Rectangle:
    """Every flow from an element of `sources` to one of `destinations` on a port of `mask`."""

    sources: int
    destinations: int
    mask: int


@dataclass(frozen=True, slots=True)
class Side:
    """`subjects` let through what their `peers` and `mask` say, in one direction."""

    subjects: int
    peers: int
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """One direction of all tables, merged: what must pass, what may pass, and what may but need not."""

    must: tuple[Side, ...]
    may: tuple[Side, ...]
    open: tuple[Side, ...]


def sides(tables: Iterable[Table], unrestricted: int, everything: int, all_ports: int) -> Sides:
    """Return the merged sides of `tables` and of the elements that no policy can have as subject."""
    must: dict[tuple[int, int], int] = {(everything, all_ports): unrestricted}
    may: dict[tuple[int, int], int] = {(everything, all_ports): unrestricted}
    possible: dict[tuple[int, int], int] = {}
    for table in tables:
        for part in table.parts:
            _add(must, part.must, part.mask, table.subjects)
            _add(may, part.may, part.mask, table.subjects)
            _add(possible, part.may & ~part.must, part.mask, table.subjects)
    return Sides(must=_sides(must), may=_sides(may), open=_sides(possible))


def _add(found: dict[tuple[int, int], int], peers: int, mask: int, subjects: int) -> None:
    if peers:
        key = (peers, mask)
        found[key] = found.get(key, 0) | subjects


def _sides(found: dict[tuple[int, int], int]) -> tuple[Side, ...]:
    return tuple(Side(subjects, peers, mask) for (peers, mask), subjects in found.items() if subjects)


def join(egress: Sequence[Side], ingress: Sequence[Side], within: int) -> list[Rectangle]:
    """Return rectangles that hold exactly the flows within `within` x `within` that both sides let pass."""
    index = _Index(ingress)
    found: list[Rectangle] = []
    for out in egress:
        sources, targets, ports = out.subjects & within, out.peers & within, out.mask
        if not sources or not targets:
            continue
        met: dict[tuple[int, int], int] = {}
        for into in index.candidates(sources, targets, ports):
            source, destination = sources & into.peers, targets & into.subjects
            if source and destination and (mask := ports & into.mask):
                key = (source, ports if mask == ports else mask)  # one object for equal masks: they can be wide
                met[key] = met.get(key, 0) | destination
        found += (Rectangle(source, destination, mask) for (source, mask), destination in met.items())
    return found


def merge(rectangles: Iterable[Rectangle]) -> list[Rectangle]:
    """Return fewer rectangles that hold the same flows, sorted: equal in two of their three sides they become one."""
    by_ends: dict[tuple[int, int], int] = {}
    for item in rectangles:
        key = (item.sources, item.destinations)
        by_ends[key] = by_ends.get(key, 0) | item.mask
    by_source: dict[tuple[int, int], int] = {}
    for (sources, destinations), mask in by_ends.items():
        key = (sources, mask)
        by_source[key] = by_source.get(key, 0) | destinations
    by_target: dict[tuple[int, int], int] = {}
    for (sources, mask), destinations in by_source.items():
        key = (destinations, mask)
        by_target[key] = by_target.get(key, 0) | sources
    found = [(sources, destinations, mask) for (destinations, mask), sources in by_target.items()]
    return [Rectangle(*item) for item in sorted(found)]


class _Index:
    """Finds the ingress sides that can meet given sources, destinations and ports, by bit sets over the sides.

    Sides with many destinations (such as everything that is not isolated) are few, and are always tried. Ports are
    bucketed in blocks of atoms, so that many rules with a port of their own do not all meet each other.
    """

    _MANY = 64
    _BLOCK = 64
    _FEW_SIDES = 256
    _MOST_CELLS = 30_000_000

    def __init__(self, ingress: Sequence[Side]) -> None:
        self._wide = [side for side in ingress if side.subjects.bit_count() > self._MANY]
        self._narrow = [side for side in ingress if side.subjects.bit_count() <= self._MANY]
        destinations: dict[int, list[int]] = {}
        ports: dict[int, list[int]] = {}
        for number, side in enumerate(self._narrow):
            for element in indexes(side.subjects):
                destinations.setdefault(element, []).append(number)
            for block in self._blocks(side.mask):
                ports.setdefault(block, []).append(number)
        self._by_destination = {element: mask_of(numbers) for element, numbers in destinations.items()}
        self._by_block = {block: mask_of(numbers) for block, numbers in ports.items()}
        self._covered = mask_of(destinations)
        self._by_source = self._transposed()
        self._memo: dict[int, int] = {}

    def _blocks(self, mask: int) -> Iterable[int]:
        for first, last in runs(mask):
            yield from range(first // self._BLOCK, last // self._BLOCK + 1)

    def _transposed(self) -> list[int]:
        """Return for each element the sides that have it as a peer; nothing where that would cost more than it saves."""
        width = max((side.peers.bit_length() for side in self._narrow), default=0)
        if not len(self._narrow) > self._FEW_SIDES or len(self._narrow) * width > self._MOST_CELLS:
            return []
        rows = [format(side.peers, f"0{width}b") for side in reversed(self._narrow)]
        return [int("".join(column), 2) for column in zip(*rows, strict=True)][::-1]

    def candidates(self, sources: int, destinations: int, mask: int) -> Iterable[Side]:
        """Return a superset of the sides that share a source, a destination and a port with what is given."""
        reachable = destinations & self._covered
        found = self._memo.get(reachable)
        if found is None:
            found = self._memo[reachable] = _any(self._by_destination, indexes(reachable))
        found &= _any(self._by_block, dict.fromkeys(self._blocks(mask)))
        if self._by_source:
            found &= _any(self._by_source, [e for e in indexes(sources) if e < len(self._by_source)])
        return [*self._wide, *(self._narrow[number] for number in indexes(found))]


def _any(sets: Mapping[int, int] | Sequence[int], chosen: Iterable[int]) -> int:
    found = 0
    if isinstance(sets, Mapping):
        for key in chosen:
            found |= sets.get(key, 0)
        return found
    for key in chosen:
        found |= sets[key]
    return found
