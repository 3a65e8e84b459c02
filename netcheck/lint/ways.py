"""What Services lead to, and which routes lead to Services: what the rules about Services ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netcheck.errors import Place
from netcheck.lint.finding import Related
from netcheck.lint.snapshot import Snapshot
from netcheck.logic.services import target_number
from netcheck.model.gateway import BackendRef, Mirror, Route
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.values.ports import Protocol

_AWS = "service.beta.kubernetes.io/aws-load-balancer-"
_POD_TARGETS = ("ip", "nlb-ip", "external")
"""Values of the annotations for the type and the kind of targets with which AWS load balancers send to pods."""

Identity = tuple[str, str]
"""(namespace, name)."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A loaded pod behind a Service port, and the port there."""

    pod: int
    number: int
    protocol: Protocol


def label(service: Service) -> str:
    """Return `Service namespace/name`."""
    return f"Service {service.namespace}/{service.name}"


def related(service: Service, message: str) -> Related:
    """Return a Service as something that a finding about another object speaks of."""
    return Related(message=message, place=service.place, object=label(service))


def are_used(snapshot: Snapshot) -> bool:
    """Return whether a Service was read."""
    return bool(snapshot.cluster.services)


def is_external_name(service: Service) -> bool:
    """Return whether a Service is an alias only (SVC-12)."""
    return service.type is ServiceType.EXTERNAL_NAME


def is_exposed(service: Service) -> bool:
    """Return whether nodes or a load balancer take connections for a Service from outside the cluster (SVC-16, SVC-17)."""
    return service.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER)


def sends_to_pods(service: Service) -> bool:
    """Return whether a load balancer may send to the pods themselves, which then see what it makes of the address."""
    if service.type is not ServiceType.LOAD_BALANCER:
        return False
    targets = (value for key, value in service.annotations.items() if key.startswith(_AWS))
    return bool(service.load_balancer_class) or any(value in _POD_TARGETS for value in targets)


def behind(snapshot: Snapshot, service: Service, item: ServicePort) -> tuple[Behind, ...]:
    """Return the loaded pods behind a Service port, by selector or by EndpointSlice, each with its port (SVC-7, SVC-13)."""
    if service.selector:
        pods = snapshot.backends(service)
        found = ((position, target_number(snapshot.cluster.pods[position], item)) for position in pods)
    else:
        found = ((position, number) for position, number in _in_slices(snapshot, service, item))
    protocol = Protocol(item.protocol)
    return tuple(dict.fromkeys(Behind(pod, number, protocol) for pod, number in found if number is not None))


def _in_slices(snapshot: Snapshot, service: Service, item: ServicePort) -> Iterator[tuple[int, int | None]]:
    for piece in snapshot.slices_of(service):
        for port in piece.ports:
            if (port.name, port.protocol) == (item.name, item.protocol) and port.number:
                for endpoint in piece.endpoints:
                    position = snapshot.pod_at.get(endpoint.address)
                    if position is not None:
                        yield position, port.number


# ---- routes ----------------------------------------------------------------------------------------------------------


def routes_to(snapshot: Snapshot) -> Mapping[Identity, tuple[Related, ...]]:
    """Return Service -> the Ingresses and Gateway API routes that name it as a backend, whether it exists or not."""
    found: dict[Identity, dict[str, Related]] = {}
    for identity, name, place in (*_ingress_backends(snapshot), *_route_backends(snapshot)):
        leads = Related(message="leads to it", place=place, object=name)
        found.setdefault(identity, {}).setdefault(name, leads)
    return {identity: tuple(by_name.values()) for identity, by_name in found.items()}


def _ingress_backends(snapshot: Snapshot) -> Iterator[tuple[Identity, str, Place | None]]:
    for ingress in snapshot.cluster.ingresses:
        paths = (path.backend for rule in ingress.rules for path in rule.paths or ())
        for backend in (ingress.default_backend, *paths):
            if backend is not None and backend.service:
                yield (ingress.namespace, backend.service), ingress.label, ingress.place
    for route in snapshot.cluster.openshift_routes:
        for target in route.backends:
            yield (route.namespace, target.service), route.label, route.place


def _route_backends(snapshot: Snapshot) -> Iterator[tuple[Identity, str, Place | None]]:
    for route in snapshot.cluster.routes:
        for backend in _backends_of(route):
            if backend.group == "" and backend.kind == "Service":
                yield (backend.namespace, backend.name), route.label, backend.place


def _backends_of(route: Route) -> Iterator[BackendRef]:
    for rule in route.rules:
        yield from rule.backends
        filters = (*rule.filters, *(item for backend in rule.backends for item in backend.filters))
        yield from (item.backend for item in filters if isinstance(item, Mirror))
