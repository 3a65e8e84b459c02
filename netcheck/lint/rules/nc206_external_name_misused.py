"""An ExternalName where a Service with endpoints is needed.

What it finds: Services of type ExternalName that a route names as its backend, that are an alias of a Service which does
not exist, or whose name is an IP address; and as an info those that are an alias of another Service of the cluster.
Why it matters: an ExternalName is a DNS record only. Gateways should not support it and many Ingress controllers refuse it,
ports are not translated, and the Host header and TLS name do not fit. An address is taken as a DNS name and not found.
When to ignore it: the controller in use is known to follow such names.
How it is decided: by the names in the manifests. A Service counts as absent where the input tells what its namespace holds.
Aliases of the client itself, of pods and of link-local addresses are NC211.
Source: SEMANTICS SVC-12, DNS-5, GW-25.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.aliases import Alias, Leads, alias_of
from netcheck.lint.finding import Finding, Related, Severity
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import is_external_name, label, related, routes_to
from netcheck.lint.wording import listed
from netcheck.model.objects import Service

BAD = """
apiVersion: v1  # finds: NC206
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: ExternalName, externalName: web.other.svc.cluster.local, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
---
apiVersion: v1  # finds: NC206
kind: Service
metadata: {name: gone, namespace: shop}
spec: {type: ExternalName, externalName: missing.shop.svc.cluster.local}
---
apiVersion: v1  # finds: NC206
kind: Service
metadata: {name: legacy, namespace: shop}
spec: {type: ExternalName, externalName: 192.0.2.7}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: payments, namespace: shop}
spec: {type: ExternalName, externalName: api.payments.example}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield at most one finding for each ExternalName."""
    routes = routes_to(snapshot)
    for service in snapshot.cluster.services:
        if not is_external_name(service):
            continue
        alias = alias_of(snapshot, service)
        if alias.leads in (Leads.LOOPBACK, Leads.LINK_LOCAL, Leads.POD):
            continue
        users = routes.get((service.namespace, service.name), ())
        if users:
            yield _backend(service, users)
        elif alias.leads is Leads.SERVICE:
            yield _alias(snapshot, service, alias)
        elif alias.leads is Leads.ADDRESS:
            yield _finding(
                service,
                f"`{service.external_name}` is taken as a DNS name, not as an address: the name of the Service does not "
                "resolve",
                "warning",
                hint="make it a Service without a selector, with an EndpointSlice that holds the address",
            )


def _backend(service: Service, users: tuple[Related, ...]) -> Finding:
    return _finding(
        service,
        f"{listed(user.object for user in users)} {'leads' if len(users) == 1 else 'lead'} to this ExternalName "
        f"(`{service.external_name}`), which has no endpoints: Gateways and many Ingress controllers do not follow it",
        "warning",
        others=users[:5],
        hint="name the real Service as the backend; in another namespace, through an HTTPRoute and a ReferenceGrant",
    )


def _alias(snapshot: Snapshot, service: Service, alias: Alias) -> Finding:
    named = f"{alias.namespace}/{alias.name}"
    target = snapshot.service_at.get((alias.namespace, alias.name))
    if target is None and snapshot.cluster.knows_namespace(alias.namespace):
        message = f"is an alias of Service `{named}`, which does not exist: the name does not resolve"
        return _finding(service, message, "warning")
    return _finding(
        service,
        f"is an alias of Service `{named}`: ports are not translated, and TLS and Host names are those that the client used",
        "info",
        others=(related(target, "is what the alias stands for"),) if target is not None else (),
        hint=f"call `{alias.name}.{alias.namespace}` itself",
    )


def _finding(
    service: Service, message: str, severity: Severity, *, others: tuple[Related, ...] = (), hint: str = ""
) -> Finding:
    return RULE.finding(
        message, about=label(service), place=service.place, severity=severity, related=others, hint=hint
    )


def has_aliases(snapshot: Snapshot) -> bool:
    """Return whether an ExternalName was read."""
    return any(is_external_name(service) for service in snapshot.cluster.services)


RULE = Rule(
    code="NC206",
    name="external-name-misused",
    severity="warning",
    basis="syntactic",
    summary="An ExternalName where a Service with endpoints is needed",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_aliases,
    bad=(BAD,),
    good=(GOOD,),
)
