"""Generated clusters of Gateways, routes, grants, Ingresses, OpenShift Routes and mesh routes, and boundary requests.

`of_seed(seed)` gives the same cluster again. Alphabets are small so that hosts, paths and ages collide; requests are made
of every mentioned value and its neighbours. `FEATURES` are measured with floors by tests/meta.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from netcheck.errors import Place
from netcheck.model.cluster import Cluster
from netcheck.model.gateway import (
    GATEWAY_GROUP,
    AllowedNamespaces,
    BackendRef,
    Extension,
    FieldMatch,
    Filter,
    From,
    Gateway,
    GrantFrom,
    GrantTo,
    GRPCMatch,
    HeaderChange,
    HTTPMatch,
    Listener,
    ListenerSet,
    MatchType,
    Mirror,
    ParentRef,
    PathChange,
    Redirect,
    ReferenceGrant,
    Rewrite,
    Route,
    RouteRule,
)
from netcheck.model.objects import Namespace, Service, ServicePort
from netcheck.model.profile import Profile, Switch
from netcheck.model.request import Request, Scheme
from netcheck.model.routes import (
    Ingress,
    IngressBackend,
    IngressClass,
    IngressPath,
    IngressRule,
    OpenShiftBackend,
    OpenShiftRoute,
)
from netcheck.values.labels import LabelSelector

T = TypeVar("T")

NAMESPACES = ("apps", "shop", "web")
HOSTS = ("example.com", "a.example.com", "b.a.example.com", "*.example.com", "*.a.example.com", "other.org")
LISTENER_HOSTS = ("", "", "", "", "*.example.com", "a.example.com", "*.a.example.com", "example.com")
PATHS = ("/", "/", "/", "/foo", "/foo/", "/foo/bar", "/foobar", "/Foo")
AGES = ("", "2024-01-01T00:00:00Z", "2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z")
METHODS = ("GET", "POST", "DELETE")
GRPC_SERVICES = ("shop.Cart", "shop.Orders")
GRPC_METHODS = ("Get", "Put")
SERVICES = ("db", "front", "cart")
PLACE = Place("generated.yaml", 1, 1)
CLASSES = ("nginx", "traefik")


def _chance(rng: random.Random, share: float) -> bool:
    return rng.random() < share


def _some(rng: random.Random, values: Sequence[T], low: int, high: int) -> tuple[T, ...]:
    return tuple(rng.sample(values, min(len(values), rng.randint(low, high))))


# ---- what routes point at ----------------------------------------------------------------------------------------


def _namespaces(rng: random.Random) -> dict[str, Namespace]:
    return {
        name: Namespace(name=name, labels={"team": rng.choice("ab")}, place=PLACE if _chance(rng, 0.7) else None)
        for name in NAMESPACES
    }


def _service(rng: random.Random, namespace: str, name: str) -> Service:
    ports = [ServicePort(port=80, target_port=8080, name="http")]
    if _chance(rng, 0.4):
        ports.append(ServicePort(port=443, target_port="tls", name="https"))
    if _chance(rng, 0.2):
        ports.append(ServicePort(port=53, target_port=53, protocol="UDP", name="dns"))
    return Service(namespace=namespace, name=name, ports=tuple(ports))


def _services(rng: random.Random) -> tuple[Service, ...]:
    drawn = [(space, name) for space in NAMESPACES for name in SERVICES if _chance(rng, 0.8)]
    return tuple(_service(rng, space, name) for space, name in sorted(drawn))


def _backend(rng: random.Random, namespace: str) -> BackendRef:
    if _chance(rng, 0.05):
        return BackendRef(group="storage.example", kind="Bucket", namespace=namespace, name="files")
    there = rng.choice(NAMESPACES) if _chance(rng, 0.2) else namespace
    port = rng.choice((80,) * 8 + (443, 8080))
    return BackendRef(namespace=there, name=rng.choice(SERVICES), port=port, weight=rng.choice((1,) * 8 + (0, 3)))


def _grants(rng: random.Random) -> tuple[ReferenceGrant, ...]:
    drawn = []
    for number in range(rng.randint(0, 6)):
        kind = rng.choice(("HTTPRoute",) * 6 + ("GRPCRoute", "TLSRoute", "TCPRoute"))
        source = GrantFrom(group=GATEWAY_GROUP, kind=kind, namespace=rng.choice(NAMESPACES))
        target = GrantTo(group="", kind="Service", name=rng.choice(("", *SERVICES)))
        space = rng.choice(NAMESPACES)
        drawn.append(ReferenceGrant(namespace=space, name=f"grant-{number}", sources=(source,), targets=(target,)))
    return tuple(sorted(drawn, key=lambda item: (item.namespace, item.name)))


# ---- Gateways ----------------------------------------------------------------------------------------------------


def _allowed(rng: random.Random) -> AllowedNamespaces:
    source = rng.choice((From.ALL,) * 8 + (From.SAME, From.SELECTOR))
    selector = LabelSelector.of({"team": rng.choice("ab")}) if source is From.SELECTOR else None
    return AllowedNamespaces(source=source, selector=selector)


def _listener(rng: random.Random, name: str) -> Listener:
    protocol = rng.choice(("HTTP",) * 6 + ("HTTPS",) * 3 + ("TLS", "TCP", "UDP"))
    port = {"HTTP": rng.choice((80, 80, 80, 8080)), "HTTPS": 443, "TLS": 443, "TCP": 9000, "UDP": 53}[protocol]
    hostname = "" if protocol in ("TCP", "UDP") else rng.choice(LISTENER_HOSTS)
    if protocol == "TLS":  # a TLS listener and an HTTPS one with one hostname: which of them is meant nobody says
        hostname = rng.choice(("tls.other.org", "*.tls.other.org"))
    mode = {"HTTPS": "Terminate", "TLS": rng.choice(("Passthrough", "Terminate"))}.get(protocol, "")
    return Listener(name=name, port=port, protocol=protocol, hostname=hostname, tls_mode=mode, namespaces=_allowed(rng))


def _listeners(rng: random.Random, letter: str, count: int) -> tuple[Listener, ...]:
    """Two listeners of one object on one port with one protocol and hostname are refused by the API server (GW-3)."""
    drawn = [_listener(rng, f"{letter}{number}") for number in range(count)]
    unique = {(item.port, item.protocol, item.hostname): item for item in reversed(drawn)}
    return tuple(sorted(unique.values(), key=lambda item: item.name))


def _gateway(rng: random.Random, name: str) -> Gateway:
    listeners = _listeners(rng, "l", rng.randint(1, 4))
    source = rng.choice((From.NONE, From.ALL, From.SAME))
    return Gateway(
        namespace=rng.choice(NAMESPACES),
        name=name,
        class_name="one",
        listeners=listeners,
        listener_sets=AllowedNamespaces(source=source),
    )


def _listener_set(rng: random.Random, gateways: Sequence[Gateway], number: int) -> ListenerSet:
    parent = rng.choice(gateways)
    ref = ParentRef(namespace=parent.namespace, name=parent.name)
    listeners = _listeners(rng, "s", rng.randint(1, 2))
    return ListenerSet(
        namespace=rng.choice(NAMESPACES),
        name=f"set-{number}",
        parent=ref,
        listeners=listeners,
        created=rng.choice(AGES),
    )


def _parent(rng: random.Random, holders: Sequence[Gateway | ListenerSet]) -> ParentRef:
    holder = rng.choice(holders)
    kind = "Gateway" if isinstance(holder, Gateway) else "ListenerSet"
    section = rng.choice(holder.listeners).name if _chance(rng, 0.3) else ""
    return ParentRef(kind=kind, namespace=holder.namespace, name=holder.name, section=section)


# ---- routes ------------------------------------------------------------------------------------------------------


def _fields(rng: random.Random, name: str) -> tuple[FieldMatch, ...]:
    if not _chance(rng, 0.12):
        return ()
    kind = MatchType.REGULAR_EXPRESSION if _chance(rng, 0.15) else MatchType.EXACT
    first = FieldMatch(name=f"{name}-{rng.choice('ab')}", value=rng.choice(("one", "two")), type=kind)
    return (first, FieldMatch(name=f"{name}-c", value="one")) if _chance(rng, 0.3) else (first,)


def _http_match(rng: random.Random) -> HTTPMatch:
    kind = rng.choice((MatchType.PATH_PREFIX, MatchType.PATH_PREFIX, MatchType.PATH_PREFIX, MatchType.EXACT))
    if _chance(rng, 0.06):
        return HTTPMatch(path_type=MatchType.REGULAR_EXPRESSION, path="/f.*", headers=_fields(rng, "h"))
    return HTTPMatch(
        path_type=kind,
        path=rng.choice(PATHS),
        method=rng.choice(METHODS) if _chance(rng, 0.2) else "",
        headers=_fields(rng, "h"),
        query=_fields(rng, "q"),
    )


def _grpc_match(rng: random.Random) -> GRPCMatch:
    service = rng.choice(GRPC_SERVICES) if _chance(rng, 0.6) else ""
    method = rng.choice(GRPC_METHODS) if _chance(rng, 0.6) else ""
    kind = MatchType.REGULAR_EXPRESSION if (service or method) and _chance(rng, 0.1) else MatchType.EXACT
    return GRPCMatch(type=kind, service=service, method=method, headers=_fields(rng, "h"))


def _filters(rng: random.Random, namespace: str, matches: Sequence[object]) -> tuple[Filter, ...]:
    drawn: list[Filter] = []
    if _chance(rng, 0.15):
        drawn.append(Mirror(backend=_backend(rng, namespace)))
    if _chance(rng, 0.15):
        drawn.append(HeaderChange(type="RequestHeaderModifier"))
    if _chance(rng, 0.1):
        drawn.append(Rewrite(hostname="inner.example.com"))
    if _chance(rng, 0.04):
        drawn.append(Extension(type="ExtensionRef", group="example.com", kind="Thing", name="it"))
    return tuple(drawn)


def _redirect(rng: random.Random, matches: Sequence[HTTPMatch]) -> Redirect:
    prefixes = all(match.path_type is MatchType.PATH_PREFIX for match in matches)
    kinds = ("ReplaceFullPath", "ReplacePrefixMatch") if prefixes else ("ReplaceFullPath",)
    change = PathChange(type=rng.choice(kinds), value=rng.choice(("/new", "/new/", "/"))) if _chance(rng, 0.5) else None
    return Redirect(
        scheme=rng.choice(("", "", "https", "http")),
        hostname=rng.choice(("", "new.example.com")),
        port=rng.choice((0, 0, 8443)),
        status=rng.choice((301, 302)),
        path=change,
    )


def _rule(rng: random.Random, kind: str, namespace: str) -> RouteRule:
    backends = tuple(_backend(rng, namespace) for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 2, 2))))
    if kind == "HTTPRoute":
        matches = tuple(_http_match(rng) for _ in range(rng.choice((1, 1, 2))))
        if _chance(rng, 0.12):
            return RouteRule(matches=matches, filters=(_redirect(rng, matches),))
        return RouteRule(matches=matches, filters=_filters(rng, namespace, matches), backends=backends)
    if kind == "GRPCRoute":
        calls = tuple(_grpc_match(rng) for _ in range(rng.choice((1, 1, 2))))
        return RouteRule(matches=calls, backends=backends)
    return RouteRule(backends=backends or (_backend(rng, namespace),))


def _route(rng: random.Random, number: int, parents: Callable[[str, str], tuple[ParentRef, ...]]) -> Route:
    kind = rng.choice(("HTTPRoute",) * 10 + ("GRPCRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"))
    namespace = rng.choice(NAMESPACES)
    named = kind in ("HTTPRoute", "GRPCRoute")
    hostnames = _some(rng, HOSTS, 1, 3) if named and _chance(rng, 0.5) else ()
    if kind == "TLSRoute":
        hostnames = _some(rng, ("tls.other.org", "a.tls.other.org", "*.tls.other.org"), 1, 2)
    count = rng.choice((1, 2, 3)) if named else 1
    return Route(
        kind=kind,
        namespace=namespace,
        name=f"r{number}",
        parents=parents(kind, namespace),
        hostnames=hostnames,
        rules=tuple(_rule(rng, kind, namespace) for _ in range(count)),
        created=rng.choice(AGES),
    )


def _gateway_routes(rng: random.Random, holders: Sequence[Gateway | ListenerSet], count: int) -> list[Route]:
    def parents(_kind: str, _namespace: str) -> tuple[ParentRef, ...]:
        drawn = {(ref.kind, ref.name): ref for ref in (_parent(rng, holders) for _ in range(rng.choice((1, 1, 2))))}
        return tuple(drawn.values())

    return [_route(rng, number, parents) for number in range(count)]


def _mesh_routes(rng: random.Random, services: Sequence[Service], first: int, count: int) -> list[Route]:
    def parents(_kind: str, namespace: str) -> tuple[ParentRef, ...]:
        own = [item for item in services if item.namespace == namespace]
        service = rng.choice(own if own and _chance(rng, 0.5) else services)
        port = rng.choice((0, 0, 80, 443))
        return (ParentRef(group="", kind="Service", namespace=service.namespace, name=service.name, port=port),)

    return [_route(rng, first + number, parents) for number in range(count)] if services else []


# ---- Ingress and OpenShift ---------------------------------------------------------------------------------------


def _ingress_backend(rng: random.Random) -> IngressBackend:
    if _chance(rng, 0.05):
        return IngressBackend(resource="Bucket/files")
    return IngressBackend(service=rng.choice(SERVICES), port=rng.choice((80, 80, "http", 443, 8080)))


def _ingress_path(rng: random.Random) -> IngressPath:
    kind = rng.choice(("Prefix", "Prefix", "Prefix", "Exact", "Exact", "ImplementationSpecific"))
    if kind == "ImplementationSpecific" and _chance(rng, 0.5):
        kind = "Prefix"
    return IngressPath(type=kind, path=rng.choice(PATHS), backend=_ingress_backend(rng))


def _ingress(rng: random.Random, number: int) -> Ingress:
    rules = []
    for _ in range(rng.randint(0, 2)):
        paths = tuple(_ingress_path(rng) for _ in range(rng.randint(1, 3))) if _chance(rng, 0.93) else None
        rules.append(IngressRule(host=rng.choice(("", "", *HOSTS)), paths=paths))
    return Ingress(
        namespace=rng.choice(NAMESPACES),
        name=f"i{number}",
        class_name=rng.choice(("", *CLASSES, CLASSES[0])),
        class_annotation=rng.choice(("", "", "", CLASSES[0])),
        default_backend=_ingress_backend(rng) if not rules or _chance(rng, 0.25) else None,
        rules=tuple(rules),
        created=rng.choice(AGES),
    )


def _openshift(rng: random.Random, number: int) -> OpenShiftRoute:
    termination = rng.choice(("", "", "edge", "reencrypt", "passthrough"))
    host = rng.choice(("a.example.com", "a.example.com", "example.com", "b.a.example.com", "other.org"))
    return OpenShiftRoute(
        namespace=rng.choice(NAMESPACES),
        name=f"o{number}",
        host=host,
        path="" if termination == "passthrough" else rng.choice(("", "", "/foo", "/foo/bar", "/foo/")),
        backends=tuple(
            OpenShiftBackend(service=rng.choice(SERVICES), weight=rng.choice((100, 100, 50, 0)))
            for _ in range(rng.choice((1, 1, 2)))
        ),
        target_port=rng.choice((None, 8080, "http")),
        termination=termination,
        insecure=rng.choice(("None", "Allow", "Redirect")) if termination in ("edge", "reencrypt") else "None",
        created=rng.choice(AGES),
    )


# ---- clusters ----------------------------------------------------------------------------------------------------

T2 = TypeVar("T2", Gateway, ListenerSet, Route, Ingress, OpenShiftRoute)


def _sorted(items: Sequence[T2]) -> tuple[T2, ...]:
    return tuple(sorted(items, key=lambda item: (item.namespace, item.name)))


def _profile(rng: random.Random) -> Profile:
    profile = Profile()
    if _chance(rng, 0.2):
        profile = profile.with_switch("listener_isolation", rng.choice((Switch.NO, Switch.UNKNOWN)))
    if _chance(rng, 0.3):
        profile = profile.with_switch("ingress_impl_specific", Switch.YES)
    if _chance(rng, 0.2):
        profile = profile.with_switch("tcp_route_on_tls_terminate", rng.choice((Switch.NO, Switch.YES)))
    return profile


def of_seed(seed: int) -> Cluster:
    """Return the cluster of a seed."""
    rng = random.Random(seed)
    services = _services(rng)
    gateways = [_gateway(rng, f"g{number}") for number in range(rng.choice((1, 1, 2)))]
    sets = [_listener_set(rng, gateways, number) for number in range(rng.choice((0, 0, 1, 2)))]
    at_gateways = _gateway_routes(rng, [*gateways, *sets], rng.randint(3, 8))
    in_mesh = _mesh_routes(rng, services, len(at_gateways), rng.randint(0, 3))
    classes = tuple(IngressClass(name=name, default=_chance(rng, 0.3)) for name in CLASSES)
    return Cluster(
        namespaces=_namespaces(rng),
        services=services,
        gateways=_sorted(gateways),
        listener_sets=_sorted(sets),
        routes=tuple(sorted((*at_gateways, *in_mesh), key=lambda item: (item.kind, item.namespace, item.name))),
        grants=_grants(rng),
        ingress_classes=classes,
        ingresses=_sorted([_ingress(rng, number) for number in range(rng.randint(0, 4))]),
        openshift_routes=_sorted([_openshift(rng, number) for number in range(rng.randint(0, 4))]),
        profile=_profile(rng),
        whole=False,
    )


# ---- requests ----------------------------------------------------------------------------------------------------

REQUEST_HOSTS = (
    "",
    "example.com",
    "a.example.com",
    "x.example.com",
    "b.a.example.com",
    "c.b.a.example.com",
    "other.org",
    "elsewhere.net",
)
REQUEST_PATHS = ("/", "/", "/", "/foo", "/foo/", "/foo/bar", "/foo/bar/x", "/foobar", "/Foo", "/x")
TLS_NAMES = ("", "tls.other.org", "a.tls.other.org", "b.a.tls.other.org", "a.example.com")


def request(rng: random.Random, cluster: Cluster) -> Request:
    """Return one request made of boundary values; most fit some listener's port and protocol."""
    holders = (*cluster.gateways, *cluster.listener_sets)
    listener = rng.choice([item for holder in holders for item in holder.listeners])
    fitting = {"HTTP": (Scheme.HTTP,) * 4 + (Scheme.GRPC,), "HTTPS": (Scheme.HTTPS,) * 4 + (Scheme.GRPC,)}
    plain = {"TLS": (Scheme.TLS,), "TCP": (Scheme.TCP,), "UDP": (Scheme.UDP,)}
    scheme = rng.choice((fitting | plain)[listener.protocol]) if _chance(rng, 0.8) else rng.choice(tuple(Scheme))
    host = rng.choice(REQUEST_HOSTS)
    sni = ""
    if scheme is Scheme.HTTPS:
        sni = rng.choice(REQUEST_HOSTS[1:]) if _chance(rng, 0.4) else host
    elif scheme is Scheme.TLS:
        host = ""
        sni = rng.choice(TLS_NAMES)
    path = rng.choice(REQUEST_PATHS)
    if scheme is Scheme.GRPC:
        path = f"/{rng.choice((*GRPC_SERVICES, 'x.Y'))}/{rng.choice((*GRPC_METHODS, 'Del'))}"
    return Request(
        scheme=scheme,
        host=host,
        sni=sni,
        port=listener.port if _chance(rng, 0.8) else rng.choice((80, 443)),
        path=path,
        method="POST" if scheme is Scheme.GRPC else rng.choice((*METHODS, "GET", "PUT")),
        headers=_pairs(rng, "h"),
        query=_pairs(rng, "q"),
    )


