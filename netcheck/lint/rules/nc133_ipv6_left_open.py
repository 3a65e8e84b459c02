"""Shut for IPv4, open for IPv6.

What it finds: admin rules that deny all of IPv4 to pods which reach every IPv6 address on the same ports.
Why it matters: a network in such a rule is of one family. On dual-stack clusters what is denied over IPv4 goes over IPv6.
When to ignore it: IPv6 is filtered elsewhere.
How it is decided: by the set engine, in each family on its own, over all policies for the pods; the witness is replayed. Only
where something in the input uses IPv6: an address of the pods or nodes, a Service, or `--pod-cidr`. NetworkPolicies that leave
IPv6 open are NC120's.
Source: SEMANTICS ADM-15, NET-2.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.admin import AdminRead, all_admin_rules, are_enforced, are_used, matching
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import owners
from netcheck.model.admin import AdminAction, AdminNetworks
from netcheck.model.flow import AddressEnd, Flow, PodEnd, Verdict
from netcheck.model.objects import Pod
from netcheck.model.policy import Direction
from netcheck.queries.results import FlowText
from netcheck.values.addresses import IPSet
from netcheck.values.ports import Protocol

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-internet}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  egress:
  - action: Deny  # finds: NC133
    to: [{networks: [0.0.0.0/0]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}, {ip: "fd00::7"}]}
"""

GOOD = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}, {ip: "fd00::7"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""

_V4 = IPSet.of_cidrs("0.0.0.0/0")
_EXAMPLE, _PORT = "2001:db8::1", 443


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each rule that denies all of IPv4 and leaves all of IPv6 open."""
    if not are_enforced(snapshot) or not _has_v6(snapshot):
        return
    for read in all_admin_rules(snapshot):
        if read.direction is Direction.EGRESS and read.rule.action is AdminAction.DENY and _denies_v4_only(read):
            pods = [pod for pod in matching(snapshot, read.policy.subject) if _is_open(snapshot, pod)]
            if pods:
                yield _finding(snapshot, read, pods)


def _denies_v4_only(read: AdminRead) -> bool:
    networks = IPSet.of_cidrs(
        *(cidr for peer in read.rule.peers if isinstance(peer, AdminNetworks) for cidr in peer.cidrs)
    )
    return networks >= _V4 and not networks.of_family(6)


def _has_v6(snapshot: Snapshot) -> bool:
    """Return whether something in the input uses IPv6."""
    cluster = snapshot.cluster
    texts = [text for pod in cluster.pods for text in pod.addresses]
    texts += [text for node in cluster.nodes for text in node.addresses]
    texts += cluster.addressing.pod_cidrs
    services = any(
        "IPv6" in service.ip_families or any(":" in ip for ip in service.cluster_ips) for service in cluster.services
    )
    return services or any(":" in text for text in texts)


def _is_open(snapshot: Snapshot, pod: Pod) -> bool:
    """Return whether a pod that may use IPv6 reaches all outside addresses of it on a port on which it reaches none of IPv4."""
    if pod.addresses and not any(":" in text for text in pod.addresses):
        return False
    position = next(i for i, other in enumerate(snapshot.cluster.pods) if other is pod)
    subjects = snapshot.subjects_at(position, Direction.EGRESS)
    return subjects is not None and subjects.certain and _differs(snapshot, subjects)


def _differs(snapshot: Snapshot, subjects: Subjects) -> bool:
    addresses, offset = snapshot.engine.universe.addresses, snapshot.engine.universe.atom_offset
    all_v4, all_v6 = addresses.of_family(4) << offset, addresses.of_family(6) << offset
    shut = snapshot.engine.universe.ports.everything
    for part in subjects.tables[4].parts:
        shut &= ~part.mask if part.may & all_v4 else -1
    return any(part.mask & shut and not all_v6 & ~part.must for part in subjects.tables[6].parts)


def _finding(snapshot: Snapshot, read: AdminRead, pods: list[Pod]) -> Finding:
    return RULE.finding(
        f"{read.path} denies all of IPv4, but {owners(pods)} may connect to every IPv6 address",
        about=read.policy.label,
        place=read.rule.place or read.policy.place,
        witness=_witness(snapshot, pods),
        hint="add `::/0` to the networks",
    )


def _witness(snapshot: Snapshot, pods: list[Pod]) -> FlowText | None:
    flow = Flow(source=PodEnd(pods[0]), destination=AddressEnd(_EXAMPLE), protocol=Protocol.TCP, port=_PORT, version=6)
    return snapshot.witness(flow, Verdict.ALLOWED)


RULE = Rule(
    code="NC133",
    name="ipv6-left-open",
    severity="warning",
    basis="proved",
    summary="Shut for IPv4, open for IPv6",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
