"""Routes, their parents and their backends as the rules about the Gateway API read them.

What is decided, `netcheck.logic.attachment` decides, as for `netcheck routes`: the rules only sort it and say what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netcheck.errors import Place, Severity
from netcheck.lint.finding import Related
from netcheck.lint.snapshot import Snapshot
from netcheck.lint.wording import closest, listed
from netcheck.logic.attachment import ParentStatus
from netcheck.logic.backends import Resolved
from netcheck.logic.conditions import FALSE, is_good
from netcheck.logic.listeners import JudgedListener
from netcheck.logic.route_conditions import references
from netcheck.model.gateway import BackendRef, Gateway, Listener, ListenerSet, ParentRef, Route
from netcheck.model.objects import Service
from netcheck.model.request import Condition


@dataclass(frozen=True, slots=True)
class Holder:
    """A Gateway or ListenerSet with its listeners."""

    kind: str
    item: Gateway | ListenerSet
    listeners: tuple[JudgedListener, ...]

    def related(self, message: str) -> Related:
        """Return it as something that a finding about another object speaks of."""
        return Related(message=message, place=self.item.place, object=self.item.label)


@dataclass(frozen=True, slots=True)
class Reference:
    """A backend that a route names, and what it means."""

    route: Route
    ref: BackendRef
    resolved: Resolved

    @property
    def place(self) -> Place | None:
        """Where it is written."""
        return self.ref.place or self.route.place


@dataclass(frozen=True, slots=True)
class BadCondition:
    """A condition that is surely not as it should be, of the object with that label, at a place."""

    label: str
    at: str
    condition: Condition
    place: Place | None


def has_routes(snapshot: Snapshot) -> bool:
    """Return whether a route of the Gateway API was read."""
    return bool(snapshot.cluster.routes)


def has_gateways(snapshot: Snapshot) -> bool:
    """Return whether a Gateway was read."""
    return bool(snapshot.cluster.gateways)


def has_gateway_objects(snapshot: Snapshot) -> bool:
    """Return whether a Gateway, a ListenerSet, a route or a BackendTLSPolicy was read."""
    cluster = snapshot.cluster
    return bool(cluster.gateways or cluster.listener_sets or cluster.routes or cluster.backend_tls)


def holders(snapshot: Snapshot) -> Iterator[Holder]:
    """Yield every Gateway and ListenerSet."""
    for item in snapshot.attached.gateways:
        yield Holder("Gateway", item.gateway, item.listeners)
    for one in snapshot.attached.sets:
        yield Holder("ListenerSet", one.listener_set, one.listeners)


def by_name(snapshot: Snapshot) -> dict[tuple[str, str, str], Holder]:
    """Return (kind, namespace, name) -> the Gateway or ListenerSet."""
    return {(item.kind, item.item.namespace, item.item.name): item for item in holders(snapshot)}


def meant(holder: Holder | None, parent: ParentRef) -> tuple[Listener, ...]:
    """Return the listeners that a parentRef means (GW-12)."""
    found = (item.listener for item in holder.listeners) if holder is not None else ()
    return tuple(item for item in found if parent.section in ("", item.name) and parent.port in (0, item.port))


def listeners_related(
    holder: Holder | None, found: Iterable[Listener], message: str, most: int = 5
) -> tuple[Related, ...]:
    """Return listeners as what a finding speaks of."""
    if holder is None:
        return ()
    label = holder.item.label
    items = [
        Related(message=message, place=item.place or holder.item.place, object=f"{label} listener {item.name}")
        for item in found
    ]
    return tuple(items[:most])


def refused(snapshot: Snapshot, *reasons: str) -> Iterator[tuple[Route, ParentStatus, Condition]]:
    """Yield the routes that are surely not accepted at a parent for one of these reasons."""
    for route in snapshot.cluster.routes:
        for status in snapshot.attached.parents(route):
            accepted = status.conditions[0]
            if accepted.status == FALSE and accepted.reason in reasons:
                yield route, status, accepted


def parent_text(parent: ParentRef) -> str:
    """Return `Gateway namespace/name`."""
    return f"{parent.kind} `{parent.namespace}/{parent.name}`"


def is_mesh(route: Route) -> bool:
    """Return whether a route is for Services of a mesh only (GW-32)."""
    return bool(route.parents) and all((item.group, item.kind) == ("", "Service") for item in route.parents)


def all_references(snapshot: Snapshot) -> Iterator[Reference]:
    """Yield every backend that a route names, mirrors included."""
    for route in snapshot.cluster.routes:
        mesh = is_mesh(route)
        for ref in references(route):
            yield Reference(route, ref, snapshot.attached.backends.resolve(route, ref, mesh=mesh))


def bad_conditions(snapshot: Snapshot) -> Iterator[BadCondition]:
    """Yield what is surely not as it should be of Gateways, ListenerSets and their listeners; routes are left aside."""
    for gateway in snapshot.attached.gateways:
        yield from _bad(gateway.gateway, "", gateway.conditions, gateway.gateway.place)
        yield from _bad_listeners(gateway.gateway, gateway.listeners)
    for one in snapshot.attached.sets:
        yield from _bad(one.listener_set, "", one.conditions, one.listener_set.parent.place or one.listener_set.place)
        yield from _bad_listeners(one.listener_set, one.listeners)


def _bad_listeners(holder: Gateway | ListenerSet, listeners: Iterable[JudgedListener]) -> Iterator[BadCondition]:
    for item in listeners:
        yield from _bad(holder, item.listener.name, item.conditions, item.listener.place or holder.place)


def _bad(
    holder: Gateway | ListenerSet, at: str, conditions: Iterable[Condition], place: Place | None
) -> Iterator[BadCondition]:
    for item in conditions:
        if not is_good(item) and item.status != "Unknown":
            yield BadCondition(holder.label, at, item, place)


def is_refused(snapshot: Snapshot, label: str) -> bool:
    """Return whether an object was read and the API server refuses it: it is told as that, not as one that is missing.

    `label` as `Service namespace/name`; ending in `/`: some object of that kind and namespace.
    """
    errors = (item.object for item in snapshot.loaded.problems if item.severity is Severity.ERROR)
    return any(name == label or (label.endswith("/") and name.startswith(label)) for name in errors)


# ---- what was meant ----------------------------------------------------------------------------------------------------


def meant_service(snapshot: Snapshot, namespace: str, name: str) -> str:
    """Return in words which Service was probably meant, or nothing."""
    close = closest(name, (item.name for item in snapshot.services_in.get(namespace, ())))
    if close:
        return f"did you mean `{close}`?"
    elsewhere = sorted({item.namespace for item in snapshot.cluster.services if item.name == name})
    return f"a Service of this name is in namespace {listed(elsewhere)}" if elsewhere else ""


def meant_port(service: Service, wanted: int | str | None) -> str:
    """Return in words which port of a Service was probably meant, or nothing."""
    for item in service.ports:
        if wanted is not None and str(wanted) == str(item.target_port):
            return f"{wanted} is where its pods listen (targetPort); the Service's own port is {item.port}"
    for item in service.ports:
        if isinstance(wanted, str) and wanted.isdigit() and int(wanted) == item.port:
            return f"write the port as number: {wanted}, not as name"
    if isinstance(wanted, str):
        close = closest(wanted, (item.name for item in service.ports if item.name))
        if close:
            return f"did you mean `{close}`?"
    if len(service.ports) == 1:
        item = service.ports[0]
        return f"its only port is {item.port}" + (f", named `{item.name}`" if item.name else "")
    return ""
