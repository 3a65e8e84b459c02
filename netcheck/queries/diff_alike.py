"""Where what is unknown on both sides is the same unknown: the same ends under policies that do the same.

Policies that differ do the same to an end iff they isolate it alike and what they let pass in each direction is certain
and equal: then every policy of unknown effect beside them, itself the same, makes the same of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from netcheck.engines.tables import Part, Table
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.logic.ir import Kind
from netcheck.model.policy import Direction
from netcheck.queries.diff_sides import ClassBits, Side, Sides

_FAMILIES = (4, 6)
_Agreement = tuple[tuple[int, int], ...]
"""Peers (classes as bits, disjoint) and the ports on which both sides do the same about them."""


class Alike:
    """Tells the pairs of classes apart of which what is unknown may differ."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._all = (1 << len(sides.classes)) - 1
        self._of: dict[tuple[int, Direction], _Agreement] = {}

    def parts(self, sources: int, destinations: int, ports: int) -> Iterator[tuple[int, int, int]]:
        """Yield a rectangle in disjoint parts, each with those of `ports`, unknown on both sides, that may differ."""
        for some, others, same in self._by_readers(sources, destinations):
            yield from _unless_empty((some & ~same, others, ports), (some & same, others & ~same, ports))
            for one, other, agreed in self._by_policies(some & same, others & same):
                yield one, other, ports & ~agreed

    # ---- the ends ----------------------------------------------------------------------------------------------

    def _by_readers(self, sources: int, destinations: int) -> Iterator[tuple[int, int, int]]:
        """Yield parts of a rectangle with the classes that are the same to whoever may read the ends there."""
        out, into = self._clouded(Direction.EGRESS), self._clouded(Direction.INGRESS)
        clear = _unless_empty((sources & ~out, destinations & ~into, self._same_ends))
        clouded = _unless_empty((sources & out, destinations, 0), (sources & ~out, destinations & into, 0))
        yield from clear
        for some, others, _ in clouded:
            hosts = self._hosts
            rest = (some & ~hosts, others & ~hosts, self._same_to_anybody)
            at_nodes = (
                (some & hosts, others, self._same_at_nodes),
                (some & ~hosts, others & hosts, self._same_at_nodes),
            )
            yield from _unless_empty(rest, *at_nodes)

    def _clouded(self, direction: Direction) -> int:
        return self._out if direction is Direction.EGRESS else self._into

    @cached_property
    def _out(self) -> int:
        return self._clouded_by(Direction.EGRESS)

    @cached_property
    def _into(self) -> int:
        return self._clouded_by(Direction.INGRESS)

    def _clouded_by(self, direction: Direction) -> int:
        """Return the classes that a policy of unknown effect may select, on some side."""
        sides = self._sides
        if not any(side.cluster.opaque for side in sides.pair()):
            return 0
        return mask_of(n for n in range(len(sides.classes)) if self._clouding(n, direction))

    def _clouding(self, number: int, direction: Direction) -> frozenset[str]:
        found: frozenset[str] = frozenset()
        for side in self._sides.pair():
            element = self._sides.element(side, number)
            if element is not None:
                found |= side.clouding(element, direction)
        return found

    @cached_property
    def _same_ends(self) -> int:
        return mask_of(n for n in range(len(self._sides.classes)) if self._sides.is_same_end(n))

    @cached_property
    def _same_to_anybody(self) -> int:
        return mask_of(n for n in indexes(self._same_ends) if self._sides.is_same_to_anybody(n, at_node=False))

    @cached_property
    def _same_at_nodes(self) -> int:
        return mask_of(n for n in indexes(self._same_to_anybody) if self._sides.is_same_to_anybody(n, at_node=True))

    @cached_property
    def _hosts(self) -> int:
        """The classes whose address is a node's: towards them it matters where a pod runs."""
        kinds = (Kind.NODE, Kind.OWN_NODE, Kind.HOST_POD)
        return mask_of(n for n in range(len(self._sides.classes)) if self._kind(n) in kinds)

    def _kind(self, number: int) -> Kind:
        side, element = next(
            (side, element) for side in self._sides.pair() if (element := self._sides.element(side, number)) is not None
        )
        inner = element < side.universe.atom_offset
        return side.universe.elements[element].kind if inner else Kind.EXTERNAL

    # ---- the policies ------------------------------------------------------------------------------------------

    def _by_policies(self, sources: int, destinations: int) -> Iterator[tuple[int, int, int]]:
        """Yield parts of a rectangle with the ports on which the policies of both directions do the same."""
        for some, others, sent in self._split(Direction.EGRESS, sources, destinations):
            for receivers, senders, received in self._split(Direction.INGRESS, others, some):
                yield senders, receivers, sent & received

    def _split(self, direction: Direction, subjects: int, peers: int) -> Iterator[tuple[int, int, int]]:
        """Yield (subjects, peers, ports on which the policies that select the subjects do the same)."""
        unchanged = self._unchanged_out if direction is Direction.EGRESS else self._unchanged_into
        yield from _unless_empty((subjects & unchanged, peers, -1))
        together: dict[_Agreement, int] = {}
        for number in indexes(subjects & ~unchanged):
            agreement = self._agreement(number, direction)
            together[agreement] = together.get(agreement, 0) | 1 << number
        for agreement, holders in together.items():
            rest = peers
            for agreed, ports in agreement:
                yield from _unless_empty((holders, rest & agreed, ports))
                rest &= ~agreed
            yield from _unless_empty((holders, rest, 0))

    @cached_property
    def _unchanged_out(self) -> int:
        return self._unchanged(Direction.EGRESS)

    @cached_property
    def _unchanged_into(self) -> int:
        return self._unchanged(Direction.INGRESS)

    def _unchanged(self, direction: Direction) -> int:
        """Return the classes that the same policies select in a direction on both sides, all known to do the same."""
        changed = self._sides.changed_policies
        numbers = range(len(self._sides.classes))
        return mask_of(n for n in numbers if not self._sides.selecting(n, direction) & changed)

    def _agreement(self, number: int, direction: Direction) -> _Agreement:
        key = (number, direction)
        found = self._of.get(key)
        if found is None:
            found = self._of[key] = self._agreed(number, direction)
        return found

    def _agreed(self, number: int, direction: Direction) -> _Agreement:
        """Return on which ports changed NetworkPolicies do the same about which peers; nothing where others changed."""
        sides = self._sides
        elements = [sides.element(side, number) for side in sides.pair()]
        base, head = elements
        if base is None or head is None or not sides.same_resolutions:
            return ()
        if sides.selecting(number, direction) & sides.changed_in_order:
            return ()
        clouded = bool(self._clouding(number, direction))
        pieces = [(-1, self._all)]
        for version in _FAMILIES:
            before = sides.base.without_opaque.tables(base, direction, version)
            after = sides.head.without_opaque.tables(head, direction, version)
            for old, new in zip(before, after, strict=True):
                if clouded and not self._isolate_alike(old, new, (base, head), version):
                    return ()
                pieces = list(_both(pieces, list(self._equal(old, new))))
        return tuple(_partition(pieces, self._all))

    def _isolate_alike(self, old: Table, new: Table, elements: tuple[int, int], version: int) -> bool:
        """Return whether on both sides some NetworkPolicy selects the end for certain, or on both none may."""
        isolated = []
        for side, table, element in zip(self._sides.pair(), (old, new), elements, strict=True):
            lowering = side.without_opaque.lowering
            if any(not lowering.bounds(stage.subject, version)[0] >> element & 1 for stage in table.stages):
                return False
            names = {item.label for item in side.cluster.policies}
            isolated.append(any(stage.origin.policy in names for stage in table.stages))
        return isolated[0] == isolated[1]

    def _equal(self, old: Table, new: Table) -> Iterator[tuple[int, int]]:
        """Yield disjoint ports, with the peers that are let through for certain on both sides or on neither."""
        ours, theirs = (
            [self._in_classes(side, part) for part in _whole(side, table)]
            for side, table in zip(self._sides.pair(), (old, new), strict=True)
        )
        for mask, must, may in ours:
            for other, other_must, other_may in theirs:
                if mask & other:
                    yield mask & other, must & other_must | self._all & ~may & ~other_may

    def _in_classes(self, side: Side, part: Part) -> tuple[int, int, int]:
        bits = self._bits[side is self._sides.head]
        return self._sides.mask(side, part.mask), bits.of(part.must), bits.of(part.may)

    @cached_property
    def _bits(self) -> tuple[ClassBits, ClassBits]:
        return ClassBits(self._sides, self._sides.base), ClassBits(self._sides, self._sides.head)


