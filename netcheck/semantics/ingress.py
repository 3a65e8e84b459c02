"""What the controllers of Ingresses and the router of OpenShift do with one request: SEMANTICS section 6, read plainly."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.model.request import Chosen, RedirectTo, Request, Routed, Scheme, Served, Share
from netcheck.model.routes import Ingress, IngressBackend, IngressPath, OpenShiftRoute
from netcheck.semantics.backends import find_service
from netcheck.semantics.hostnames import ingress_covers, ingress_rank
from netcheck.semantics.matches import ingress_path, path_prefix
from netcheck.semantics.settling import Setting, settled, unknown

__all__ = ["effective_class", "route_at_ingress", "route_at_router"]

ENCRYPTED = (Scheme.HTTPS, Scheme.TLS)
NO_PATH = -1
"""Position of a rule or match that there is none of: default backends, rules without paths."""


def effective_class(cluster: Cluster, ingress: Ingress) -> str | None:
    """ING-2, ING-3: the annotation, the field, or the one default class; "" without any, None where several are default."""
    if ingress.class_annotation or ingress.class_name:
        return ingress.class_annotation or ingress.class_name
    defaults = _default_classes(cluster)
    if len(defaults) > 1:
        return None
    return defaults[0] if defaults else ""


def _default_classes(cluster: Cluster) -> list[str]:
    return sorted(item.name for item in cluster.ingress_classes if item.default)


def route_at_ingress(cluster: Cluster, ingress_class: str, request: Request) -> Routed:
    """Return what a controller does with a request that serves the Ingresses of this effective class and no others.

    Two answers that differ only in which of several Ingresses said the same are one answer: that of the first by name.
    """

    def alike(outcome: Routed) -> Hashable:
        return replace(outcome, chosen=None, served=None, refused="refused" * bool(outcome.refused))

    return settled(cluster, lambda setting: _at_controller(setting, ingress_class, request), alike)


def ingresses_of(setting: Setting, ingress_class: str) -> list[Ingress]:
    """ING-2, ING-3: those of the class; with two default classes either may have been written into an Ingress."""
    return [item for item in setting.cluster.ingresses if _class_of(setting, item) == ingress_class]


def _class_of(setting: Setting, ingress: Ingress) -> str:
    found = effective_class(setting.cluster, ingress)
    if found is not None:
        return found
    message = f"several IngressClasses are the default; which one was written into {ingress.label} is not known"
    return setting.one_of(("class", ingress.label), "ING-3", message, _default_classes(setting.cluster))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A path of a rule that takes the request; without a path it is a rule without `http` (ING-10)."""

    ingress: Ingress
    rule: int
    path: int
    backend: IngressBackend | None
    rank: tuple[int, int, int]


def _at_controller(setting: Setting, ingress_class: str, request: Request) -> Routed:
    mine = ingresses_of(setting, ingress_class)
    refusal = port_refusal(request)
    if refusal or request.scheme is Scheme.TLS:
        return Routed(verdict=Verdict.DENIED, refused=refusal or "an Ingress takes HTTP, and only TLS is spoken")
    if _is_encrypted(request) and not any(item.tls for item in mine):
        message = "no Ingress of the class has `tls`: whether the controller answers TLS with a certificate of its own"
        if not setting.holds(("tls", ingress_class), "ING-11", message):
            return Routed(verdict=Verdict.DENIED, refused="no Ingress of the class has `tls`")
    found = [hit for item in mine for hit in hits(setting, item, request)]
    if not found:
        return _default(setting, mine)
    best = max(hit.rank for hit in found)
    if best[0] < _closest_host(mine, request) and _stays(setting, request):
        return _default(setting, mine)
    return _to_hit(setting, _one_of(setting, [hit for hit in found if hit.rank == best]))


