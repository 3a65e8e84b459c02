"""The set engine: exact answers for all pairs, as rectangles, and for single pairs.

Answers are three-valued: `allowed` in every completion of the missing facts, `unknown` where completions differ, and
denied otherwise. Where a profile switch is unknown every value is a completion of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

from netcheck.engines.lowering import Lowering, labellings
from netcheck.engines.rectangles import Rectangle, Side, Sides, join, merge, sides
from netcheck.engines.tables import DirectionTables, Table
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import Universe
from netcheck.logic.ir import AllOf, AnyOf, Mode, NamespaceLabels, Not, Predicate, Program
from netcheck.logic.translate import resolutions, translate
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction
from netcheck.model.profile import Profile
from netcheck.values.connections import ConnectionSet
from netcheck.values.labels import LabelSelector

_FAMILIES = (4, 6)
MAX_JUDGED_AGAIN = 20_000
"""Above this many pairs that read the same unknown labels on both sides, such pairs stay unknown unexamined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMasks:
    """The ports, as atoms, on which flows between two elements must pass, and may but need not."""

    allowed: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """All pairs of elements of which at least one is a pod; pairs in neither list are denied.

    Rectangles of one list may overlap; a flow in `allowed` is allowed even if `unknown` holds it too.
    """

    allowed: tuple[Rectangle, ...]
    unknown: tuple[Rectangle, ...]


class SetEngine:
    """Answers about the elements of one universe.

    `pods` restricts the universe to some pods (positions in `cluster.pods`): what a question about few ends needs.
    """

    def __init__(
        self, cluster: Cluster, pods: Iterable[int] | None = None, *, universe: Universe | None = None
    ) -> None:
        self.cluster = cluster
        programs = [translate(cluster, profile) for profile in resolutions(cluster)]
        self.universe = universe or Universe(cluster, programs, pods)
        self._worlds = [_World(program, self.universe) for program in programs]

    def under(self, profile: Profile) -> SetEngine:
        """Return the engine of the same cluster under another profile; the universe is shared.

        Switches change which kinds of endpoints a predicate is about, never which labels, ports or addresses occur.
        """
        return SetEngine(replace(self.cluster, profile=profile), universe=self.universe)

    def to_own_node(self) -> dict[int, int]:
        """Return for each class of pods the ports on which flows to its own node are allowed, without any join."""
        found = [world.to_own_node() for world in self._worlds]
        return {element: _all(masks[element] for masks in found) for element in range(self.universe.pod_count)}

    @cached_property
    def matrix(self) -> Matrix:
        """Everything that is allowed and everything that is unknown."""
        if len(self._worlds) == 1:
            return self._worlds[0].matrix()
        return self._combined(self._worlds)

    def _combined(self, worlds: Sequence[_World]) -> Matrix:
        """Allowed in every world; unknown where some world may allow it: computed per pair, for such profiles only."""
        tables = [world.pairs() for world in worlds]
        allowed, unknown = [], []
        for pair in sorted({pair for table in tables for pair in table}):
            found = [table.get(pair, PairMasks(allowed=0, unknown=0)) for table in tables]
            merged = _combine(found)
            source, destination = 1 << pair[0], 1 << pair[1]
            if merged.allowed:
                allowed.append(Rectangle(source, destination, merged.allowed))
            if merged.unknown:
                unknown.append(Rectangle(source, destination, merged.unknown))
        return Matrix(allowed=tuple(allowed), unknown=tuple(unknown))

    def pair(self, source: int, destination: int) -> PairMasks:
        """Return the ports on which flows from one element to another (or its own like) are allowed or unknown."""
        return _combine([world.pair(source, destination) for world in self._worlds])

    def connections(self, mask: int) -> ConnectionSet:
        """Return the connections of a port mask."""
        return self.universe.ports.connections(mask)

    def is_isolated(self, element: int, direction: Direction) -> bool:
        """Return whether some policy selects the element in `direction`, in some world."""
        return any(world.table(element, direction, 4).restricted for world in self._worlds)

    def table(self, element: int, direction: Direction, version: int = 4) -> Table:
        """Return the table of one element under the first resolution of the profile."""
        return self._worlds[0].table(element, direction, version)

    def tables(self, element: int, direction: Direction, version: int) -> tuple[Table, ...]:
        """Return the tables of one element, one for each resolution of the profile."""
        return tuple(world.table(element, direction, version) for world in self._worlds)

    @property
    def lowering(self) -> Lowering:
        """The lowering of the first resolution of the profile."""
        return self._worlds[0].lowering

    @property
    def program(self) -> Program:
        """The program of the first resolution of the profile."""
        return self._worlds[0].program


