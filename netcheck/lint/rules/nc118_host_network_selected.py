"""A policy for host-network pods.

What it finds: policies that select pods with `hostNetwork: true`, and peers whose only matching pods are such pods.
Why it matters: a pod in its node's network cannot be told from the node. Most plugins ignore policies for it, and as a peer
its traffic has the node's address, which no podSelector matches.
When to ignore it: the plugin enforces policies for such pods. An info where the policy selects other pods too.
How it is decided: by the loaded pods. Silent where the profile's switches `hostNetSubject` and `hostNetPeer` do not say no.
Source: SEMANTICS NET-3.
"""

from __future__ import annotations

from collections.abc import Iterator

from netcheck.lint.finding import Finding
from netcheck.lint.reading import all_rules
from netcheck.lint.rule import Rule, Snapshot
from netcheck.lint.wording import owners
from netcheck.model.policy import NetworkPolicy, PodPeer
from netcheck.model.profile import Switch

BAD = """
apiVersion: networking.k8s.io/v1  # finds: NC118
kind: NetworkPolicy
metadata: {name: exporter, namespace: monitoring}
spec: {podSelector: {matchLabels: {app: node-exporter}}, policyTypes: [Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: monitoring}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: node-exporter}}  # finds: NC118
---
apiVersion: v1
kind: Pod
metadata: {name: node-exporter, namespace: monitoring, labels: {app: node-exporter}}
spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: monitoring, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""

GOOD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: monitoring}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{ipBlock: {cidr: 192.0.2.0/24}}]
---
apiVersion: v1
kind: Pod
metadata: {name: node-exporter, namespace: monitoring, labels: {app: node-exporter}}
spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: monitoring, labels: {app: web}}
spec: {containers: [{name: a, image: a}]}
"""


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield one finding for each policy that selects host-network pods, and for each peer that matches only such pods."""
    if not any(pod.host_network for pod in snapshot.cluster.pods):
        return
    profile = snapshot.cluster.profile
    if profile.host_net_subject is Switch.NO:
        for policy in snapshot.cluster.policies:
            yield from _subject(snapshot, policy)
    if profile.host_net_peer is Switch.NO:
        yield from _peers(snapshot)


def _subject(snapshot: Snapshot, policy: NetworkPolicy) -> Iterator[Finding]:
    pods = [snapshot.cluster.pods[i] for i in snapshot.selected(policy)]
    host = [pod for pod in pods if pod.host_network]
    if host:
        yield RULE.finding(
            f"the policy selects {owners(host)} with `hostNetwork: true`: it is not enforced for "
            f"{'them' if len(host) > 1 else 'it'}",
            about=policy.label,
            place=policy.place,
            severity="warning" if len(host) == len(pods) else "info",
            hint="drop hostNetwork, or use a host firewall or a policy of the plugin for nodes",
        )


def _peers(snapshot: Snapshot) -> Iterator[Finding]:
    for policy, direction, rule, path in all_rules(snapshot):
        field = "from" if direction.value == "Ingress" else "to"
        for number, peer in enumerate(rule.peers):
            if not isinstance(peer, PodPeer) or not (peer.pod_selector and peer.pod_selector.requirements):
                continue
            pods = [snapshot.cluster.pods[i] for i in snapshot.peers(policy.namespace, peer)]
            if pods and all(pod.host_network for pod in pods):
                yield RULE.finding(
                    f"{path}.{field}[{number}] matches only {owners(pods)}, with `hostNetwork: true`: the traffic has "
                    "the node's address, so the item allows nothing",
                    about=policy.label,
                    place=peer.place,
                    hint="allow the addresses of the nodes with an ipBlock",
                )


RULE = Rule(
    code="NC118",
    name="host-network-selected",
    severity="warning",
    basis="syntactic",
    summary="A policy for host-network pods",
    page=__doc__ or "",
    since="0.1.0",
    check=check,
    bad=(BAD,),
    good=(GOOD,),
)