def _closest_host(ingresses: Sequence[Ingress], request: Request) -> int:
    """ING-5: how closely some rule names the host, whether one of its paths takes the request or not."""
    return max(
        ingress_rank(rule.host) for item in ingresses for rule in item.rules if ingress_covers(rule.host, request.host)
    )


def _stays(setting: Setting, request: Request) -> bool:
    """ING-5: whether a controller keeps to the closest host where none of its paths fits: some do, others do not."""
    message = (
        f"no path of the rules that name `{request.host}` most closely fits: whether rules of broader hosts are tried then is "
        "up to the controller"
    )
    return setting.holds(("stays with the closest host",), "ING-5", message)


def port_refusal(request: Request) -> str:
    """ING-11: HTTP on 80 and TLS on 443 only; of other ports, which a door may translate, nothing is said."""
    if request.scheme in (Scheme.TCP, Scheme.UDP):
        return f"HTTP is served, and the client speaks {request.scheme.value}"
    if request.port == 443 and not _is_encrypted(request) and request.scheme is not Scheme.GRPC:
        return "port 443 takes TLS, and the client speaks plain HTTP"
    if request.port == 80 and _is_encrypted(request):
        return "port 80 takes plain HTTP, and the client speaks TLS"
    return ""


def _is_encrypted(request: Request) -> bool:
    return request.scheme in ENCRYPTED or (request.scheme is Scheme.GRPC and (bool(request.sni) or request.port == 443))


def hits(setting: Setting, ingress: Ingress, request: Request) -> list[Hit]:
    """ING-4, ING-6, ING-10: the paths of an Ingress that take the request."""
    found: list[Hit] = []
    for position, rule in enumerate(ingress.rules):
        if not ingress_covers(rule.host, request.host):
            continue
        host = ingress_rank(rule.host)
        if rule.paths is None:
            found.append(
                Hit(ingress=ingress, rule=position, path=NO_PATH, backend=ingress.default_backend, rank=(host, 0, 0))
            )
        found += [
            Hit(ingress=ingress, rule=position, path=index, backend=path.backend, rank=(host, *path_rank(path)))
            for index, path in enumerate(rule.paths or ())
            if path_takes(setting, path, request.path)
        ]
    return found


def path_takes(setting: Setting, path: IngressPath, sent: str) -> bool:
    """ING-6: what is ImplementationSpecific is a prefix, or up to the controller."""
    holds = ingress_path(path.type, path.path, sent)
    if holds is not None:
        return holds
    if setting.cluster.profile.ingress_impl_specific is Switch.YES:
        return path_prefix(path.path, sent)
    message = f"what path `{path.path}` of type ImplementationSpecific matches is up to the controller"
    return setting.holds(("path", path.path), "ING-6", message)


def path_rank(path: IngressPath) -> tuple[int, int]:
    """ING-6: the longest path, then Exact. A prefix is as long without its last slash."""
    if path.type == "Exact":
        return (len(path.path), 1)
    return (len(path.path.removesuffix("/")), 0)


def _one_of(setting: Setting, equal: Sequence[Hit]) -> Hit:
    """ING-6: the first of one Ingress; between Ingresses it is up to the controller."""
    firsts = list({hit.ingress.label: hit for hit in reversed(equal)}.values())[::-1]
    labels = tuple(hit.ingress.label for hit in firsts)
    message = f"{' and '.join(labels)} claim one host and path: which one wins is up to the controller"
    return setting.one_of(("tie", *labels), "ING-6", message, firsts)


def _default(setting: Setting, ingresses: Sequence[Ingress]) -> Routed:
    """ING-9: a default backend takes what no rule does; without one the controller answers 404."""
    having = [item for item in ingresses if item.default_backend is not None]
    if not having:
        return Routed(verdict=Verdict.DENIED, status=404)
    hits = [
        Hit(ingress=item, rule=NO_PATH, path=NO_PATH, backend=item.default_backend, rank=(0, 0, 0)) for item in having
    ]
    return _to_hit(setting, _one_of(setting, hits))


