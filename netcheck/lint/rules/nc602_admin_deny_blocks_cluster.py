"""An Admin Deny that blocks DNS, or pods where addresses were meant.

What it finds: rules of the Admin tier that deny queries to the cluster's DNS, and egress rules that deny `0.0.0.0/0` or
`::/0` and with it what pods send to pods.
Why it matters: no NetworkPolicy can allow again what an Admin rule denies. `networks` matches every destination in range,
pods and nodes too, and without DNS next to nothing works.
When to ignore it: the subject is quarantined on purpose. An error where the rule speaks of all pods; where the pods that are
cut off are chosen by their labels, a warning if such pods are loaded, else an info.
How it is decided: the oracle decides flows between loaded pods, or where none is loaded between pods that the rule's
selectors describe. Where DNS is not loaded, it is thought of as kube-dns in kube-system.
Source: SEMANTICS ADM-2, ADM-15, DNS-1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netcheck.lint.admin import (
    AdminRead,
    are_enforced,
    are_used,
    deciders,
    denying,
    example,
    imagined,
    matching,
    unlike,
)
from netcheck.lint.dns import Dns
from netcheck.lint.finding import Finding
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import end_text
from netcheck.model.admin import AdminNetworks, AdminPods
from netcheck.model.cluster import Cluster
from netcheck.model.flow import Flow, PodEnd
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Namespace, Pod
from netcheck.model.policy import Direction
from netcheck.queries.cluster_dns import SYSTEM
from netcheck.queries.results import FlowText
from netcheck.values.ports import Protocol

BAD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-internet}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - action: Deny  # finds: NC602
    to: [{networks: [0.0.0.0/0]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants-apart}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {matchLabels: {tenant: blue}}}
  egress:
  - action: Deny  # finds: NC602
    to: [{namespaces: {matchExpressions: [{key: tenant, operator: NotIn, values: [blue]}]}}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
"""

GOOD = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: no-internet}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - {action: Pass, to: [{namespaces: {}}]}
  - {action: Deny, to: [{networks: [0.0.0.0/0]}]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants-apart}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {matchLabels: {tenant: blue}}}
  egress:
  - action: Pass
    to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    protocols: [{udp: {destinationPort: {number: 53}}}, {tcp: {destinationPort: {number: 53}}}]
  - action: Deny
    to: [{namespaces: {matchExpressions: [{key: tenant, operator: NotIn, values: [blue]}]}}]
---
{apiVersion: v1, kind: Namespace, metadata: {name: kube-system}}
"""
MOST_FLOWS = 2000
"""So many flows are decided in all."""

_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_Asked = tuple[Cluster, Flow]


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield at most one finding for each rule of the Admin tier that denies."""
    if not are_enforced(snapshot):
        return
    dns = _Servers(snapshot)
    budget = iter(range(MOST_FLOWS))
    for read in denying(snapshot):
        message = "denies what pods send to pods too, for `networks` matches every address"
        hint = "before it, pass what goes to pods: `- {action: Pass, to: [{namespaces: {}}]}`"
        found = _first(read, _between_pods(snapshot, read), budget)
        if found is None:
            message, hint = "denies queries to the cluster's DNS", "before it, pass UDP and TCP port 53 to kube-system"
            found = _first(read, _queries(snapshot, dns, read), budget)
        if found is not None:
            yield _finding(read, message, _witness(snapshot, found), hint)


def _finding(read: AdminRead, message: str, witness: FlowText | None, hint: str) -> Finding:
    ends = [read.policy.subject] if read.direction is Direction.EGRESS else read.rule.peers
    everyone = any(isinstance(end, AdminPods) and _is_everyone(end) for end in ends)
    return RULE.finding(
        f"{read.path} {message}",
        about=read.policy.label,
        place=read.rule.place,
        severity="error" if everyone else "warning" if witness is not None else "info",
        basis="proved" if witness is not None else "syntactic",
        witness=witness,
        hint=hint,
    )


def _is_everyone(pods: AdminPods) -> bool:
    return not pods.namespace_selector.requirements and not (pods.pod_selector and pods.pod_selector.requirements)


def _first(read: AdminRead, asked: Iterator[_Asked], budget: Iterator[int]) -> Flow | None:
    """Return the first of the flows that the rule certainly denies, while the budget lasts."""
    for _, (cluster, flow) in zip(budget, asked, strict=False):
        if any(map(read.is_decider, deciders(cluster, flow))):
            return flow
    return None


