"""HTTP attributes where nobody reads HTTP.

What it finds: AuthorizationPolicies for pods of Istio's ambient mesh, without `targetRefs`, whose rules ask for paths, methods,
hosts, headers or tokens.
Why it matters: such policies are enforced by ztunnel, which reads no HTTP. It leaves an ALLOW rule with such attributes out, so
that what it was to allow is denied; of a DENY rule it enforces the rest, and a rule of which nothing is left denies nothing.
When to ignore it: the namespace is about to leave the ambient mesh.
How it is decided: by the labels `istio.io/dataplane-mode: ambient` of the loaded namespaces and pods.
Source: SEMANTICS IST-12, IST-13.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.mesh import concerns, is_ambient
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import listed, owners

BAD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  rules:
  - to:  # finds: NC503
    - operation: {methods: [GET]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint}}
---
apiVersion: security.istio.io/v1  # netcheck: ignore[NC132] because the mesh's rules are enough here
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRefs: [{kind: Service, name: web, group: ""}]
  rules: [{to: [{operation: {methods: [GET]}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that ztunnel does not enforce as written."""
    ambient = [pod for pod in snapshot.cluster.pods if is_ambient(snapshot, pod)]
    for policy in snapshot.cluster.authorization:
        if policy.attached or policy.dry_run or policy.action not in ("ALLOW", "DENY"):
            continue
        pods = [pod for pod in ambient if concerns(policy, pod)]
        for rule in policy.rules if pods else ():
            if rule.http:
                effect = (
                    "leaves the rule out: what it was to allow is denied"
                    if policy.action == "ALLOW"
                    else "denies by the rest of the rule, or by nothing"
                )
                yield RULE.finding(
                    f"asks for {listed(rule.http)} of requests to {owners(pods)}, which are in the ambient mesh: ztunnel "
                    f"reads no HTTP and {effect}",
                    about=policy.label,
                    place=rule.place,
                    hint="attach the policy to a waypoint with `targetRefs`",
                )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.authorization)


RULE = Rule(
    code="NC503",
    name="http-without-proxy",
    severity="warning",
    basis="syntactic",
    summary="HTTP attributes where nobody reads HTTP",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
