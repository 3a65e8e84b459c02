"""An ipBlock aimed at addresses inside the cluster.

What it finds: ipBlocks that hold the address of one loaded pod, the ClusterIP of a loaded Service, or lie inside the range
given by `--service-cidr`.
Why it matters: a ClusterIP is translated to a pod's address before policies are evaluated, so such a block matches
nothing. A pod's address changes whenever the pod is replaced, and Cilium does not match pods by address at all.
When to ignore it: an info says only that an address is the usual one of the DNS Service. The API server's is NC121's. Also ignore the kube-dns address beside the NodeLocal DNSCache address, which needs both; that is not reported.
How it is decided: by comparing addresses. A wide block that merely contains such addresses is not reported.
Source: SEMANTICS NP-20, NP-23, DNS-10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netcheck.lint.finding import Finding
from netcheck.lint.reading import all_rules, block, single_address
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.rules.nc121_api_server_by_address import is_api_server
from netcheck.lint.wording import owner
from netcheck.model.objects import Pod, Service
from netcheck.model.policy import Direction, IPBlockPeer, PolicyRule
from netcheck.queries.cluster_dns import NODE_LOCAL
from netcheck.values.addresses import IPSet, address_number

BAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:
    - ipBlock: {cidr: 10.96.0.10/32}  # finds: NC111
    - ipBlock: {cidr: 10.244.0.7/32}  # finds: NC111
    ports: [{port: 53, protocol: UDP}, {port: 53}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, ports: [{name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:
    - ipBlock: {cidr: 10.96.0.10/32}
    - ipBlock: {cidr: 169.254.20.10/32}
    ports: [{port: 53, protocol: UDP}, {port: 53}]
  - to: [{ipBlock: {cidr: 10.0.0.0/8}}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, ports: [{name: dns, port: 53, protocol: UDP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.53]}]
ports: [{name: dns, port: 53, protocol: UDP}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: a, image: a}]}
status: {podIP: 10.244.0.7, podIPs: [{ip: 10.244.0.7}]}
"""

_Address = tuple[int, int]

_RANGES = ("10.96.0", "10.43.0", "10.100.0", "172.20.0", "172.30.0", "10.152.183")
"""Where kubeadm, k3s and RKE2, EKS, OpenShift and MicroK8s put Services unless told otherwise."""

_USUAL = {f"{part}.10": "kube-system/kube-dns" for part in _RANGES}


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each ipBlock that aims at a Service or a pod."""
    services = IPSet.of_cidrs(*snapshot.cluster.addressing.service_cidrs)
    virtual, pods = _cluster_ips(snapshot), _pod_addresses(snapshot)
    api_server = snapshot.service_at.get(("default", "kubernetes"))
    for policy, direction, rule, path in all_rules(snapshot):
        if _has_node_local(rule):
            continue
        for peer in rule.peers:
            told = direction is Direction.EGRESS and isinstance(peer, IPBlockPeer) and is_api_server(peer, api_server)
            if isinstance(peer, IPBlockPeer) and not told:
                certain = _virtual(peer, services, virtual) or _pod(peer, pods)
                found = certain or _usual(peer)
                if found:
                    yield RULE.finding(
                        f"{path}: ipBlock `{peer.cidr}` {found}",
                        about=policy.label,
                        place=peer.place,
                        severity=None if certain else "info",
                        hint="select the pods with podSelector and namespaceSelector",
                    )


def _cluster_ips(snapshot: Snapshot) -> Mapping[_Address, Service]:
    return {address_number(text): service for service in snapshot.cluster.services for text in service.cluster_ips}


def _pod_addresses(snapshot: Snapshot) -> Mapping[_Address, Pod]:
    pods = [pod for pod in snapshot.cluster.pods if not pod.host_network]
    return {address_number(text): pod for pod in pods for text in pod.addresses}


def _has_node_local(rule: PolicyRule) -> bool:
    return any(isinstance(peer, IPBlockPeer) and single_address(peer) == NODE_LOCAL for peer in rule.peers)


def _virtual(peer: IPBlockPeer, services: IPSet, virtual: Mapping[_Address, Service]) -> str:
    address = single_address(peer)
    service = virtual.get(address_number(address)) if address else None
    if service is not None:
        return (
            f"is the ClusterIP of Service `{service.namespace}/{service.name}`, which is translated to a pod's address "
            "before policies are evaluated: it matches nothing"
        )
    if services and block(peer) and block(peer) <= services:
        return "lies in the Service range, whose addresses are translated before policies are evaluated: it matches nothing"
    return ""


def _usual(peer: IPBlockPeer) -> str:
    """Return what is wrong with an address that many clusters give to a Service of their own."""
    whose = _USUAL.get(single_address(peer), "")
    return f"is in many clusters the ClusterIP of Service `{whose}`, which no policy ever sees" if whose else ""


def _pod(peer: IPBlockPeer, pods: Mapping[_Address, Pod]) -> str:
    address = single_address(peer)
    pod = pods.get(address_number(address)) if address else None
    if pod is None:
        return ""
    return f"is the address of a pod of `{owner(pod)}`, which changes when the pod is replaced"


RULE = Rule(
    code="NC111",
    name="ipblock-in-cluster",
    severity="warning",
    basis="syntactic",
    summary="An ipBlock aimed at addresses inside the cluster",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
