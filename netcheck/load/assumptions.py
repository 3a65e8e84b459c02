"""Defaults for facts that the input lacks, stated only where they can matter (docs/cli.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netcheck.load.route_assumptions import route_assumptions
from netcheck.model.admin import AdminNetworks, AdminPeer, AdminPods
from netcheck.model.cluster import Assumption, Cluster
from netcheck.model.objects import NAMESPACE_NAME_LABEL, Node
from netcheck.model.policy import IPBlockPeer, PodPeer, PolicyRule
from netcheck.values.labels import LabelSelector


def _rules(cluster: Cluster) -> Iterator[PolicyRule]:
    for policy in cluster.policies:
        yield from policy.ingress
        yield from policy.egress


def _admin_peers(cluster: Cluster) -> Iterator[AdminPeer]:
    for policy in cluster.admin:
        for rule in (*policy.ingress, *policy.egress):
            yield from rule.peers


def _admin_pods(cluster: Cluster) -> Iterator[AdminPods]:
    """Yield the subjects and the peers of admin policies that are pods."""
    yield from (policy.subject for policy in cluster.admin)
    yield from (peer for peer in _admin_peers(cluster) if isinstance(peer, AdminPods))


def namespace_selectors(cluster: Cluster) -> Iterator[LabelSelector]:
    """Yield every selector of namespaces that was loaded."""
    for rule in _rules(cluster):
        for peer in rule.peers:
            if isinstance(peer, PodPeer) and peer.namespace_selector is not None:
                yield peer.namespace_selector
    for pods in _admin_pods(cluster):
        yield pods.namespace_selector
    for opaque in cluster.opaque:
        if opaque.namespace_selector is not None:
            yield opaque.namespace_selector


def pod_keys(cluster: Cluster) -> frozenset[str]:
    """Return the label keys of pods that some loaded policy reads."""
    selectors = [policy.pod_selector for policy in cluster.policies]
    selectors += [opaque.subject for opaque in cluster.opaque if opaque.subject is not None]
    selectors += [pods.pod_selector for pods in _admin_pods(cluster) if pods.pod_selector is not None]
    for rule in _rules(cluster):
        selectors += [
            peer.pod_selector for peer in rule.peers if isinstance(peer, PodPeer) and peer.pod_selector is not None
        ]
    return frozenset(requirement.key for found in selectors for requirement in found.requirements)


def _has_several_of_a_family(node: Node) -> bool:
    families = [":" in text for text in node.addresses]
    return len(families) > len(set(families))


def assumptions(cluster: Cluster) -> tuple[Assumption, ...]:
    """Return what was assumed about a cluster."""
    return (*_assumptions(cluster), *route_assumptions(cluster))


def _assumptions(cluster: Cluster) -> Iterator[Assumption]:
    if cluster.policies or cluster.admin:
        yield Assumption(
            message=f"network policies are enforced as the `{cluster.profile.name}` profile describes",
            option="--cni",
            rule="CNI-1",
        )
    if any(pod.template for pod in cluster.pods):
        yield Assumption(
            message="pods of workloads without Pod objects are analysed as if running and ready", rule="NET-10"
        )
    unplaced = sum(1 for pod in cluster.pods if not pod.addresses and not pod.host_network)
    if unplaced and _asks_for_addresses(cluster):
        yield _addresses(cluster, unplaced)
    if _asks_for_addresses(cluster) and any(_has_several_of_a_family(node) for node in cluster.nodes):
        yield Assumption(
            message="a node with several addresses in one family is judged by its first InternalIP", rule="NP-22"
        )
    unknown = _unknown_namespaces(cluster)
    if unknown:
        yield Assumption(
            message=f"labels are unknown of the namespaces that no file defines: {_few(unknown)}",
            option="namespaces: {NAME: {labels: ...}} in the configuration",
            rule="WL-3",
        )


def _asks_for_addresses(cluster: Cluster) -> bool:
    blocks = any(isinstance(peer, IPBlockPeer) for rule in _rules(cluster) for peer in rule.peers)
    return blocks or any(isinstance(peer, AdminNetworks) for peer in _admin_peers(cluster))


def _addresses(cluster: Cluster, count: int) -> Assumption:
    where = ", ".join(cluster.addressing.pods_lie_in())
    pods = "1 pod without an address lies" if count == 1 else f"{count} pods without an address lie"
    option = "" if cluster.addressing.pod_cidrs else "--pod-cidr"
    return Assumption(message=f"{pods} somewhere in {where}", option=option, rule="NP-20")


def _unknown_namespaces(cluster: Cluster) -> list[str]:
    unknown = [name for name, namespace in cluster.namespaces.items() if not namespace.labels_known]
    reads = any(
        requirement.key != NAMESPACE_NAME_LABEL
        for selector in namespace_selectors(cluster)
        for requirement in selector.requirements
    )
    return sorted(unknown) if reads else []


def _few(names: Iterable[str], most: int = 5) -> str:
    listed = [f"`{name}`" for name in names]
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more
