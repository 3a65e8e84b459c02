"""`diff`: which connections HEAD adds, removes and changes against BASE, with the objects that cause it.

Groups of equal change come from rectangles, never from a loop over pairs of pods. The first `MOST_EXPLAINED` pairs each
get a witness that the oracle has decided on both sides; what is more shares the causes of its group.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.queries.diff_causes import Explainer
from netcheck.queries.diff_cells import Cell, cells
from netcheck.queries.diff_results import Cause, ChangeType, ConnectionDiff, DiffGroup, DiffRow, UnknownRow, Why
from netcheck.queries.diff_sides import Sides
from netcheck.queries.diff_ways import changed_ways
from netcheck.queries.endpoints import Resolution
from netcheck.queries.unknowns import reasons as missing_facts
from netcheck.values.connections import ConnectionSet

MOST_EXPLAINED = 5_000
"""So many pairs of classes get a witness and causes of their own."""
_UNSAID = Reason(rule="NET-18", message="the policies that decide it differ, and what they decide is not known")


def diff(
    base: Cluster,
    head: Cluster,
    *,
    resolution: Resolution = Resolution.WORKLOAD,
    only: frozenset[str] = frozenset(),
    without: frozenset[str] = frozenset(),
) -> ConnectionDiff:
    """Return exactly the connections that differ between two clusters, and those of which that is not known.

    `only`, unless empty, names the namespaces of which some end must be one; `without` those of which no end may be.

    Raises:
        WitnessMismatch: the oracle contradicts the engine about a witness.
    """
    return _Differ(Sides(base, head, resolution), only, without).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Pairs of classes (bits) with one change, one flag and one explanation."""

    sources: int
    destinations: int
    before: int
    after: int
    workload: str
    why: Why