def _to_hit(setting: Setting, hit: Hit) -> Routed:
    """ING-8, ING-10: to the backend; a rule without paths and without default backend is the controller's 404."""
    ingress = hit.ingress
    chosen = Chosen(kind="Ingress", namespace=ingress.namespace, name=ingress.name, rule=hit.rule, match=hit.path)
    served = Served(kind="Ingress", namespace=ingress.namespace, name=ingress.name)
    done = Routed(verdict=Verdict.DENIED, served=served, chosen=chosen)
    if hit.backend is None:
        return replace(done, status=404)
    share = backend_share(setting, ingress, hit.backend)
    done = replace(done, shares=(share,))
    if hit.backend.resource:
        asked = unknown("ING-8", f"what the resource {hit.backend.resource} of {ingress.label} serves is not known")
        return replace(done, verdict=Verdict.UNKNOWN, reasons=asked.reasons)
    if share.problem:
        return replace(done, status=500)
    return replace(done, verdict=Verdict.ALLOWED)


def backend_share(setting: Setting, ingress: Ingress, backend: IngressBackend) -> Share:
    """ING-8: a Service port of the Ingress's own namespace, or a resource."""
    if backend.resource:
        kind, _, name = backend.resource.partition("/")
        return Share(namespace=ingress.namespace, name=name, kind=kind, place=backend.place)
    problem = "" if _is_there(setting, ingress, backend) else "BackendNotFound"
    return Share(
        namespace=ingress.namespace, name=backend.service, port=backend.port, problem=problem, place=backend.place
    )


def _is_there(setting: Setting, ingress: Ingress, backend: IngressBackend) -> bool:
    service = find_service(setting.cluster, ingress.namespace, backend.service)
    if service is None:
        return setting.exists(ingress.namespace, f"Service {ingress.namespace}/{backend.service}", "ING-8")
    return has_port(service, backend.port)


def has_port(service: Service, port: int | str | None) -> bool:
    """ING-8: the Service's own port, by number or name; TCP, as HTTP is."""
    return any(item.protocol == "TCP" and port in (item.port, item.name) and port != "" for item in service.ports)


# ---- OpenShift ------------------------------------------------------------------------------------------------------


def route_at_router(cluster: Cluster, request: Request) -> Routed:
    """Return what the default OpenShift router does with a request (ING-15, ING-16)."""
    return settled(cluster, lambda setting: _at_router(setting, request))


def _at_router(setting: Setting, request: Request) -> Routed:
    refusal = port_refusal(request)
    if refusal:
        return Routed(verdict=Verdict.DENIED, refused=refusal)
    serving = [route for route in setting.cluster.openshift_routes if serves(setting, route, request)]
    admitted = [route for route in serving if is_admitted(setting, route)]
    route = _best(setting, admitted, request)
    if route is None:
        return _nobody(request)
    return _to_route(setting, route, request)


def _nobody(request: Request) -> Routed:
    """The router's own page says 503; TLS of which nothing but the name is seen gets no answer."""
    if request.scheme is Scheme.TLS:
        return Routed(verdict=Verdict.DENIED, refused="no passthrough Route serves the name")
    return Routed(verdict=Verdict.DENIED, status=503)


def serves(setting: Setting, route: OpenShiftRoute, request: Request) -> bool:
    """ING-15: host, path and termination fit; a passthrough Route sees the SNI only, and no path."""
    if route.termination == "passthrough":
        name = (request.sni or request.host) if _is_encrypted(request) else request.host
        return _serves_scheme(route, request) and host_fits(setting, route, name)
    return (
        _serves_scheme(route, request)
        and path_prefix(route.path or "/", request.path)
        and host_fits(setting, route, request.host)
    )


