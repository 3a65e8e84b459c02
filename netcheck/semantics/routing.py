"""What a Gateway or a mesh does with one request: SEMANTICS 7.2 to 7.6, read plainly.

In the order of GW-30: the listener, the routes attached to it, the best match, its backends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netcheck.model.cluster import Cluster
from netcheck.model.flow import Verdict
from netcheck.model.gateway import (
    BackendRef,
    Extension,
    Gateway,
    GRPCMatch,
    HTTPMatch,
    MatchType,
    Mirror,
    Redirect,
    Route,
    RouteRule,
)
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.model.request import Chosen, Request, Routed, Scheme, Served, Share
from netcheck.semantics.attachment import Spot, attached, mesh_attached, serving
from netcheck.semantics.backends import share
from netcheck.semantics.hostnames import covers, listener_rank, route_rank
from netcheck.semantics.matches import grpc_match, http_match
from netcheck.semantics.redirects import redirect_to
from netcheck.semantics.settling import Setting, settled, unknown

__all__ = ["route_at_gateway", "route_in_mesh"]

TAKES = {
    Scheme.HTTP: ("HTTP", "TCP"),
    Scheme.HTTPS: ("HTTPS", "TLS", "TCP"),
    Scheme.TLS: ("HTTPS", "TLS", "TCP"),
    Scheme.TCP: ("TCP",),
    Scheme.UDP: ("UDP",),
}
"""GW-3: the protocols of listeners that understand what is spoken. Of gRPC see `understood`."""


def route_at_gateway(cluster: Cluster, gateway: Gateway, request: Request) -> Routed:
    """Return what the Gateway's data plane does with a request that reaches it (GW-30)."""
    return settled(cluster, lambda setting: _at_gateway(setting, gateway, request))


def route_in_mesh(cluster: Cluster, service: Service, client_namespace: str, request: Request) -> Routed | None:
    """Return what a mesh does with a client's request to a Service port; None iff no route is attached there (GW-32)."""
    if not _attached_in_mesh(cluster, service, client_namespace, request):
        return None
    return settled(cluster, lambda setting: _in_mesh(setting, service, client_namespace, request))


# ---- the listener ---------------------------------------------------------------------------------------------------


def _at_gateway(setting: Setting, gateway: Gateway, request: Request) -> Routed:
    served = serving(setting, gateway)
    floating = [spot for spot in served if not spot.listener.port]
    if floating:
        return unknown("GW-10", f"{floating[0].label} leaves its port to the implementation: it may be any")
    here = [spot for spot in served if spot.listener.port == request.port]
    if not here:
        return _refused(f"no listener of {gateway.label} serves port {request.port}")
    fitting = [spot for spot in here if spot.listener.protocol in understood(request, here)]
    if not fitting:
        return _nobody_understands(here, request)
    if request.scheme is Scheme.UDP or fitting[0].listener.protocol == "TCP":
        return _at_plain_listener(setting, fitting[0], request)
    if fitting[0].listener.protocol == "HTTP":
        return _at_http_listeners(setting, fitting, request)
    return _at_tls_listeners(setting, fitting, request)


def understood(request: Request, here: Sequence[Spot]) -> tuple[str, ...]:
    """GW-3: the protocols that take the request; gRPC is spoken with TLS where it says a name or nothing else is there."""
    if request.scheme is not Scheme.GRPC:
        return TAKES[request.scheme]
    plain = any(spot.listener.protocol == "HTTP" for spot in here)
    return TAKES[Scheme.HTTP] if plain and not request.sni else (*TAKES[Scheme.HTTPS], "TCP")


def _nobody_understands(here: Sequence[Spot], request: Request) -> Routed:
    """GW-3: a listener of a protocol that an implementation defines may do anything; others close the connection."""
    custom = [spot for spot in here if spot.listener.has_own_protocol]
    if custom:
        protocol = custom[0].listener.protocol
        return unknown("GW-3", f"what protocol `{protocol}` of {custom[0].label} means is up to the implementation")
    spoken = ", ".join(sorted({spot.listener.protocol for spot in here}))
    return _refused(f"port {request.port} is served as {spoken}, and the client speaks {request.scheme.value}")


def most_specific(spots: Sequence[Spot], name: str) -> list[Spot]:
    """GW-6: of the listeners that cover the name, those with the most specific host name (several: of two protocols)."""
    covering = [spot for spot in spots if covers(spot.listener.hostname, name)]
    best = max((listener_rank(spot.listener.hostname) for spot in covering), default=None)
    return [spot for spot in covering if listener_rank(spot.listener.hostname) == best]


def _at_http_listeners(setting: Setting, spots: Sequence[Spot], request: Request) -> Routed:
    """GW-6: the Host header chooses; without a listener or route 404."""
    found = most_specific(spots, request.host)
    if not found:
        return Routed(verdict=Verdict.DENIED, status=404)
    return _by_listener(setting, found[0], spots, request, "http")


