"""A priority that the plugin does not support.

What it finds: AdminNetworkPolicies of a priority above 99 where the plugin is OVN-Kubernetes.
Why it matters: the API takes priorities up to 1000, but OVN-Kubernetes sets up no policy above 99: it reports
`ANPWithUnsupportedPriority`, and the policy has no effect.
When to ignore it: another plugin enforces the policies; then choose its profile.
How it is decided: by `spec.priority` and the profile (`--cni ovn-kubernetes`).
Source: SEMANTICS ADM-27, appendix A14.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.admin import ANP, are_used
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot

LAST = {"ovn-kubernetes": 99}
"""Profile -> the highest priority that it supports, if it is not the API's own (A14)."""

BAD = """
# cni: ovn-kubernetes
apiVersion: policy.networking.k8s.io/v1alpha1  # finds: NC610
kind: AdminNetworkPolicy
metadata: {name: late}
spec:
  priority: 100
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
"""

GOOD = """
# cni: ovn-kubernetes
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: late}
spec:
  tier: Admin
  priority: 99
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: a}}}]}]
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each AdminNetworkPolicy whose priority is not supported."""
    name = snapshot.cluster.profile.name
    last = LAST.get(name)
    for policy in snapshot.cluster.admin:
        if last is not None and policy.kind == ANP and policy.priority > last:
            yield RULE.finding(
                f"spec.priority is {policy.priority}, and {name} supports priorities up to {last} only",
                about=policy.label,
                place=policy.place,
                hint=f"use priorities from 0 to {last}",
            )


RULE = Rule(
    code="NC610",
    name="priority-out-of-range",
    severity="error",
    basis="syntactic",
    summary="A priority that the plugin does not support",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
