"""A route that the listener does not let in.

What it finds: routes of a namespace or kind that no listener of their parent lets in, ListenerSets of a namespace that the
Gateway does not let in, and listeners that allow kinds of route which their protocol cannot take.
Why it matters: a listener lets in routes of its own namespace only, unless `allowedRoutes.namespaces` says more, and a
Gateway no ListenerSet at all. The route is not attached (NotAllowedByListeners) and none of its requests is served.
When to ignore it: never; the route has no effect there.
How it is decided: by the listeners that the parentRef means and the labels of the loaded namespaces. Where such labels are
not known, nothing is reported.
Source: SEMANTICS GW-7, GW-9, GW-10, GW-12.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Place
from netcheck.lint.attached import (
    BadCondition,
    Holder,
    bad_conditions,
    by_name,
    has_gateway_objects,
    listeners_related,
    meant,
    refused,
)
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed
from netcheck.model.gateway import From, Listener, Route, RouteKind

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs:
  - {name: gw, namespace: infra}  # finds: NC401
  rules: [{backendRefs: [{name: shop, port: 80}]}]
"""

BAD_KIND = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: db, namespace: shop}
spec:
  parentRefs:
  - {name: gw}  # finds: NC401
  rules: [{backendRefs: [{name: db, port: 5432}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: shop}
spec:
  parentRef: {name: gw}  # finds: NC401
  listeners: [{name: web, port: 8080, protocol: HTTP}]
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: example
  listeners:
  - name: web
    port: 80
    protocol: HTTP
    allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {web: "yes"}}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {web: "yes"}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each parent that does not let a route or ListenerSet in."""
    known = by_name(snapshot)
    for route, status, _ in refused(snapshot, "NotAllowedByListeners"):
        parent = status.parent
        holder = known.get((parent.kind, parent.namespace, parent.name))
        yield _route(route, holder, meant(holder, parent), parent.place)
    for bad in bad_conditions(snapshot):
        if bad.condition.type == "Accepted" and bad.condition.reason == "NotAllowed":
            yield _set(bad)
        elif bad.condition.reason == "InvalidRouteKinds":
            yield RULE.finding(
                f"listener `{bad.at}`: {bad.condition.message}",
                about=bad.label,
                place=bad.place,
                hint="list only kinds of the listener's protocol in allowedRoutes.kinds, or none",
            )


def _route(route: Route, holder: Holder | None, found: tuple[Listener, ...], place: Place | None) -> Finding:
    assert holder is not None
    taking = {item.listener.name for item in holder.listeners if _takes(item.kinds, route.kind)}
    fitting = [item for item in found if item.name in taking]
    if not fitting:
        what = f"take no {route.kind}" if len(found) > 1 else f"takes no {route.kind}"
        hint = "name a listener whose protocol and allowedRoutes.kinds take this kind of route"
    else:
        own = all(item.namespaces.source is From.SAME for item in fitting)
        only = "routes of its own namespace only" if own else f"no routes of namespace `{route.namespace}`"
        what = f"let{'s' if len(fitting) == 1 else ''} in {only}"
        hint = "set allowedRoutes.namespaces of the listener: `from: Selector` with a label of the namespace, or `from: All`"
    shown = fitting or list(found)
    return RULE.finding(
        f"{listed(item.name for item in shown)} of {holder.item.label} {what}: the route is not attached there",
        about=route.label,
        place=place or route.place,
        related=listeners_related(holder, shown, "does not let the route in"),
        hint=hint,
    )


def _takes(kinds: tuple[RouteKind, ...], kind: str) -> bool:
    return any(item.kind == kind for item in kinds)


def _set(bad: BadCondition) -> Finding:
    return RULE.finding(
        f"its Gateway does not let ListenerSets of this namespace join: {bad.condition.message}",
        about=bad.label,
        place=bad.place,
        hint="set spec.allowedListeners.namespaces.from at the Gateway",
    )


RULE = Rule(
    code="NC401",
    name="route-not-allowed",
    severity="error",
    basis="syntactic",
    summary="A route that the listener does not let in",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD, BAD_KIND),
    good=(GOOD,),
)