def _pairs(rng: random.Random, name: str) -> tuple[tuple[str, str], ...]:
    names = [f"{name}-{letter}" for letter in "abc" if _chance(rng, 0.3)]
    return tuple((each, rng.choice(("one", "two", "three"))) for each in names)


def requests(seed: int, cluster: Cluster, count: int) -> list[Request]:
    """Return requests, the same for one seed and cluster."""
    rng = random.Random(seed)
    return [request(rng, cluster) for _ in range(count)]


# ---- what is drawn -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _View:
    cluster: Cluster

    @property
    def http(self) -> list[Route]:
        return [item for item in self.cluster.routes if item.kind == "HTTPRoute"]

    @property
    def matches(self) -> list[HTTPMatch]:
        rules = [rule for route in self.http for rule in route.rules]
        return [match for rule in rules for match in rule.matches if isinstance(match, HTTPMatch)]

    @property
    def crossing(self) -> list[tuple[Route, BackendRef]]:
        pairs = [(route, ref) for route in self.cluster.routes for rule in route.rules for ref in rule.backends]
        return [(route, ref) for route, ref in pairs if ref.namespace != route.namespace]

    def granted(self, route: Route, ref: BackendRef) -> bool:
        return any(
            grant.namespace == ref.namespace
            and any((item.kind, item.namespace) == (route.kind, route.namespace) for item in grant.sources)
            and any(item.name in ("", ref.name) for item in grant.targets)
            for grant in self.cluster.grants
        )

    def filters(self, kind: type[object]) -> bool:
        rules = [rule for route in self.cluster.routes for rule in route.rules]
        return any(isinstance(item, kind) for rule in rules for item in rule.filters)


