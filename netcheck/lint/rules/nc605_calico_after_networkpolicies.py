"""A Calico policy opens what NetworkPolicies leave shut.

What it finds: Calico policies of tier `default` after order 1000, or without an order, that allow everybody in a direction in
which a NetworkPolicy isolates the same pods.
Why it matters: NetworkPolicies stand at order 1000 of that tier and hold no deny. What they do not allow goes on to later
policies, so the Calico policy allows it after all.
When to ignore it: the pods are meant to be open.
How it is decided: by order, tier, labels and rules; selectors that are not made of `==`, `has` and `&&` are left out, as are
rules with a source, destination, protocol or port.
Source: SEMANTICS CAL-2, CAL-13.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owners
from netcheck.model.foreign import CalicoPolicy
from netcheck.model.policy import NetworkPolicy
from netcheck.values.labels import LabelSelector

BAD = """
apiVersion: projectcalico.org/v3  # finds: NC605
kind: GlobalNetworkPolicy
metadata: {name: allow-web}
spec:
  selector: app == 'web'
  types: [Ingress]
  ingress: [{action: Allow}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
"""

_NETWORK_POLICIES = 1000


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy and direction."""
    for calico in snapshot.cluster.calico:
        late = calico.order is None or calico.order > _NETWORK_POLICIES
        if calico.tier == "default" and late and calico.readable and calico.opens:
            yield from _reopened(snapshot, calico)


def _reopened(snapshot: Snapshot, calico: CalicoPolicy) -> Iterator[Finding]:
    pods = set(snapshot.index.matching(calico.namespace or None, calico.subject or LabelSelector()))
    for direction in calico.opens:
        isolating: dict[str, NetworkPolicy] = {}
        opened: set[int] = set()
        for policy in snapshot.cluster.policies:
            both = pods.intersection(snapshot.selected(policy)) if direction in policy.types else set()
            if both:
                isolating[policy.label] = policy
                opened |= both
        if opened:
            order = "without an order" if calico.order is None else f"of order {calico.order:g}"
            yield RULE.finding(
                f"a policy {order} comes after all NetworkPolicies and allows everybody: {direction.value.lower()} of "
                f"{owners(snapshot.cluster.pods[i] for i in sorted(opened))} is open, though NetworkPolicies isolate it",
                about=calico.label,
                place=calico.place,
                related=tuple(
                    Related(message="isolates the same pods", place=policy.place, object=label)
                    for label, policy in list(isolating.items())[:3]
                ),
                hint="name the sources or destinations that are meant",
            )


def _looks_at(snapshot: Snapshot) -> bool:
    return bool(snapshot.cluster.calico)


RULE = Rule(
    code="NC605",
    name="calico-after-networkpolicies",
    severity="warning",
    basis="syntactic",
    summary="A Calico policy opens what NetworkPolicies leave shut",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD,),
    good=(GOOD,),
)