def _witness(snapshot: Snapshot, flow: Flow) -> FlowText | None:
    """Return a flow, which the oracle decided, as a witness if both its ends are loaded."""
    ends = [end.pod for end in (flow.source, flow.destination) if isinstance(end, PodEnd)]
    if not all(any(end is pod for pod in snapshot.cluster.pods) for end in ends):
        return None
    return FlowText(
        source=end_text(flow.source),
        destination=end_text(flow.destination),
        protocol=flow.protocol,
        port=flow.port,
        note=f"over IPv{flow.version}" if flow.version else "",
    )


# ---- the flows -----------------------------------------------------------------------------------------------------


def _chosen(snapshot: Snapshot, cluster: Cluster, wanted: AdminPods) -> Iterator[tuple[Cluster, Pod]]:
    """Yield loaded pods that a selector matches, or one that it describes."""
    pods = unlike(matching(snapshot, wanted))
    yield from ((cluster, pod) for pod in pods)
    made = example(cluster, wanted) if not pods else None
    if made is not None:
        yield made


def _between_pods(snapshot: Snapshot, read: AdminRead) -> Iterator[_Asked]:
    networks = {cidr for peer in read.rule.peers if isinstance(peer, AdminNetworks) for cidr in peer.cidrs}
    versions = [version for version, cidr in _EVERYWHERE.items() if cidr in networks]
    if read.direction is not Direction.EGRESS or not versions:
        return
    protocol, port = _first_port(read)
    for cluster, source in _chosen(snapshot, snapshot.cluster, read.policy.subject):
        others = [pod for pod in snapshot.cluster.pods if not pod.host_network and pod is not source]
        for destination in unlike(others) or [imagined(source.namespace, "some-other-pod", {})]:
            for version in versions:
                flow = Flow(source=PodEnd(source), destination=PodEnd(destination), protocol=protocol, port=port)
                yield cluster, replace(flow, version=version)


def _first_port(read: AdminRead) -> tuple[Protocol, int]:
    for item in read.rule.ports:
        if item.protocol is not None and not item.name:
            return Protocol(item.protocol), item.first
    return Protocol.TCP, 80


def _speaks_of(read: AdminRead, protocol: Protocol, port: int) -> bool:
    """Return whether the ports of a rule may hold one; a name may stand for any."""
    return not read.rule.ports or any(
        item.name or (item.protocol == protocol.value and item.first <= port <= item.last) for item in read.rule.ports
    )


class _Servers:
    """The DNS pods with their ports: the loaded ones, or one that is thought of."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.cluster = snapshot.cluster
        dns = Dns(snapshot)
        pods = snapshot.cluster.pods
        self.found = [
            (pods[server.pod], protocol, server.port)
            for protocol in (Protocol.UDP, Protocol.TCP)
            for server in dns.servers(protocol)
            if not pods[server.pod].host_network
        ]
        if not self.found and not dns.is_loaded:
            pod = imagined(SYSTEM, "kube-dns", {"k8s-app": "kube-dns"})
            self.found = [(pod, protocol, 53) for protocol in (Protocol.UDP, Protocol.TCP)]
            labels = {NAMESPACE_NAME_LABEL: SYSTEM}
            system = Namespace(name=SYSTEM, labels=labels, labels_known=False)
            self.cluster = replace(self.cluster, namespaces={SYSTEM: system, **self.cluster.namespaces})


def _queries(snapshot: Snapshot, dns: _Servers, read: AdminRead) -> Iterator[_Asked]:
    egress = read.direction is Direction.EGRESS
    wanted = [read.policy.subject] if egress else [peer for peer in read.rule.peers if isinstance(peer, AdminPods)]
    for clients in wanted:
        for cluster, source in _chosen(snapshot, dns.cluster, clients):
            for server, protocol, port in dns.found:
                if source.namespace != SYSTEM and _speaks_of(read, protocol, port):
                    yield (
                        cluster,
                        Flow(source=PodEnd(source), destination=PodEnd(server), protocol=protocol, port=port),
                    )


RULE = Rule(
    code="NC602",
    name="admin-deny-blocks-cluster",
    severity="error",
    basis="proved",
    summary="An Admin Deny that blocks DNS, or pods where addresses were meant",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=are_used,
    bad=(BAD,),
    good=(GOOD,),
)
