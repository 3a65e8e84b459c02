"""A backend or certificate of a route or Gateway that cannot be used.

What it finds: backends and mirrors that name a Service which does not exist, a port that it does not have, or a kind of the
core group that is no Service; rules without backend and redirect; certificates that hold no usable key, and authorities
that are missing or hold no certificate.
Why it matters: the backend keeps its share of the requests, which are answered 500; a listener without a certificate takes
no traffic; connections to a Service whose BackendTLSPolicy has no valid authority fail.
When to ignore it: another controller writes the Service, or a filter of the implementation answers instead of a backend.
How it is decided: by the Services, Secrets and ConfigMaps in the input. A Service counts as absent where the input tells
what its namespace holds; a Secret that is not in the input is taken to exist. Kinds of other groups may be known to the
implementation: those are a guess, reported with `--pedantic`.
Source: SEMANTICS GW-22, GW-23, GW-24, GW-28, GW-31.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.attached import (
    Reference,
    all_references,
    bad_conditions,
    has_gateway_objects,
    is_refused,
    meant_port,
    meant_service,
)
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import related
from netcheck.logic.conditions import FALSE
from netcheck.logic.policy_conditions import policy_statuses
from netcheck.model.gateway import Extension, Redirect, Route, RouteRule

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules:
  - backendRefs:
    - {name: shop, port: 8080}  # finds: NC408
    - {name: shpo, port: 80}  # finds: NC408
  - matches: [{path: {value: /empty}}]  # finds: NC408
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules:
  - backendRefs: [{name: shop, port: 80}]
  - matches: [{path: {value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /}}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: shop-1, namespace: shop, labels: {kubernetes.io/service-name: shop}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{port: 8080}]
"""

_CERTIFICATES = (
    "InvalidCertificateRef",
    "InvalidCACertificateRef",
    "InvalidCACertificateKind",
    "InvalidClientCertificateRef",
)
_HTTP = ("HTTPRoute", "GRPCRoute")


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each reference that cannot be used, and for each rule without any."""
    for item in all_references(snapshot):
        if item.resolved.share.problem in ("BackendNotFound", "UnsupportedProtocol"):
            if not is_refused(snapshot, f"Service {item.ref.namespace}/{item.ref.name}"):
                yield _backend(snapshot, item)
        elif item.resolved.share.problem == "InvalidKind":
            yield _kind(item)
    for route in snapshot.cluster.routes:
        for number, rule in enumerate(route.rules):
            if _is_empty(route, rule):
                yield _empty(route, number, rule)
    for bad in bad_conditions(snapshot):
        if bad.condition.type == "ResolvedRefs" and bad.condition.reason in _CERTIFICATES:
            message = f"listener `{bad.at}`: {bad.condition.message}" if bad.at else bad.condition.message
            yield RULE.finding(message, about=bad.label, place=bad.place)
    if snapshot.cluster.backend_tls:
        yield from _policies(snapshot)


def _backend(snapshot: Snapshot, item: Reference) -> Finding:
    ref = item.ref
    becomes = "its share of the requests is answered 500" if ref.weight else "its weight is 0, and cannot be raised"
    service = snapshot.service_at.get((ref.namespace, ref.name))
    if service is None:
        message = f"Service `{ref.namespace}/{ref.name}` does not exist: {becomes}"
        hint = meant_service(snapshot, ref.namespace, ref.name)
    else:
        message = f"{item.resolved.message}: {becomes}"
        hint = "" if item.resolved.share.problem == "UnsupportedProtocol" else meant_port(service, ref.port)
    return RULE.finding(
        message,
        about=item.route.label,
        place=item.place,
        severity="error" if ref.weight else "warning",
        related=(related(service, "is the Service"),) if service is not None else (),
        hint=hint,
    )


def _kind(item: Reference) -> Finding:
    return RULE.finding(
        f"{item.resolved.message}: unless the implementation knows it, its share of the requests is answered 500",
        about=item.route.label,
        place=item.place,
        basis="heuristic" if item.ref.group else "syntactic",
        severity="info" if item.ref.group else "error",
        hint="refer to a Service, or to a kind that the implementation documents",
    )


def _is_empty(route: Route, rule: RouteRule) -> bool:
    answered = any(isinstance(item, Redirect | Extension) for item in rule.filters)
    return route.kind in _HTTP and not rule.backends and not answered


def _empty(route: Route, number: int, rule: RouteRule) -> Finding:
    return RULE.finding(
        f"rule {rule.name or number} has no backendRefs and no redirect: its requests are answered 500",
        about=route.label,
        place=rule.place or route.place,
        severity="warning",
        hint="add backendRefs, or delete the rule",
    )


def _policies(snapshot: Snapshot) -> Iterator[Finding]:
    for status in policy_statuses(snapshot.cluster, snapshot.attached):
        for item in status.conditions:
            if item.status == FALSE and item.reason != "Conflicted":
                yield RULE.finding(
                    f"{item.message}: connections to its Services fail",
                    about=status.policy.label,
                    place=status.policy.place,
                    hint="the ConfigMap must exist and hold PEM certificates in `ca.crt`",
                )
                break


RULE = Rule(
    code="NC408",
    name="backend-missing",
    severity="error",
    basis="syntactic",
    summary="A backend or certificate of a route or Gateway that cannot be used",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD,),
    good=(GOOD,),
)
