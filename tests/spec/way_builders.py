"""Short constructors of Gateways, routes, Ingresses and requests, so that a test shows what matters and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from netcheck.errors import Place
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.gateway import (
    AllowedNamespaces,
    BackendRef,
    FieldMatch,
    Filter,
    From,
    Gateway,
    GrantFrom,
    GrantTo,
    GRPCMatch,
    HTTPMatch,
    Listener,
    ListenerSet,
    MatchType,
    ParentRef,
    ReferenceGrant,
    Route,
    RouteKind,
    RouteRule,
)
from netcheck.model.objects import Namespace, Service, ServicePort
from netcheck.model.request import Request, Routed, Scheme
from netcheck.model.routes import Ingress, IngressBackend, IngressPath, IngressRule
from netcheck.semantics.routing import route_at_gateway, route_in_mesh
from tests.spec.builders import namespace

GROUP = "gateway.networking.k8s.io"
HERE = Place("input.yaml", 1, 1)
EVERYBODY = AllowedNamespaces(source=From.ALL)
EXACT, PREFIX, REGEX = MatchType.EXACT, MatchType.PATH_PREFIX, MatchType.REGULAR_EXPRESSION
NAMESPACES = ("shop", "web", "infra")
"""The namespaces whose Services are loaded: so the input tells what they hold."""


def service(name: str, *ports: int | ServicePort, ns: str = "shop", **more: object) -> Service:
    """A Service with these ports, 80 unless told otherwise."""
    listed = [ServicePort(port=item, target_port=item) if isinstance(item, int) else item for item in ports or (80,)]
    return Service(**{"namespace": ns, "name": name, "selector": {"app": name}, "ports": tuple(listed), **more})  # type: ignore[arg-type]


SERVICES = tuple(service(name, ns=ns) for ns in NAMESPACES for name in ("a", "b", "c"))


def listener(
    name: str = "http", port: int = 80, protocol: str = "HTTP", hostname: str = "", **more: object
) -> Listener:
    if protocol in ("HTTPS", "TLS"):
        more.setdefault("tls_mode", "Terminate")
    return Listener(name=name, port=port, protocol=protocol, hostname=hostname, **more)  # type: ignore[arg-type]


def gateway(*listeners: Listener, name: str = "gw", ns: str = "shop", **more: object) -> Gateway:
    """A Gateway with these listeners, one for HTTP on 80 unless told otherwise."""
    return Gateway(namespace=ns, name=name, class_name="any", listeners=listeners or (listener(),), **more)  # type: ignore[arg-type]


def parent(name: str = "gw", ns: str = "shop", *, section: str = "", port: int = 0, kind: str = "Gateway") -> ParentRef:
    group = "" if kind == "Service" else GROUP
    return ParentRef(group=group, kind=kind, namespace=ns, name=name, section=section, port=port)


def backend(name: str = "a", port: int = 80, weight: int = 1, *, ns: str = "shop", **more: object) -> BackendRef:
    return BackendRef(namespace=ns, name=name, port=port, weight=weight, **more)  # type: ignore[arg-type]


def path(value: str, kind: MatchType = PREFIX, **more: object) -> HTTPMatch:
    return HTTPMatch(path=value, path_type=kind, **more)  # type: ignore[arg-type]


def field(name: str, value: str, kind: MatchType = EXACT) -> FieldMatch:
    return FieldMatch(name=name, value=value, type=kind)


def rule(
    to: Iterable[BackendRef] | str = "a", *matches: HTTPMatch | GRPCMatch, filters: Iterable[Filter] = ()
) -> RouteRule:
    """A rule with these matches (the default one unless told otherwise) to these backends, or to one Service of `shop`."""
    backends = (backend(to),) if isinstance(to, str) else tuple(to)
    return RouteRule(matches=matches or (HTTPMatch(),), backends=backends, filters=tuple(filters))


def route(
    name: str = "r",
    *rules: RouteRule,
    hosts: Iterable[str] = (),
    parents: Iterable[ParentRef] = (),
    kind: str = "HTTPRoute",
    ns: str = "shop",
    created: str = "",
    **more: object,
) -> Route:
    """An HTTPRoute in `shop` at Gateway `shop/gw` to Service `shop/a`, unless told otherwise."""
    return Route(
        kind=kind,
        namespace=ns,
        name=name,
        rules=rules or (rule(),),
        hostnames=tuple(hosts),
        parents=tuple(parents) or (parent(),),
        created=created,
        **more,  # type: ignore[arg-type]
    )


def plain(name: str, kind: str, to: Iterable[BackendRef] | str = "a", **more: object) -> Route:
    """A TLSRoute, TCPRoute or UDPRoute."""
    backends = (backend(to),) if isinstance(to, str) else tuple(to)
    return route(name, RouteRule(backends=backends), kind=kind, **more)  # type: ignore[arg-type]


def grant(ns: str, source: str, *names: str, kind: str = "HTTPRoute", to: str = "Service") -> ReferenceGrant:
    """A grant in `ns` from HTTPRoutes of namespace `source` to these Services, or to all."""
    targets = tuple(GrantTo(group="", kind=to, name=name) for name in names or ("",))
    return ReferenceGrant(
        namespace=ns, name="g", sources=(GrantFrom(group=GROUP, kind=kind, namespace=source),), targets=targets
    )


def defined(name: str, text: str = "") -> Namespace:
    """A namespace that the input defines: what it lacks is not there."""
    made = namespace(name, text)
    return Namespace(name=made.name, labels=made.labels, place=HERE)


def world(*objects: object, services: tuple[Service, ...] = SERVICES, **more: object) -> Cluster:
    """A cluster of these Gateways, ListenerSets, routes and grants, with Services a, b, c in each known namespace."""
    found: dict[str, tuple[object, ...]] = {
        "gateways": tuple(item for item in objects if isinstance(item, Gateway)),
        "listener_sets": tuple(item for item in objects if isinstance(item, ListenerSet)),
        "routes": tuple(item for item in objects if isinstance(item, Route)),
        "grants": tuple(item for item in objects if isinstance(item, ReferenceGrant)),
        "ingresses": tuple(item for item in objects if isinstance(item, Ingress)),
        "services": services,
    }
    more.setdefault("namespaces", {name: defined(name) for name in NAMESPACES})
    return Cluster(**{**found, **more})  # type: ignore[arg-type]


def get(url: str = "/", *, scheme: Scheme = Scheme.HTTP, **more: object) -> Request:
    """A request of `host:port/path?query`; a header is given as `headers={"name": "value"}`."""
    host, slash, rest = url.partition("/")
    host, _, number = host.partition(":")
    where, _, query = (slash + rest).partition("?")
    usual = 443 if scheme in (Scheme.HTTPS, Scheme.TLS) else 80
    pairs = tuple((item.partition("=")[0], item.partition("=")[2]) for item in query.split("&") if item)
    headers = more.pop("headers", {})
    return Request(
        scheme=scheme,
        host=host,
        port=int(number or usual),
        path=where or "/",
        query=pairs,
        headers=tuple(headers.items()),  # type: ignore[attr-defined]
        **more,  # type: ignore[arg-type]
    )


def sent(where: Cluster, request: Request | str = "/", name: str = "gw") -> Routed:
    """What Gateway `name` does with the request."""
    asked = get(request) if isinstance(request, str) else request
    return route_at_gateway(where, next(item for item in where.gateways if item.name == name), asked)


def meshed(where: Cluster, request: Request | str = "/", client: str = "shop", to: str = "a") -> Routed | None:
    """What a mesh does with a request of a client in `client` to Service `shop/to`."""
    asked = get(request) if isinstance(request, str) else request
    target = next(item for item in where.services if (item.namespace, item.name) == ("shop", to))
    return route_in_mesh(where, target, client, asked)


def end(routed: Routed | None) -> object:
    """What became of a request, in one word: the Services that may get it, a status, `refused`, or `unknown`."""
    assert routed is not None
    assert (routed.verdict is Verdict.UNKNOWN) == bool(routed.reasons)
    if routed.verdict is Verdict.UNKNOWN:
        return "unknown"
    if routed.verdict is Verdict.ALLOWED:
        assert (routed.status, routed.refused) == (None, "")
        return " ".join(share.name for share in routed.shares if share.weight and not share.problem)
    return "refused" if routed.refused else routed.status


def why(routed: Routed) -> set[str]:
    """The rules that an unknown answer cites."""
    return {reason.rule for reason in routed.reasons}


def kinds(*names: str) -> tuple[RouteKind, ...]:
    return tuple(RouteKind(GROUP, name) for name in names)


def ipath(value: str, to: str = "a", kind: str = "Prefix", port: int | str = 80) -> IngressPath:
    return IngressPath(type=kind, path=value, backend=IngressBackend(service=to, port=port))


def irule(host: str = "", *paths: IngressPath) -> IngressRule:
    return IngressRule(host=host, paths=paths or (ipath("/"),))


def ingress(name: str = "i", *rules: IngressRule, ns: str = "shop", **more: object) -> Ingress:
    """An Ingress of class `x` in `shop`."""
    more.setdefault("class_name", "x")
    return Ingress(namespace=ns, name=name, rules=rules, **more)  # type: ignore[arg-type]
