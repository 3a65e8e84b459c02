"""A connection list folded for people: ends that have the same connections together, the other ends by their ports.

Sets of endpoints are bit sets over positions in `ConnectionList.endpoints`, so that folding costs what the groups
cost and not what their rows would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.queries.results import ConnectionList, EndpointType, RowGroup
from netcheck.values.connections import ConnectionSet

MOST_ROWS_FOR_MARKS = 200_000
"""Above this many rows none is marked as depending on a switch: lists of this size do not say it."""

Marks = tuple[str, ...]
_Cells = dict[tuple[ConnectionSet, Marks], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """On these connections, with these other ends (positions); `depends_on` as in a row."""

    connections: ConnectionSet
    others: tuple[int, ...]
    depends_on: Marks = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Endpoints (positions) that have the same entries."""

    ends: tuple[int, ...]
    entries: tuple[Entry, ...]


def sections(found: ConnectionList, *, by_source: bool = False, without: int | None = None) -> tuple[Section, ...]:
    """Return the allowed connections by destination, or by source. An end without connections is in no section.

    `without` is an endpoint (position) that is left out as the other end.
    """
    hidden = 0 if without is None else 1 << without
    groups = [_turned(group, by_source) for group in found.groups]
    masks = [_mask(group.sources) & ~hidden for group in groups]
    members: dict[int, list[int]] = {}
    for number, group in enumerate(groups):
        for end in group.destinations:
            members.setdefault(end, []).append(number)
    marks = _marks(found, by_source)
    memo: dict[tuple[int, ...], _Cells] = {}
    alike: dict[tuple[Entry, ...], list[int]] = {}
    for end, numbers in sorted(members.items()):
        key = tuple(numbers)
        if key not in memo:
            memo[key] = _cells((masks[number], groups[number].connections) for number in numbers)
        cells = _marked(memo[key], marks.get(end, {}))
        alone = 0 if found.endpoints[end].several else 1 << end
        entries = _entries(cells, alone)
        if entries:
            alike.setdefault(_entries(cells, 0), []).append(end)
    made = (_section(found, ends, entries) for entries, ends in alike.items())
    return tuple(sorted(made, key=lambda section: section.ends))


def _section(found: ConnectionList, ends: list[int], entries: tuple[Entry, ...]) -> Section:
    """Return a section; an end of one pod, if it is the only end, is not listed as its own other end."""
    if len(ends) == 1 and not found.endpoints[ends[0]].several:
        kept = (
            Entry(connections=item.connections, depends_on=item.depends_on, others=others)
            for item in entries
            if (others := tuple(other for other in item.others if other != ends[0]))
        )
        return Section(ends=tuple(ends), entries=tuple(kept))
    return Section(ends=tuple(ends), entries=entries)


def _turned(group: RowGroup, by_source: bool) -> RowGroup:
    if not by_source:
        return group
    return RowGroup(sources=group.destinations, destinations=group.sources, connections=group.connections)


def always_own_node(found: ConnectionList, *, by_source: bool = False) -> int | None:
    """Return the own node's position iff every workload has all connections with it, whatever the CNI profile.

    Then a table says so once.
    """
    types = [endpoint.type for endpoint in found.endpoints]
    if EndpointType.OWN_NODE not in types:
        return None
    own = types.index(EndpointType.OWN_NODE)
    workloads = {position for position, kind in enumerate(types) if kind is EndpointType.WORKLOAD}
    turned = [_turned(group, by_source) for group in found.groups if group.connections == ConnectionSet.all()]
    reached = {end for group in turned if own in group.sources for end in group.destinations}
    marked = any(mask >> own & 1 for of_end in _marks(found, by_source).values() for mask in of_end.values())
    return own if workloads and workloads <= reached and not marked else None


def _mask(positions: Iterable[int]) -> int:
    mask = 0
    for position in positions:
        mask |= 1 << position
    return mask


def positions(mask: int) -> Iterator[int]:
    """Yield the positions of a bit set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


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
    if sum(len(group.sources) * len(group.destinations) for group in found.groups) > MOST_ROWS_FOR_MARKS:
        return {}
    marks: dict[int, dict[Marks, int]] = {}
    for row in found.rows():
        if row.depends_on:
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


def _entries(cells: _Cells, without: int) -> tuple[Entry, ...]:
    made = (
        Entry(connections=connections, depends_on=names, others=tuple(positions(mask & ~without)))
        for (connections, names), mask in cells.items()
        if mask & ~without
    )
    return tuple(sorted(made, key=lambda entry: (entry.others, str(entry.connections), entry.depends_on)))


def row_count(found: ConnectionList, folded: Iterable[Section]) -> int:
    """Return how many pairs the sections stand for."""
    return sum(
        sum(len(entry.others) - (end in entry.others and not found.endpoints[end].several) for entry in section.entries)
        for section in folded
        for end in section.ends
    )