def _combine(found: Sequence[PairMasks]) -> PairMasks:
    allowed, possible = found[0].allowed, 0
    for item in found:
        allowed &= item.allowed
        possible |= item.allowed | item.unknown
    return PairMasks(allowed=allowed, unknown=possible & ~allowed)


def _all(masks: Iterable[int]) -> int:
    found = -1
    for mask in masks:
        found &= mask
    return found


class _World:
    """One program over the universe: every switch decided."""

    def __init__(self, program: Program, universe: Universe, lowering: Lowering | None = None) -> None:
        self.program = program
        self._universe = universe
        self.lowering = lowering or Lowering(universe)
        self._with_labels: dict[tuple[str, tuple[tuple[str, str], ...]], _World] = {}
        self._directions = {direction: DirectionTables(program, direction, self.lowering) for direction in Direction}
        self._one: dict[tuple[int, Direction, int], Table] = {}
        self._in_order = any(
            group.mode is Mode.FIRST_MATCH and group.stages
            for direction in Direction
            for group in program.pipeline(direction).groups
        )
        self._family = {version: universe.family_bits(version) for version in _FAMILIES}
        self._pods = (1 << universe.pod_count) - 1
        self._inner = (1 << universe.atom_offset) - 1

    def table(self, element: int, direction: Direction, version: int) -> Table:
        key = (element, direction, version)
        found = self._one.get(key)
        if found is None:
            found = self._one[key] = self._directions[direction].table_of(element, version)
        return found

    # ---- one pair ----------------------------------------------------------------------------------------------

    def pair(self, source: int, destination: int) -> PairMasks:
        families = [v for v in _FAMILIES if self._family[v] >> source & self._family[v] >> destination & 1]
        must, may = self.independent(source, destination, families)
        if may != must and (names := self._open_namespaces(source, destination)):
            must, may = self._exact(source, destination, families, names)
        return PairMasks(allowed=must, unknown=may & ~must)

    def independent(self, source: int, destination: int, families: Iterable[int]) -> tuple[int, int]:
        """Return the bounds of a pair with each side judged on its own: some family must let the flow pass (NET-2)."""
        must = may = 0
        for version in families:
            in_must = in_may = self._universe.ports.everything
            for table, peer in self._two_tables(source, destination, version):
                found_must, found_may = _towards(table, peer)
                in_must &= found_must
                in_may &= found_may
            must |= in_must
            may |= in_may
        return must, may

    def _two_tables(self, source: int, destination: int, version: int) -> Iterable[tuple[Table, int]]:
        if source < self._universe.pod_count:
            yield self.table(source, Direction.EGRESS, version), destination
        if destination < self._universe.pod_count:
            yield self.table(destination, Direction.INGRESS, version), source

    def _open_namespaces(self, source: int, destination: int) -> tuple[str, ...]:
        """Return the namespaces with unknown labels that both sides of a pair may read: they are judged together (WL-3).

        A NetworkPolicy reads the labels of its peers only, an admin policy also those of its subjects.
        """
        pods = self._universe.pod_count
        names = [self._universe.elements[end].namespace for end in (source, destination) if end < pods]
        if not self._in_order and (len(names) < 2 or names[0] != names[1]):
            return ()
        return tuple(name for name in dict.fromkeys(names) if name in self.lowering.open_namespaces)

    def _exact(self, source: int, destination: int, families: Sequence[int], names: Sequence[str]) -> tuple[int, int]:
        """Decide the pair under each labelling of the namespaces that its policies can tell apart."""
        if not names:
            return self.independent(source, destination, families)
        selectors = {
            selector
            for version in families
            for table, _ in self._two_tables(source, destination, version)
            for selector in _selectors(table)
        }
        name, *others = names
        assignments = labellings(sorted(selectors, key=str), self.lowering.namespaces[name].labels)
        if assignments is None:
            return self.independent(source, destination, families)
        every, some = self._universe.ports.everything, 0
        for assignment in assignments:
            must, may = self._labelled(name, assignment)._exact(source, destination, families, others)  # noqa: SLF001
            every &= must
            some |= may
        return every, some

    def _labelled(self, name: str, labels: dict[str, str]) -> _World:
        key = (name, tuple(sorted(labels.items())))
        found = self._with_labels.get(key)
        if found is None:
            lowering = self.lowering.with_namespace_labels(name, labels)
            found = self._with_labels[key] = _World(self.program, self._universe, lowering)
        return found

    # ---- all pairs ---------------------------------------------------------------------------------------------

    def matrix(self) -> Matrix:
        allowed: list[Rectangle] = []
        unknown: list[Rectangle] = []
        seen: tuple[object, object, int] | None = None
        for version in _FAMILIES:
            family = self._family[version]
            if not family & self._pods:
                continue
            tables = {direction: self._directions[direction].tables(version) for direction in Direction}
            unrestricted = self._inner & ~self._pods
            out = sides(
                tables[Direction.EGRESS], unrestricted, self._universe.everything, self._universe.ports.everything
            )
            into = sides(
                tables[Direction.INGRESS], unrestricted, self._universe.everything, self._universe.ports.everything
            )
            inner = family & self._inner
            inner_key = (_inner_view(out, self._inner), _inner_view(into, self._inner), inner)
            if inner_key != seen:
                seen = seen or inner_key
                allowed += self._with_a_pod(join(out.must, into.must, inner))
                if out.open or into.open:
                    unknown += self._with_a_pod(join(out.open, into.may, inner))
                    unknown += self._with_a_pod(join(out.may, into.open, inner))
            outside = family & ~self._inner
            pods = family & self._pods
            allowed += _outside(out.must, into.must, pods, outside)
            unknown += _outside(out.open, into.open, pods, outside)
        return self._corrected(allowed, unknown)

    def _with_a_pod(self, rectangles: Iterable[Rectangle]) -> Iterable[Rectangle]:
        """Nodes among themselves are nobody's question."""
        for item in rectangles:
            if not item.sources & ~self._pods or not item.destinations & ~self._pods:
                yield item
                continue
            if pods := item.sources & self._pods:
                yield Rectangle(pods, item.destinations, item.mask)
            if pods := item.destinations & self._pods:
                yield Rectangle(item.sources & ~self._pods, pods, item.mask)

    def _corrected(self, allowed: list[Rectangle], unknown: list[Rectangle]) -> Matrix:
        """Judge again the unknown pairs whose two sides may read the same unknown labels."""
        kept = merge(unknown)
        pairs = set(self._pairs_to_judge_again(kept)) if kept else set()
        if len(pairs) > MAX_JUDGED_AGAIN:
            return Matrix(allowed=tuple(merge(allowed)), unknown=tuple(kept))
        if pairs:
            kept = [piece for item in kept for piece in _without(item, pairs)]
        for source, destination in sorted(pairs):
            found = self.pair(source, destination)
            if found.allowed:
                allowed.append(Rectangle(1 << source, 1 << destination, found.allowed))
            if found.unknown:
                kept.append(Rectangle(1 << source, 1 << destination, found.unknown))
        return Matrix(allowed=tuple(merge(allowed)), unknown=tuple(merge(kept)))

    def _pairs_to_judge_again(self, unknown: Iterable[Rectangle]) -> Iterable[tuple[int, int]]:
        for members in self.lowering.open_namespaces.values():
            for item in unknown:
                sources, destinations = item.sources & members, item.destinations & members
                if self._in_order:
                    yield from product(indexes(sources), indexes(item.destinations & self._inner))
                    yield from product(indexes(item.sources & self._inner), indexes(destinations))
                else:
                    yield from product(indexes(sources), indexes(destinations))

    def to_own_node(self) -> dict[int, int]:
        """Return for each class of pods the ports on which flows to its own node must pass (NET-5)."""
        own = self._universe.own_node
        found = dict.fromkeys(range(self._universe.pod_count), 0)
        for version in _FAMILIES:
            if not self._family[version] >> own & 1:
                continue
            for table in self._directions[Direction.EGRESS].tables(version):
                must, _ = _towards(table, own)
                for element in indexes(table.subjects & self._family[version]):
                    found[element] |= must
        return found

    def pairs(self) -> dict[tuple[int, int], PairMasks]:
        """Return every pair that has an allowed or unknown port."""
        return expand(self.matrix())


