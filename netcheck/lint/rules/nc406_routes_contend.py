"""Routes that contend for one listener, hostname or Service port.

What it finds: an HTTPRoute and a GRPCRoute with a common hostname on one listener, several TCPRoutes or UDPRoutes on one
listener, routes of several kinds on one Service port of a mesh, BackendTLSPolicies with one target, and matches of two
routes that are equally good.
Why it matters: only one of them counts: the older one, or in a mesh the one of the stronger kind. The others are refused, or
accepted and never get a request. Manifests have no age, so it may be another one after each rebuild of the cluster.
When to ignore it: one of the two is about to replace the other.
How it is decided: by the listeners to which routes are attached and by their creationTimestamps, where there are any. Of
equally good matches Z3's answer to one request is put to the oracle, and the request is shown.
Source: SEMANTICS GW-14, GW-18, GW-20, GW-28, GW-33.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.lint.attached import has_gateway_objects, parent_text, refused
from netcheck.lint.finding import Finding, Related
from netcheck.lint.requests import chosen_related, request_text
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed
from netcheck.logic.ages import in_order
from netcheck.logic.attachment import Binding
from netcheck.logic.hostnames import covers
from netcheck.model.gateway import BackendTLSPolicy, Route

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: db, port: 5432, protocol: TCP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1  # finds: NC406
kind: GRPCRoute
metadata: {name: calls, namespace: shop}
spec:
  hostnames: ["*.com"]
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: calls, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TCPRoute
metadata: {name: db, namespace: shop}
spec:
  parentRefs: [{name: gw, sectionName: db}]
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: gateway.networking.k8s.io/v1alpha2  # finds: NC406
kind: TCPRoute
metadata: {name: db-new, namespace: shop}
spec:
  parentRefs: [{name: gw, sectionName: db}]
  rules: [{backendRefs: [{name: db-new, port: 5432}]}]
"""

BAD_MATCH = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules: [{matches: [{path: {value: /cart}}], backendRefs: [{name: cart, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart-new, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /cart}}]  # finds: NC406
    backendRefs: [{name: cart-new, port: 80}]
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  hostnames: [example.com]
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: shop}
spec:
  hostnames: ["*.example.com"]
  parentRefs: [{name: gw}]
  rules: [{backendRefs: [{name: calls, port: 80}]}]
"""

_PLAIN = ("TCPRoute", "UDPRoute")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each route, policy or match that may lose."""
    yield from _kinds(snapshot)
    yield from _plain(snapshot)
    for route, status, accepted in refused(snapshot, "Conflicted"):
        yield RULE.finding(
            f"is not in force at {parent_text(status.parent)}: {accepted.message}",
            about=route.label,
            place=status.parent.place or route.place,
            hint="delete one of the two, or give them different hostnames or ports",
        )
    for policy in snapshot.cluster.backend_tls:
        yield from _policy(snapshot, policy)
    for tie in snapshot.requests.ties("Gateway", "Service"):
        if tie.contenders[0].kind in _PLAIN:
            continue
        yield RULE.finding(
            f"{request_text(tie.request)} is matched equally well by {listed(item.label for item in tie.contenders)}: the "
            "older one takes it, and the input does not tell which that is",
            about=tie.contenders[-1].label,
            place=tie.contenders[-1].place,
            basis="proved",
            related=tuple(chosen_related(item, "matches it too") for item in tie.contenders[:-1]),
            hint="make one of the matches narrower, or join the two routes",
        )


# ---- kinds -------------------------------------------------------------------------------------------------------------


def _kinds(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the GRPCRoutes that perhaps lose to an HTTPRoute: no age says which of them (GW-14)."""
    found: dict[int, tuple[Route, dict[str, Route]]] = {}
    for bindings in _all_bindings(snapshot):
        others = [item for item in bindings if item.route.kind == "HTTPRoute"]
        for item in bindings:
            if item.route.kind == "GRPCRoute" and any(reason.rule == "GW-14" for reason in item.reasons):
                _, rivals = found.setdefault(id(item.route), (item.route, {}))
                rival = next((one.route for one in others if _share(item, one)), None)
                if rival is not None:
                    rivals[rival.label] = rival
    for route, rivals in found.values():
        yield RULE.finding(
            f"shares a hostname with {listed(rivals)} on one listener: only the older of the two is accepted, and the input "
            "does not tell which that is",
            about=route.label,
            place=route.place,
            related=_related(rivals.values(), "shares a hostname"),
            hint="give the two kinds of route different hostnames or listeners",
        )


def _all_bindings(snapshot: Snapshot) -> Iterator[tuple[Binding, ...]]:
    for gateway in snapshot.cluster.gateways:
        for bound in snapshot.attached.listeners(gateway):
            yield snapshot.attached.bindings(bound)


def _share(one: Binding, other: Binding) -> bool:
    return any(covers(a, b) or covers(b, a) for a in one.hostnames for b in other.hostnames)


def _related(routes: Iterable[Route], message: str) -> tuple[Related, ...]:
    return tuple(Related(message=message, place=item.place, object=item.label) for item in routes)[:5]


# ---- routes without matches --------------------------------------------------------------------------------------------


def _plain(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the TCPRoutes and UDPRoutes of a listener but its first (GW-20)."""
    said: set[int] = set()
    for bindings in _all_bindings(snapshot):
        for kind in _PLAIN:
            routes = [item.route for item in bindings if item.route.kind == kind]
            known = in_order(routes)
            for route in routes[1:]:
                if id(route) not in said:
                    said.add(id(route))
                    yield _loser(route, routes[0], known=known)


def _loser(route: Route, first: Route, *, known: bool) -> Finding:
    why = "which is older" if known else "or the other way round: the older one wins, and the input does not tell which"
    return RULE.finding(
        f"gets no connection where {first.label} is attached to the same listener, {why}",
        about=route.label,
        place=route.place,
        related=_related([first], "is attached to the same listener"),
        hint="a listener serves one such route: add a listener, or join the backends in one route",
    )


def _policy(snapshot: Snapshot, policy: BackendTLSPolicy) -> Iterator[Finding]:
    """GW-28: of two policies with one target the older wins."""
    rivals = snapshot.attached.backends.rivals(policy)
    if len(rivals) > 1 and rivals[0] != policy:
        yield RULE.finding(
            f"has a target of {rivals[0].label}: the older of the two is in force, the other is not",
            about=policy.label,
            place=policy.place,
            related=(Related(message="has the same target", place=rivals[0].place, object=rivals[0].label),),
            hint="delete one of the two, or give them different targets",
        )


RULE = Rule(
    code="NC406",
    name="routes-contend",
    severity="warning",
    basis="syntactic",
    summary="Routes that contend for one listener, hostname or Service port",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD, BAD_MATCH),
    good=(GOOD,),
)
