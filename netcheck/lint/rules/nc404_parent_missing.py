"""A parentRef that leads to nothing.

What it finds: parentRefs of a Gateway, ListenerSet or Service that does not exist, or that has no listener or port of the
name and port asked for; routes whose filters exclude each other at every rule, and rules that are dropped for it.
Why it matters: the route is not attached (NoMatchingParent), and nothing of it is served. A parentRef of a Gateway means
the Gateway's own listeners only: those of a ListenerSet are reached by naming the ListenerSet.
When to ignore it: the parent is defined where the input does not look. It is a warning where the input has no other Gateway
of that namespace and does not define the namespace, and an info where it has no Gateway at all.
How it is decided: by the parents in the input. One in a namespace of which the input tells nothing is no finding.
Source: SEMANTICS GW-11, GW-12, GW-21, GW-32.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import (
    Holder,
    bad_conditions,
    by_name,
    has_gateway_objects,
    is_refused,
    meant,
    parent_text,
    refused,
)
from netcheck.lint.finding import Finding, Related, Severity
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, listed
from netcheck.logic.conditions import TRUE
from netcheck.model.gateway import ListenerSet, ParentRef, Route

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  listeners:
  - {name: web, port: 80, protocol: HTTP}
  - {name: websecure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: shop}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs:
  - {name: gw, sectionName: https}  # finds: NC404
  rules: [{backendRefs: [{name: shop, port: 80}]}]
---
# whole: true
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: blog, namespace: shop}
spec:
  parentRefs:
  - {name: gateway}  # finds: NC404
  rules: [{backendRefs: [{name: blog, port: 80}]}]
"""

