"""A draft of intents from what is allowed today: for each destination, by port, who alone may reach it.

The draft holds of the cluster that it was made from: whoever is allowed, or perhaps allowed, is listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.logic.atoms import indexes
from netcheck.model.cluster import Cluster
from netcheck.queries.dataplane import is_phantom, with_phantoms
from netcheck.queries.endpoints import Located, Resolution, locate
from netcheck.queries.flow_table import FlowTable
from netcheck.queries.results import EndpointType
from netcheck.queries.verify import Question
from netcheck.values.connections import ConnectionSet

_ORDER = (EndpointType.WORKLOAD, EndpointType.IP, EndpointType.NODE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespacePods:
    """All pods of a namespace, as an end of a draft."""

    namespace: str


DraftEnd = str | NamespacePods


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One intent to be written: `allow` from anybody, or `only` from `sources` (nobody if there are none)."""

    name: str
    open: bool
    sources: tuple[DraftEnd, ...]
    destinations: tuple[DraftEnd, ...]
    connections: ConnectionSet


def draft_intents(cluster: Cluster) -> tuple[Draft, ...]:
    """Return a draft for every workload, part of the address space and node, in this order."""
    return tuple(_Drafter(with_phantoms(cluster)).drafts())


class _Drafter:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        question = Question(cluster, ())
        self._engine = question.engine
        self._table: FlowTable = question.table
        located = [item for item in locate(self._engine.universe, Resolution.WORKLOAD) if item.endpoint.type in _ORDER]
        self._located = sorted(located, key=lambda item: _ORDER.index(item.endpoint.type))
        self._bits = [self._elements(item) for item in self._located]
        self._names: Counter[str] = Counter()
        self._shared = Counter(
            element
            for item in self._located
            if item.endpoint.type is EndpointType.WORKLOAD
            for element in item.elements
        )
        self._incoming = self._by_destination()

    def _elements(self, item: Located) -> int:
        return sum(1 << element for element in item.elements) & self._table.ends

    def _by_destination(self) -> dict[int, tuple[dict[int, int], dict[int, int]]]:
        """Return for each element the ports by their sources: those surely, and those surely or perhaps let through."""
        found: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        for group in self._table.groups:
            for side, row in ((0, group.allowed), (1, (*group.allowed, *group.unknown))):
                for box in row:
                    for element in indexes(box.destinations & self._table.ends):
                        ports = found.setdefault(element, ({}, {}))[side]
                        ports[box.mask] = ports.get(box.mask, 0) | group.sources & self._table.ends
        return found

    # ---- drafts ------------------------------------------------------------------------------------------------

    def drafts(self) -> Iterator[Draft]:
        """Yield the drafts; a proxy that stands in for one that is not loaded is no destination."""
        for item, bits in zip(self._located, self._bits, strict=True):
            if not bits or self._is_phantom(item):
                continue
            yield from self._of(item, bits)

    def _is_phantom(self, item: Located) -> bool:
        elements = self._engine.universe.elements
        pods = self._engine.universe.pod_count
        return item.element < pods and is_phantom(self._cluster.pods[elements[item.element].members[0]])

    def _of(self, item: Located, bits: int) -> Iterator[Draft]:
        everything = self._engine.universe.ports.everything
        certain, possible = self._cells(bits, 0), self._cells(bits, 1)
        anybody = self._anybody(bits)
        by_sources: dict[tuple[bool, int], int] = {}
        for mask, sources in _atoms(possible, everything):
            surely = next((held for part, held in certain.items() if part & mask), 0)
            key = (True, 0) if not anybody & ~surely and anybody else (False, sources)
            by_sources[key] = by_sources.get(key, 0) | mask
        for (is_open, sources), mask in sorted(by_sources.items(), key=lambda entry: -entry[1].bit_count()):
            yield Draft(
                name=self._name(item),
                open=is_open,
                sources=() if is_open else tuple(self._ends(sources)),
                destinations=tuple(self._destination(item)),
                connections=self._engine.connections(mask),
            )

    def _anybody(self, bits: int) -> int:
        """Return every source that can meet the destination: one family in common, a pod at one end, not itself alone."""
        four, six = (self._table.families[version] for version in (4, 6))
        found = (four if bits & four else 0) | (six if bits & six else 0)
        found &= self._table.ends if bits & self._table.pods else self._table.pods
        return found & ~bits if bits.bit_count() == 1 and bits & self._table.alone else found

    def _cells(self, bits: int, side: int) -> dict[int, int]:
        """Return disjoint ports -> sources: those that reach some element (perhaps), or every one (surely)."""
        cells: dict[int, int] = {}
        for number, element in enumerate(indexes(bits)):
            mine = dict(_atoms(self._incoming.get(element, ({}, {}))[side], self._engine.universe.ports.everything))
            if not number:
                cells = mine
                continue
            cells = {
                part & other: held & more if side == 0 else held | more
                for part, held in cells.items()
                for other, more in mine.items()
                if part & other
            }
        return cells

    # ---- ends --------------------------------------------------------------------------------------------------

    def _ends(self, sources: int) -> Iterator[DraftEnd]:
        """Yield the fewest ends that are exactly `sources`."""
        table, universe = self._table, self._engine.universe
        if sources == table.ends:
            yield "anybody"
            return
        pods = sources & table.pods
        if pods and pods == table.pods:
            yield "all-pods"
        else:
            yield from self._workloads(pods)
        atoms = sources >> universe.atom_offset
        if atoms:
            yield from self._addresses(sources)
        for number in indexes(sources & ~table.pods & ((1 << universe.own_node) - 1)):
            yield f"node:{self._cluster.nodes[universe.elements[number].members[0]].name}"

    def _workloads(self, pods: int) -> Iterator[DraftEnd]:
        by_namespace: dict[str, int] = {}
        elements = self._engine.universe.elements
        for number in range(self._engine.universe.pod_count):
            name = elements[number].namespace
            by_namespace[name] = by_namespace.get(name, 0) | 1 << number
        for name, held in sorted(by_namespace.items()):
            mine = held & pods
            if mine and mine == held and held.bit_count() > 1:
                yield NamespacePods(namespace=name)
            elif mine:
                yield from self._named(mine)

    def _named(self, chosen: int) -> Iterator[str]:
        for item, bits in zip(self._located, self._bits, strict=True):
            if item.endpoint.type is EndpointType.WORKLOAD and bits & chosen:
                yield from self._workload(item, bits & chosen)

    def _workload(self, item: Located, chosen: int) -> Iterator[str]:
        """Yield what names the pods of a workload that are of some classes."""
        end = item.endpoint
        pods = self._cluster.pods
        mine = [
            pods[member]
            for number in indexes(chosen)
            for member in self._engine.universe.elements[number].members
            if (pods[member].workload.namespace, pods[member].workload.kind, pods[member].workload.name)
            == (end.namespace, end.kind, end.name)
        ]
        every = sum(
            (pod.workload.namespace, pod.workload.kind, pod.workload.name) == (end.namespace, end.kind, end.name)
            for pod in pods
        )
        if len(mine) == every:
            yield f"{end.namespace}/{end.kind.lower()}/{end.name}"
        else:
            yield from (f"pod:{pod.namespace}/{pod.name}" for pod in mine)

    def _addresses(self, sources: int) -> Iterator[str]:
        universe = self._engine.universe
        atoms = sources >> universe.atom_offset
        every = self._table.ends >> universe.atom_offset
        for version in (4, 6):
            family = universe.addresses.of_family(version)
            if not atoms & family:
                continue
            if atoms & family == every & family:
                yield "0.0.0.0/0" if version == 4 else "::/0"
                continue
            yield from universe.addresses.addresses(indexes(atoms & family)).cidrs_of_family(version)

    def _destination(self, item: Located) -> Iterator[DraftEnd]:
        match item.endpoint.type:
            case EndpointType.WORKLOAD:
                yield from self._workload(item, self._elements(item))
            case EndpointType.NODE:
                yield f"node:{item.endpoint.name}"
            case _:
                yield from self._addresses(self._elements(item))

    def _name(self, item: Located) -> str:
        end = item.endpoint
        base = f"to-{end.namespace}-{end.name}" if end.type is EndpointType.WORKLOAD else f"to-{end.id}"
        if end.type is EndpointType.IP:
            base = f"to-{end.id.removeprefix('ip:')}-outside"
        self._names[base] += 1
        return base if self._names[base] == 1 else f"{base}-{self._names[base]}"


def _atoms(ports: dict[int, int], everything: int) -> Iterable[tuple[int, int]]:
    """Return disjoint parts of all ports with the union of what holds for them."""
    parts = {everything: 0}
    for mask, held in ports.items():
        cut: dict[int, int] = {}
        for part, known in parts.items():
            for piece, more in ((part & mask, held), (part & ~mask, 0)):
                if piece:
                    cut[piece] = known | more
        parts = cut
    return sorted(parts.items())
