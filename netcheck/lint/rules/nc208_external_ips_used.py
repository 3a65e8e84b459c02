"""A Service with `externalIPs`.

What it finds: Services that set `spec.externalIPs`.
Why it matters: every node takes traffic for these addresses, whoever owns them, so that who may write Services can intercept
connections of others (CVE-2020-8554). The field is deprecated from Kubernetes 1.36 on.
When to ignore it: the addresses are routed to the nodes on purpose, and admission decides who may use them.
How it is decided: by the field.
Source: SEMANTICS SVC-19.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.ways import are_used, label
from netcheck.lint.wording import listed

BAD = """
apiVersion: v1  # finds: NC208
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, externalIPs: [198.51.100.7], ports: [{port: 80}]}
"""

GOOD = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Service with external addresses."""
    for service in snapshot.cluster.services:
        if service.external_ips:
            yield RULE.finding(
                f"every node takes traffic for {listed(service.external_ips)} (`externalIPs`), whoever owns the address: "
                "the field is deprecated, and it lets connections be intercepted",
                about=label(service),
                place=service.place,
                hint="use a LoadBalancer Service or a Gateway",
            )


RULE = Rule(
    code="NC208",
    name="external-ips-used",
    severity="warning",
    basis="syntactic",
    summary="A Service with `externalIPs`",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
