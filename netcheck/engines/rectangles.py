"""From the tables of both directions to rectangles: sets of sources x sets of destinations x ports.

A flow passes iff its source's egress table and its destination's ingress table both let it pass. Tables with equal
parts are merged first, so the cost follows the number of different rules, never the number of pairs of pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.tables import Table
from netcheck.logic.atoms import indexes


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
    index = _DestinationIndex(ingress)
    found: dict[tuple[int, int], int] = {}
    for out in egress:
        sources, targets = out.subjects & within, out.peers & within
        if not sources or not targets:
            continue
        for into in index.candidates(targets, out.mask):
            mask = out.mask & into.mask
            if not mask:
                continue
            source = sources & into.peers
            if not source:
                continue
            destination = targets & into.subjects
            if destination:
                key = (source, mask)
                found[key] = found.get(key, 0) | destination
    return _merge(found)


def _merge(found: dict[tuple[int, int], int]) -> list[Rectangle]:
    """Merge rectangles that differ in their sources only, then those that differ in their ports only."""
    by_target: dict[tuple[int, int], int] = {}
    for (source, mask), destination in found.items():
        key = (destination, mask)
        by_target[key] = by_target.get(key, 0) | source
    by_ends: dict[tuple[int, int], int] = {}
    for (destination, mask), source in by_target.items():
        ends = (source, destination)
        by_ends[ends] = by_ends.get(ends, 0) | mask
    return sorted(Rectangle(source, destination, mask) for (source, destination), mask in by_ends.items())


class _DestinationIndex:
    """Finds the ingress sides that can meet given destinations and ports.

    Wide sides (many destinations, such as everything that is not isolated) are few and always tried; the others are
    found through their destinations, or all tried where that is cheaper.
    """

    _WIDE = 64

    def __init__(self, ingress: Sequence[Side]) -> None:
        self._all = ingress
        self._wide: list[Side] = []
        self._narrow: list[Side] = []
        self._by_destination: dict[int, list[int]] = {}
        self._covered = 0
        for side in ingress:
            if side.subjects.bit_count() > self._WIDE:
                self._wide.append(side)
                continue
            number = len(self._narrow)
            self._narrow.append(side)
            self._covered |= side.subjects
            for element in indexes(side.subjects):
                self._by_destination.setdefault(element, []).append(number)

    def candidates(self, destinations: int, mask: int) -> Iterable[Side]:
        del mask
        reachable = destinations & self._covered
        if reachable.bit_count() * 4 > len(self._narrow):
            return self._all
        numbers: set[int] = set()
        for element in indexes(reachable):
            numbers.update(self._by_destination[element])
        return [*self._wide, *(self._narrow[number] for number in sorted(numbers))]
