"""The two sides of a comparison, over one partition of addresses and ports, and the ends that mean the same in both.

An end is matched by what it is: a workload by its id (where policies tell its pods apart, by the labels in which they
differ), a node by its name, addresses by a partition that is cut where either side cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.sets import SetEngine
from netcheck.engines.tables import Table
from netcheck.logic.atoms import PortAtoms, indexes
from netcheck.logic.classes import Universe, mask_of
from netcheck.logic.ir import Kind, Program
from netcheck.logic.translate import resolutions, translate
from netcheck.model.admin import AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.objects import Pod, ServiceType
from netcheck.model.policy import Direction, NetworkPolicy, OpaquePolicy
from netcheck.queries.dataplane import is_phantom, with_phantoms
from netcheck.queries.diff_opaque import Surroundings
from netcheck.queries.doors import source_ranges
from netcheck.queries.endpoints import Located, Resolution, locate
from netcheck.queries.entries import proxies
from netcheck.queries.results import Endpoint, EndpointType
from netcheck.values.addresses import IPSet

AnyPolicy = NetworkPolicy | AdminPolicy | OpaquePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """An endpoint and the element that represents it on each side, None where it does not exist."""

    endpoint: Endpoint
    base: int | None
    head: int | None

    @property
    def workload(self) -> str:
        """`added` or `removed` iff it is there on one side only."""
        return "added" if self.base is None else "removed" if self.head is None else ""


class Side:
    """One of the two clusters with its engine."""

    def __init__(self, cluster: Cluster, programs: Sequence[Program], cuts: Sequence[IPSet]) -> None:
        universe = Universe(cluster, programs, cuts=cuts)
        self.engine = SetEngine(cluster, universe=universe)
        self.cluster = cluster
        self.universe = universe
        self._parts: dict[tuple[object, int], tuple[int, ...]] = {}

    def located(self, resolution: Resolution) -> list[Located]:
        """Return the endpoints that users see: a pod that stands for a proxy is none."""
        phantoms = {(pod.namespace, pod.name) for pod in self.cluster.pods if is_phantom(pod)}
        return [
            item
            for item in locate(self.universe, resolution)
            if item.endpoint.place is not None or (item.endpoint.namespace, item.endpoint.name) not in phantoms
        ]

    @cached_property
    def policies(self) -> dict[str, AnyPolicy]:
        """Every policy by its label; a modelled one goes before another of its label."""
        cluster = self.cluster
        every: list[AnyPolicy] = [*cluster.opaque, *cluster.policies, *cluster.admin]
        return {item.label: item for item in every}

    def pods_of(self, endpoint: Endpoint, element: int, resolution: Resolution) -> Iterator[Pod]:
        """Yield the pods of an endpoint that an element stands for."""
        for number in self._parts_of(resolution).get((_key(endpoint), element), (element,)):
            for member in self.universe.elements[number].members:
                pod = self.cluster.pods[member]
                names = (pod.namespace, pod.name) if resolution is Resolution.POD else _workload(pod)
                if names == (_named(endpoint) if resolution is Resolution.POD else _key(endpoint)[1:]):
                    yield pod

    def _parts_of(self, resolution: Resolution) -> dict[tuple[object, int], tuple[int, ...]]:
        if not self._parts:
            self._parts = {(_key(item.endpoint), item.element): item.elements for item in self.located(resolution)}
        return self._parts

    @cached_property
    def without_opaque(self) -> SetEngine:
        """The engine of the same elements without the policies of unknown effect."""
        return SetEngine(replace(self.cluster, opaque=()), universe=self.universe)

    def selecting(self, element: int, direction: Direction) -> frozenset[str]:
        """Return the labels of the policies that select an element in a direction, in some IP family."""
        stages = {stage.origin.policy for table in self._tables(element, direction) for stage in table.stages}
        return self.clouding(element, direction) | stages

    def clouding(self, element: int, direction: Direction) -> frozenset[str]:
        """Return the labels of the policies of unknown effect among these."""
        tables = self._tables(element, direction)
        return frozenset(stage.origin.policy for table in tables for stage in table.opaque)

    def _tables(self, element: int, direction: Direction) -> Iterator[Table]:
        if element < self.universe.pod_count:
            for version in self.universe.elements[element].families:
                yield from self.engine.tables(element, direction, version)


class Sides:
    """Both sides; `joined` are the endpoints of either, sorted as in a list, those of proxies last."""

    def __init__(self, base: Cluster, head: Cluster, resolution: Resolution) -> None:
        clusters = [with_phantoms(item) for item in (base, head)]
        programs = [translate(item, profile) for item in clusters for profile in resolutions(item)]
        cuts = list(dict.fromkeys(cut for item in clusters for cut in _cuts(item)))
        if clusters[0].addressing != clusters[1].addressing:
            cuts += [IPSet.of_cidrs(*ranges) for item in clusters for ranges in _ranges(item)]
        self.base, self.head = (Side(item, programs, cuts) for item in clusters)
        self.surroundings = Surroundings(clusters[0], clusters[1])
        self._same_switches = clusters[0].profile == clusters[1].profile and _ranges(clusters[0]) == _ranges(
            clusters[1]
        )
        self.resolution = resolution
        self.ports = _common_ports(self.base.universe, self.head.universe)
        self._masks: dict[tuple[int, int], int] = {}
        self._same: dict[tuple[int, bool], bool] = {}
        found = list(_joined(self.base, self.head, resolution))
        types = list(EndpointType)
        found.sort(key=lambda item: (types.index(item.endpoint.type), item.endpoint.id))
        self.located_count = len(found)
        self.joined: tuple[Joined, ...] = (*found, *_joined_proxies(self.base.cluster, self.head.cluster))
        classes: dict[tuple[int | None, int | None], list[int]] = {}
        for position, item in enumerate(found):
            classes.setdefault((item.base, item.head), []).append(position)
        self.classes = list(classes)
        self.members = list(classes.values())

    def pair(self) -> tuple[Side, Side]:
        """Return BASE and HEAD."""
        return self.base, self.head

    def element(self, side: Side, number: int) -> int | None:
        """Return the element of a side that a class stands for."""
        return self.classes[number][side is self.head]

    def mask(self, side: Side, mask: int) -> int:
        """Return a port mask of one side in the common port atoms."""
        key = (side is self.head, mask)
        found = self._masks.get(key)
        if found is None:
            found = self._masks[key] = self.ports.mask(side.engine.connections(mask))
        return found

    @cached_property
    def changed_policies(self) -> frozenset[str]:
        """The labels of the policies that are on one side only, or differ, or are not known to do the same."""
        before, after = (_modelled(side.cluster) for side in self.pair())
        labels = {label for label in {*before, *after} if before.get(label) != after.get(label)}
        return self.surroundings.changed | labels

    @cached_property
    def changed_in_order(self) -> frozenset[str]:
        """The labels of the changed policies that are not NetworkPolicies: other policies may come between them."""
        plain = {item.label for side in self.pair() for item in side.cluster.policies}
        return self.surroundings.changed | (self.changed_policies - plain)

    @cached_property
    def same_resolutions(self) -> bool:
        """Whether what is not known of the profile is the same on both sides."""
        return resolutions(self.base.cluster) == resolutions(self.head.cluster)

    def is_same_end(self, number: int) -> bool:
        """Return whether no rule can tell the class on one side from the class on the other."""
        base, head = self.classes[number]
        if base is None or head is None or not self._same_switches:
            return False
        if base >= self.base.universe.atom_offset:
            return True
        one, other = self.base.universe.elements[base], self.head.universe.elements[head]
        spaces = [side.cluster.namespaces.get(one.namespace) for side in self.pair()]
        return replace(one, members=()) == replace(other, members=()) and spaces[0] == spaces[1]

    def is_same_to_anybody(self, number: int, *, at_node: bool) -> bool:
        """Return whether policies of unknown effect cannot tell the two either; `at_node`: even by where it runs."""
        found = self._same.get((number, at_node))
        if found is None:
            seen = (self._seen(side, number, at_node) for side in self.pair())
            found = self._same[number, at_node] = self.is_same_end(number) and next(seen) == next(seen)
        return found

    @cached_property
    def _opaque_labels(self) -> frozenset[str]:
        return frozenset(item.label for side in self.pair() for item in side.cluster.opaque)

    def open_reasons(self, source: int, destination: int) -> Iterator[Reason]:
        """Yield what differs of what policies of unknown effect may read about a pair of classes that they select."""
        labels = self.selecting(source, Direction.EGRESS) | self.selecting(destination, Direction.INGRESS)
        clouding = labels & self._opaque_labels
        if not clouding:
            return
        yield from self.surroundings.reasons(clouding)
        for number in dict.fromkeys((source, destination)):
            if not self.is_same_to_anybody(number, at_node=False):
                names = sorted(self.joined[position].endpoint.id for position in self.members[number])
                what = f"{names[0]} differs" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more differ"
                yield Reason(rule="NET-18", message=f"{what} in what policies of unknown effect may read")

    def _seen(self, side: Side, number: int, at_node: bool) -> object:
        """Return what can be read of the pods or the node of a class on a side, by endpoint."""
        element, at = self.element(side, number), int(side is self.head)
        if element is None or element >= side.universe.atom_offset:
            return None
        if side.universe.elements[element].kind in (Kind.NODE, Kind.OWN_NODE):
            members = side.universe.elements[element].members or range(len(side.cluster.nodes))
            return {self.surroundings.node(side.cluster.nodes[member]) for member in members}
        return [
            {
                self.surroundings.pod(at, pod, at_node=at_node)
                for pod in side.pods_of(self.joined[position].endpoint, element, self.resolution)
            }
            for position in self.members[number]
        ]

    def are_same_hosts(self, before: Iterable[int], after: Iterable[int]) -> bool:
        """Return whether nobody can tell some pods of BASE and of HEAD apart, nor the nodes, and the same policies send.

        `before` and `after` are positions in the pods of each side.
        """
        seen = []
        for at, (side, positions) in enumerate(zip(self.pair(), (before, after), strict=True)):
            chosen = set(positions)
            pods = {self.surroundings.pod(at, side.cluster.pods[position], at_node=True) for position in chosen}
            sending: set[str] = set()
            for number in range(side.universe.pod_count):
                if chosen & set(side.universe.elements[number].members):
                    sending |= side.selecting(number, Direction.EGRESS)
            if sending & self.changed_policies:
                return False
            seen.append((pods, [self.surroundings.node(node) for node in side.cluster.nodes]))
        return seen[0] == seen[1]

    def selecting(self, number: int, direction: Direction) -> frozenset[str]:
        """Return the labels of the policies that select a class in a direction, on some side."""
        found: frozenset[str] = frozenset()
        for side in self.pair():
            element = self.element(side, number)
            if element is not None:
                found |= side.selecting(element, direction)
        return found


def _modelled(cluster: Cluster) -> dict[str, NetworkPolicy | AdminPolicy]:
    every: tuple[NetworkPolicy | AdminPolicy, ...] = (*cluster.policies, *cluster.admin)
    return {item.label: item for item in every}


def _cuts(cluster: Cluster) -> Iterator[IPSet]:
    """Yield the address sets that the other side must be cut by too."""
    for service in cluster.services:
        if service.type is ServiceType.LOAD_BALANCER and (ranges := source_ranges(service)):
            yield IPSet.of_cidrs(*ranges)


def _ranges(cluster: Cluster) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return where ends without an address lie: pods, and nodes."""
    return cluster.addressing.pods_lie_in(), cluster.addressing.nodes_lie_in()


