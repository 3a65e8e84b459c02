"""A reference to another namespace that no ReferenceGrant permits.

What it finds: backends, mirrors and certificates of another namespace for which no ReferenceGrant is given there, with the
grant that was probably meant; and rules whose backends all have weight 0.
Why it matters: without a grant the reference is refused (RefNotPermitted): the backend's share of the requests is answered
500, and a listener without its certificate takes no traffic. With all weights 0 nothing is forwarded,
a warning as some mean it.
When to ignore it: the grant is given where the input does not look. It is reported only where the input tells what the
namespace holds.
How it is decided: by the loaded ReferenceGrants. A grant lies in the namespace of what is referred to and names the kind
and namespace of what refers; the group of a Service or Secret is empty.
Source: SEMANTICS GW-21, GW-22, GW-24, GW-26.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Place
from netcheck.lint.attached import all_references, bad_conditions, has_gateway_objects, is_refused
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.gateway import GATEWAY_GROUP, GrantFrom, GrantTo, Redirect, ReferenceGrant, Route

BAD = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules:
  - backendRefs:
    - {name: api, namespace: backend, port: 80}  # finds: NC403
  - matches: [{path: {value: /old}}]  # finds: NC403
    backendRefs: [{name: old, port: 80, weight: 0}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: backend}}
"""

BAD_CERTIFICATE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: example
  listeners:
  - name: websecure  # finds: NC403
    port: 443
    protocol: HTTPS
    tls: {certificateRefs: [{name: shop, namespace: certificates}]}
---
{apiVersion: v1, kind: Namespace, metadata: {name: certificates}}
"""

GOOD = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop, namespace: shop}
spec:
  parentRefs: [{name: gw, namespace: infra}]
  rules: [{backendRefs: [{name: api, namespace: backend, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: shop, namespace: backend}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}]
  to: [{group: "", kind: Service}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each reference that is not permitted, and for each rule without weight."""
    for item in all_references(snapshot):
        if item.resolved.share.problem == "RefNotPermitted":
            if is_refused(snapshot, f"ReferenceGrant {item.ref.namespace}/"):
                continue
            source = GrantFrom(group=GATEWAY_GROUP, kind=item.route.kind, namespace=item.route.namespace)
            near = _near(snapshot, source, item.ref.namespace, GrantTo(group="", kind="Service", name=item.ref.name))
            yield _finding(item.resolved.message, item.route.label, near, item.place)
    for bad in bad_conditions(snapshot):
        if bad.condition.reason == "RefNotPermitted":
            message = f"listener `{bad.at}`: {bad.condition.message}" if bad.at else bad.condition.message
            kind, _, name = bad.label.partition(" ")
            source = GrantFrom(group=GATEWAY_GROUP, kind=kind, namespace=name.partition("/")[0])
            near = _near(snapshot, source, "", GrantTo(group="", kind="Secret"))
            yield _finding(message, bad.label, near, bad.place)
    for route in snapshot.cluster.routes:
        yield from _unweighted(route)


def _finding(message: str, label: str, near: tuple[ReferenceGrant, str] | None, place: Place | None) -> Finding:
    hint = "add a ReferenceGrant in the namespace of what is referred to"
    related: tuple[Related, ...] = ()
    if near is not None:
        grant, hint = near
        name = f"ReferenceGrant {grant.namespace}/{grant.name}"
        related = (Related(message="does not permit it", place=grant.place, object=name),)
        hint = f"{name} {hint}"
    return RULE.finding(message, about=label, place=place, related=related, hint=hint)


def _near(snapshot: Snapshot, source: GrantFrom, namespace: str, target: GrantTo) -> tuple[ReferenceGrant, str] | None:
    """Return a grant that was probably meant to permit a reference, and what is wrong with it."""
    for grant in snapshot.cluster.grants:
        if namespace and grant.namespace == namespace:
            wrong = _wrong(grant, source, target)
            if wrong:
                return grant, wrong
    for grant in snapshot.cluster.grants:
        if grant.namespace != namespace and source in grant.sources and _kinds(grant, target):
            where = f"belongs in namespace `{namespace}`" if namespace else "belongs in the other namespace"
            return grant, f"lies in `{grant.namespace}`; a grant {where}, where the target is"
    return None


def _kinds(grant: ReferenceGrant, target: GrantTo) -> bool:
    return any((item.group, item.kind) == (target.group, target.kind) for item in grant.targets)


def _wrong(grant: ReferenceGrant, source: GrantFrom, target: GrantTo) -> str:
    """Return what of a grant in the right namespace does not fit, if all the rest does."""
    if source not in grant.sources:
        return _wrong_source(grant, source)
    if any(item.kind == target.kind and item.group != target.group for item in grant.targets):
        return f'names another group: that of a {target.kind} is `""`'
    named = sorted(item.name for item in grant.targets if (item.group, item.kind) == (target.group, target.kind))
    return f"is for {', '.join(f'`{name}`' for name in named)} only" if named else f"permits no {target.kind}"


def _wrong_source(grant: ReferenceGrant, source: GrantFrom) -> str:
    for item in grant.sources:
        if (item.group, item.kind) == (source.group, source.kind):
            return f"is given to `{item.namespace}`, not to `{source.namespace}`"
        if (item.kind, item.namespace) == (source.kind, source.namespace):
            return f"names group `{item.group}`: that of {source.kind} is `{source.group}`"
        if (item.group, item.namespace) == (source.group, source.namespace):
            return f"is given to kind `{item.kind}`, not to `{source.kind}`"
    return ""


def _unweighted(route: Route) -> Iterator[Finding]:
    for number, rule in enumerate(route.rules):
        redirects = any(isinstance(item, Redirect) for item in rule.filters)
        if rule.backends and not redirects and not any(item.weight for item in rule.backends):
            yield RULE.finding(
                f"every backend of rule {rule.name or number} has weight 0: nothing is forwarded",
                about=route.label,
                place=rule.place or route.place,
                severity="warning",
                hint="give one of them a weight, or delete the rule",
            )


RULE = Rule(
    code="NC403",
    name="reference-not-permitted",
    severity="error",
    basis="syntactic",
    summary="A reference to another namespace that no ReferenceGrant permits",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_gateway_objects,
    bad=(BAD, BAD_CERTIFICATE),
    good=(GOOD,),
)
