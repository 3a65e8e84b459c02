"""An admin policy of the API that ClusterNetworkPolicy replaces.

What it finds: AdminNetworkPolicies and BaselineAdminNetworkPolicies (v1alpha1).
Why it matters: v1alpha2 has one kind, ClusterNetworkPolicy, for both, and new versions of plugins drop the older ones.
When to ignore it: the plugin does not know ClusterNetworkPolicy yet.
How it is decided: by the kind. The fix is what `netcheck migrate` prints: Z3 proves that all of it together allows exactly
the same flows in every cluster that could exist. There is no fix without that proof.
Source: SEMANTICS ADM-1; NPEP-285.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.lint.admin import CNP, are_used
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.queries.migrate import manifest_text, migrate

TIMEOUT_MS = 5_000

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha1  # finds: NC612
kind: AdminNetworkPolicy
metadata: {name: tenants}
spec:
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1  # finds: NC612
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: default}
spec:
  tier: Baseline
  priority: 1000
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy of v1alpha1, with its equivalent."""
    older = [policy for policy in snapshot.cluster.admin if policy.kind != CNP]
    if not older:
        return
    result = migrate(snapshot.cluster, timeout_ms=TIMEOUT_MS)
    rewritten = {item.source.label: item.policies for item in result.rewritten} if result.proof.holds else {}
    left = {item.object: item.message for item in result.left}
    for policy in older:
        fix = "---\n".join(map(manifest_text, rewritten.get(policy.label, ())))
        why = left.get(policy.label, "")
        hint = "`netcheck migrate` prints all replacements and proves that nothing changes"
        found = RULE.finding(
            f"`{policy.kind}` is replaced by `{CNP}` (policy.networking.k8s.io/v1alpha2)",
            about=policy.label,
            place=policy.place,
            hint=f"it has no equal yet: {why}" if why else hint,
        )
        yield replace(found, fix=fix)


RULE = Rule(
    code="NC612",
    name="deprecated-admin-api",
    severity="info",
    basis="syntactic",
    summary="An admin policy of the API that ClusterNetworkPolicy replaces",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