def _serves_scheme(route: OpenShiftRoute, request: Request) -> bool:
    """ING-15: plain HTTP without TLS or where it is redirected or allowed, never to who ends TLS itself; TLS where it is."""
    if request.scheme is Scheme.TLS:
        return route.termination == "passthrough"
    if _is_encrypted(request):
        return bool(route.termination)
    allowed = route.insecure == "Allow" and route.termination != "passthrough"
    return not route.termination or allowed or route.insecure == "Redirect"


def host_fits(setting: Setting, route: OpenShiftRoute, host: str) -> bool:
    """ING-15: equal; of a wildcard Route one label in front of the same domain; a host made up begins with its name."""
    if not route.host:
        message = f"the host that the router made up for {route.label} is not known"
        return host.startswith(f"{route.name}-{route.namespace}.") and setting.holds(
            ("host", route.label, host), "ING-15", message
        )
    return host == route.host or (route.subdomain and _domain(host) == _domain(route.host))


def _domain(host: str) -> str:
    return host.partition(".")[2]


def is_admitted(setting: Setting, route: OpenShiftRoute) -> bool:
    """ING-16: the namespace of the oldest Route with this host owns it; there the oldest Route owns host and path."""
    if not route.host:
        return True
    claims = [item for item in setting.cluster.openshift_routes if _claims_the_same(item, route)]
    owner = setting.oldest(claims, lambda item: item, "ING-16")
    same_path = [item for item in claims if item.namespace == route.namespace and item.path == route.path]
    return (
        owner.namespace == route.namespace
        and setting.oldest(same_path, lambda item: item, "ING-16").label == route.label
    )


def _claims_the_same(one: OpenShiftRoute, other: OpenShiftRoute) -> bool:
    return (one.host, one.subdomain) == (other.host, other.subdomain)


def _best(setting: Setting, routes: Sequence[OpenShiftRoute], request: Request) -> OpenShiftRoute | None:
    """ING-15: passthrough by name first, the exact host before a wildcard, then the longest path."""
    if not routes:
        return None

    def rank(route: OpenShiftRoute) -> tuple[bool, bool, int]:
        by_name = route.termination == "passthrough" and _is_encrypted(request)
        return (by_name, not route.subdomain, len(route.path.removesuffix("/")))

    best = max(rank(route) for route in routes)
    return setting.oldest([route for route in routes if rank(route) == best], lambda item: item, "ING-16")


def _to_route(setting: Setting, route: OpenShiftRoute, request: Request) -> Routed:
    """ING-15, ING-16: a redirect to TLS, or the shares; 503 where no backend takes any."""
    chosen = Chosen(kind="Route", namespace=route.namespace, name=route.name, place=route.place)
    served = Served(kind="Route", namespace=route.namespace, name=route.name)
    done = Routed(verdict=Verdict.DENIED, served=served, chosen=chosen)
    if route.termination and not _is_encrypted(request) and route.insecure == "Redirect":
        target = RedirectTo(scheme="https", host=request.host, port=443, path=request.path, status=302)
        return replace(done, status=302, redirect=target)
    done = replace(done, shares=tuple(_route_shares(setting, route)))
    if any(not share.problem for share in done.shares):
        return replace(done, verdict=Verdict.ALLOWED)
    if route.termination == "passthrough":
        return replace(done, refused=f"no backend of {route.label} takes the connection")
    return replace(done, status=503)


def _route_shares(setting: Setting, route: OpenShiftRoute) -> list[Share]:
    """ING-15: Services of the Route's own namespace, with their weights."""
    return [
        Share(
            namespace=route.namespace,
            name=item.service,
            port=route.target_port,
            weight=item.weight,
            problem="" if _route_backend_exists(setting, route, item.service) else "BackendNotFound",
            place=item.place,
        )
        for item in route.backends
        if item.weight
    ]


def _route_backend_exists(setting: Setting, route: OpenShiftRoute, service: str) -> bool:
    if find_service(setting.cluster, route.namespace, service) is not None:
        return True
    return setting.exists(route.namespace, f"Service {route.namespace}/{service}", "ING-15")
