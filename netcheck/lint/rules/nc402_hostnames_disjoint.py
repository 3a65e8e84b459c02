"""Hostnames of a route that no listener serves.

What it finds: routes that share no hostname with any listener of their parent, and single hostnames of a route that none
of the listeners serves to which it is attached.
Why it matters: a route answers only under hostnames that are its own and the listener's. Without one it is not attached
(NoMatchingListenerHostname); a hostname outside of the listener's is dropped without a word, and answered 404.
`*.example.com` stands for every name below `example.com`, not for `example.com` itself.
When to ignore it: the hostname is served elsewhere, and the route is shared between several clusters.
How it is decided: by the hostnames of the route and of the listeners that its parentRefs mean. Single hostnames are judged
only where every parent is loaded and accepts the route; a warning then.
Source: SEMANTICS GW-8, GW-12, GW-13.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import Holder, by_name, has_routes, listeners_related, meant, refused
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, listed
from netcheck.logic.attachment import ParentStatus
from netcheck.logic.conditions import TRUE
from netcheck.logic.hostnames import covers
from netcheck.model.gateway import Listener, Route

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP, hostname: "*.example.com"}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs:
  - {name: gw}  # finds: NC402
  rules: [{backendRefs: [{name: shop, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1  # finds: NC402
kind: HTTPRoute
metadata: {name: blog, namespace: shop}
spec:
  hostnames: [blog.example.com, blog.example.org]
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: blog, port: 80}]}]
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: web, port: 80, protocol: HTTP, hostname: "*.example.com"}
  - {name: apex, port: 80, protocol: HTTP, hostname: example.com}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  hostnames: [example.com, a.b.example.com]
  parentRefs: [{name: gw}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each parent without a common hostname, and for each route with hostnames that nothing serves."""
    known = by_name(snapshot)
    for route, status, _ in refused(snapshot, "NoMatchingListenerHostname"):
        parent = status.parent
        holder = known.get((parent.kind, parent.namespace, parent.name))
        yield _none(route, status, holder, meant(holder, parent))
    served = _served(snapshot)
    for route in snapshot.cluster.routes:
        lost = _lost(snapshot, route, served) if route.hostnames else []
        if lost:
            yield _some(route, lost)


def _none(route: Route, status: ParentStatus, holder: Holder | None, found: tuple[Listener, ...]) -> Finding:
    assert holder is not None
    hosts = [item.hostname for item in found if item.hostname]
    which = listed(f"{item.name} ({item.hostname})" for item in found if item.hostname)
    plural = len(route.hostnames) > 1
    return RULE.finding(
        f"{listed(route.hostnames)} {'are' if plural else 'is'} served by none of the listeners that are meant, {which}: the "
        "route is not attached there",
        about=route.label,
        place=status.parent.place or route.place,
        related=listeners_related(holder, found, "has another hostname"),
        hint=_hint(route.hostnames, hosts),
    )


def _hint(wanted: tuple[str, ...], hosts: list[str]) -> str:
    for host in wanted:
        if f"*.{host}" in hosts:
            return f"`*.{host}` does not stand for `{host}` itself: add a listener for it"
        close = closest(host, hosts)
        if close:
            return f"did you mean `{close}`?"
    return "give the route a hostname that the listener's covers, or the listener a wider one"


def _served(snapshot: Snapshot) -> dict[int, set[str]]:
    """Return route (by identity in memory) -> the hostnames under which some listener serves it, or may."""
    found: dict[int, set[str]] = {}
    for gateway in snapshot.cluster.gateways:
        for bound in snapshot.attached.listeners(gateway):
            for binding in snapshot.attached.bindings(bound):
                found.setdefault(id(binding.route), set()).update(binding.hostnames)
    return found


def _lost(snapshot: Snapshot, route: Route, served: dict[int, set[str]]) -> list[str]:
    """Return the hostnames that no listener serves; none where that is not certain."""
    parents = snapshot.attached.parents(route)
    gateways = [item for item in parents if (item.parent.group, item.parent.kind) != ("", "Service")]
    if not gateways or any(item.conditions[0].status != TRUE for item in gateways):
        return []
    mine = served.get(id(route), set())
    return [host for host in route.hostnames if host not in mine and not any(covers(host, item) for item in mine)]


def _some(route: Route, lost: list[str]) -> Finding:
    return RULE.finding(
        f"no listener to which the route is attached serves {listed(lost)}: requests for {_them(lost)} are not its",
        about=route.label,
        place=route.place,
        severity="warning",
        hint="add a listener that covers it, or delete the hostname",
    )


def _them(lost: list[str]) -> str:
    return "them" if len(lost) > 1 else "it"


RULE = Rule(
    code="NC402",
    name="hostnames-disjoint",
    severity="error",
    basis="syntactic",
    summary="Hostnames of a route that no listener serves",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_routes,
    bad=(BAD,),
    good=(GOOD,),
)
