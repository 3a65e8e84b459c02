"""Known ends of a question: loaded pods, nodes and single addresses, and the engine over just these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netcheck.engines.sets import PairMasks, SetEngine
from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, NodeEnd, OwnNodeEnd, PodEnd
from netcheck.model.objects import Service
from netcheck.model.profile import Switch
from netcheck.queries.asked import pod_text
from netcheck.values.addresses import address_number
from netcheck.values.ports import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A known end: what the engine calls an element, and what the oracle is told."""

    text: str
    end: End
    pod: int | None = None
    number: int | None = None
    port_protocol: Protocol | None = None
    service: str = ""
    virtual: Service | None = None
    """The Service through whose virtual address it is reached: not for a headless one (SVC-10)."""


class Slice:
    """The set engine over the pods of a question, with the policies that can select them."""

    def __init__(self, cluster: Cluster, ends: list[Known]) -> None:
        chosen = sorted({item.pod for item in ends if item.pod is not None})
        namespaces = {cluster.pods[position].namespace for position in chosen}
        self.cluster = replace(cluster, policies=tuple(p for p in cluster.policies if p.namespace in namespaces))
        self.engine = SetEngine(self.cluster, chosen)

    def element(self, known: Known) -> int:
        """Return the element that an end is."""
        universe = self.engine.universe
        match known.end:
            case PodEnd():
                assert known.pod is not None
                return universe.class_of[known.pod]
            case NodeEnd(node):
                return universe.pod_count + self.cluster.nodes.index(node)
            case OwnNodeEnd():
                return universe.own_node
            case AddressEnd(address):
                return universe.atom_offset + universe.addresses.atom(*address_number(address))

    def pair(self, source: Known, destination: Known) -> PairMasks:
        """Return the ports on which flows between two ends are allowed or unknown."""
        return self.engine.pair(self.element(source), self.element(destination))


def known_pods(cluster: Cluster, positions: tuple[int, ...]) -> Iterator[Known]:
    """Yield one end per workload where its pods are alike in all that matters, else one per pod."""
    seen: set[tuple[object, ...]] = set()
    for position in positions:
        pod = cluster.pods[position]
        alike = (
            pod.workload,
            tuple(sorted(pod.labels.items())),
            pod.ports,
            pod.host_network,
            pod.addresses,
            pod.node,
        )
        if alike not in seen:
            seen.add(alike)
            yield Known(text=pod_text(pod), end=PodEnd(pod), pod=position)


def is_one_pod(source: Known, destination: Known) -> bool:
    """NET-6: the same pod, not two pods of one workload."""
    if not isinstance(source.end, PodEnd) or source.pod is None or source.pod != destination.pod:
        return False
    pod = source.end.pod
    return not pod.template and pod.replicas == 1


def on_one_node(cluster: Cluster, source: Known, destination: Known) -> tuple[Known, Known]:
    """NET-4, NET-5: what lives on the node that a pod is known to run on talks to it as its own node.

    Where the profile exempts no own node, a known own node is a node like others, judged by its address.
    """
    if cluster.profile.own_node_ingress is Switch.NO:
        source = _as_known_node(cluster, source, destination)
    elif _lives_on(source, destination):
        source = replace(source, end=OwnNodeEnd(), pod=None)
    if cluster.profile.own_node_egress is Switch.NO:
        destination = _as_known_node(cluster, destination, source)
    elif _lives_on(destination, source):
        destination = replace(destination, end=OwnNodeEnd(), pod=None)
    return source, destination


def _as_known_node(cluster: Cluster, one: Known, other: Known) -> Known:
    if isinstance(one.end, OwnNodeEnd) and isinstance(other.end, PodEnd):
        for node in cluster.nodes:
            if node.name == other.end.pod.node and node.addresses:
                return replace(one, end=NodeEnd(node))
    return one


def _lives_on(one: Known, other: Known) -> bool:
    if not isinstance(other.end, PodEnd) or other.end.pod.host_network or not other.end.pod.node:
        return False
    match one.end:
        case NodeEnd(node):
            return node.name == other.end.pod.node
        case PodEnd(pod):
            return pod.host_network and pod.node == other.end.pod.node
        case _:
            return False