BAD_LISTENER_SET = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec:
  gatewayClassName: example
  allowedListeners: {namespaces: {from: Same}}
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: shop}
spec:
  parentRef: {name: gw}
  listeners: [{name: blog, port: 8080, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: blog, namespace: shop}
spec:
  parentRefs:
  - {name: gw, sectionName: blog}  # finds: NC404
  rules: [{backendRefs: [{name: blog, port: 80}]}]
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
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, sectionName: web}, {name: shared, namespace: infra}]
  rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each parent that is not there, and for each route whose filters exclude each other."""
    known = by_name(snapshot)
    for route, status, accepted in refused(snapshot, "NoMatchingParent"):
        parent = status.parent
        if is_refused(snapshot, f"{parent.kind} {parent.namespace}/{parent.name}"):
            continue
        if (parent.group, parent.kind) == ("", "Service"):
            yield _service(snapshot, route, parent, accepted.message)
            continue
        holder = known.get((parent.kind, parent.namespace, parent.name))
        if holder is None:
            yield _absent(snapshot, known, route, parent)
        elif (parent.section or parent.port) and not meant(holder, parent):
            yield _no_listener(known, route, parent, holder)
    for route in snapshot.cluster.routes:
        yield from _incompatible(snapshot, route)
    yield from _sets(snapshot, known)


Known = dict[tuple[str, str, str], Holder]


def _absent(snapshot: Snapshot, known: Known, route: Route, parent: ParentRef) -> Finding:
    severity = _weight(snapshot, known, parent.namespace)
    missing = "does not exist" if severity == "error" else "is not in the input"
    return RULE.finding(
        f"{parent_text(parent)} {missing}: the route is attached to nothing",
        about=route.label,
        place=parent.place or route.place,
        severity=severity,
        hint=_other(known, parent),
    )


def _weight(snapshot: Snapshot, known: Known, namespace: str) -> Severity:
    """Return error iff the input surely tells which Gateways the namespace holds; info where it has no Gateway at all."""
    defined = snapshot.cluster.namespaces.get(namespace)
    there = any(name == namespace for _, name, _ in known)
    if snapshot.whole or there or (defined is not None and defined.place is not None):
        return "error"
    return "warning" if known else "info"


def _other(known: Known, parent: ParentRef) -> str:
    """Return in words which parent was probably meant."""
    same = [name for kind, namespace, name in known if (kind, namespace) == (parent.kind, parent.namespace)]
    close = closest(parent.name, same)
    if close:
        return f"did you mean `{close}`?"
    for kind, namespace, name in sorted(known):
        if name == parent.name and kind != parent.kind and namespace == parent.namespace:
            return f"there is a {kind} of this name: write `kind: {kind}`"
        if name == parent.name and kind == parent.kind:
            return f"there is one in namespace `{namespace}`: write `namespace: {namespace}`"
    return f"{parent.kind}s of this namespace: {listed(sorted(same))}" if same else ""


def _no_listener(known: Known, route: Route, parent: ParentRef, holder: Holder) -> Finding:
    asked = [f"name `{parent.section}`"] if parent.section else []
    asked += [f"port {parent.port}"] if parent.port else []
    listeners = [item.listener for item in holder.listeners]
    has = listed((f"{item.name} (port {item.port})" if parent.port else item.name for item in listeners), most=6)
    related: tuple[Related, ...] = (holder.related("has no such listener"),)
    hint = f"its listeners are {has}" if listeners else ""
    close = closest(parent.section, (item.name for item in listeners)) if parent.section else ""
    if close:
        hint = f"did you mean `{close}`?"
    for other in known.values():
        joins = other.item.parent if isinstance(other.item, ListenerSet) else None
        if (
            joins is not None
            and meant(other, parent)
            and (joins.namespace, joins.name) == (parent.namespace, parent.name)
        ):
            related = (*related, other.related("has such a listener"))
            hint = f"name the ListenerSet as parent: `kind: ListenerSet`, `name: {other.item.name}`"
    return RULE.finding(
        f"{holder.item.label} has no listener of {' and '.join(asked)}: the route is not attached there",
        about=route.label,
        place=parent.place or route.place,
        related=related,
        hint=hint,
    )


def _service(snapshot: Snapshot, route: Route, parent: ParentRef, message: str) -> Finding:
    service = snapshot.service_at.get((parent.namespace, parent.name))
    hint = ""
    if service is None:
        close = closest(parent.name, (item.name for item in snapshot.services_in.get(parent.namespace, ())))
        hint = f"did you mean `{close}`?" if close else ""
    elif service.ports:
        hint = f"its ports are {listed(f'{item.port} {item.name}'.strip() for item in service.ports)}"
    return RULE.finding(
        f"{message}: the route is in force nowhere", about=route.label, place=parent.place or route.place, hint=hint
    )


def _incompatible(snapshot: Snapshot, route: Route) -> Iterator[Finding]:
    for status in snapshot.attached.parents(route)[:1]:
        for item in status.conditions:
            bad = item.status != TRUE if item.type == "Accepted" else item.type == "PartiallyInvalid"
            if bad and item.reason == "IncompatibleFilters":
                yield RULE.finding(
                    f"{item.message}: they are not in force",
                    about=route.label,
                    place=route.place,
                    hint="a redirect goes without backendRefs and without URLRewrite",
                )


def _sets(snapshot: Snapshot, known: Known) -> Iterator[Finding]:
    for bad in bad_conditions(snapshot):
        if bad.condition.type == "Accepted" and bad.condition.reason == "ParentNotAccepted":
            one = next(item.item for item in known.values() if item.item.label == bad.label)
            parent = one.parent if isinstance(one, ListenerSet) else ParentRef()
            gone = not is_refused(snapshot, f"{parent.kind} {parent.namespace}/{parent.name}")
            if gone and (parent.kind, parent.namespace, parent.name) not in known:
                yield RULE.finding(
                    f"{parent_text(parent)} does not exist: the ListenerSet joins nothing",
                    about=bad.label,
                    place=bad.place,
                    severity=_weight(snapshot, known, parent.namespace),
                    hint=_other(known, parent),
                )


RULE = Rule(
    code="NC404",
    name="parent-missing",
    severity="error",
    basis="syntactic",
    summary="A parentRef that leads to nothing",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD, BAD_LISTENER_SET),
    good=(GOOD,),
)