def _repeated(values: Sequence[object]) -> bool:
    return any(count > 1 for count in Counter(values).values())


def _wildcard_overlap(view: _View) -> bool:
    hosts = {host for route in view.http for host in route.hostnames}
    return {"*.example.com", "*.a.example.com"} <= hosts or ("*.example.com" in hosts and "a.example.com" in hosts)


def _protocol(view: _View, protocol: str) -> bool:
    return any(item.protocol == protocol for gateway in view.cluster.gateways for item in gateway.listeners)


def _undated_tie(view: _View) -> bool:
    undated = [route for route in view.http if not route.created]
    return _repeated(
        [key for route in undated for key in {repr(match) for rule in route.rules for match in rule.matches}]
    )


def _kinds_meet(view: _View) -> bool:
    found: dict[tuple[str, str, str], set[str]] = {}
    for route in view.cluster.routes:
        for ref in route.parents:
            found.setdefault((ref.kind, ref.namespace, ref.name), set()).add(route.kind)
    return any({"HTTPRoute", "GRPCRoute"} <= kinds for kinds in found.values())


FEATURES: Mapping[str, Callable[[_View], bool]] = {
    "wildcard hosts of routes overlap": _wildcard_overlap,
    "two listeners on one port": lambda view: any(
        _repeated([item.port for item in gateway.listeners]) for gateway in view.cluster.gateways
    ),
    "HTTPS listener": lambda view: _protocol(view, "HTTPS"),
    "TLS listener": lambda view: _protocol(view, "TLS"),
    "TCP or UDP listener": lambda view: _protocol(view, "TCP") or _protocol(view, "UDP"),
    "ListenerSet": lambda view: bool(view.cluster.listener_sets),
    "cross-namespace backend with a grant": lambda view: any(view.granted(*pair) for pair in view.crossing),
    "cross-namespace backend without a grant": lambda view: any(not view.granted(*pair) for pair in view.crossing),
    "backend of an unknown kind": lambda view: any(
        ref.kind != "Service" for route in view.cluster.routes for rule in route.rules for ref in rule.backends
    ),
    "weight 0": lambda view: any(
        ref.weight == 0 for route in view.cluster.routes for rule in route.rules for ref in rule.backends
    ),
    "regular expression": lambda view: any(match.path_type is MatchType.REGULAR_EXPRESSION for match in view.matches),
    "exact and prefix of one path": lambda view: any(
        (MatchType.EXACT, match.path) in {(item.path_type, item.path) for item in view.matches}
        for match in view.matches
        if match.path_type is MatchType.PATH_PREFIX
    ),
    "equal matches of two routes": lambda view: _repeated(
        [key for route in view.http for key in {repr(match) for rule in route.rules for match in rule.matches}]
    ),
    "equal matches, an age missing": _undated_tie,
    "header or query match": lambda view: any(match.headers or match.query for match in view.matches),
    "method match": lambda view: any(match.method for match in view.matches),
    "redirect": lambda view: view.filters(Redirect),
    "mirror": lambda view: view.filters(Mirror),
    "unknown filter": lambda view: view.filters(Extension),
    "HTTPRoute and GRPCRoute at one parent": _kinds_meet,
    "mesh route": lambda view: any(ref.kind == "Service" for route in view.cluster.routes for ref in route.parents),
    "consumer route": lambda view: any(
        ref.kind == "Service" and ref.namespace != route.namespace
        for route in view.cluster.routes
        for ref in route.parents
    ),
    "two Ingresses of one host": lambda view: _repeated(
        [host for item in view.cluster.ingresses for host in {rule.host for rule in item.rules}]
    ),
    "two default classes": lambda view: all(item.default for item in view.cluster.ingress_classes),
    "default backend": lambda view: any(item.default_backend for item in view.cluster.ingresses),
    "ImplementationSpecific path": lambda view: any(
        path.type == "ImplementationSpecific"
        for item in view.cluster.ingresses
        for rule in item.rules
        for path in rule.paths or ()
    ),
    "rule without paths": lambda view: any(
        rule.paths is None for item in view.cluster.ingresses for rule in item.rules
    ),
    "two namespaces claim an OpenShift host": lambda view: any(
        one.host == other.host and one.namespace != other.namespace
        for one in view.cluster.openshift_routes
        for other in view.cluster.openshift_routes
    ),
    "passthrough Route": lambda view: any(item.termination == "passthrough" for item in view.cluster.openshift_routes),
    "listener isolation not the default": lambda view: view.cluster.profile.listener_isolation is not Switch.YES,
}


