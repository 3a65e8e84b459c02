"""Equal priorities whose order matters.

What it finds: two policies of one tier and one priority, and a flow that one order of the two allows and the other denies.
Why it matters: an implementation may apply either, and not the same one tomorrow. Nobody can predict what happens to the
flow.
When to ignore it: the plugin breaks ties by name, and the names are chosen for that (`--assume equalPriority=yes`).
How it is decided: Z3 compares both orders over every cluster that could exist, with the loaded policies. Equal priorities
whose order is proved not to matter are no finding, nor are those about which the solver gives up.
Source: SEMANTICS ADM-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, islice

from netcheck.errors import SolverLimit
from netcheck.lint.admin import BANP, are_enforced, are_used, differ, pods_meet, precedence, tells_apart
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.model.admin import AdminPolicy
from netcheck.model.cluster import Cluster
from netcheck.model.policy import Direction
from netcheck.model.profile import Switch
from netcheck.queries.migrate import flow_text

MOST_PAIRS = 100
MOST_POLICIES = 100
"""With more NetworkPolicies than this the orders are compared without them."""

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: allow-monitoring}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {team: monitoring}}}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2  # finds: NC601
kind: ClusterNetworkPolicy
metadata: {name: protect-db}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}
  ingress:
  - {action: Deny, from: [{namespaces: {}}]}
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: allow-monitoring}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {env: prod}}}
  ingress:
  - {action: Accept, from: [{namespaces: {matchLabels: {team: monitoring}}}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: protect-db}
spec:
  tier: Admin
  priority: 20
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}
  ingress:
  - {action: Deny, from: [{namespaces: {}}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each pair of policies whose order matters."""
    if snapshot.cluster.profile.equal_priority is Switch.YES or not are_enforced(snapshot):
        return
    for first, second in islice(_tied(snapshot), MOST_PAIRS):
        found = _difference(snapshot.cluster, first, second)
        if found is not None:
            yield found


def _tied(snapshot: Snapshot) -> Iterator[tuple[AdminPolicy, AdminPolicy]]:
    for one, other in combinations(snapshot.cluster.admin, 2):
        same = (one.tier, one.priority) == (other.tier, other.priority)
        if same and BANP not in (one.kind, other.kind) and _may_clash(one, other):
            yield one, other


def _may_clash(one: AdminPolicy, other: AdminPolicy) -> bool:
    """Return whether some pod may be under both, with rules of one direction that do not all do the same."""
    return pods_meet(one.subject, other.subject) and any(
        one.rules(direction)
        and other.rules(direction)
        and len({rule.action for rule in (*one.rules(direction), *other.rules(direction))}) > 1
        for direction in Direction
    )


def _difference(cluster: Cluster, first: AdminPolicy, second: AdminPolicy) -> Finding | None:
    one, other = _ordered(cluster, first, second), _ordered(cluster, second, first)
    try:
        found = differ(one, other)
    except SolverLimit:
        return None
    if found is None:
        return None
    witness = flow_text(found, "allowed or denied, whichever of the two is applied")
    return RULE.finding(
        f"`{second.label}` and `{first.label}` both have priority {first.priority} in tier {first.tier.value}, and it is not "
        f"defined which is applied to flows that both match",
        about=second.label,
        place=second.place,
        related=(Related(message="has the same priority", place=first.place, object=first.label),),
        witness=witness if tells_apart(one, other, found) else None,
        hint="give them different priorities: the lower number is applied first",
    )


def _ordered(cluster: Cluster, first: AdminPolicy, second: AdminPolicy) -> Cluster:
    """Return the cluster with `first` right before `second`, and without what comes after them in their tier."""
    pair = (first.label, second.label)
    admin = []
    for policy in cluster.admin:
        behind = policy.label == second.label
        if policy.tier is not first.tier or policy.label in pair or precedence(policy) < precedence(first):
            admin.append(replace(policy, priority=2 * policy.priority + behind))
    policies = cluster.policies if len(cluster.policies) <= MOST_POLICIES else ()
    return replace(cluster, admin=tuple(admin), policies=policies, opaque=())


RULE = Rule(
    code="NC601",
    name="ambiguous-priority",
    severity="warning",
    basis="proved",
    summary="Equal priorities whose order matters",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
