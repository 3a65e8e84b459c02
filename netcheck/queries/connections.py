"""All allowed connections, and all unknown ones, between the endpoints that users see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from netcheck.engines.rectangles import Rectangle
from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.model.admin import AdminNetworks, AdminPeer
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason, Tier
from netcheck.model.objects import ServiceType
from netcheck.model.policy import Direction, IPBlockPeer, Peer
from netcheck.model.profile import PROFILES, SWITCH_FIELDS, Switch
from netcheck.queries.endpoints import Located, Resolution, locate
from netcheck.queries.results import ConnectionList, Endpoint, EndpointType, Row, RowGroup
from netcheck.queries.unknowns import reasons
from netcheck.values.connections import ConnectionSet

if TYPE_CHECKING:
    from netcheck.queries.entries import WayIn

_WITH_DOORS = (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER)

__all__ = ["Resolution", "Scope", "connections", "differing_switches"]

MAX_ROWS_FOR_SWITCHES = 200_000
"""Above this many rows a list does not say which rows another profile would change: that needs every row twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a list is reported. Empty sets restrict nothing.

    A row is reported iff neither end is excluded, and at least one end lies in `only_namespaces` and in `focus`.
    `direction` says which end the focus must be: INGRESS the destination, EGRESS the source, None either.
    """

    only_namespaces: frozenset[str] = frozenset()
    exclude_namespaces: frozenset[str] = frozenset()
    focus: tuple[str, ...] = ()
    direction: Direction | None = None


def connections(
    cluster: Cluster, *, resolution: Resolution = Resolution.WORKLOAD, scope: Scope | None = None
) -> ConnectionList:
    """Return exactly the connections that are allowed, and those that are unknown with their reasons.

    A pair of endpoints in neither is denied. A row between workloads holds for every pair of their pods.
    """
    if not _may_have_ways_in(cluster):
        return _Lister(SetEngine(cluster), resolution, scope or Scope()).result()
    from netcheck.queries.dataplane import is_phantom, with_phantoms  # noqa: PLC0415 - most inputs need none of it
    from netcheck.queries.entries import list_engine, proxies, ways_in  # noqa: PLC0415

    engine = list_engine(with_phantoms(cluster))
    found = _Ways(
        phantoms=frozenset((pod.namespace, pod.name) for pod in engine.cluster.pods if is_phantom(pod)),
        proxies=proxies(engine.cluster),
        ways_in=tuple(ways_in(engine)),
    )
    return _Lister(engine, resolution, scope or Scope(), found).result()


def _may_have_ways_in(cluster: Cluster) -> bool:
    """Return whether something could lead in: an Ingress, Route or Gateway, a named proxy, a Service with a door."""
    return bool(
        cluster.ingresses
        or cluster.openshift_routes
        or cluster.gateways
        or cluster.routes
        or cluster.controllers
        or any(service.type in _WITH_DOORS or service.external_ips for service in cluster.services)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ways:
    """The proxies of a cluster and what leads in; `phantoms` names the pods that stand for proxies not loaded."""

    phantoms: frozenset[tuple[str, str]] = frozenset()
    proxies: tuple[Endpoint, ...] = ()
    ways_in: tuple[WayIn, ...] = ()


class _Lister:
    def __init__(self, engine: SetEngine, resolution: Resolution, scope: Scope, ways: _Ways | None = None) -> None:
        ways = ways or _Ways()
        self._engine = engine
        self._resolution = resolution
        self._scope = scope
        located = locate(engine.universe, resolution)
        self._phantoms = ways.phantoms
        self._located = [item for item in located if not self._is_excluded(item.endpoint)]
        self._proxies = ways.proxies
        self._ways_in = ways.ways_in
        self._of_element: dict[int, list[int]] = {}
        for position, item in enumerate(self._located):
            self._of_element.setdefault(item.element, []).append(position)
        self._shown = mask_of(self._of_element)
        inside = [self._is_inside(item.endpoint) for item in self._located]
        self._inside = inside
        self._all_inside = all(inside)

    # ---- scope -------------------------------------------------------------------------------------------------

    def _is_excluded(self, endpoint: Endpoint) -> bool:
        """A pod that stands for a proxy is no workload: what it serves shows what it reaches."""
        if endpoint.type is not EndpointType.WORKLOAD:
            return False
        phantom = (endpoint.namespace, endpoint.name) in self._phantoms and endpoint.place is None
        return phantom or endpoint.namespace in self._scope.exclude_namespaces

    def _is_inside(self, endpoint: Endpoint) -> bool:
        scope = self._scope
        if scope.only_namespaces and endpoint.namespace not in scope.only_namespaces:
            return False
        return not scope.focus or any(_is_named(endpoint, text) for text in scope.focus)

    def _is_reported(self, source: int, destination: int) -> bool:
        """Return whether a row is in scope; a connection of one pod to itself is none."""
        if source == destination and not self._located[source].endpoint.several:
            return False
        if self._all_inside:
            return True
        direction = self._scope.direction
        from_inside = self._inside[source] and direction is not Direction.INGRESS
        to_inside = self._inside[destination] and direction is not Direction.EGRESS
        return from_inside or to_inside

    # ---- result ------------------------------------------------------------------------------------------------

    def result(self) -> ConnectionList:
        endpoints = [*(item.endpoint for item in self._located), *self._proxies]
        entries = list(self._entry_rows()) if self._ways_in else []
        direct = self._unknown_rows() if self._engine.matrix.unknown else ()
        return ConnectionList(
            endpoints=tuple(endpoints),
            groups=tuple(self._groups()),
            unknown=(*direct, *(row for row in entries if row.reasons)),
            entries=tuple(row for row in entries if not row.reasons),
            row_source=_Walk(self.sorted_rows),
            marked_source=_Walk(self.marked_rows),
        )

    def _groups(self) -> Iterable[RowGroup]:
        for item in self._engine.matrix.allowed:
            sources, destinations = self._positions(item.sources), self._positions(item.destinations)
            if not sources or not destinations:
                continue
            group = RowGroup(
                sources=sources, destinations=destinations, connections=self._engine.connections(item.mask)
            )
            yield from (group,) if self._all_inside else self._scoped(group)

    def _scoped(self, group: RowGroup) -> Iterable[RowGroup]:
        """Cut a group to what is in scope: from the inside to anywhere, and from the outside to the inside."""
        direction = self._scope.direction
        inner = tuple(p for p in group.sources if self._inside[p]) if direction is not Direction.INGRESS else ()
        if inner:
            yield replace(group, sources=inner)
        rest = tuple(p for p in group.sources if p not in set(inner))
        targets = tuple(p for p in group.destinations if self._inside[p]) if direction is not Direction.EGRESS else ()
        if rest and targets:
            yield replace(group, sources=rest, destinations=targets)

    def _positions(self, elements: int) -> tuple[int, ...]:
        of_element = self._of_element
        found: list[int] = []
        for element in indexes(elements & self._shown):
            found += of_element[element]
        found.sort()
        return tuple(found)

    # ---- rows --------------------------------------------------------------------------------------------------

    def sorted_rows(self) -> Iterator[Row]:
        """Yield the allowed rows by source and destination id."""
        allowed = _BySource(self._engine.matrix.allowed, self._shown)
        switches = self.switches
        for source, item in enumerate(self._located):
            row = allowed.of(item.element)
            for destination in self._ordered(row):
                target = self._located[destination].element
                if self._is_reported(source, destination):
                    yield Row(
                        source=source,
                        destination=destination,
                        connections=self._engine.connections(row[target]),
                        depends_on=switches.get((item.element, target), ()),
                    )

    def _ordered(self, elements: Iterable[int]) -> list[int]:
        """Return the positions of the endpoints that some elements stand for, ascending."""
        return sorted(position for element in elements for position in self._of_element[element])

    def marked_rows(self) -> Iterator[Row]:
        """Yield the allowed rows that depend on a switch, by source and destination id."""
        allowed = _BySource(self._engine.matrix.allowed, self._shown)
        by_source: dict[int, dict[int, tuple[str, ...]]] = {}
        for (source, destination), names in self.switches.items():
            by_source.setdefault(source, {})[destination] = names
        for source in self._ordered(by_source):
            element = self._located[source].element
            row = allowed.of(element)
            for destination in self._ordered(by_source[element]):
                target = self._located[destination].element
                if self._is_reported(source, destination) and row.get(target):
                    found = self._engine.connections(row[target])
                    names = by_source[element][target]
                    yield Row(source=source, destination=destination, connections=found, depends_on=names)

    def _unknown_rows(self) -> Iterable[Row]:
        matrix = self._engine.matrix
        allowed, unknown = _BySource(matrix.allowed, self._shown), _BySource(matrix.unknown, self._shown)
        why: dict[tuple[int, int], tuple[Reason, ...]] = {}
        for source, item in enumerate(self._located):
            row, certain = unknown.of(item.element), allowed.of(item.element)
            for destination in self._ordered(row):
                pair = (item.element, self._located[destination].element)
                mask = row[pair[1]] & ~certain.get(pair[1], 0)
                if mask and self._is_reported(source, destination):
                    if pair not in why:
                        why[pair] = reasons(self._engine, *pair)
                    found = self._engine.connections(mask)
                    yield Row(source=source, destination=destination, connections=found, reasons=why[pair])

    def _entry_rows(self) -> Iterator[Row]:
        """Yield the ways in: one row for each source, endpoint, object that leads there, and what is not known."""
        first = len(self._located)
        of_proxy = {endpoint.id: first + number for number, endpoint in enumerate(self._proxies)}
        by_atom = self._by_atom()
        of_pod = self._positions_of_pods() if self._ways_in else {}
        merged: dict[tuple[int, int, str, tuple[Reason, ...]], ConnectionSet] = {}
        for way in self._ways_in:
            sources = [of_proxy[way.source]] if way.source else [at for atom, at in by_atom if way.atoms >> atom & 1]
            for destination in self._of_pod(way, of_pod):
                for source in sources:
                    key = (source, destination, way.via, way.reasons)
                    merged[key] = merged.get(key, ConnectionSet.none()) | way.connections
        for (source, destination, via, why), found in sorted(merged.items(), key=lambda item: item[0][:3]):
            certain = merged.get((source, destination, via, ()), ConnectionSet.none())
            left = found - certain if why else found
            if left and self._is_way_reported(source, destination):
                yield Row(source=source, destination=destination, connections=left, reasons=why, via=via)

    def _by_atom(self) -> list[tuple[int, int]]:
        """Return (the atom that represents it, position) for each endpoint of addresses."""
        offset = self._engine.universe.atom_offset
        return [
            (item.element - offset, position)
            for position, item in enumerate(self._located)
            if item.endpoint.type is EndpointType.IP
        ]

    def _is_way_reported(self, source: int, destination: int) -> bool:
        endpoint = self._located[source].endpoint if source < len(self._located) else None
        proxy = self._proxies[source - len(self._located)] if endpoint is None else endpoint
        direction = self._scope.direction
        from_inside = self._is_inside(proxy) and direction is not Direction.INGRESS
        return from_inside or (self._inside[destination] and direction is not Direction.EGRESS)

    def _positions_of_pods(self) -> dict[tuple[str, ...], list[tuple[int, Located]]]:
        found: dict[tuple[str, ...], list[tuple[int, Located]]] = {}
        for position, item in enumerate(self._located):
            endpoint = item.endpoint
            if endpoint.type is EndpointType.WORKLOAD:
                kind = () if self._resolution is Resolution.POD else (endpoint.kind,)
                found.setdefault((endpoint.namespace, *kind, endpoint.name), []).append((position, item))
        return found

    def _of_pod(self, way: WayIn, of_pod: dict[tuple[str, ...], list[tuple[int, Located]]]) -> Iterator[int]:
        """Return the endpoints that stand for the pod of a way in."""
        pod = self._engine.cluster.pods[way.pod]
        workload = pod.workload
        key: tuple[str, ...] = (workload.namespace, workload.kind, workload.name)
        if self._resolution is Resolution.POD:
            key = (pod.namespace, pod.name)
        for position, item in of_pod.get(key, ()):
            if way.element in item.elements:
                yield position

    # ---- profiles ----------------------------------------------------------------------------------------------

    @cached_property
    def switches(self) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return for pairs of elements the switches whose other value, held by another profile, changes the pair."""
        found: dict[tuple[int, int], list[str]] = {}
        if self._size() > MAX_ROWS_FOR_SWITCHES:
            return {}
        for name, cluster in differing_switches(self._engine.cluster):
            other = self._engine.under(cluster.profile)
            pairs = self._own_node_pairs(other) if name == "ownNodeEgress" else self._differing_pairs(other)
            for pair in pairs:
                found.setdefault(pair, []).append(name)
        return {pair: tuple(names) for pair, names in found.items()}

    def _own_node_pairs(self, other: SetEngine) -> Iterable[tuple[int, int]]:
        """NET-5 speaks of the way to the own node only, so only that column is compared."""
        mine, theirs = self._engine.to_own_node(), other.to_own_node()
        return ((source, self._engine.universe.own_node) for source, mask in mine.items() if mask != theirs[source])

    def _differing_pairs(self, other: SetEngine) -> Iterable[tuple[int, int]]:
        mine = _BySource(self._engine.matrix.allowed, self._shown)
        theirs = _BySource(other.matrix.allowed, self._shown)
        for source in indexes(self._shown):
            row = theirs.of(source)
            for destination, mask in mine.of(source).items():
                if mask != row.get(destination, 0):
                    yield source, destination

    def _size(self) -> int:
        """Return a bound on the number of pairs of elements with a row, cheaply."""
        return sum(item.sources.bit_count() * item.destinations.bit_count() for item in self._engine.matrix.allowed)


