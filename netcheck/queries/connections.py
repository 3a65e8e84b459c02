"""All allowed connections, and all unknown ones, between the endpoints that users see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from netcheck.engines.rectangles import Rectangle
from netcheck.engines.sets import SetEngine
from netcheck.logic.atoms import indexes
from netcheck.logic.classes import mask_of
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction
from netcheck.model.profile import PROFILES, SWITCH_FIELDS, Switch
from netcheck.queries.endpoints import Located, Resolution, locate
from netcheck.queries.results import ConnectionList, Endpoint, EndpointType, Row, RowGroup
from netcheck.queries.unknowns import reasons

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
    return _Lister(SetEngine(cluster), resolution, scope or Scope()).result()


class _Lister:
    def __init__(self, engine: SetEngine, resolution: Resolution, scope: Scope) -> None:
        self._engine = engine
        self._resolution = resolution
        self._scope = scope
        located = locate(engine.universe, resolution)
        self._located = [item for item in located if not self._is_excluded(item.endpoint)]
        self._of_element: dict[int, list[int]] = {}
        for position, item in enumerate(self._located):
            self._of_element.setdefault(item.element, []).append(position)
        self._shown = mask_of(self._of_element)
        inside = [self._is_inside(item.endpoint) for item in self._located]
        self._inside = inside
        self._all_inside = all(inside)

    # ---- scope -------------------------------------------------------------------------------------------------

    def _is_excluded(self, endpoint: Endpoint) -> bool:
        return endpoint.type is EndpointType.WORKLOAD and endpoint.namespace in self._scope.exclude_namespaces

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
        rows = _Rows(self)
        unknown = tuple(self._unknown_rows()) if self._engine.matrix.unknown else ()
        return ConnectionList(
            endpoints=tuple(item.endpoint for item in self._located),
            groups=tuple(self._groups()),
            unknown=unknown,
            row_source=rows,
        )

    def _groups(self) -> Iterable[RowGroup]:
        for item in self._engine.matrix.allowed:
            sources, destinations = self._positions(item.sources), self._positions(item.destinations)
            if not sources or not destinations:
                continue
            found = self._engine.connections(item.mask)
            if self._all_inside:
                yield RowGroup(sources=sources, destinations=destinations, connections=found)
            else:
                yield from self._scoped_groups(
                    sources, destinations, RowGroup(sources=(), destinations=(), connections=found)
                )

    def _scoped_groups(
        self, sources: tuple[int, ...], destinations: tuple[int, ...], empty: RowGroup
    ) -> Iterable[RowGroup]:
        """Cut a group to what is in scope: from the inside to anywhere, and from the outside to the inside."""
        direction = self._scope.direction
        inner = tuple(p for p in sources if self._inside[p]) if direction is not Direction.INGRESS else ()
        if inner:
            yield replace(empty, sources=inner, destinations=destinations)
        rest = tuple(p for p in sources if p not in set(inner))
        targets = tuple(p for p in destinations if self._inside[p]) if direction is not Direction.EGRESS else ()
        if rest and targets:
            yield replace(empty, sources=rest, destinations=targets)

    def _positions(self, elements: int) -> tuple[int, ...]:
        return tuple(sorted(p for element in indexes(elements & self._shown) for p in self._of_element[element]))

    def masks(self) -> dict[int, dict[int, int]]:
        """Return the allowed port mask of every pair of shown elements: source -> destination -> mask."""
        return _expanded(self._engine.matrix.allowed, self._shown)

    def _unknown_rows(self) -> Iterable[Row]:
        allowed = self.masks()
        table = _expanded(self._engine.matrix.unknown, self._shown)
        memo: dict[tuple[int, int], tuple[object, ...]] = {}
        del memo
        for source, destinations in sorted(table.items()):
            for destination, mask in sorted(destinations.items()):
                open_mask = mask & ~allowed.get(source, {}).get(destination, 0)
                if open_mask:
                    yield from self._rows_of(source, destination, open_mask, unknown=True)

    def _rows_of(self, source: int, destination: int, mask: int, *, unknown: bool) -> Iterable[Row]:
        found = self._engine.connections(mask)
        why = None
        for start in self._of_element[source]:
            for end in self._of_element[destination]:
                if self._is_reported(start, end):
                    if unknown and why is None:
                        why = reasons(self._engine, source, destination)
                    yield Row(source=start, destination=end, connections=found, reasons=why or ())

    @cached_property
    def switches(self) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return for pairs of elements the switches whose other value, held by another profile, changes the pair."""
        found: dict[tuple[int, int], list[str]] = {}
        mine = self.masks()
        if sum(map(len, mine.values())) > MAX_ROWS_FOR_SWITCHES:
            return {}
        for name, cluster in differing_switches(self._engine.cluster):
            other = _expanded(SetEngine(cluster).matrix.allowed, self._shown)
            for source, row in mine.items():
                theirs = other.get(source, {})
                for destination, mask in row.items():
                    if mask != theirs.get(destination, 0):
                        found.setdefault((source, destination), []).append(name)
        return {pair: tuple(names) for pair, names in found.items()}

    def sorted_rows(self) -> Iterator[Row]:
        """Yield the allowed rows by source and destination id."""
        masks, switches = self.masks(), self.switches
        endpoints = [item.element for item in self._located]
        for source, element in enumerate(endpoints):
            row = masks.get(element)
            if not row:
                continue
            for destination, target in enumerate(endpoints):
                mask = row.get(target)
                if mask and self._is_reported(source, destination):
                    yield Row(
                        source=source,
                        destination=destination,
                        connections=self._engine.connections(mask),
                        depends_on=switches.get((element, target), ()),
                    )


