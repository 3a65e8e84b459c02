"""A proof without a solver that no pod that could be made reaches a workload: whoever may come in cannot get out.

Each peer that lets a pod in to the workload pins it to a namespace that is loaded; all pods of that namespace are
isolated for egress (NP-4), and no egress rule there speaks of the workload, whatever its ports and whomever it is for.
The proof is one way: where it fails nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netcheck.model.cluster import Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Pod
from netcheck.model.policy import Direction, NetworkPolicy, Peer, PodPeer
from netcheck.values.labels import LabelSelector, Operator


def is_closed_to_new_pods(cluster: Cluster, policies: Mapping[str, Sequence[NetworkPolicy]], pod: Pod) -> bool:
    """Return True only if no new pod reaches `pod` under NetworkPolicies alone, given by namespace, all enforced.

    The pod must be isolated for ingress. Opaque and admin policies are not looked at: there must be none.
    """
    homes = set(_homes(cluster, policies.get(pod.namespace, ()), pod))
    return "" not in homes and all(_keeps_in(cluster, policies.get(home, ()), pod) for home in homes)


def _homes(cluster: Cluster, policies: Sequence[NetworkPolicy], pod: Pod) -> Iterator[str]:
    """Yield the loaded namespaces that a pod must be in to be let in; empty: it can be in another."""
    for policy in policies:
        if Direction.INGRESS in policy.types and policy.pod_selector.matches(pod.labels):
            for rule in policy.ingress:
                if not rule.peers:
                    yield ""
                for peer in rule.peers:
                    yield _home(cluster, policy, peer)


def _home(cluster: Cluster, policy: NetworkPolicy, peer: Peer) -> str:
    if not isinstance(peer, PodPeer):
        return ""
    if peer.namespace_selector is None:
        return policy.namespace
    for test in peer.namespace_selector.requirements:
        if test.key == NAMESPACE_NAME_LABEL and test.operator is Operator.IN and len(test.values) == 1:
            return test.values[0] if test.values[0] in cluster.namespaces else ""
    return ""


def _keeps_in(cluster: Cluster, policies: Sequence[NetworkPolicy], pod: Pod) -> bool:
    """Return whether all pods of a namespace are isolated for egress and nothing lets any of them out to `pod`."""
    egress = [policy for policy in policies if Direction.EGRESS in policy.types]
    if not any(policy.pod_selector == LabelSelector() for policy in egress):
        return False
    rules = [(policy, rule) for policy in egress for rule in policy.egress]
    return not any(
        not rule.peers or any(_may_mean(cluster, policy, peer, pod) for peer in rule.peers) for policy, rule in rules
    )


def _may_mean(cluster: Cluster, policy: NetworkPolicy, peer: Peer, pod: Pod) -> bool:
    if not isinstance(peer, PodPeer):
        return True
    if peer.pod_selector is not None and not peer.pod_selector.matches(pod.labels):
        return False
    if peer.namespace_selector is None:
        return policy.namespace == pod.namespace
    namespace = cluster.namespaces.get(pod.namespace)
    return namespace is None or not namespace.labels_known or peer.namespace_selector.matches(namespace.labels)