class _Walk:
    """An iterable that makes its rows anew each time it is walked: they may be millions."""

    def __init__(self, make: Callable[[], Iterator[Row]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Row]:
        return self._make()


class _BySource:
    """Rectangles seen from one source at a time, so that no table of all pairs is ever held."""

    def __init__(self, rectangles: Sequence[Rectangle], destinations: int) -> None:
        self._rectangles = [(indexes(item.destinations & destinations), item.mask) for item in rectangles]
        self._of: dict[int, list[int]] = {}
        for number, item in enumerate(rectangles):
            if self._rectangles[number][0]:
                for source in indexes(item.sources):
                    self._of.setdefault(source, []).append(number)

    def of(self, source: int) -> dict[int, int]:
        """Return destination -> port mask for one source."""
        row: dict[int, int] = {}
        for number in self._of.get(source, ()):
            destinations, mask = self._rectangles[number]
            for destination in destinations:
                row[destination] = row.get(destination, 0) | mask
        return row


def _is_named(endpoint: Endpoint, text: str) -> bool:
    """Return whether a focus text means the endpoint: its id, `namespace/name`, or `name` alone."""
    return text in (endpoint.id, f"{endpoint.namespace}/{endpoint.name}", endpoint.name)


def _peers(cluster: Cluster) -> Iterator[Peer | AdminPeer]:
    for policy in cluster.policies:
        for rule in (*policy.ingress, *policy.egress):
            yield from rule.peers
    for admin in cluster.admin:
        for admin_rule in (*admin.ingress, *admin.egress):
            yield from admin_rule.peers


def differing_switches(cluster: Cluster) -> list[tuple[str, Cluster]]:
    """Return (switch, the cluster with its other value) for each switch that some other profile has otherwise.

    Only switches that the loaded objects can feel are tried. `enforced` is not one of them: a plugin that enforces
    nothing changes every denial, which is a statement of its own (CNI-1).
    """
    profile = cluster.profile
    blocks = any(isinstance(peer, (IPBlockPeer, AdminNetworks)) for peer in _peers(cluster))
    host_network = any(pod.host_network for pod in cluster.pods)
    egress = any(Direction.EGRESS in policy.types for policy in cluster.policies)
    baseline = any(policy.tier is Tier.BASELINE for policy in cluster.admin)
    felt = {
        "cidr_matches_pods": blocks,
        "cidr_matches_nodes": blocks and (host_network or bool(cluster.nodes)),
        "host_net_peer": host_network and bool(cluster.policies),
        "own_node_egress": egress,
        "baseline_skipped_by_any_np": baseline and bool(cluster.policies),
    }
    found = []
    for name, field in SWITCH_FIELDS.items():
        if not felt.get(field):
            continue
        current = getattr(profile, field)
        values = {getattr(other, field) for other in PROFILES.values()} - {current, Switch.UNKNOWN}
        for value in sorted(values, key=lambda item: item.value):
            found.append((name, replace(cluster, profile=profile.with_switch(field, value))))
    return found
