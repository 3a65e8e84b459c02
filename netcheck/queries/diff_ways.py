"""The ways in through Services, Ingresses, Routes and Gateways that differ between two sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import BackendTLSPolicy, GatewayClass, ListenerSet, Material, ReferenceGrant, Route
from netcheck.model.objects import EndpointSlice, Pod, Service
from netcheck.model.policy import Direction
from netcheck.model.routes import IngressClass
from netcheck.queries.diff_causes import Explainer
from netcheck.queries.diff_last_leg import LastLeg
from netcheck.queries.diff_results import Cause, DiffRow, Limits, UnknownRow, Why
from netcheck.queries.diff_sides import Joined, Side, Sides
from netcheck.queries.endpoints import Resolution
from netcheck.queries.entries import AT_LEAST, WayIn, ways_in
from netcheck.queries.results import EndpointType
from netcheck.values.connections import ConnectionSet

_Key = tuple[int, int, str]
"""Source, destination (positions), and the object through which the way leads."""
_NONE = ConnectionSet.none()
_SOME_NODES = Reason(
    rule="NP-22", message="of some nodes whose address pods see behind it, it is not known whether policies let them in"
)


@dataclass(slots=True)
class Found:
    """One way on one side: what passes for certain, by what it is limited to, and what may pass.

    `ways` are all that lead for certain, `proxies` the positions of the proxies' pods on any way, and `through` the names of the pods or nodes that a limit speaks of.
    """

    by_limit: dict[str, ConnectionSet] = field(default_factory=dict)
    possible: ConnectionSet = _NONE
    reasons: set[Reason] = field(default_factory=set)
    ways: list[WayIn] = field(default_factory=list)
    proxies: set[int] = field(default_factory=set)
    through: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def certain(self) -> ConnectionSet:
        """What passes, through whatever pods or nodes."""
        found = _NONE
        for connections in self.by_limit.values():
            found |= connections
        return found

    def without(self, unsure: ConnectionSet) -> dict[str, ConnectionSet]:
        """Return what passes besides `unsure`; what leads through all has no limit too."""
        everywhere = self.by_limit.get("", _NONE)
        found = {limit: held - unsure - (everywhere if limit else _NONE) for limit, held in self.by_limit.items()}
        return {limit: held for limit, held in sorted(found.items()) if held}


def changed_ways(sides: Sides, explainer: Explainer) -> tuple[list[DiffRow], list[UnknownRow]]:
    """Return the ways in that differ, and those of which that is not known, by source, destination and object."""
    before, after = (_ways(sides, side) for side in sides.pair())
    objects = _changed_objects(sides.base.cluster, sides.head.cluster)
    last_leg = LastLeg(sides, explainer)
    rows, unknown = [], []
    for key in sorted({*before, *after}):
        old, new = before.get(key) or Found(), after.get(key) or Found()
        unsure = (old.possible - old.certain) | (new.possible - new.certain) | _vague(old, new)
        if unsure and not (_is_alike(old, new) and _is_untouched(sides, key[1], objects, (old.proxies, new.proxies))):
            found = old.reasons | new.reasons or {_SOME_NODES}
            facts = tuple(sorted(found, key=lambda reason: (reason.rule, reason.message)))
            opens = bool((unsure & new.possible) - old.by_limit.get("", _NONE))
            unknown.append(
                UnknownRow(
                    source=key[0], destination=key[1], via=key[2], connections=unsure, reasons=facts, may_open=opens
                )
            )
        if old.without(unsure) != new.without(unsure):
            row = _row(key, old, new, unsure)
            why = Why(causes=_causes(sides, explainer, key, objects), probe=last_leg.probe(row, old.ways, new.ways))
            rows.append(replace(row, workload=sides.joined[key[1]].workload, why=why))
    return rows, unknown


def _is_alike(old: Found, new: Found) -> bool:
    return (old.by_limit, old.possible, old.reasons) == (new.by_limit, new.possible, new.reasons)


def _ways(sides: Sides, side: Side) -> dict[_Key, Found]:
    positions = {item.endpoint.id: n for n, item in enumerate(sides.joined)}
    atoms = [
        (number, item.head - sides.head.universe.atom_offset)
        for number, item in enumerate(sides.joined)
        if item.endpoint.type is EndpointType.IP and item.head is not None
    ]
    pods = _positions_of_pods(sides, side)
    found: dict[_Key, Found] = {}
    for way in ways_in(side.engine):
        pod = side.cluster.pods[way.pod]
        sources = [positions[way.source]] if way.source else [at for at, atom in atoms if way.atoms >> atom & 1]
        for destination in pods.get((*_named(pod, sides.resolution), way.element), ()):
            for source in sources:
                entry = found.setdefault((source, destination, way.object), Found())
                entry.possible |= way.connections
                entry.proxies |= set(way.plane.positions if way.plane is not None else ())
                if way.reasons:
                    entry.reasons |= set(way.reasons)
                else:
                    entry.by_limit[way.only] = entry.by_limit.get(way.only, _NONE) | way.connections
                    entry.through[way.only] = way.through
                    entry.ways.append(way)
    return found


def _vague(old: Found, new: Found) -> ConnectionSet:
    """Return what leads in on both sides, on one of them through nodes of which not all are known, and not alike."""
    found = _NONE
    for one, other in ((old, new), (new, old)):
        for limit, held in one.by_limit.items():
            if limit.startswith(AT_LEAST):
                found |= (held & other.certain) - other.by_limit.get(limit, _NONE)
    return found


def _row(key: _Key, old: Found, new: Found, unsure: ConnectionSet) -> DiffRow:
    """Return the row of a way that differs, still without what explains it."""
    sides = (old.without(unsure), new.without(unsure))
    before, after = (_joined(side) for side in sides)
    widened = any(
        held - _joined({text: passed for text, passed in sides[0].items() if _within(new, limit, old, text)})
        for limit, held in sides[1].items()
    )
    limits = Limits(before=_limit(sides[0], before), after=_limit(sides[1], after), widened=widened)
    return DiffRow(source=key[0], destination=key[1], before=before, after=after, via=key[2], limits=limits)


def _within(new: Found, limit: str, old: Found, other: str) -> bool:
    """Return whether all pods or nodes of one limit are those of another; without limit they are all."""
    return not other or (bool(limit) and new.through[limit] <= old.through[other])


def _joined(by_limit: dict[str, ConnectionSet]) -> ConnectionSet:
    found = _NONE
    for held in by_limit.values():
        found |= held
    return found


def _limit(by_limit: dict[str, ConnectionSet], all_of_it: ConnectionSet) -> str:
    parts = [limit if held == all_of_it else f"{held} {limit}" for limit, held in by_limit.items() if limit]
    return ", ".join(parts)


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


def _is_untouched(
    sides: Sides, destination: int, objects: dict[str, _Changed], proxies: tuple[set[int], set[int]]
) -> bool:
    """Return whether nothing differs that a way to this endpoint can depend on."""
    if objects or sides.joined[destination].workload:
        return False
    number = next(n for n, members in enumerate(sides.members) if destination in members)
    if not sides.is_same_end(number) or sides.selecting(number, Direction.INGRESS) & sides.changed_policies:
        return False
    if not any(side.cluster.opaque for side in sides.pair()):
        return True
    return sides.is_same_to_anybody(number, at_node=True) and sides.are_same_hosts(*proxies)


def _causes(sides: Sides, explainer: Explainer, key: _Key, objects: dict[str, _Changed]) -> tuple[Cause, ...]:
    """Return what differs on a way: the object that leads in, Services, routes, policies, and the workload."""
    _, destination, via = key
    joined = sides.joined[destination]
    appeared = (explainer.appearance(destination),) if joined.workload else ()
    concerned = [item.cause for item in _concerned(sides, destination, via, objects)]
    leg = () if joined.workload else explainer.on_the_last_leg(destination, ends=not concerned)
    return tuple(sorted({*appeared, *concerned, *leg}))


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
