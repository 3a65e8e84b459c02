"""Policies of a kind that is not modelled.

What it finds: kinds in the input that can allow, deny or isolate, and whose effect netcheck does not know.
Why it matters: verdicts about the pods that they may concern are unknown, and rules that need a proof stay silent about these
pods. Silence is no promise.
When to ignore it: what these policies do does not matter here.
How it is decided: by the kinds; one finding for each.
Source: SEMANTICS NET-18.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted

BAD = """
apiVersion: cilium.io/v2  # finds: NC132
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each kind."""
    for item in snapshot.loaded.not_modelled:
        policies = [policy for policy in snapshot.cluster.opaque if policy.kind == item.kind]
        if policies:
            first = min(
                policies, key=lambda policy: (policy.place.file, policy.place.line) if policy.place else ("", 0)
            )
            number = counted(item.count, "object")
            yield RULE.finding(
                f"`{item.kind}` ({item.api_version}, {number}) is not modelled: {item.effect}, so verdicts about the pods "
                "concerned are unknown",
                about=first.label,
                place=first.place,
            )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.loaded.not_modelled)


RULE = Rule(
    code="NC132",
    name="kind-not-modelled",
    severity="info",
    basis="syntactic",
    summary="Policies of a kind that is not modelled",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
