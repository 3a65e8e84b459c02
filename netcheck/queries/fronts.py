"""What proxies are told to send where: each Ingress, Route and Gateway with the Service ports and requests behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netcheck.errors import Place
from netcheck.logic.ages import in_order
from netcheck.logic.attachment import Attachments, Binding, attachments
from netcheck.logic.services import Target, pods_near, targets
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Reason
from netcheck.model.gateway import (
    BackendRef,
    Extension,
    FieldMatch,
    Gateway,
    GRPCMatch,
    HTTPMatch,
    Mirror,
    Redirect,
    RouteRule,
)
from netcheck.model.objects import Service, ServicePort, ServiceType
from netcheck.model.routes import Ingress, IngressBackend, OpenShiftRoute
from netcheck.queries.dataplane import ROUTER_CLASS, DataPlane, DataPlanes, effective_class
from netcheck.queries.exposure_results import GATEWAY, INGRESS, ROUTE, Path

_ONE_WINS = ("TCPRoute", "UDPRoute")
"""Of these only the oldest route of a listener receives traffic (GW-20)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A proxy's object that leads to one Service port with some requests. `reasons`: unless a fact is otherwise.

    Attributes:
        door: what kind of door it opens: `INGRESS`, `ROUTE` or `GATEWAY`.
        object: what the proxy is told by: `Ingress shop/web`, `Gateway infra/public`.
        route: of a Gateway the route that leads on, else empty.
    """

    door: str
    object: str
    route: str = ""
    plane: DataPlane
    behind: tuple[Target, ...]
    paths: tuple[Path, ...]
    at: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    place: Place | None = None

    @property
    def via(self) -> str:
        """`Ingress shop/web`, or `HTTPRoute shop/web of Gateway infra/public`."""
        return f"{self.route} of {self.object}" if self.route else self.object


def fronts(cluster: Cluster) -> Iterator[Front]:
    """Yield every front: of Ingresses, of OpenShift Routes, then of Gateways."""
    yield from _Fronts(cluster).all()


class _Fronts:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._planes = DataPlanes(cluster)
        self._services = {(item.namespace, item.name): item for item in cluster.services}
        self._near = pods_near(cluster)
        self._targets: dict[tuple[str, str, int, str], tuple[Target, ...]] = {}

    def all(self) -> Iterator[Front]:
        for ingress in self._cluster.ingresses:
            yield from self._of_ingress(ingress)
        for route in self._cluster.openshift_routes:
            yield from self._of_route(route)
        if self._cluster.gateways:
            attached = attachments(self._cluster)
            for gateway in self._cluster.gateways:
                yield from self._of_gateway(attached, gateway)

    def _behind(self, service: Service, item: ServicePort) -> tuple[Target, ...]:
        """SVC-11: proxies use the target port of headless Services too."""
        if service.type is ServiceType.EXTERNAL_NAME:
            return ()
        key = (service.namespace, service.name, item.port, item.protocol)
        found = self._targets.get(key)
        if found is None:
            found = self._targets[key] = targets(self._cluster, replace(service, headless=False), item, self._near)
        return found

    # ---- Ingress and Route ---------------------------------------------------------------------------------------

    def _of_ingress(self, ingress: Ingress) -> Iterator[Front]:
        plane = self._planes.of_class(effective_class(self._cluster, ingress))
        by_backend: dict[tuple[str, int | str | None], list[Path]] = {}
        for backend, path in _ingress_paths(ingress):
            by_backend.setdefault((backend.service, backend.port), []).append(path)
        for (name, port), paths in by_backend.items():
            service = self._services.get((ingress.namespace, name))
            for item in service.ports if service is not None else ():
                if service is not None and port in (item.port, item.name):
                    yield Front(
                        door=INGRESS,
                        object=ingress.label,
                        plane=plane,
                        behind=self._behind(service, item),
                        paths=tuple(paths),
                        addresses=ingress.addresses,
                        place=ingress.place,
                    )

    def _of_route(self, route: OpenShiftRoute) -> Iterator[Front]:
        """ING-15, ING-16: the port is the pods', and a backend of weight 0 gets nothing."""
        kind = "Prefix" if route.path else ""
        for backend in route.backends:
            service = self._services.get((route.namespace, backend.service))
            for item in service.ports if service is not None and backend.weight else ():
                if service is not None:
                    behind = self._behind(service, item)
                    yield Front(
                        door=ROUTE,
                        object=route.label,
                        plane=self._planes.of_class(ROUTER_CLASS),
                        behind=tuple(target for target in behind if _is_meant(route, item, target)),
                        paths=(Path(host=route.host, path=route.path, type=kind),),
                        place=route.place,
                    )

    # ---- Gateway API ---------------------------------------------------------------------------------------------

    def _of_gateway(self, attached: Attachments, gateway: Gateway) -> Iterator[Front]:
        """Yield what the routes of a Gateway's accepted listeners lead to (GW-12, GW-20)."""
        for bound in attached.listeners(gateway):
            bindings = attached.bindings(bound) if bound.accepted or bound.reasons else ()
            for binding in bindings:
                doubts = (*bound.reasons, *binding.reasons)
                if binding.route.kind in _ONE_WINS:
                    rivals = [item.route for item in bindings if item.route.kind == binding.route.kind]
                    if in_order(rivals) and binding.route is not rivals[0]:
                        continue
                    doubts = (*doubts, *(() if in_order(rivals) else (_no_oldest(binding),)))
                for rule in binding.route.rules:
                    yield from self._of_rule(attached, binding, rule, doubts)

    def _of_rule(
        self, attached: Attachments, binding: Binding, rule: RouteRule, doubts: tuple[Reason, ...]
    ) -> Iterator[Front]:
        gateway, listener, route = binding.bound.gateway, binding.bound.listener, binding.route
        for ref in _refs(rule):
            resolved = attached.backends.resolve(route, ref)
            if resolved.service is None or resolved.port is None or (resolved.share.problem and not resolved.reasons):
                continue
            yield Front(
                door=GATEWAY,
                object=gateway.label,
                route=route.label,
                plane=self._planes.of_gateway(gateway),
                behind=self._behind(resolved.service, resolved.port),
                paths=tuple(_gateway_paths(binding, rule)),
                at=(f"{'UDP' if listener.protocol == 'UDP' else 'TCP'}/{listener.port}",) if listener.port else (),
                addresses=gateway.assigned,
                reasons=(*doubts, *_extensions(binding, rule), *resolved.reasons),
                place=route.place,
            )


