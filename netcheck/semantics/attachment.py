"""Which listeners of a Gateway serve, and which routes are attached to them: SEMANTICS 7.2 and 7.3, read plainly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from netcheck.model.cluster import Cluster
from netcheck.model.gateway import (
    GATEWAY_GROUP,
    AllowedNamespaces,
    From,
    Gateway,
    Listener,
    ListenerSet,
    ObjectRef,
    ParentRef,
    Route,
    RouteKind,
)
from netcheck.model.objects import Service
from netcheck.model.request import Served
from netcheck.semantics import grants
from netcheck.semantics.hostnames import intersection, intersections
from netcheck.semantics.settling import Setting

HTTP_KINDS = (RouteKind(GATEWAY_GROUP, "GRPCRoute"), RouteKind(GATEWAY_GROUP, "HTTPRoute"))
TLS_KIND = RouteKind(GATEWAY_GROUP, "TLSRoute")
TCP_KIND = RouteKind(GATEWAY_GROUP, "TCPRoute")
UDP_KIND = RouteKind(GATEWAY_GROUP, "UDPRoute")
WITH_HOSTNAME = ("HTTP", "HTTPS", "TLS")
PROTOCOLS = (*WITH_HOSTNAME, "TCP", "UDP")
WITH_HOSTNAMES = ("GRPCRoute", "HTTPRoute", "TLSRoute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A listener where it stands: in the Gateway itself, or in a ListenerSet that joined it (GW-10)."""

    gateway: Gateway
    listener_set: ListenerSet | None
    listener: Listener

    @property
    def owner(self) -> tuple[str, str, str]:
        """Kind, namespace and name of the object that holds it."""
        holder = self.listener_set or self.gateway
        return ("ListenerSet" if self.listener_set else "Gateway", holder.namespace, holder.name)

    @property
    def served(self) -> Served:
        """How an answer names it."""
        kind, namespace, name = self.owner
        return Served(kind=kind, namespace=namespace, name=name, listener=self.listener.name)

    @property
    def label(self) -> str:
        """How messages name it."""
        kind, namespace, name = self.owner
        return f"listener `{self.listener.name}` of {kind} {namespace}/{name}"


def gateway_is_accepted(setting: Setting, gateway: Gateway) -> bool:
    """GW-2: some controller claims its class, and it asks for addresses of known types.

    A class that is not loaded is taken to exist unless the input is whole. An address of another type is refused, and the
    Gateway with it (conformance `GatewayStaticAddresses`: Accepted is False, UnsupportedAddress).
    """
    loaded = any(item.name == gateway.class_name for item in setting.cluster.gateway_classes)
    known = all(address_type_is_known(item.type) for item in gateway.addresses)
    return known and (loaded or not setting.cluster.whole)


def address_type_is_known(text: str) -> bool:
    """A type of the API, or one of an implementation: behind a domain that is not set apart for tests (RFC 2606)."""
    if text in ("IPAddress", "Hostname", "NamedAddress"):
        return True
    owner, _, name = text.partition("/")
    return name != "" and owner.split(".")[-1] not in ("test", "example", "invalid", "localhost")


def serving(setting: Setting, gateway: Gateway) -> list[Spot]:
    """Return the listeners that are accepted and have what they need to serve, in the order of GW-10."""
    if not gateway_is_accepted(setting, gateway):
        return []
    return [spot for spot in accepted(setting, gateway) if has_its_keys(setting, spot)]


def accepted(setting: Setting, gateway: Gateway) -> list[Spot]:
    """GW-5, GW-10: across objects the first one has the place; inside one object no indistinct listener is accepted."""
    taken: list[Spot] = []
    kept: list[Spot] = []
    for listener_set in (None, *joined(setting, gateway)):
        listeners = (listener_set or gateway).listeners
        spots = [Spot(gateway=gateway, listener_set=listener_set, listener=item) for item in listeners]
        known = [spot for spot in spots if protocol_is_supported(spot.listener)]
        free = [spot for spot in known if not _conflicts(spot, taken)]
        kept += [spot for spot in free if not _conflicts(spot, known)]
        taken += free
    return kept


def _conflicts(spot: Spot, others: list[Spot]) -> bool:
    return any(other is not spot and indistinct(spot.listener, other.listener) for other in others)


def joined(setting: Setting, gateway: Gateway) -> list[ListenerSet]:
    """GW-10: the ListenerSets that name the Gateway and are let in, by age, then `{namespace}/{name}`."""
    waiting = [item for item in setting.cluster.listener_sets if listener_set_is_allowed(setting, gateway, item)]
    ordered: list[ListenerSet] = []
    while waiting:
        first = setting.oldest(waiting, lambda item: item, "GW-10") if _order_matters(waiting) else waiting[0]
        ordered.append(first)
        waiting.remove(first)
    return ordered


def _order_matters(sets: list[ListenerSet]) -> bool:
    """GW-10: who comes first decides only between listeners that conflict."""
    return any(
        indistinct(one, other)
        for position, first in enumerate(sets)
        for second in sets[position + 1 :]
        for one in first.listeners
        for other in second.listeners
    )


