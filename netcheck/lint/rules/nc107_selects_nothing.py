"""A policy whose podSelector matches no pod.

What it finds: NetworkPolicies that isolate nothing of what is loaded, or nothing that could ever exist.
Why it matters: the author believes that some pods are protected; none is.
When to ignore it: the workload is deployed from elsewhere. An info unless the input is known to be whole (a cluster, a
snapshot, or `closedWorld: true`) or the selector contradicts itself. An empty selector is reported for whole input only.
How it is decided: by matching the selector against the labels of the loaded pods and pod templates of the namespace.
Source: SEMANTICS NP-1, NP-34; NetworkPolicySpec.podSelector, k8s.io/api networking/v1.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Severity
from netcheck.lint.matching import meant_labels
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import example_labels
from netcheck.lint.wording import counted
from netcheck.model.policy import NetworkPolicy

BAD = """
# whole: true
apiVersion: networking.k8s.io/v1  # finds: NC107
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {app: frontned}}
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: shop, labels: {app: frontend}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
# whole: true
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {app: frontend}}
  policyTypes: [Ingress, Egress]
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: shop, labels: {app: frontend}}
spec: {containers: [{name: a, image: a}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy that selects no loaded pod."""
    for policy in snapshot.cluster.policies:
        if snapshot.selected(policy):
            continue
        possible = example_labels(policy.pod_selector) is not None
        if not policy.pod_selector.requirements and not snapshot.whole:
            continue
        if possible and not snapshot.cluster.knows_pods(policy.namespace):
            continue
        if possible:
            yield _nothing_here(snapshot, policy)
        else:
            yield RULE.finding(
                f"podSelector `{policy.pod_selector}` contradicts itself: no pod can ever match it",
                about=policy.label,
                place=policy.place,
                basis="proved",
            )


def _nothing_here(snapshot: Snapshot, policy: NetworkPolicy) -> Finding:
    pods = len(snapshot.index.within(policy.namespace))
    meant = meant_labels(snapshot, policy.namespace, policy.pod_selector)
    return RULE.finding(
        f"podSelector `{policy.pod_selector}` matches none of the {counted(pods, 'pod')} loaded in namespace "
        f"`{policy.namespace}`: the policy protects nothing"
        if pods
        else f"podSelector `{policy.pod_selector}` matches nothing: no pod is loaded in namespace `{policy.namespace}`",
        about=policy.label,
        place=policy.place,
        severity=_severity(snapshot, policy),
        hint=f"did you mean {meant}?" if meant else "",
    )


def _severity(snapshot: Snapshot, policy: NetworkPolicy) -> Severity:
    lost = any(found.namespace == policy.namespace for found in snapshot.cluster.lost)
    certain = snapshot.whole and not lost and policy.pod_selector.requirements
    return "warning" if certain else "info"


RULE = Rule(
    code="NC107",
    name="selects-nothing",
    severity="warning",
    basis="syntactic",
    summary="A policy whose podSelector matches no pod",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
