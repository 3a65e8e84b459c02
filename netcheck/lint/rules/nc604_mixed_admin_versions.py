"""Admin policies of v1alpha1 beside v1alpha2, or a baseline that is not named default.

What it finds: AdminNetworkPolicies or a BaselineAdminNetworkPolicy together with ClusterNetworkPolicies, and a
BaselineAdminNetworkPolicy of another name than `default`.
Why it matters: few plugins enforce both versions. Where both are enforced their priorities share one order, which is easily
overlooked. A baseline of another name is refused by the API server.
When to ignore it: during a migration. A warning for mixed versions, an error for the name.
How it is decided: the loader finds it in the objects; this rule repeats what it found.
Source: SEMANTICS ADM-1, ADM-23.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.errors import Severity
from netcheck.lint.admin import are_used
from netcheck.lint.finding import Finding
from netcheck.lint.refusals import Fault, fault_of
from netcheck.lint.rule import Rule, Snapshot

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha1  # finds: NC604
kind: AdminNetworkPolicy
metadata: {name: old}
spec:
  priority: 10
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: new}
spec:
  tier: Admin
  priority: 20
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: b}}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata:
  name: mine  # finds: NC604
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: c}}}]}]
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: old}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what the loader found."""
    for problem in snapshot.loaded.problems:
        if fault_of(problem) is Fault.ADMIN_VERSION:
            yield RULE.finding(
                problem.message,
                about=problem.object,
                place=problem.place,
                severity="error" if problem.severity is Severity.ERROR else "warning",
                hint=problem.hint,
            )


RULE = Rule(
    code="NC604",
    name="mixed-admin-versions",
    severity="warning",
    basis="syntactic",
    summary="Admin policies of v1alpha1 beside v1alpha2, or a baseline that is not named default",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