def _ingress_paths(ingress: Ingress) -> Iterator[tuple[IngressBackend, Path]]:
    if ingress.default_backend is not None and ingress.default_backend.service:
        yield ingress.default_backend, Path(host="", type="default")
    for rule in ingress.rules:
        for path in rule.paths or ():
            if path.backend.service:
                yield path.backend, Path(host=rule.host, path=path.path, type=path.type)


def _is_meant(route: OpenShiftRoute, item: ServicePort, target: Target) -> bool:
    """A Route names the pods' port: by number, or by the name of a Service port or of a container port (ING-15)."""
    wanted = route.target_port
    return wanted is None or wanted in (target.number, str(target.number), item.name, item.target_port)


def _no_oldest(binding: Binding) -> Reason:
    message = f"which {binding.route.kind} of listener `{binding.bound.listener.name}` is the oldest is not known"
    return Reason(rule="GW-20", message=message, place=binding.route.place)


def _extensions(binding: Binding, rule: RouteRule) -> Iterator[Reason]:
    """GW-21: an extension may do anything."""
    for item in (*rule.filters, *(one for ref in rule.backends for one in ref.filters)):
        if isinstance(item, Extension):
            message = f"a filter of type {item.type} of {binding.route.label} may send requests elsewhere"
            yield Reason(rule="GW-21", message=message, place=item.place)


def _refs(rule: RouteRule) -> Iterator[BackendRef]:
    """GW-21: a mirror's backend is led to as well, and a redirect leads nowhere; GW-22: a weight of 0 gets nothing."""
    if any(isinstance(item, Redirect) for item in rule.filters):
        return
    for ref in rule.backends:
        if ref.weight and not any(isinstance(item, Redirect) for item in ref.filters):
            yield ref
            yield from (item.backend for item in ref.filters if isinstance(item, Mirror))
    yield from (item.backend for item in rule.filters if isinstance(item, Mirror))


def _gateway_paths(binding: Binding, rule: RouteRule) -> Iterator[Path]:
    for host in binding.hostnames:
        for match in rule.matches:
            if isinstance(match, HTTPMatch):
                more = (match.method, *_fields("header", match.headers), *_fields("query", match.query))
                yield Path(host=host, path=match.path, type=match.path_type.value, more="; ".join(filter(None, more)))
            else:
                yield _grpc(host, match)
        if not rule.matches:
            yield Path(host=host)


def _grpc(host: str, match: GRPCMatch) -> Path:
    path = f"/{match.service or '*'}/{match.method or '*'}" if match.service or match.method else ""
    more = "; ".join(_fields("header", match.headers))
    return Path(host=host, path=path, type=match.type.value if path else "", more=more)


def _fields(what: str, fields: tuple[FieldMatch, ...]) -> Iterator[str]:
    return (f"{what} {item.name}{'~' if item.type.value != 'Exact' else '='}{item.value}" for item in fields)
