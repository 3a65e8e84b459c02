"""Ingresses and OpenShift Routes with their backends, resolved or dangling (ING-2, ING-3, ING-8, ING-15)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from netcheck.logic.backends import Backends
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.objects import Service
from netcheck.model.request import Share
from netcheck.model.routes import Ingress, IngressBackend, OpenShiftBackend, OpenShiftRoute
from netcheck.queries.route_reach import MatchKey, MatchReach
from netcheck.queries.route_results import BackendLine, IngressLine, OpenShiftLine, PathLine

Reaches = Mapping[MatchKey, MatchReach]


def ingress_lines(cluster: Cluster, backends: Backends, reach: Reaches) -> tuple[IngressLine, ...]:
    """Return every Ingress with its class and backends."""
    classes = {item.name: item for item in cluster.ingress_classes}
    defaults = [item.name for item in cluster.ingress_classes if item.default]
    found = []
    for ingress in cluster.ingresses:
        name = ingress.class_annotation or ingress.class_name or (defaults[0] if len(defaults) == 1 else "")
        known = classes.get(name)
        found.append(
            IngressLine(
                ingress=ingress,
                class_name=name,
                controller=known.controller if known is not None else "",
                paths=tuple(_paths(backends, ingress, reach)),
                reasons=() if name else (_no_class(ingress, defaults),),
            )
        )
    return tuple(found)


def _no_class(ingress: Ingress, defaults: list[str]) -> Reason:
    why = (
        f"{len(defaults)} IngressClasses are marked as default" if defaults else "the input has no default IngressClass"
    )
    return Reason(rule="ING-3", message=f"which controller serves it: it names no class and {why}", place=ingress.place)


def _paths(backends: Backends, ingress: Ingress, reach: Reaches) -> Iterator[PathLine]:
    for number, rule in enumerate(ingress.rules):
        for position, path in enumerate(rule.paths or ()):
            yield PathLine(
                rule=number,
                position=position,
                reach=reach.get(("Ingress", ingress.namespace, ingress.name, number, position)),
                host=rule.host,
                type=path.type,
                path=path.path,
                backend=_backend(backends, ingress.namespace, path.backend),
                place=path.place or rule.place,
            )
    if ingress.default_backend is not None:
        backend = _backend(backends, ingress.namespace, ingress.default_backend)
        yield PathLine(host="", type="", path="", backend=backend, place=ingress.place)


def _backend(backends: Backends, namespace: str, backend: IngressBackend) -> BackendLine:
    if not backend.service:
        kind, _, name = backend.resource.partition("/")
        share = Share(namespace=namespace, name=name, kind=kind, place=backend.place)
        reason = Reason(rule="ING-8", message=f"what the resource `{backend.resource}` serves", place=backend.place)
        return BackendLine(share=share, reasons=(reason,))
    return _to_service(
        backends, Share(namespace=namespace, name=backend.service, port=backend.port, place=backend.place)
    )


def _to_service(backends: Backends, wanted: Share) -> BackendLine:
    namespace, port, place = wanted.namespace, wanted.port, wanted.place
    service, what = backends.service(namespace, wanted.name), f"Service `{namespace}/{wanted.name}`"
    message = reasons = None
    if service is None and backends.grants.knows(namespace):
        message = f"{what} is not in the input, which defines its namespace"
    elif service is None:
        reasons = Reason(rule="ING-8", message=f"whether {what} exists: the input does not define it", place=place)
    elif not _has_port(service, port):
        has = ", ".join(f"{item.port}{f' ({item.name})' if item.name else ''}" for item in service.ports) or "none"
        message = f"{what} has no port `{port}`, only: {has}"
    share = replace(wanted, problem="BackendNotFound" if message else "")
    return BackendLine(share=share, message=message or "", reasons=(reasons,) if reasons else ())


def _has_port(service: Service, port: int | str | None) -> bool:
    return port is None or any(port in (item.port, item.name) for item in service.ports)


def openshift_lines(cluster: Cluster, backends: Backends, reach: Reaches) -> tuple[OpenShiftLine, ...]:
    """Return every OpenShift Route with its backends; its port is one of the pods, which is not judged here."""
    return tuple(
        OpenShiftLine(
            route=route,
            backends=tuple(_openshift(backends, route, item) for item in route.backends),
            reach=reach.get(("Route", route.namespace, route.name, 0, -1)),
        )
        for route in cluster.openshift_routes
    )


def _openshift(backends: Backends, route: OpenShiftRoute, item: OpenShiftBackend) -> BackendLine:
    place = item.place or route.place
    return _to_service(backends, Share(namespace=route.namespace, name=item.service, weight=item.weight, place=place))
