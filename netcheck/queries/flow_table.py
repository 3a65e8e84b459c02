"""The matrix of all pairs seen from its sources, and the algebra of boxes over it: sources x destinations x ports.

Sources with equal rows are one group, so a question costs as much as there are different rows, not pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from netcheck.engines.rectangles import Rectangle
from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes
from netcheck.values.addresses import address_number

Parts = dict[int, int]
"""Ports (a mask) -> destinations (bits): disjoint in no particular way."""


@dataclass(frozen=True, slots=True)
class Box:
    """Destinations (bits) on ports (a mask)."""

    destinations: int
    mask: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sources (bits) that may open the same connections: `allowed` surely, `unknown` perhaps."""

    sources: int
    allowed: tuple[Box, ...]
    unknown: tuple[Box, ...]


class FlowTable:
    """All allowed and unknown flows by groups of sources."""

    def __init__(self, engine: SetEngine) -> None:
        self.engine = engine
        universe = engine.universe
        self.pods = (1 << universe.pod_count) - 1
        self.taken = _taken(engine)
        self.ends = universe.everything & ~(1 << universe.own_node) & ~self.taken
        self.families = {version: universe.family_bits(version) for version in (4, 6)}
        self.alone = sum(1 << number for number in range(universe.pod_count) if _is_alone(engine, number))
        self.groups = self._groups()

    def _groups(self) -> tuple[Group, ...]:
        matrix = self.engine.matrix
        rows: list[list[list[int]]] = [[[], []] for _ in range(self.engine.universe.size)]
        for side, rectangles in enumerate((matrix.allowed, matrix.unknown)):
            for number, item in enumerate(rectangles):
                for source in indexes(item.sources):
                    rows[source][side].append(number)
        found: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
        for source, (allowed, unknown) in enumerate(rows):
            key = (tuple(allowed), tuple(unknown))
            found[key] = found.get(key, 0) | 1 << source
        return tuple(
            Group(
                sources=sources,
                allowed=_boxes(matrix.allowed, key[0]),
                unknown=_boxes(matrix.unknown, key[1]),
            )
            for key, sources in found.items()
        )

    def pair(self, sources: int, destinations: int) -> tuple[int, int] | None:
        """Return the first pair of elements that are two ends: no pod is paired with itself, and one end is a pod."""
        for source in _few(sources):
            others = destinations & ~(1 << source & self.alone)
            if not 1 << source & self.pods:
                others &= self.pods
            if others:
                return source, (others & -others).bit_length() - 1
        return None

    def satisfied(self, sources: int, hits: int) -> int:
        """Return those of `sources` that have an end other than themselves among `hits`."""
        if hits.bit_count() == 1 and hits & self.alone:
            return sources & ~hits
        return sources if hits else 0


def _is_alone(engine: SetEngine, number: int) -> bool:
    """NET-6: whether a class is one pod, of which there is no second."""
    members = engine.universe.elements[number].members
    pod = engine.cluster.pods[members[0]]
    known = engine.cluster.workloads.get(pod.workload)
    several = pod.replicas > 1 or (pod.template and known is not None and known.several)
    return len(members) == 1 and not several


def _taken(engine: SetEngine) -> int:
    """Return the outside elements that hold no address but those of known pods and nodes: nobody else is there."""
    universe, cluster = engine.universe, engine.cluster
    texts = {text for pod in cluster.pods for text in pod.addresses}
    texts |= {text for node in cluster.nodes for text in node.addresses}
    known = {address_number(text) for text in texts}
    counts = Counter(universe.addresses.atom(version, number) for version, number in known)
    found = 0
    for atom, count in counts.items():
        if sum(high - low + 1 for low, high in universe.addresses.ranges(atom)) == count:
            found |= 1 << (universe.atom_offset + atom)
    return found


def _few(bits: int) -> list[int]:
    """Return the lowest elements: two pods are enough to find a pair that is none of one pod, and one that is no pod."""
    found: list[int] = []
    while bits and len(found) < 3:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    if bits:
        found.append(bits.bit_length() - 1)
    return found


def _boxes(rectangles: Sequence[Rectangle], chosen: Iterable[int]) -> tuple[Box, ...]:
    found: Parts = {}
    for number in chosen:
        item = rectangles[number]
        found[item.mask] = found.get(item.mask, 0) | item.destinations
    return tuple(Box(destinations, mask) for mask, destinations in found.items())


def meets(row: Iterable[Box], boxes: Sequence[Box]) -> Parts:
    """Return what a row has in common with some boxes."""
    found: Parts = {}
    for item in row:
        for box in boxes:
            destinations, mask = item.destinations & box.destinations, item.mask & box.mask
            if destinations and mask:
                found[mask] = found.get(mask, 0) | destinations
    return found


def minus(parts: Parts, boxes: Iterable[Box]) -> Parts:
    """Return the parts without what lies in some box."""
    for box in boxes:
        if not any(mask & box.mask and held & box.destinations for mask, held in parts.items()):
            continue
        rest: Parts = {}
        for mask, held in parts.items():
            inside = held & box.destinations if mask & box.mask else 0
            for key, bits in ((mask, held & ~inside), (mask & ~box.mask, inside)):
                if key and bits:
                    rest[key] = rest.get(key, 0) | bits
        parts = rest
    return parts