def _at_tls_listeners(setting: Setting, spots: Sequence[Spot], request: Request) -> Routed:
    """GW-36: the SNI chooses the listener, or nothing answers."""
    name = request.sni or request.host
    found = most_specific(spots, name)
    if not found:
        return _refused(f"no listener on port {request.port} serves the name `{name}`")
    spot = found[0]
    if len(found) > 1:
        message = f"{found[0].label} and {found[1].label} are on one port with one host name"
        spot = setting.one_of(("listener", *(item.label for item in found)), "GW-4", message, found)
    if spot.listener.protocol == "TLS":
        return _at_tls_listener(setting, spot, request, name)
    if request.scheme is Scheme.TLS:
        return _refused(f"{spot.label} takes HTTP over TLS, and what the client speaks is not HTTP")
    return _at_https_listener(setting, spot, spots, request)


def _at_https_listener(setting: Setting, spot: Spot, spots: Sequence[Spot], request: Request) -> Routed:
    """GW-36: misdirected where another listener of the port, of either protocol, serves the host: 421; if none: 404."""
    https = [item for item in spots if item.listener.protocol == "HTTPS"]
    right = most_specific(spots, request.host)
    if not right:
        return Routed(verdict=Verdict.DENIED, status=404, served=spot.served)
    if spot not in right:
        return Routed(verdict=Verdict.DENIED, status=421, served=spot.served)
    return _by_listener(setting, spot, https, request, "https")


def _by_listener(setting: Setting, spot: Spot, spots: Sequence[Spot], request: Request, scheme: str) -> Routed:
    """GW-6: only routes of the chosen listener; without isolation those of less specific listeners too."""
    places = [spot]
    if _isolation_matters(setting, spot, spots, request) and not _is_isolated(setting):
        others = [item for item in spots if item is not spot and covers(item.listener.hostname, request.host)]
        places += sorted(others, key=lambda item: listener_rank(item.listener.hostname), reverse=True)
    routes = [Placed(route, place.served) for place in places for route in attached(setting, place)]
    frontend = Frontend(spot.served, scheme, request.port, mesh=False)
    return _by_rules(setting, frontend, routes, request)


def _isolation_matters(setting: Setting, spot: Spot, spots: Sequence[Spot], request: Request) -> bool:
    covering = [item for item in spots if covers(item.listener.hostname, request.host)]
    return covering != [spot] and setting.cluster.profile.listener_isolation is not Switch.YES


def _is_isolated(setting: Setting) -> bool:
    return setting.switch(setting.cluster.profile.listener_isolation, "listenerIsolation", "GW-6")


# ---- TLS, TCP and UDP -----------------------------------------------------------------------------------------------


def _at_tls_listener(setting: Setting, spot: Spot, request: Request, name: str) -> Routed:
    """GW-20: TLSRoutes by SNI; a TCPRoute where TLS ends takes what no TLSRoute does."""
    routes = attached(setting, spot)
    tls = [route for route in routes if route.kind == "TLSRoute" and _has_name(route, name)]
    best = max((route_rank(route.hostnames, name) for route in tls), default=None)
    tls = [route for route in tls if route_rank(route.hostnames, name) == best]
    candidates = tls or [route for route in routes if route.kind == "TCPRoute"]
    return _to_oldest(setting, Frontend(spot.served, "tls", request.port, mesh=False), candidates)


def _has_name(route: Route, name: str) -> bool:
    return not route.hostnames or any(covers(hostname, name) for hostname in route.hostnames)


def _at_plain_listener(setting: Setting, spot: Spot, request: Request) -> Routed:
    """GW-20: no matching; the oldest route takes everything."""
    frontend = Frontend(spot.served, request.scheme.value, request.port, mesh=False)
    return _to_oldest(setting, frontend, attached(setting, spot))


def _to_oldest(setting: Setting, frontend: Frontend, routes: Sequence[Route]) -> Routed:
    """GW-20, GW-24: the one rule of the oldest route; the connection is rejected unless some backend takes it."""
    if not routes:
        return replace(_refused("no route takes the connection"), served=frontend.served)
    route = setting.oldest(routes, lambda item: item, "GW-20")
    if not route.rules:
        return replace(_refused(f"{route.label} has no rule"), served=frontend.served)
    done = _by_rule(
        setting, frontend, Candidate(Placed(route, frontend.served), 0, route.rules[0], -1, None), Request()
    )
    if done.verdict is Verdict.DENIED:
        return replace(done, status=None, refused=f"no backend of {route.label} takes the connection")
    return done