def _towards(table: Table, peer: int) -> tuple[int, int]:
    must = may = 0
    for part in table.parts:
        if part.may >> peer & 1:
            may |= part.mask
            if part.must >> peer & 1:
                must |= part.mask
    return must, may


def _selectors(table: Table) -> Iterable[LabelSelector]:
    """Yield every namespace selector that the stages of a table read."""
    for subject in (*(stage.subject for stage in table.stages), *(stage.subject for stage in table.opaque)):
        yield from _selectors_of(subject)
    for rule in (rule for stage in table.stages for rule in stage.rules):
        yield from _selectors_of(rule.peer)


def _selectors_of(predicate: Predicate) -> Iterable[LabelSelector]:
    match predicate:
        case NamespaceLabels(selector):
            yield selector
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _selectors_of(part)
        case Not(part):
            yield from _selectors_of(part)
        case _:
            return


def _inner_view(found: Sides, inner: int) -> object:
    """Return what the sides say of pods and nodes: equal for both families wherever no rule reads addresses."""
    return tuple(
        tuple(sorted((side.subjects & inner, side.peers & inner, side.mask) for side in part if side.peers & inner))
        for part in (found.must, found.may, found.open)
    )


def _outside(out: Iterable[Side], into: Iterable[Side], pods: int, outside: int) -> Iterable[Rectangle]:
    """Return the rectangles between pods and outside addresses, which no policy has as subject."""
    for side in out:
        if (sources := side.subjects & pods) and (targets := side.peers & outside):
            yield Rectangle(sources, targets, side.mask)
    for side in into:
        if (targets := side.subjects & pods) and (sources := side.peers & outside):
            yield Rectangle(sources, targets, side.mask)