class _Rows(Sequence[Row]):
    """The rows, made anew each time they are walked: they may be millions."""

    def __init__(self, lister: _Lister) -> None:
        self._lister = lister

    def __iter__(self) -> Iterator[Row]:
        return self._lister.sorted_rows()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: object) -> Row:  # type: ignore[override]
        assert isinstance(index, int)
        return list(self)[index]


def _is_named(endpoint: Endpoint, text: str) -> bool:
    """Return whether a focus text means the endpoint: its id, `namespace/name`, or `name` alone."""
    return text in (endpoint.id, f"{endpoint.namespace}/{endpoint.name}", endpoint.name)


def _expanded(rectangles: Iterable[Rectangle], shown: int) -> dict[int, dict[int, int]]:
    found: dict[int, dict[int, int]] = {}
    for item in rectangles:
        destinations = indexes(item.destinations & shown)
        for source in indexes(item.sources & shown):
            row = found.setdefault(source, {})
            for destination in destinations:
                row[destination] = row.get(destination, 0) | item.mask
    return found


def differing_switches(cluster: Cluster) -> list[tuple[str, Cluster]]:
    """Return (switch, the cluster with its other value) for each switch that some other profile has otherwise.

    Only switches that the loaded objects can feel are tried. `enforced` is not one of them: a plugin that enforces
    nothing changes every denial, which is a statement of its own (CNI-1).
    """
    profile = cluster.profile
    blocks = any(
        hasattr(peer, "cidr")
        for policy in cluster.policies
        for rule in (*policy.ingress, *policy.egress)
        for peer in rule.peers
    )
    host_network = any(pod.host_network for pod in cluster.pods)
    egress = any(Direction.EGRESS in policy.types for policy in cluster.policies)
    felt = {
        "cidr_matches_pods": blocks,
        "cidr_matches_nodes": blocks and (host_network or bool(cluster.nodes)),
        "host_net_peer": host_network and bool(cluster.policies),
        "own_node_egress": egress,
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


def element_of(located: Sequence[Located], endpoint_id: str) -> int:
    """Return the element that represents the endpoint with an id.

    Raises:
        KeyError: there is no such endpoint.

    """
    for item in located:
        if item.endpoint.id == endpoint_id:
            return item.element
    raise KeyError(endpoint_id)