# ---- the rule (HTTP and gRPC) ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Frontend:
    """Where the request came in: what serves it, the scheme and port that a redirect keeps."""

    served: Served
    scheme: str
    port: int
    mesh: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A route, and the listener to which it is attached."""

    route: Route
    served: Served


@dataclass(frozen=True, slots=True)
class Candidate:
    """A match of a rule that holds of the request; `match` is None for routes without matches."""

    placed: Placed
    rule_index: int
    rule: RouteRule
    match_index: int
    match: HTTPMatch | GRPCMatch | None

    @property
    def route(self) -> Route:
        """Its route."""
        return self.placed.route


def _by_rules(setting: Setting, frontend: Frontend, routes: Sequence[Placed], request: Request) -> Routed:
    """GW-6, GW-18: the best match of all, or 404."""
    found = [item for placed in routes for item in candidates(setting, placed, request, mesh=frontend.mesh)]
    if not found:
        return Routed(verdict=Verdict.DENIED, status=404, served=frontend.served)
    chosen = best_of(setting, found, request, mesh=frontend.mesh)
    return _by_rule(setting, replace(frontend, served=chosen.placed.served), chosen, request)


def rules_of(route: Route) -> tuple[RouteRule, ...]:
    """GW-23: an HTTPRoute without rules is one that takes everything and has no backend."""
    if route.kind == "HTTPRoute" and not route.rules:
        return (RouteRule(matches=(HTTPMatch(),)),)
    return route.rules


def candidates(setting: Setting, placed: Placed, request: Request, *, mesh: bool) -> list[Candidate]:
    """GW-17, GW-19: the matches of a route that hold of the request; GW-32: a mesh does not look at host names."""
    route = placed.route
    if not mesh and not _has_name(route, request.host):
        return []
    if route.kind == "GRPCRoute" and request.scheme is not Scheme.GRPC:
        return []
    return [
        Candidate(placed, rule_index, rule, match_index, match)
        for rule_index, rule in enumerate(rules_of(route))
        for match_index, match in enumerate(rule.matches or (_every(route.kind),))
        if match_holds(setting, match, request)
    ]


def _every(kind: str) -> HTTPMatch | GRPCMatch:
    """GW-17, GW-19: no matches is every request."""
    return GRPCMatch() if kind == "GRPCRoute" else HTTPMatch()


def match_holds(setting: Setting, match: HTTPMatch | GRPCMatch, request: Request) -> bool:
    """GW-17: what implementations read in different ways may hold or not."""
    holds = grpc_match(match, request) if isinstance(match, GRPCMatch) else http_match(match, request)
    if holds is not None:
        return holds
    message = "whether a regular expression or a repeated field matches is left to implementations"
    return setting.holds(("match", match), "GW-17", message)


def best_of(setting: Setting, found: Sequence[Candidate], request: Request, *, mesh: bool) -> Candidate:
    """GW-18: by host name, then by the kind's own order, then the oldest route, then the first rule."""
    found = _greatest([(item, (0, 0) if mesh else route_rank(item.route.hostnames, request.host)) for item in found])
    if len({item.route.kind for item in found}) > 1:
        kind = setting.oldest(found, lambda item: item.route, "GW-14").route.kind
        found = [item for item in found if item.route.kind == kind]
    ranked = [(item, _rank(setting, item.match, alone=len(found) == 1)) for item in found]
    found = _greatest(ranked)
    oldest = setting.oldest(found, lambda item: item.route, "GW-18").route
    return next(item for item in found if item.route.label == oldest.label)


def _greatest(ranked: Sequence[tuple[Candidate, tuple[int, ...]]]) -> list[Candidate]:
    best = max(rank for _, rank in ranked)
    return [item for item, rank in ranked if rank == best]


def _rank(setting: Setting, match: HTTPMatch | GRPCMatch | None, *, alone: bool) -> tuple[int, ...]:
    """GW-18, GW-19: what comes before what; greater is chosen."""
    if isinstance(match, GRPCMatch):
        return (len(match.service), len(match.method), len({field.name for field in match.headers}))
    assert match is not None, "routes without matches have no candidates"
    headers, query = ({field.name for field in fields} for fields in (match.headers, match.query))
    return (*_path_rank(setting, match, alone=alone), int(bool(match.method)), len(headers), len(query))


def _path_rank(setting: Setting, match: HTTPMatch, *, alone: bool) -> tuple[int, int]:
    """GW-18: exact paths, then the longest prefix; where regular expressions stand is left to implementations."""
    if match.path_type is MatchType.EXACT:
        return (2, 0)
    if match.path_type is MatchType.PATH_PREFIX:
        return (1, len(match.path))
    message = f"where the regular expression `{match.path}` stands among other paths is left to implementations"
    before_all, after_all = (3, 0), (0, 0)
    return before_all if alone else setting.one_of(("rank", match.path), "GW-18", message, (before_all, after_all))


