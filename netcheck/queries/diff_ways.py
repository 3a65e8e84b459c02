"""The ways in through Services, Ingresses, Routes and Gateways that differ between two sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import BackendTLSPolicy, GatewayClass, ListenerSet, Material, ReferenceGrant, Route
from netcheck.model.objects import EndpointSlice, Pod, Service
from netcheck.model.policy import Direction
from netcheck.model.routes import IngressClass
from netcheck.queries.diff_causes import Explainer
from netcheck.queries.diff_results import Cause, DiffRow, UnknownRow, Why
from netcheck.queries.diff_sides import Joined, Side, Sides
from netcheck.queries.endpoints import Resolution
from netcheck.queries.entries import ways_in
from netcheck.queries.results import EndpointType
from netcheck.values.connections import ConnectionSet

_Key = tuple[int, int, str]
"""Source, destination (positions), and the object through which the way leads."""
_NONE = ConnectionSet.none()


@dataclass(slots=True)
class _Found:
    certain: ConnectionSet = _NONE
    possible: ConnectionSet = _NONE
    reasons: set[Reason] = field(default_factory=set)


def changed_ways(sides: Sides, explainer: Explainer) -> tuple[list[DiffRow], list[UnknownRow]]:
    """Return the ways in that differ, and those of which that is not known, by source, destination and object."""
    before, after = (_ways(sides, side) for side in sides.pair())
    objects = _changed_objects(sides.base.cluster, sides.head.cluster)
    rows, unknown = [], []
    for key in sorted({*before, *after}):
        old, new = before.get(key) or _Found(), after.get(key) or _Found()
        unsure = (old.possible - old.certain) | (new.possible - new.certain)
        if unsure and not (old == new and _is_untouched(sides, key[1], objects)):
            why = tuple(sorted(old.reasons | new.reasons, key=lambda reason: (reason.rule, reason.message)))
            unknown.append(UnknownRow(source=key[0], destination=key[1], via=key[2], connections=unsure, reasons=why))
        certain = (old.certain - unsure, new.certain - unsure)
        if certain[0] != certain[1]:
            rows.append(_row(sides, explainer, key, certain, objects))
    return rows, unknown


def _ways(sides: Sides, side: Side) -> dict[_Key, _Found]:
    positions = {item.endpoint.id: n for n, item in enumerate(sides.joined)}
    atoms = [
        (number, item.head - sides.head.universe.atom_offset)
        for number, item in enumerate(sides.joined)
        if item.endpoint.type is EndpointType.IP and item.head is not None
    ]
    pods = _positions_of_pods(sides, side)
    found: dict[_Key, _Found] = {}
    for way in ways_in(side.engine):
        pod = side.cluster.pods[way.pod]
        sources = [positions[way.source]] if way.source else [at for at, atom in atoms if way.atoms >> atom & 1]
        for destination in pods.get((*_named(pod, sides.resolution), way.element), ()):
            for source in sources:
                entry = found.setdefault((source, destination, way.via), _Found())
                entry.possible |= way.connections
                if way.reasons:
                    entry.reasons |= set(way.reasons)
                else:
                    entry.certain |= way.connections
    return found


def _named(pod: Pod, resolution: Resolution) -> tuple[str, ...]:
    if resolution is Resolution.POD:
        return (pod.namespace, "Pod", pod.name)
    return (pod.workload.namespace, pod.workload.kind, pod.workload.name)


def _positions_of_pods(sides: Sides, side: Side) -> dict[tuple[object, ...], list[int]]:
    """Return the joined endpoints of each workload (or pod) and element of a side."""
    elements = {item.endpoint.id: item.elements for item in side.located(sides.resolution)}
    alike = {item.element: item.elements for item in side.located(sides.resolution)}
    found: dict[tuple[object, ...], list[int]] = {}
    for position, item in enumerate(sides.joined):
        element = item.head if side is sides.head else item.base
        if item.endpoint.type is EndpointType.WORKLOAD and element is not None:
            own = elements.get(item.endpoint.id) or alike[element]
            for number in {element, *own}:
                key = (item.endpoint.namespace, item.endpoint.kind, item.endpoint.name, number)
                found.setdefault(key, []).append(position)
    return found


# ---- causes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Changed:
    """An object of the ways in that differs: as it was, as it is."""

    label: str
    before: object | None
    after: object | None

    @property
    def cause(self) -> Cause:
        change = "added" if self.before is None else "removed" if self.after is None else "changed"
        return Cause(object=self.label, change=change, place=getattr(self.after or self.before, "place", None))


def _changed_objects(base: Cluster, head: Cluster) -> dict[str, _Changed]:
    old, new = (dict(_objects(cluster)) for cluster in (base, head))
    return {
        label: _Changed(label=label, before=old.get(label), after=new.get(label))
        for label in sorted({*old, *new})
        if old.get(label) != new.get(label)
    }


_KINDS = {
    "services": "Service",
    "endpoint_slices": "EndpointSlice",
    "ingress_classes": "IngressClass",
    "ingresses": "Ingress",
    "openshift_routes": "Route",
    "gateway_classes": "GatewayClass",
    "gateways": "Gateway",
    "listener_sets": "ListenerSet",
    "routes": "",
    "grants": "ReferenceGrant",
    "backend_tls": "BackendTLSPolicy",
    "materials": "",
}


def _objects(cluster: Cluster) -> Iterator[tuple[str, object]]:
    for field_name, kind in _KINDS.items():
        for item in getattr(cluster, field_name):
            yield _label(item, kind), item


def _label(item: object, kind: str) -> str:
    name, namespace = getattr(item, "name", ""), getattr(item, "namespace", "")
    kind = kind or getattr(item, "kind", "")
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _is_untouched(sides: Sides, destination: int, objects: dict[str, _Changed]) -> bool:
    """Return whether nothing differs that a way to this endpoint can depend on."""
    if objects or sides.joined[destination].workload:
        return False
    number = next(n for n, members in enumerate(sides.members) if destination in members)
    return sides.is_same_end(number) and not sides.selecting(number, Direction.INGRESS) & sides.changed_policies


def _row(
    sides: Sides,
    explainer: Explainer,
    key: _Key,
    certain: tuple[ConnectionSet, ConnectionSet],
    objects: dict[str, _Changed],
) -> DiffRow:
    source, destination, via = key
    joined = sides.joined[destination]
    causes: tuple[Cause, ...] = ()
    if joined.workload:
        causes = (explainer.appearance(destination),)
    concerned = [item.cause for item in _concerned(sides, destination, via, objects)]
    leg = () if joined.workload else explainer.on_the_last_leg(destination, ends=not concerned)
    causes = tuple(sorted({*causes, *concerned, *leg}))
    return DiffRow(
        source=source,
        destination=destination,
        before=certain[0],
        after=certain[1],
        workload=joined.workload,
        via=via,
        why=Why(causes=causes),
    )


def _concerned(sides: Sides, destination: int, via: str, objects: dict[str, _Changed]) -> Iterable[_Changed]:
    """Return the changed objects on the way: the one that leads in, the Services of the pods, routes to these.

    What only says which routes count (classes, grants, listeners, certificates) is named iff none of these changed.
    """
    if not objects:
        return []
    label = via.partition(" (")[0]
    endpoint = sides.joined[destination].endpoint
    services = {
        (item.namespace, item.name)
        for side in sides.pair()
        for item in side.cluster.services
        if item.namespace == endpoint.namespace and _selects(item, side, sides.joined[destination], sides)
    }
    named = [item for item in objects.values() if item.label == label or _leads_to(item, services)]
    return named or [item for item in objects.values() if isinstance(item.after or item.before, _ADMITTING)]


_ADMITTING = (IngressClass, GatewayClass, ListenerSet, ReferenceGrant, BackendTLSPolicy, Material)


def _leads_to(item: _Changed, services: set[tuple[str, str]]) -> bool:
    """Return whether a changed object is one of the Services, its endpoints, or a route that names one."""
    for shown in (item.before, item.after):
        match shown:
            case Service():
                found = {(shown.namespace, shown.name)}
            case EndpointSlice():
                found = {(shown.namespace, shown.service)}
            case Route():
                refs = (ref for rule in shown.rules for ref in rule.backends)
                found = {(ref.namespace or shown.namespace, ref.name) for ref in refs}
            case _:
                continue
        if found & services:
            return True
    return False


def _selects(service: Service, side: Side, joined: Joined, sides: Sides) -> bool:
    element = joined.head if side is sides.head else joined.base
    if element is None or not service.selector:
        return False
    endpoint = joined.endpoint
    key = (endpoint.namespace, endpoint.kind, endpoint.name)
    pods = (side.cluster.pods[member] for member in side.universe.elements[element].members)
    return any(
        _named(pod, sides.resolution) == key
        and all(pod.labels.get(name) == value for name, value in service.selector.items())
        for pod in pods
    )