def distribution(count: int, seed: int = 0) -> dict[str, float]:
    """Return the share of clusters that have each feature."""
    views = [_View(of_seed(number)) for number in range(seed, seed + count)]
    return {name: sum(test(view) for view in views) / count for name, test in FEATURES.items()}


# ---- smaller clusters --------------------------------------------------------------------------------------------


def smaller(original: Cluster) -> Iterator[Cluster]:
    """Yield the clusters with one object, rule or match fewer."""
    for name in ("routes", "ingresses", "openshift_routes", "listener_sets", "grants", "services", "gateways"):
        items = getattr(original, name)
        for place in range(len(items)):
            yield replace(original, **{name: (*items[:place], *items[place + 1 :])})
    for place, route in enumerate(original.routes):
        for number in range(len(route.rules)):
            if len(route.rules) > 1:
                less = replace(route, rules=(*route.rules[:number], *route.rules[number + 1 :]))
                yield replace(original, routes=(*original.routes[:place], less, *original.routes[place + 1 :]))
    if original.profile != Profile():
        yield replace(original, profile=Profile())


def minimize(original: Cluster, is_bad: Callable[[Cluster], bool]) -> Cluster:
    """Return a cluster that is still bad and of which no part can be left out."""
    for less in smaller(original):
        if is_bad(less):
            return minimize(less, is_bad)
    return original
