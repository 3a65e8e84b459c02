"""A Baseline policy that never applies.

What it finds: policies of the Baseline tier with rules for a direction in which NetworkPolicies isolate every loaded pod
that they select.
Why it matters: the Baseline tier is asked only about pods that no NetworkPolicy isolates. An Accept there rescues no flow
that a NetworkPolicy does not allow.
When to ignore it: the policy is a net for pods that come later. A warning where whole input has such an Accept rule, else an
info: a Deny that is never needed does no harm.
How it is decided: by the selectors of the policies, over the loaded pods. Silent where no pod is selected.
Source: SEMANTICS ADM-3, ADM-10, ADM-11.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.admin import are_enforced, are_used, matching
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import counted
from netcheck.model.admin import AdminAction, AdminPolicy
from netcheck.model.flow import Tier
from netcheck.model.policy import Direction

BAD = """
# whole: true
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: monitoring}
spec:
  tier: Baseline
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - action: Accept  # finds: NC603
    from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""

GOOD = """
# whole: true
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: monitoring}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: a}]}}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each Baseline policy and direction that applies to no loaded pod."""
    if not are_enforced(snapshot):
        return
    for policy in snapshot.cluster.admin:
        for direction in Direction:
            if policy.tier is Tier.BASELINE and policy.rules(direction):
                yield from _useless(snapshot, policy, direction)


def _useless(snapshot: Snapshot, policy: AdminPolicy, direction: Direction) -> Iterator[Finding]:
    pods = matching(snapshot, policy.subject)
    if not pods or not all(id(pod) in _isolated(snapshot, direction) for pod in pods):
        return
    rules = policy.rules(direction)
    accepts = any(rule.action is AdminAction.ACCEPT for rule in rules)
    word = direction.value.lower()
    yield RULE.finding(
        f"spec.{word} never applies: NetworkPolicies isolate all "
        f"{counted(len(pods), 'pod')} that it selects for {word}, and what they do not allow stays denied",
        about=policy.label,
        place=rules[0].place,
        severity="warning" if accepts and snapshot.whole else "info",
        hint="to allow a flow whatever NetworkPolicies say, use tier Admin" if accepts else "",
    )


def _isolated(snapshot: Snapshot, direction: Direction) -> frozenset[int]:
    """Return the loaded pods (by identity) that some NetworkPolicy isolates in a direction."""
    pods = snapshot.cluster.pods
    isolating = (policy for policy in snapshot.cluster.policies if direction in policy.types)
    return frozenset(id(pods[i]) for policy in isolating for i in snapshot.selected(policy))


RULE = Rule(
    code="NC603",
    name="baseline-never-applies",
    severity="warning",
    basis="syntactic",
    summary="A Baseline policy that never applies",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
