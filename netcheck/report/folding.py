"""A connection list folded for people: ends that have the same connections together, the other ends by their ports.

Sets of endpoints are bit sets over positions in `ConnectionList.endpoints`, so that folding costs what the groups
cost and not what their rows would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.queries.results import ConnectionList, EndpointType, Row, RowGroup
from netcheck.values.connections import ConnectionSet

Marks = tuple[str, ...]
_Cells = dict[tuple[ConnectionSet, Marks], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """On these connections, with these other ends (a bit set of positions); `depends_on` as in a row."""

    connections: ConnectionSet
    mask: int
    depends_on: Marks = ()

    @property
    def others(self) -> tuple[int, ...]:
        """The positions of the other ends, ascending."""
        return tuple(positions(self.mask))


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Endpoints (positions) that have the same entries."""

    ends: tuple[int, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A folded list.

    Attributes:
        pairs: how many allowed pairs the list has.
        own_node: the own node's position iff every workload has all connections with it, whatever the CNI profile:
            then it is left out as the other end of `sections`, to be said once.
    """

    sections: tuple[Section, ...]
    pairs: int
    own_node: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Ways in of one object with the same ports: from each of `sources` to each of `destinations` (bit sets)."""

    via: str
    connections: ConnectionSet
    sources: int
    destinations: int


def ways_in(rows: Iterable[Row]) -> tuple[Ways, ...]:
    """Return rows with a `via` folded: by object and ports, then the destinations with the same sources."""
    cells: dict[tuple[str, ConnectionSet, int], int] = {}
    for row in rows:
        key = (row.via, row.connections, row.destination)
        cells[key] = cells.get(key, 0) | 1 << row.source
    joined: dict[tuple[str, ConnectionSet, int], int] = {}
    for (via, connections, destination), sources in cells.items():
        found = (via, connections, sources)
        joined[found] = joined.get(found, 0) | 1 << destination
    made = (
        Ways(via=via, connections=connections, sources=sources, destinations=destinations)
        for (via, connections, sources), destinations in joined.items()
    )
    return tuple(sorted(made, key=lambda way: (way.via, _first(way.destinations), str(way.connections), way.sources)))


def fold(found: ConnectionList, *, by_source: bool = False) -> Folded:
    """Return the allowed connections folded by destination, or by source. An end without connections is in no section."""
    folding = _Folding(found, by_source)
    whole = folding.sections()
    own_node = _always_own_node(found, whole)
    shown = whole if own_node is None else folding.sections(without=own_node)
    return Folded(sections=shown, pairs=row_count(found, whole), own_node=own_node)


class _Folding:
    """The groups of one list, seen from one side."""

    def __init__(self, found: ConnectionList, by_source: bool) -> None:
        self._found = found
        self._groups = [_turned(group, by_source) for group in found.groups]
        self._masks = [bit_set(group.sources) for group in self._groups]
        self._marks = _marks(found, by_source)
        self._members: dict[int, list[int]] = {}
        for number, group in enumerate(self._groups):
            for end in group.destinations:
                self._members.setdefault(end, []).append(number)

    def sections(self, *, without: int | None = None) -> tuple[Section, ...]:
        """Return the sections; `without` is left out as the other end."""
        shown = ~0 if without is None else ~(1 << without)
        memo: dict[tuple[int, ...], _Cells] = {}
        alike: dict[tuple[Entry, ...], list[int]] = {}
        for end, numbers in sorted(self._members.items()):
            key = tuple(numbers)
            if key not in memo:
                memo[key] = _cells((self._masks[n] & shown, self._groups[n].connections) for n in numbers)
            cells = _marked(memo[key], self._marks.get(end, {}))
            itself = 0 if self._found.endpoints[end].several else 1 << end
            if any(mask & ~itself for mask in cells.values()):
                alike.setdefault(_entries(cells), []).append(end)
        made = (_section(self._found, ends, entries) for entries, ends in alike.items())
        return tuple(sorted(made, key=lambda section: section.ends))


def _section(found: ConnectionList, ends: list[int], entries: tuple[Entry, ...]) -> Section:
    """Return a section; an end of one pod, if it is the only end, is not listed as its own other end."""
    if len(ends) == 1 and not found.endpoints[ends[0]].several:
        kept = (
            Entry(connections=item.connections, depends_on=item.depends_on, mask=mask)
            for item in entries
            if (mask := item.mask & ~(1 << ends[0]))
        )
        return Section(ends=tuple(ends), entries=tuple(kept))
    return Section(ends=tuple(ends), entries=entries)


def _turned(group: RowGroup, by_source: bool) -> RowGroup:
    if not by_source:
        return group
    return RowGroup(sources=group.destinations, destinations=group.sources, connections=group.connections)


def _always_own_node(found: ConnectionList, folded: Iterable[Section]) -> int | None:
    types = [endpoint.type for endpoint in found.endpoints]
    if EndpointType.OWN_NODE not in types:
        return None
    own = types.index(EndpointType.OWN_NODE)
    workloads = {position for position, kind in enumerate(types) if kind is EndpointType.WORKLOAD}
    for section in folded:
        for entry in section.entries:
            if entry.mask >> own & 1 and entry.connections == ConnectionSet.all() and not entry.depends_on:
                workloads.difference_update(section.ends)
    return own if not workloads and EndpointType.WORKLOAD in types else None


def bit_set(positions: Iterable[int]) -> int:
    """Return the bit set of some positions: through bytes, since setting bits of wide integers one by one is quadratic."""
    chosen = list(positions)
    if not chosen:
        return 0
    data = bytearray(max(chosen) // 8 + 1)
    for position in chosen:
        data[position >> 3] |= 1 << (position & 7)
    return int.from_bytes(data, "little")


def positions(mask: int) -> Iterator[int]:
    """Yield the positions of a bit set, ascending: through its text, since shifting wide integers is quadratic."""
    text = bin(mask)[:1:-1]
    found = text.find("1")
    while found >= 0:
        yield found
        found = text.find("1", found + 1)


def _cells(parts: Iterable[tuple[int, ConnectionSet]]) -> _Cells:
    """Return connections -> those that have exactly these, where parts may overlap."""
    cells: dict[ConnectionSet, int] = {}
    for mask, connections in parts:
        rest = mask
        for present, holders in list(cells.items()):
            both = holders & rest
            if both:
                cells[present] &= ~both
                joined = present | connections
                cells[joined] = cells.get(joined, 0) | both
                rest &= ~both
        if rest:
            cells[connections] = cells.get(connections, 0) | rest
    return {(connections, ()): mask for connections, mask in cells.items() if mask}


def _marks(found: ConnectionList, by_source: bool) -> dict[int, dict[Marks, int]]:
    """Return end -> switches -> the other ends for which the row depends on them."""
    marks: dict[int, dict[Marks, int]] = {}
    for row in found.marked_rows():
        end, other = (row.source, row.destination) if by_source else (row.destination, row.source)
        of_end = marks.setdefault(end, {})
        of_end[row.depends_on] = of_end.get(row.depends_on, 0) | 1 << other
    return marks


def _marked(cells: _Cells, marks: dict[Marks, int]) -> _Cells:
    if not marks:
        return cells
    out: _Cells = {}
    for (connections, _), mask in cells.items():
        rest = mask
        for names, others in marks.items():
            if mask & others:
                out[connections, names] = mask & others
                rest &= ~others
        if rest:
            out[connections, ()] = rest
    return out


def _entries(cells: _Cells) -> tuple[Entry, ...]:
    made = (Entry(connections=connections, depends_on=names, mask=mask) for (connections, names), mask in cells.items())
    return tuple(sorted(made, key=lambda entry: (_first(entry.mask), str(entry.connections), entry.depends_on)))


def _first(mask: int) -> int:
    return (mask & -mask).bit_length()


def row_count(found: ConnectionList, folded: Iterable[Section]) -> int:
    """Return how many pairs the sections stand for."""
    return sum(
        sum(len_ - bool(mask >> end & 1 and not found.endpoints[end].several) for len_, mask in sized)
        for section, sized in ((s, [(e.mask.bit_count(), e.mask) for e in s.entries]) for s in folded)
        for end in section.ends
    )