def _common_ports(one: Universe, other: Universe) -> PortAtoms:
    numbers = {
        (protocol, number)
        for universe in (one, other)
        for element in universe.elements[: universe.pod_count]
        for _, protocol, found in element.named
        for number in found
    }
    return PortAtoms(one.mentions.port_sets, numbers)


# ---- matching ------------------------------------------------------------------------------------------------------


def _joined(base: Side, head: Side, resolution: Resolution) -> Iterator[Joined]:
    before, after = base.located(resolution), head.located(resolution)
    yield from _addresses(base, head, before, after)
    keyed: dict[tuple[object, ...], tuple[list[Located], list[Located]]] = {}
    for number, located in enumerate((before, after)):
        for item in located:
            if item.endpoint.type is not EndpointType.IP:
                keyed.setdefault(_key(item.endpoint), ([], []))[number].append(item)
    for old, new in keyed.values():
        yield from _matched(old, new)


def _key(endpoint: Endpoint) -> tuple[object, ...]:
    if endpoint.type is not EndpointType.WORKLOAD:
        return (endpoint.type, endpoint.id)
    return (endpoint.type, endpoint.namespace, endpoint.kind, endpoint.name)


def _named(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.namespace, endpoint.name


def _workload(pod: Pod) -> tuple[str, str, str]:
    return pod.workload.namespace, pod.workload.kind, pod.workload.name


def _matched(before: list[Located], after: list[Located]) -> Iterator[Joined]:
    """Match the endpoints of one workload: equal ids, and one that is whole on one side with each part of the other."""
    ids = {item.endpoint.id for item in before} & {item.endpoint.id for item in after}
    old, new = ({item.endpoint.id: item for item in side} for side in (before, after))
    for name in sorted(ids):
        yield _of(old[name], new[name])
    left = [item for item in before if item.endpoint.id not in ids]
    right = [item for item in after if item.endpoint.id not in ids]
    if left and right and len(before) == 1:
        yield from (_of(before[0], item) for item in right)
    elif left and right and len(after) == 1:
        yield from (_of(item, after[0]) for item in left)
    else:
        yield from (Joined(endpoint=item.endpoint, base=item.element, head=None) for item in left)
        yield from (Joined(endpoint=item.endpoint, base=None, head=item.element) for item in right)


def _of(old: Located, new: Located) -> Joined:
    named = new if new.endpoint.id != _plain(new.endpoint) or old.endpoint.id == _plain(old.endpoint) else old
    endpoint = replace(
        new.endpoint,
        id=named.endpoint.id,
        pods=max(old.endpoint.pods, new.endpoint.pods) if named is new else old.endpoint.pods,
        several=old.endpoint.several or new.endpoint.several,
    )
    return Joined(endpoint=endpoint, base=old.element, head=new.element)


def _plain(endpoint: Endpoint) -> str:
    """Return the id without what tells the parts of a workload apart."""
    return endpoint.id.partition("{")[0]


def _addresses(base: Side, head: Side, before: Iterable[Located], after: Iterable[Located]) -> Iterator[Joined]:
    """Both universes have the same atoms: the side that tells the families apart has the finer endpoints."""
    old, new = ([item for item in side if item.endpoint.type is EndpointType.IP] for side in (before, after))
    finer, side, other = (old, base, head) if len(old) > len(new) else (new, head, base)
    assert side.universe.addresses.count == other.universe.addresses.count, "both sides are cut alike"
    for item in finer:
        atom = item.element - side.universe.atom_offset
        yield Joined(
            endpoint=item.endpoint,
            base=base.universe.atom_offset + atom,
            head=head.universe.atom_offset + atom,
        )


def _joined_proxies(base: Cluster, head: Cluster) -> Iterator[Joined]:
    """Yield the proxies of either side; whether one is there is said by the ways that lead through it."""
    found = {item.id: item for item in (*proxies(base), *proxies(head))}
    order = list(EndpointType)
    for item in sorted(found.values(), key=lambda one: (order.index(one.type), one.id)):
        yield Joined(endpoint=item, base=0, head=0)


class ClassBits:
    """Turns bit sets of one side's elements into bit sets of classes."""

    def __init__(self, sides: Sides, side: Side) -> None:
        self._of: dict[int, list[int]] = {}
        for number in range(len(sides.classes)):
            element = sides.element(side, number)
            if element is not None:
                self._of.setdefault(element, []).append(number)
        self._shown = mask_of(self._of)
        self._memo: dict[int, int] = {}

    def of(self, elements: int) -> int:
        """Return the classes that some elements stand for."""
        shown = elements & self._shown
        found = self._memo.get(shown)
        if found is None:
            of_element = self._of
            found = mask_of(number for element in indexes(shown) for number in of_element[element])
            self._memo[shown] = found
        return found