class _Differ:
    def __init__(self, sides: Sides, only: frozenset[str], without: frozenset[str]) -> None:
        self._sides = sides
        spaces = [item.endpoint.namespace for item in sides.joined]
        self._inside = [not only or space in only for space in spaces]
        self._outside = [space in without for space in spaces]
        self._explainer = Explainer(sides)
        self._left = MOST_EXPLAINED
        self._shared_rows = 0
        self._of_pair: dict[tuple[int, int], Why] = {}
        self._reasons: dict[tuple[int, int, bool], tuple[Reason, ...]] = {}
        gone = {
            flag: [n for n, item in enumerate(sides.joined) if item.workload == flag] for flag in ("added", "removed")
        }
        self._gone = {flag: frozenset(positions) for flag, positions in gone.items()}
        self._flagged = {
            flag: mask_of(n for n, members in enumerate(sides.members) if members[0] in positions)
            for flag, positions in self._gone.items()
        }

    def result(self) -> ConnectionDiff:
        found = [part for cell in cells(self._sides) for part in self._scoped(cell)]
        parts = [part for cell in found for part in self._parts(cell)]
        groups = [group for part in parts for group in self._groups(part)]
        every_way, unknown_ways = changed_ways(self._sides, self._explainer)
        ways = [row for row in every_way if self._is_reported(row.source, row.destination)]
        unknown = [*self._unknown(found)]
        unknown += [row for row in unknown_ways if self._is_reported(row.source, row.destination)]
        counts, opened = self._counted(groups, ways)
        return ConnectionDiff(
            endpoints=tuple(item.endpoint for item in self._sides.joined),
            groups=(*groups, *(_of_way(row) for row in ways)),
            unknown=tuple(sorted(unknown, key=lambda row: (row.source, row.destination, row.via))),
            row_source=lambda: self._rows(parts, ways),
            counts=counts,
            opened=opened,
            shared=self._shared_rows,
            only_base=self._gone["removed"],
            only_head=self._gone["added"],
        )

    # ---- scope -------------------------------------------------------------------------------------------------

    def _is_reported(self, source: int, destination: int) -> bool:
        excluded = self._outside[source] or self._outside[destination]
        return not excluded and (self._inside[source] or self._inside[destination])

    def _scoped(self, cell: Cell) -> Iterator[Cell]:
        """Yield what of a cell is in scope; the members of a class lie in one namespace."""
        members = self._sides.members
        shown = mask_of(number for number, some in enumerate(members) if not self._outside[some[0]])
        inside = mask_of(number for number, some in enumerate(members) if self._inside[some[0]])
        sources, destinations = cell.sources & shown, cell.destinations & shown
        for some, others in ((sources & inside, destinations), (sources & ~inside, destinations & inside)):
            if some and others:
                yield replace(cell, sources=some, destinations=others)

    # ---- explaining --------------------------------------------------------------------------------------------

    def _parts(self, cell: Cell) -> Iterator[_Part]:
        """Yield what of a cell differs, ends that come or go apart from those that stay, by explanation."""
        if cell.before == cell.after:
            return
        for flag, sources, destinations in self._by_flag(cell):
            by_why: dict[Why, dict[int, int]] = {}
            rest = 0
            for source in indexes(sources):
                if self._left < destinations.bit_count():
                    rest |= 1 << source
                    continue
                for destination in indexes(destinations):
                    self._left -= 1
                    why = self._why(source, destination, cell)
                    if why is not None:
                        shared = Why(causes=why.causes)
                        holders = by_why.setdefault(shared, {})
                        holders[destination] = holders.get(destination, 0) | 1 << source
            for why, holders in by_why.items():
                for some, others in _joined(holders):
                    yield self._part(cell, some, others, flag, why)
            if rest:
                part = self._part(cell, rest, destinations, flag, self._shared(rest, destinations, cell))
                self._shared_rows += self._size(part) - self._shown_in(part)
                yield part

    def _part(self, cell: Cell, sources: int, destinations: int, flag: str, why: Why) -> _Part:
        return _Part(
            sources=sources, destinations=destinations, before=cell.before, after=cell.after, workload=flag, why=why
        )

    def _by_flag(self, cell: Cell) -> Iterator[tuple[str, int, int]]:
        sources, destinations = cell.sources, cell.destinations
        for flag, bits in self._flagged.items():
            yield flag, sources & bits, destinations
            sources &= ~bits
            yield flag, sources, destinations & bits
            destinations &= ~bits
        yield "", sources, destinations

    def _why(self, source: int, destination: int, cell: Cell) -> Why | None:
        """Return the explanation of a pair of classes, None where no pair of endpoints stands for it."""
        pair = self._representative(source, destination)
        if pair is None:
            return None
        before, after = self._connections(cell.before), self._connections(cell.after)
        found = self._of_pair[source, destination] = self._explainer.why(*pair, before, after)
        return found

    def _shared(self, sources: int, destinations: int, cell: Cell) -> Why:
        """Return the causes of the first pair; its witness is not one of the others."""
        for source in indexes(sources):
            for destination in indexes(destinations):
                why = self._why(source, destination, cell)
                if why is not None:
                    return Why(causes=why.causes)
        return Why()

    def _shown_in(self, part: _Part) -> int:
        """Return how many pairs of a part that is explained by its first pair have the witness of that."""
        for source in indexes(part.sources):
            for destination in indexes(part.destinations):
                if (source, destination) in self._of_pair:
                    return self._size(replace(part, sources=1 << source, destinations=1 << destination))
        return 0

    def _representative(self, source: int, destination: int) -> tuple[int, int] | None:
        """Return a pair of positions that the classes stand for; not a pod with itself."""
        members = self._sides.members
        for one in members[source]:
            for other in members[destination]:
                if one != other or self._sides.joined[one].endpoint.several:
                    return one, other
        return None

    # ---- groups and rows ---------------------------------------------------------------------------------------

    def _connections(self, mask: int) -> ConnectionSet:
        return self._sides.ports.connections(mask)

    def _positions(self, classes: int) -> tuple[int, ...]:
        members = self._sides.members
        return tuple(sorted(position for number in indexes(classes) for position in members[number]))

    def _groups(self, part: _Part) -> Iterator[DiffGroup]:
        if size := self._size(part):
            yield self._group(part, size)

    def _group(self, part: _Part, size: int) -> DiffGroup:
        return DiffGroup(
            sources=self._positions(part.sources),
            destinations=self._positions(part.destinations),
            before=self._connections(part.before),
            after=self._connections(part.after),
            workload=part.workload,
            causes=part.why.causes,
            size=size,
            example=next((row for row in self._examples(part)), None),
        )

    def _examples(self, part: _Part) -> Iterator[DiffRow]:
        """Yield rows with a witness, if there are any."""
        for source, destination in self._of_pair:
            if part.sources >> source & 1 and part.destinations >> destination & 1:
                pair = self._representative(source, destination)
                if pair is not None:
                    rows = self._of_part(part, pair[0], source)
                    yield from (row for row in rows if row.destination == pair[1])

    def _size(self, part: _Part) -> int:
        sizes = (
            sum(len(self._sides.members[number]) for number in indexes(classes))
            for classes in (part.sources, part.destinations)
        )
        both = self._positions(part.sources & part.destinations)
        alone = sum(not self._sides.joined[position].endpoint.several for position in both)
        return math.prod(sizes) - alone

    def _counted(self, groups: Iterable[DiffGroup], ways: Iterable[DiffRow]) -> tuple[dict[ChangeType, int], int]:
        counts: Counter[ChangeType] = Counter()
        opened = 0
        for group in groups:
            counts[group.type] += group.size
            opened += group.size if group.opens else 0
        for row in ways:
            counts[row.type] += 1
            opened += row.opens
        return {kind: counts[kind] for kind in ChangeType}, opened

    def _rows(self, parts: list[_Part], ways: list[DiffRow]) -> Iterator[DiffRow]:
        """Yield the rows by source, destination and way; those of one source at a time."""
        of_source: dict[int, list[_Part]] = {}
        class_of: dict[int, int] = {}
        for part in parts:
            for number in indexes(part.sources):
                of_source.setdefault(number, []).append(part)
        for number, members in enumerate(self._sides.members):
            class_of.update(dict.fromkeys(members, number))
        through: dict[int, list[DiffRow]] = {}
        for row in ways:
            through.setdefault(row.source, []).append(row)
        for source in range(len(self._sides.joined)):
            number = class_of.get(source, -1)
            rows = [row for part in of_source.get(number, ()) for row in self._of_part(part, source, number)]
            rows += through.get(source, ())
            yield from sorted(rows, key=lambda row: (row.destination, row.via))

    def _of_part(self, part: _Part, source: int, number: int) -> Iterator[DiffRow]:
        before, after = self._connections(part.before), self._connections(part.after)
        for other in indexes(part.destinations):
            why = self._of_pair.get((number, other), part.why)
            for destination in self._sides.members[other]:
                if source != destination or self._sides.joined[source].endpoint.several:
                    yield DiffRow(
                        source=source,
                        destination=destination,
                        before=before,
                        after=after,
                        workload=part.workload,
                        why=why,
                    )

    # ---- what is not known -------------------------------------------------------------------------------------

    def _unknown(self, found: Iterable[Cell]) -> Iterator[UnknownRow]:
        for cell in found:
            if not cell.open:
                continue
            connections = self._connections(cell.open)
            for source in indexes(cell.sources):
                for destination in indexes(cell.destinations):
                    yield from self._unknown_rows(source, destination, connections, may_open=bool(cell.opens))

    def _unknown_rows(
        self, source: int, destination: int, connections: ConnectionSet, *, may_open: bool
    ) -> Iterator[UnknownRow]:
        sides = self._sides
        why: tuple[Reason, ...] | None = None
        for one in sides.members[source]:
            for other in sides.members[destination]:
                if one != other or sides.joined[one].endpoint.several:
                    why = why if why is not None else self._missing(source, destination, connections)
                    yield UnknownRow(
                        source=one, destination=other, connections=connections, reasons=why, may_open=may_open
                    )

    def _missing(self, source: int, destination: int, connections: ConnectionSet) -> tuple[Reason, ...]:
        found: set[Reason] = set()
        for side in self._sides.pair():
            one, other = self._sides.element(side, source), self._sides.element(side, destination)
            if one is not None and other is not None:
                key = (one, other, side is self._sides.head)
                if key not in self._reasons:
                    self._reasons[key] = missing_facts(side.engine, one, other)
                found |= set(self._reasons[key])
        found |= set(self._sides.open_reasons(source, destination))
        if not found:
            pair = self._representative(source, destination)
            found = self._explainer.missing(*pair, connections) if pair is not None else found
        return tuple(sorted(found, key=lambda reason: (reason.rule, reason.message))) or (_UNSAID,)


def _joined(holders: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield (sources, destinations) for destination -> sources, equal sources together."""
    found: dict[int, int] = {}
    for destination, sources in holders.items():
        found[sources] = found.get(sources, 0) | 1 << destination
    yield from found.items()


def _of_way(row: DiffRow) -> DiffGroup:
    causes: tuple[Cause, ...] = row.why.causes
    return DiffGroup(
        sources=(row.source,),
        destinations=(row.destination,),
        before=row.before,
        after=row.after,
        workload=row.workload,
        via=row.via,
        limits=row.limits,
        causes=causes,
        example=row,
    )
