"""Which proxy a request comes to: Gateways, Ingress classes and the OpenShift router, each as something that routes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from netcheck.errors import Place
from netcheck.model.cluster import Unfollowed
from netcheck.model.flow import Reason
from netcheck.model.gateway import Gateway
from netcheck.model.objects import Service
from netcheck.model.request import Request, Routed, Scheme
from netcheck.queries.dataplane import ROUTER_CLASS, DataPlane, effective_class
from netcheck.queries.trace_scene import Scene

_LISTENERS = {
    Scheme.HTTP: ("HTTP",),
    Scheme.HTTPS: ("HTTPS", "TLS"),
    Scheme.GRPC: ("HTTP", "HTTPS"),
    Scheme.TLS: ("TLS", "HTTPS"),
    Scheme.TCP: ("TCP",),
    Scheme.UDP: ("UDP",),
}
"""Protocols of listeners that can take what is spoken."""
_ROUTE_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute")
_GATEWAY_KINDS = frozenset(
    (*_ROUTE_KINDS, "Gateway", "GatewayClass", "ListenerSet", "ReferenceGrant", "BackendTLSPolicy")
)
_REROUTING = frozenset(("VirtualService", "ServiceEntry", "EnvoyFilter", "Gateway", "HTTPProxy", "TrafficSplit"))
_MESH_HOMES = ("", "istio-system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A Gateway, the controller of an Ingress class, or the router. `ingress_class` None: the class is not known (ING-3)."""

    text: str
    plane: DataPlane
    gateway: Gateway | None = None
    ingress_class: str | None = None
    is_router: bool = False
    addresses: tuple[str, ...] = ()
    place: Place | None = None

    def route(self, scene: Scene, request: Request) -> Routed:
        """Return what it does with a request."""
        if self.gateway is not None:
            return scene.routing.at_gateway(self.gateway, request)
        if self.is_router:
            return scene.routing.at_router(request)
        assert self.ingress_class is not None
        return scene.routing.at_ingress(self.ingress_class, request)

    def knows_host(self, scene: Scene, host: str) -> bool:
        """Return whether some rule of its names the host, whatever it does with other parts of a request."""
        return any(name and _covers(name, host) for name in self._hosts(scene))

    def _hosts(self, scene: Scene) -> Iterator[str]:
        if self.gateway is not None:
            for bound in scene.attached.listeners(self.gateway):
                yield bound.listener.hostname
                for binding in scene.attached.bindings(bound):
                    yield from binding.hostnames
        elif self.is_router:
            yield from (route.host for route in scene.cluster.openshift_routes)
        else:
            for ingress in scene.cluster.ingresses:
                if effective_class(scene.cluster, ingress) == self.ingress_class:
                    yield from (rule.host for rule in ingress.rules)


def _covers(name: str, host: str) -> bool:
    return host == name or (name.startswith("*.") and host.endswith(name[1:]) and len(host) >= len(name))


def candidates(scene: Scene) -> tuple[Candidate, ...]:
    """Return everything that routes requests: Gateways, Ingress classes, the router."""
    found = [of_gateway(scene, gateway) for gateway in scene.cluster.gateways]
    classes = {effective_class(scene.cluster, ingress) for ingress in scene.cluster.ingresses}
    found += [of_class(scene, name) for name in sorted(classes - {None}, key=str)]
    if scene.cluster.openshift_routes:
        plane = scene.planes.of_class(ROUTER_CLASS)
        place = scene.cluster.openshift_routes[0].place
        found.append(Candidate(text="the OpenShift router", plane=plane, is_router=True, place=place))
    return tuple(found)


def of_gateway(scene: Scene, gateway: Gateway) -> Candidate:
    """Return a Gateway as a candidate."""
    plane = scene.planes.of_gateway(gateway)
    addresses = (*gateway.assigned, *(item.value for item in gateway.addresses if item.value))
    return Candidate(text=gateway.label, plane=plane, gateway=gateway, addresses=addresses, place=gateway.place)


def of_class(scene: Scene, name: str | None) -> Candidate:
    """Return the controller of an Ingress class as a candidate."""
    mine = [item for item in scene.cluster.ingresses if effective_class(scene.cluster, item) == name]
    text = f"Ingress class {name}" if name else "Ingresses without a class"
    return Candidate(
        text=text,
        plane=scene.planes.of_class(name),
        ingress_class=name,
        addresses=tuple(dict.fromkeys(address for item in mine for address in item.addresses)),
        place=mine[0].place if mine else None,
    )


def at_its_port(scene: Scene, item: Candidate, request: Request, *, said: bool) -> tuple[Request, str]:
    """Return the request on the port that a Gateway has for it, and what to say of that.

    A port that is not said is the scheme's; if the Gateway has no listener there, but one port only for what is spoken,
    it is that one.
    """
    if item.gateway is None or said:
        return request, ""
    listeners = [bound.listener for bound in scene.attached.listeners(item.gateway)]
    if any(listener.port == request.port for listener in listeners):
        return request, ""
    ports = {listener.port for listener in listeners if listener.protocol in _LISTENERS[request.scheme]}
    if len(ports) != 1:
        return request, ""
    (port,) = ports
    return replace(request, port=port), f"no port was given: {port} is the only one for {request.scheme.value}"


def serving(scene: Scene, among: Sequence[Candidate], request: Request, *, said: bool) -> Iterator[Candidate]:
    """Yield the candidates with a route for a request, or of which that is not known."""
    for item in among:
        here, _ = at_its_port(scene, item, request, said=said)
        routed = item.route(scene, here)
        if routed.chosen is not None or routed.shares or routed.reasons:
            yield item


def lost(scene: Scene, item: Candidate) -> tuple[Reason, ...]:
    """Return which refused objects may change what a candidate does."""
    kinds = _GATEWAY_KINDS if item.gateway is not None else {"Route"} if item.is_router else {"Ingress", "IngressClass"}
    return tuple(
        Reason(
            rule="LIVE-16" if route.name else "LIVE-6",
            message=f"{route.fate}, so what it serves is not known",
            place=route.place,
        )
        for route in scene.cluster.lost_routes
        if route.kind in kinds
    )


# ---- what nothing follows --------------------------------------------------------------------------------------------


def unfollowed(scene: Scene, service: Service, namespaces: Sequence[str]) -> tuple[Unfollowed, ...]:
    """Return the objects of a mesh that may change what becomes of requests from some namespaces to a Service."""
    wanted = {service.namespace, *namespaces, *_MESH_HOMES}
    return tuple(
        item for item in scene.cluster.unfollowed if item.namespace in wanted and _is_about(scene, item, service)
    )


def _is_about(scene: Scene, item: Unfollowed, service: Service) -> bool:
    """Return whether one of the object's names may mean the Service; short names are of the object's own namespace."""
    if item.hosts is None:
        return True
    whole = f"{service.name}.{service.namespace}.svc.{scene.cluster.cluster_domain}"
    names = {f"{service.name}.{service.namespace}", f"{service.name}.{service.namespace}.svc", whole}
    if item.namespace == service.namespace:
        names.add(service.name)
    return any(host in names or (host.startswith("*") and whole.endswith(host[1:])) for host in item.hosts)


def reroutes(item: Unfollowed) -> bool:
    """Return whether an object can send a request elsewhere, so that even a denial may not hold."""
    return item.kind in _REROUTING


def reason_of(item: Unfollowed) -> Reason:
    """Return why an object that nothing follows leaves a trace open."""
    message = f"{item.label} may send the request elsewhere or refuse it, and its meaning is not modelled"
    return Reason(rule="MSH-1", message=message, place=item.place)