def _by_rule(setting: Setting, frontend: Frontend, chosen: Candidate, request: Request) -> Routed:
    """GW-21 to GW-24: filters first, then the shares of the backends."""
    named = Routed(verdict=Verdict.DENIED, served=frontend.served, chosen=_chosen(chosen))
    strange = [item for item in chosen.rule.filters if isinstance(item, Extension)]
    if strange:
        what = f"what filter {strange[0].type} `{strange[0].name}` does is not known"
        return unknown("GW-21", what, served=named.served, chosen=named.chosen)
    redirects = [item for item in chosen.rule.filters if isinstance(item, Redirect)]
    if redirects:
        target = redirect_to(redirects[0], request, frontend.scheme, frontend.port, chosen.match)
        return replace(named, status=target.status, redirect=target)
    return _to_backends(setting, frontend, chosen, named)


def _chosen(item: Candidate) -> Chosen:
    return Chosen(
        kind=item.route.kind,
        namespace=item.route.namespace,
        name=item.route.name,
        rule=item.rule_index,
        match=item.match_index,
        rule_name=item.rule.name,
        place=item.rule.place,
    )


def _to_backends(setting: Setting, frontend: Frontend, chosen: Candidate, named: Routed) -> Routed:
    """GW-22, GW-23, GW-24: allowed iff a backend without problem has a weight; else 500, unspecified if no weight."""
    backends = [ref for ref in chosen.rule.backends if ref.weight]
    shares = tuple(share(setting, chosen.route, ref, mesh=frontend.mesh) for ref in backends)
    done = replace(named, shares=shares, mirrors=_mirrors(setting, frontend, chosen))
    odd = next(
        (ref for ref, item in zip(backends, shares, strict=True) if not item.problem and _goes_astray(ref)), None
    )
    if odd is not None:
        message = f"what the filters of backend {odd.namespace}/{odd.name} do with its share is not known"
        return replace(done, verdict=Verdict.UNKNOWN, reasons=unknown("GW-21", message).reasons)
    if any(not item.problem for item in shares):
        return replace(done, verdict=Verdict.ALLOWED)
    return replace(done, status=500 if shares or not chosen.rule.backends else None)


def _goes_astray(ref: BackendRef) -> bool:
    """GW-21: a filter of one backend that may send its share elsewhere."""
    return any(isinstance(item, Extension | Redirect) for item in ref.filters)


def _mirrors(setting: Setting, frontend: Frontend, chosen: Candidate) -> tuple[Share, ...]:
    """GW-21: each mirror of the rule and of its backends that gets some of the requests."""
    filters = (*chosen.rule.filters, *(item for ref in chosen.rule.backends if ref.weight for item in ref.filters))
    return tuple(
        share(setting, chosen.route, item.backend, mesh=frontend.mesh)
        for item in filters
        if isinstance(item, Mirror) and item.percent > 0
    )


# ---- mesh -----------------------------------------------------------------------------------------------------------


def _attached_in_mesh(cluster: Cluster, service: Service, client_namespace: str, request: Request) -> list[Route]:
    found = mesh_attached(cluster, service, request.port, client_namespace)
    return [route for route in found if (route.kind == "UDPRoute") == (request.scheme is Scheme.UDP)]


def _in_mesh(setting: Setting, service: Service, client_namespace: str, request: Request) -> Routed:
    """GW-32, GW-33: the routes of the strongest kind take the port."""
    routes = _attached_in_mesh(setting.cluster, service, client_namespace, request)
    served = Served(kind="Service", namespace=service.namespace, name=service.name)
    kind = routes[0].kind
    scheme = "https" if request.scheme is Scheme.HTTPS else "http"
    frontend = Frontend(served, scheme, request.port, mesh=True)
    if kind in ("TCPRoute", "UDPRoute"):
        return _to_oldest(setting, frontend, routes)
    if kind == "TLSRoute":
        return _tls_in_mesh(setting, frontend, routes, request)
    if request.scheme in (Scheme.TLS, Scheme.TCP, Scheme.HTTPS):
        return replace(
            _refused(f"a {kind} takes the port, and the client speaks {request.scheme.value}"), served=served
        )
    return _by_rules(setting, frontend, [Placed(route, served) for route in routes], request)


def _tls_in_mesh(setting: Setting, frontend: Frontend, routes: Sequence[Route], request: Request) -> Routed:
    """GW-32: host names are ignored, so the oldest takes every TLS connection."""
    if request.scheme not in (Scheme.TLS, Scheme.HTTPS):
        why = f"a TLSRoute takes the port, and the client speaks {request.scheme.value}"
        return replace(_refused(why), served=frontend.served)
    return _to_oldest(setting, frontend, routes)


def _refused(why: str) -> Routed:
    return Routed(verdict=Verdict.DENIED, refused=why)