def listener_set_is_allowed(setting: Setting, gateway: Gateway, listener_set: ListenerSet) -> bool:
    """GW-10: its parent is the Gateway, which lets the namespace in (nobody by default)."""
    parent = listener_set.parent
    named = (parent.group, parent.kind, parent.namespace, parent.name)
    if named != (GATEWAY_GROUP, "Gateway", gateway.namespace, gateway.name):
        return False
    return namespace_is_allowed(setting, gateway.listener_sets, gateway.namespace, listener_set.namespace, "GW-10")


def protocol_is_supported(listener: Listener) -> bool:
    """GW-3: the protocols of the API, and prefixed ones, which some implementation defines."""
    return listener.protocol in PROTOCOLS or listener.has_own_protocol


def indistinct(one: Listener, other: Listener) -> bool:
    """GW-4: within a protocol by port and host name, TCP and UDP by port; TCP also against HTTP, HTTPS and TLS.

    What makes listeners of a protocol that an implementation defines distinct is not said: they are.
    """
    if one.has_own_protocol:
        return False
    if one.port != other.port or one.port == 0:
        return False
    if one.protocol == other.protocol:
        return one.protocol not in WITH_HOSTNAME or one.hostname == other.hostname
    protocols = {one.protocol, other.protocol}
    return "TCP" in protocols and not protocols.isdisjoint(WITH_HOSTNAME)


def has_its_keys(setting: Setting, spot: Spot) -> bool:
    """GW-26: a listener that ends TLS needs certificates that it may use, and authorities where it asks for them.

    More than one certificate is implementation specific in the API: so it is what happens if only some can be used.
    """
    if spot.listener.protocol not in ("HTTPS", "TLS") or spot.listener.tls_mode == "Passthrough":
        return True
    valid = [certificate_is_valid(setting, spot, ref) for ref in spot.listener.certificates]
    if valid and not all(valid):
        message = f"some certificates of {spot.label} cannot be used: whether it serves with the others"
        if not any(valid) or not setting.holds(("certificates", spot.label), "GW-3", message):
            return False
    return clients_can_be_checked(setting, spot)


def certificate_is_valid(setting: Setting, spot: Spot, ref: ObjectRef) -> bool:
    """GW-26: a Secret with a keypair, or one that is not loaded, which is taken to exist; granted where it is elsewhere."""
    if (ref.group, ref.kind) != ("", "Secret") or not _may_use(setting, spot, ref):
        return False
    loaded = [item for item in setting.cluster.materials if _names(ref, item.kind, item.namespace, item.name)]
    return all(item.keypair for item in loaded)


def clients_can_be_checked(setting: Setting, spot: Spot) -> bool:
    """GatewaySpec.tls.frontend: of the authorities for this port (else for all) one must be valid. HTTPS only."""
    fitting = [item for item in spot.gateway.frontend if item.port in (0, spot.listener.port)]
    if not fitting or spot.listener.protocol != "HTTPS":
        return True
    authorities = max(fitting, key=lambda item: item.port).authorities
    return not authorities or any(_authority_is_valid(setting, spot, ref) for ref in authorities)


def _authority_is_valid(setting: Setting, spot: Spot, ref: ObjectRef) -> bool:
    if ref.group or ref.kind not in ("ConfigMap", "Secret"):
        return False
    owner = Spot(gateway=spot.gateway, listener_set=None, listener=spot.listener)
    return _may_use(setting, owner, ref) and authority_exists(setting, ref)


def authority_exists(setting: Setting, ref: ObjectRef) -> bool:
    """GW-28: a ConfigMap or Secret with certificates; one that is not loaded is absent only if the input is whole."""
    loaded = [item for item in setting.cluster.materials if _names(ref, item.kind, item.namespace, item.name)]
    if loaded:
        return all(item.authority for item in loaded)
    return not setting.cluster.whole


def _names(ref: ObjectRef, kind: str, namespace: str, name: str) -> bool:
    return (ref.kind, ref.namespace, ref.name) == (kind, namespace, name)


def _may_use(setting: Setting, spot: Spot, ref: ObjectRef) -> bool:
    """GW-26, GW-10: grants to the Gateway are not inherited by a ListenerSet."""
    kind, namespace, _ = spot.owner
    source = grants.Referrer(GATEWAY_GROUP, kind, namespace)
    return grants.permitted(setting, source, grants.Target(ref.group, ref.kind, ref.namespace, ref.name))


def namespace_is_allowed(setting: Setting, allowed: AllowedNamespaces, home: str, guest: str, rule: str) -> bool:
    """GW-9, GW-10: Same, All, None, or those that a selector holds of."""
    match allowed.source:
        case From.ALL:
            return True
        case From.SAME:
            return home == guest
        case From.NONE:
            return False
        case From.SELECTOR:
            return allowed.selector is not None and setting.selects(allowed.selector, guest, rule)


