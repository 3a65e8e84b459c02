"""Egress isolation that lets DNS pass to the DNS pods, but not to NodeLocal DNSCache.

What it finds: pods that are isolated for egress and may ask the cluster's DNS pods, in a cluster with NodeLocal DNSCache,
whose address no rule allows.
Why it matters: with the cache, queries go to the pod's own node (169.254.20.10, or the address of `kube-dns` that the cache
takes over) and never to the DNS pods. A rule for these pods does not match them, and lookups time out.
When to ignore it: the cache listens on another address, or the plugin redirects queries to it before policies apply.
How it is decided: by the set engine, for profiles under which egress to the own node is subject to policies (NET-5): silent
under those that always allow it, such as the generic one. An info where the profile does not say. Pods that cannot ask the
DNS pods either are NC102.
Source: SEMANTICS DNS-10, NET-5.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.dns import Dns
from netcheck.lint.finding import Finding, Related
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects, subjects_text
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.policy import Direction, NetworkPolicy
from netcheck.model.profile import Switch
from netcheck.queries.cluster_dns import NODE_LOCAL
from netcheck.queries.results import FlowText
from netcheck.values.ports import Protocol

BAD = """
# cni: calico
apiVersion: networking.k8s.io/v1  # finds: NC126
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
"""

GOOD = """
# cni: calico
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    - ipBlock: {cidr: 169.254.20.10/32}
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: kube-system}
spec:
  podSelector: {matchLabels: {k8s-app: kube-dns}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{namespaceSelector: {}}]
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-local-dns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
"""

_PROTOCOLS = (Protocol.UDP, Protocol.TCP)


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy that lets its pods ask the DNS pods only."""
    dns = Dns(snapshot)
    if snapshot.cluster.profile.own_node_egress is Switch.YES or not dns.has_node_local:
        return
    blocked: dict[int, tuple[NetworkPolicy, list[Subjects]]] = {}
    for subjects in snapshot.subjects(Direction.EGRESS):
        if _is_blocked(snapshot, dns, subjects):
            culprit = next(policy for policy in subjects.policies if policy.egress)
            blocked.setdefault(id(culprit), (culprit, []))[1].append(subjects)
    for policy, groups in blocked.values():
        yield _finding(snapshot, policy, groups)


def _is_blocked(snapshot: Snapshot, dns: Dns, subjects: Subjects) -> bool:
    if not subjects.certain or not any(policy.egress for policy in subjects.policies):
        return False
    if dns.pods.issuperset(subjects.pods) or not any(dns.can_ask(subjects, protocol) for protocol in _PROTOCOLS):
        return False
    cache = 1 << snapshot.engine.universe.own_node | 1 << snapshot.address_element(NODE_LOCAL)
    if snapshot.cluster.profile.own_node_egress is Switch.UNKNOWN:
        cache = 1 << snapshot.address_element(NODE_LOCAL)
    return not any(snapshot.may_pass(subjects, cache, protocol, 53) for protocol in _PROTOCOLS)


def _finding(snapshot: Snapshot, policy: NetworkPolicy, groups: list[Subjects]) -> Finding:
    positions = [position for subjects in groups for position in subjects.pods]
    every = {id(other): other for subjects in groups for other in subjects.policies if other.egress}
    known = snapshot.cluster.profile.own_node_egress is Switch.NO
    return RULE.finding(
        f"{subjects_text(snapshot, positions)} may ask the DNS pods, but NodeLocal DNSCache answers on the pod's own node: no "
        f"rule lets queries pass to {NODE_LOCAL} on port 53",
        about=policy.label,
        place=policy.place,
        severity="warning" if known else "info",
        related=tuple(
            Related(message="its egress rules do not allow it either", place=other.place, object=other.label)
            for other in sorted(every.values(), key=lambda other: other.label)
            if other is not policy
        )[:5],
        witness=_witness(snapshot, positions),
        hint=f"add `ipBlock: {{cidr: {NODE_LOCAL}/32}}` on UDP and TCP 53, and the address of Service `kube-dns`",
    )


def _witness(snapshot: Snapshot, positions: list[int]) -> FlowText | None:
    pod = snapshot.pods[positions[0]]
    flow = Flow(source=PodEnd(pod), destination=AddressEnd(NODE_LOCAL), protocol=Protocol.UDP, port=53)
    return snapshot.witness(flow, Verdict.DENIED, "a DNS query")


def has_cache(snapshot: Snapshot) -> bool:
    """Return whether NodeLocal DNSCache was read."""
    return Dns(snapshot).has_node_local


RULE = Rule(
    code="NC126",
    name="node-local-dns-blocked",
    severity="warning",
    basis="proved",
    summary="Egress isolation that lets DNS pass to the DNS pods, but not to NodeLocal DNSCache",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=has_cache,
    bad=(BAD,),
    good=(GOOD,),
)
