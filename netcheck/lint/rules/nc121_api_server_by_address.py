"""Access to the API server that does not work.

What it finds: ipBlocks that hold nothing but the ClusterIP of Service `default/kubernetes`; with `--pedantic` also workloads
with a service account of their own whose egress rules let nothing through on the API server's ports.
Why it matters: the ClusterIP is translated to the addresses of the API server, often on port 6443, before policies are
evaluated. The rule matches nothing, and clients of the API server (operators, controllers, sidecars) time out.
When to ignore it: the plugin evaluates policies before the translation.
How it is decided: by the Service where it is loaded, else by the ClusterIPs that installers give it (info). Whether a workload
calls the API server cannot be seen, so the second part is a guess.
Source: SEMANTICS SVC-31, NP-23.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.reading import all_rules, single_address
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.snapshot import Subjects
from netcheck.lint.wording import owner
from netcheck.model.objects import Service
from netcheck.model.policy import Direction, IPBlockPeer
from netcheck.values.addresses import address_number
from netcheck.values.ports import Protocol

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: operator, namespace: shop}
spec:
  podSelector: {matchLabels: {app: operator}}
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {cidr: 10.96.0.1/32}  # finds: NC121
    ports: [{port: 443}]
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
"""

BAD_PEDANTIC = """
# pedantic: true
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: operator, namespace: shop}
spec:
  podSelector: {matchLabels: {app: operator}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1  # finds: NC121
kind: Pod
metadata: {name: operator, namespace: shop, labels: {app: operator}}
spec: {serviceAccountName: operator, containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: operator, namespace: shop}
spec:
  podSelector: {matchLabels: {app: operator}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{ipBlock: {cidr: 192.0.2.10/32}}]
    ports: [{port: 6443}]
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{port: 53}, {port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: operator, namespace: shop, labels: {app: operator}}
spec: {serviceAccountName: operator, containers: [{name: a, image: a}]}
"""

_API_PORTS = (443, 6443, 8443)
_USUAL = ("10.96.0.1", "10.43.0.1", "10.100.0.1", "172.20.0.1", "172.30.0.1", "10.152.183.1")
"""What kubeadm, k3s and RKE2, EKS, OpenShift and MicroK8s give the Service unless told otherwise."""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the blocks of the ClusterIP, then the workloads that reach no API server."""
    yield from _by_address(snapshot)
    for subjects in snapshot.subjects(Direction.EGRESS):
        if subjects.policies and subjects.certain and _is_shut(snapshot, subjects):
            yield from _shut_out(snapshot, subjects)


def _by_address(snapshot: Snapshot) -> Iterator[Finding]:
    known = snapshot.service_at.get(("default", "kubernetes"))
    for policy, direction, rule, path in all_rules(snapshot):
        for peer in rule.peers if direction is Direction.EGRESS else ():
            if isinstance(peer, IPBlockPeer) and is_api_server(peer, known):
                certain = known is not None and bool(known.cluster_ips)
                yield RULE.finding(
                    f"{path}: ipBlock `{peer.cidr}` is {'' if certain else 'in many clusters '}the ClusterIP of Service "
                    "`default/kubernetes`, which is translated to the API server's own addresses before policies are "
                    "evaluated: it matches nothing",
                    about=policy.label,
                    place=peer.place,
                    severity=None if certain else "info",
                    hint="allow the addresses and the port of the endpoints of `default/kubernetes` (often 6443)",
                )


def is_api_server(peer: IPBlockPeer, known: Service | None) -> bool:
    """Return whether a block holds the ClusterIP of `default/kubernetes` only, as loaded or else as installers give it."""
    address = single_address(peer)
    addresses = known.cluster_ips if known is not None and known.cluster_ips else _USUAL
    return bool(address) and address_number(address) in map(address_number, addresses)


def _is_shut(snapshot: Snapshot, subjects: Subjects) -> bool:
    """Return whether no node and no outside address may be reached on a port of the API server."""
    universe = snapshot.engine.universe
    outer = snapshot.anyone & ~((1 << universe.pod_count) - 1)
    return not any(snapshot.may_pass(subjects, outer, Protocol.TCP, number) for number in _API_PORTS)


def _shut_out(snapshot: Snapshot, subjects: Subjects) -> Iterator[Finding]:
    told = set()
    for position in subjects.pods:
        pod = snapshot.pods[position]
        if snapshot.is_real(position) and pod.service_account != "default" and pod.workload not in told:
            told.add(pod.workload)
            yield RULE.finding(
                f"`{owner(pod)}` has the service account `{pod.service_account}`, but its egress rules let nothing through "
                "to the API server",
                about=owner(pod),
                place=pod.place,
                severity="info",
                basis="heuristic",
                hint="if it calls the API server, allow the addresses and the port of the endpoints of `default/kubernetes`",
            )


def _looks_at(snapshot: Snapshot) -> bool:
    return any(Direction.EGRESS in policy.types for policy in snapshot.cluster.policies)


RULE = Rule(
    code="NC121",
    name="api-server-by-address",
    severity="warning",
    basis="syntactic",
    summary="Access to the API server that does not work",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    looks_at=_looks_at,
    bad=(BAD, BAD_PEDANTIC),
    good=(GOOD,),
)