def _without(item: Rectangle, pairs: set[tuple[int, int]]) -> Iterable[Rectangle]:
    """Return the parts of a rectangle that hold none of `pairs`."""
    by_source: dict[int, int] = {}
    for source, destination in pairs:
        if item.sources >> source & 1 and item.destinations >> destination & 1:
            by_source[source] = by_source.get(source, 0) | 1 << destination
    touched = 0
    for source, destinations in by_source.items():
        touched |= 1 << source
        if rest := item.destinations & ~destinations:
            yield Rectangle(1 << source, rest, item.mask)
    if rest := item.sources & ~touched:
        yield Rectangle(rest, item.destinations, item.mask)


def expand(matrix: Matrix) -> dict[tuple[int, int], PairMasks]:
    """Return the masks of every pair of elements that some rectangle holds."""
    allowed: dict[tuple[int, int], int] = {}
    unknown: dict[tuple[int, int], int] = {}
    for rectangles, found in ((matrix.allowed, allowed), (matrix.unknown, unknown)):
        for item in rectangles:
            destinations = indexes(item.destinations)
            for source in indexes(item.sources):
                for destination in destinations:
                    key = (source, destination)
                    found[key] = found.get(key, 0) | item.mask
    return {
        pair: PairMasks(allowed=allowed.get(pair, 0), unknown=unknown.get(pair, 0) & ~allowed.get(pair, 0))
        for pair in {**allowed, **unknown}
    }
