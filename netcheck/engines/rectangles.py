"""From the tables of both directions to rectangles: sets of sources x sets of destinations x ports.

A flow passes iff its source's egress table and its destination's ingress table both let it pass. Tables with equal
parts are merged first, so the cost follows the number of different rules, never the number of pairs of pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.tables import Table
from netcheck.logic.atoms import indexes, runs


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
        for into in index.candidates(targets, ports):
            source = sources & into.peers
            if not source:
                continue
            destination = targets & into.subjects
            if not destination:
                continue
            mask = ports & into.mask
            if mask:
                key = (source, destination)
                met[key] = met.get(key, 0) | mask
        found += _by_mask(met)
    return found


def _by_mask(met: dict[tuple[int, int], int]) -> Iterable[Rectangle]:
    """Merge what one side meets: the same sources and ports towards several destinations."""
    merged: dict[tuple[int, int], int] = {}
    for (source, destination), mask in met.items():
        key = (source, mask)
        merged[key] = merged.get(key, 0) | destination
    return (Rectangle(source, destination, mask) for (source, mask), destination in merged.items())


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
    """Finds the ingress sides that can meet given destinations and ports: by whichever of the two leaves fewer.

    Sides with many destinations (such as everything that is not isolated) are few, and are always tried. Ports are
    bucketed in blocks of atoms, so that many rules with a port of their own do not all meet each other.
    """

    _MANY = 64
    _BLOCK = 64

    def __init__(self, ingress: Sequence[Side]) -> None:
        self._wide = [side for side in ingress if side.subjects.bit_count() > self._MANY]
        self._narrow = [side for side in ingress if side.subjects.bit_count() <= self._MANY]
        self._by_destination: dict[int, list[int]] = {}
        self._by_block: dict[int, list[int]] = {}
        self._covered = 0
        for number, side in enumerate(self._narrow):
            self._covered |= side.subjects
            for element in indexes(side.subjects):
                self._by_destination.setdefault(element, []).append(number)
            for block in self._blocks(side.mask):
                self._by_block.setdefault(block, []).append(number)

    def _blocks(self, mask: int) -> Iterable[int]:
        for first, last in runs(mask):
            yield from range(first // self._BLOCK, last // self._BLOCK + 1)

    def candidates(self, destinations: int, mask: int) -> Iterable[Side]:
        """Return a superset of the sides that share a destination and a port with what is given."""
        reachable = destinations & self._covered
        if not reachable:
            return self._wide
        lists = self._fewer(reachable, mask)
        numbers = lists[0] if len(lists) == 1 else {number for found in lists for number in found}
        return [*self._wide, *(self._narrow[number] for number in numbers)]

    def _fewer(self, destinations: int, mask: int) -> list[list[int]]:
        by_port = [self._by_block.get(block, []) for block in dict.fromkeys(self._blocks(mask))]
        if destinations.bit_count() > sum(map(len, by_port)):
            return by_port
        by_destination = [self._by_destination[element] for element in indexes(destinations)]
        return min(by_port, by_destination, key=lambda lists: sum(map(len, lists)))