def supported_kinds(listener: Listener) -> tuple[RouteKind, ...]:
    """GW-7: by protocol; TCPRoutes where TLS ends are a switch."""
    match listener.protocol:
        case "HTTP" | "HTTPS":
            return HTTP_KINDS
        case "TLS" if listener.tls_mode == "Passthrough":
            return (TLS_KIND,)
        case "TLS":
            return (TLS_KIND, TCP_KIND)
        case "TCP":
            return (TCP_KIND,)
        case "UDP":
            return (UDP_KIND,)
    return ()


def kind_is_allowed(setting: Setting, listener: Listener, kind: str) -> bool:
    """GW-7: supported by the protocol, and listed where kinds are."""
    wanted = RouteKind(GATEWAY_GROUP, kind)
    if wanted not in supported_kinds(listener) or (listener.kinds and wanted not in listener.kinds):
        return False
    if (listener.protocol, kind) == ("TLS", "TCPRoute"):
        return setting.switch(setting.cluster.profile.tcp_route_on_tls_terminate, "tcpRouteOnTlsTerminate", "GW-7")
    return True


def attached(setting: Setting, spot: Spot) -> list[Route]:
    """Return the routes that the listener accepts (GW-12), one kind of HTTP where two meet (GW-14)."""
    routes = [route for route in setting.cluster.routes if may_attach(setting, spot, route)]
    return [route for route in routes if not yields(setting, spot, route, routes)]


def may_attach(setting: Setting, spot: Spot, route: Route) -> bool:
    """GW-12: some parent names the listener, which allows the namespace and the kind; host names intersect."""
    namespace = spot.owner[1]
    return (
        _is_named(spot, route)
        and hostnames_meet(spot.listener, route)
        and namespace_is_allowed(setting, spot.listener.namespaces, namespace, route.namespace, "GW-9")
        and kind_is_allowed(setting, spot.listener, route.kind)
    )


def _is_named(spot: Spot, route: Route) -> bool:
    return any(parent_names(parent, spot) for parent in route.parents) or attaches_by_default(spot, route)


def parent_names(parent: ParentRef, spot: Spot) -> bool:
    """GW-11, GW-12: the object that holds the listener, and its section name and port where they are given."""
    kind, namespace, name = spot.owner
    return (
        (parent.group, parent.kind, parent.namespace, parent.name) == (GATEWAY_GROUP, kind, namespace, name)
        and parent.section in ("", spot.listener.name)
        and parent.port in (0, spot.listener.port)
    )


def attaches_by_default(spot: Spot, route: Route) -> bool:
    """GW-16: the route asks for default Gateways, and this is one."""
    return route.default_gateways and spot.gateway.default_scope and spot.listener_set is None


def hostnames_meet(listener: Listener, route: Route) -> bool:
    """GW-13: for the kinds that have host names."""
    return route.kind not in WITH_HOSTNAMES or bool(intersections(listener.hostname, route.hostnames))


def yields(setting: Setting, spot: Spot, route: Route, routes: list[Route]) -> bool:
    """GW-14: of an HTTPRoute and a GRPCRoute with intersecting host names on one listener, the older is accepted."""
    rivals = [other for other in routes if _are_rivals(spot, route, other)]
    return any(setting.older(other, route, "GW-14") and not yields(setting, spot, other, routes) for other in rivals)


def _are_rivals(spot: Spot, one: Route, other: Route) -> bool:
    if {one.kind, other.kind} != {"HTTPRoute", "GRPCRoute"}:
        return False
    mine = intersections(spot.listener.hostname, one.hostnames)
    theirs = intersections(spot.listener.hostname, other.hostnames)
    return any(intersection(left, right) is not None for left in mine for right in theirs)


def mesh_attached(cluster: Cluster, service: Service, port: int, client_namespace: str) -> list[Route]:
    """GW-32, GW-33: the routes on a Service port for clients of a namespace: its own ones, else the producer's."""
    named = [route for route in cluster.routes if _names_port(route, service, port)]
    consumer = [route for route in named if route.namespace == client_namespace != service.namespace]
    producer = [route for route in named if route.namespace == service.namespace]
    return strongest(consumer or producer)


def _names_port(route: Route, service: Service, port: int) -> bool:
    """GW-32: `port` and `sectionName` narrow to a Service port; UDP ports and the others are apart."""
    ports = [
        item for item in service.ports if item.port == port and (item.protocol == "UDP") == (route.kind == "UDPRoute")
    ]
    return any(
        (parent.group, parent.kind, parent.namespace, parent.name) == ("", "Service", service.namespace, service.name)
        and parent.port in (0, port)
        and parent.section in ("", item.name)
        for parent, item in chain.from_iterable(((parent, item) for item in ports) for parent in route.parents)
    )


def strongest(routes: list[Route]) -> list[Route]:
    """GW-33: GRPCRoute, HTTPRoute, TLSRoute, TCPRoute: only the first kind that is there; UDP has one kind only."""
    for kind in ("GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute"):
        found = [route for route in routes if route.kind == kind]
        if found:
            return found + [route for route in routes if route.kind == "UDPRoute"]
    return routes
