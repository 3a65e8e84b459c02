"""An admin rule that matches nothing.

What it finds: subjects and peers of admin policies whose selectors contradict themselves, and ports by a name that none of
the pods concerned declares.
Why it matters: the rule neither allows nor denies anything there. A Deny that matches nothing protects nothing.
When to ignore it: for a named port, the pods that declare it are deployed from elsewhere; an info unless the input is known
to be whole.
How it is decided: no labels satisfy the selector, which is proved; or by the container ports of the loaded pods that the
subject (ingress) or the peers (egress) match.
Source: SEMANTICS ADM-2, ADM-20.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.admin import AdminRead, all_admin_rules, are_used, contradicts_itself, is_dead, matching
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import closest, counted
from netcheck.model.admin import AdminPods
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction

BAD = """
# whole: true
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: web}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from:
    - namespaces: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: DoesNotExist}]}  # finds: NC609
  - action: Deny
    from: [{namespaces: {matchLabels: {team: x}}}]
    protocols:
    - destinationNamedPort: htpp  # finds: NC609
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: web}
spec:
  tier: Admin
  priority: 10
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {matchLabels: {team: x}}}]
    protocols: [{destinationNamedPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the selectors that contradict themselves, then the named ports that nobody declares."""
    for policy in snapshot.cluster.admin:
        if contradicts_itself(policy.subject):
            yield RULE.finding(
                "spec.subject contradicts itself: no pod can ever match it, and the policy does nothing",
                about=policy.label,
                place=policy.subject.place or policy.place,
                basis="proved",
            )
    for read in all_admin_rules(snapshot):
        if not contradicts_itself(read.policy.subject):
            yield from _peers(read)
            yield from _ports(snapshot, read)


def _peers(read: AdminRead) -> Iterator[Finding]:
    field = "from" if read.direction is Direction.INGRESS else "to"
    for number, peer in enumerate(read.rule.peers):
        if contradicts_itself(peer):
            so = ", and the rule does nothing" if is_dead(read) else ""
            yield RULE.finding(
                f"{read.path}.{field}[{number}] contradicts itself: nothing can ever match it{so}",
                about=read.policy.label,
                place=peer.place or read.rule.place,
                basis="proved",
            )


def _ports(snapshot: Snapshot, read: AdminRead) -> Iterator[Finding]:
    names = [item for item in read.rule.ports if item.name]
    pods = _concerned(snapshot, read) if names else ()
    declared = {port.name for pod in pods for port in pod.ports if port.name}
    for item in names:
        if not pods or item.name in declared:
            continue
        meant = closest(item.name, declared)
        yield RULE.finding(
            f"{read.path} names the port `{item.name}`, and none of the {counted(len(pods), 'pod')} concerned declares it",
            about=read.policy.label,
            place=item.place or read.rule.place,
            severity="warning" if snapshot.whole else "info",
            hint=f"did you mean `{meant}`?" if meant else "",
        )


def _concerned(snapshot: Snapshot, read: AdminRead) -> tuple[Pod, ...]:
    """Return the loaded pods whose ports the rule names."""
    ends = [read.policy.subject] if read.direction is Direction.INGRESS else read.rule.peers
    return tuple(pod for end in ends if isinstance(end, AdminPods) for pod in matching(snapshot, end))


RULE = Rule(
    code="NC609",
    name="admin-rule-matches-nothing",
    severity="warning",
    basis="syntactic",
    summary="An admin rule that matches nothing",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