def _unless_empty(*parts: tuple[int, int, int]) -> Iterator[tuple[int, int, int]]:
    yield from (part for part in parts if part[0] and part[1])


def _whole(side: Side, table: Table) -> Iterator[Part]:
    """Yield the parts of a table, and one of the ports that are in none: there nobody is let through."""
    rest = side.universe.ports.everything
    for part in table.parts:
        rest &= ~part.mask
        yield part
    yield Part(rest, 0, 0)


def _both(one: Iterable[tuple[int, int]], other: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for mask, peers in one:
        for other_mask, others in other:
            if mask & other_mask:
                yield mask & other_mask, peers & others


def _partition(pieces: Iterable[tuple[int, int]], everybody: int) -> Iterator[tuple[int, int]]:
    """Yield disjoint peers with all ports that they have in pieces."""
    found = {everybody: 0}
    by_ports: dict[int, int] = {}
    for mask, peers in pieces:
        by_ports[peers] = by_ports.get(peers, 0) | mask
    for peers, mask in by_ports.items():
        cut: dict[int, int] = {}
        for held, ports in found.items():
            for some, more in ((held & peers, mask), (held & ~peers, 0)):
                if some:
                    cut[some] = ports | more
        found = cut
    yield from ((peers, ports) for peers, ports in found.items() if ports)
