"""Exhaustive small scope: every cluster with one policy and at most one rule per direction in one tiny universe.

Two namespaces with different labels, two pods in each, one named port a pod, one address block with an except that
holds a pod. No randomness: the order is fixed and the number of clusters is `COUNT`. It comes before random testing,
because a minute of it once found what 150 random clusters had missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from types import MappingProxyType

from netcheck.model.cluster import Cluster
from netcheck.model.flow import AddressEnd, End, Flow, PodEnd
from netcheck.model.objects import NAMESPACE_NAME_LABEL, ContainerPort, Namespace, Pod, Workload, WorkloadId
from netcheck.model.policy import Direction, IPBlockPeer, NetworkPolicy, Peer, PodPeer, PolicyPort, PolicyRule
from netcheck.values.labels import LabelSelector, Operator, Requirement
from netcheck.values.ports import Protocol

APP_A = LabelSelector.of({"app": "a"})
NOT_B = LabelSelector.of(None, [Requirement("app", Operator.NOT_IN, ("b",))])
TEAM_RED = LabelSelector.of({"team": "red"})


def _namespace(name: str) -> Namespace:
    return Namespace(name=name, labels=MappingProxyType({"team": name, NAMESPACE_NAME_LABEL: name}))


def _pod(namespace: str, name: str, labels: dict[str, str], address: str, port: ContainerPort) -> Pod:
    return Pod(
        namespace=namespace,
        name=name,
        workload=WorkloadId(namespace, "Pod", name),
        labels=MappingProxyType(labels),
        addresses=(address,),
        ports=(port,),
    )


NAMESPACES = MappingProxyType({name: _namespace(name) for name in ("blue", "red")})
PODS = (
    _pod("blue", "a", {"app": "a"}, "10.0.0.1", ContainerPort(number=80, name="http")),
    _pod("blue", "b", {"app": "b"}, "10.0.0.2", ContainerPort(number=8080, name="http")),
    _pod("red", "a", {"app": "a"}, "10.0.1.1", ContainerPort(number=80, name="http", protocol="UDP")),
    _pod("red", "c", {}, "10.0.1.2", ContainerPort(number=81, name="http")),
)
WORKLOADS = MappingProxyType({pod.workload: Workload(id=pod.workload) for pod in PODS})
INSIDE_BLOCK, OUTSIDE_BLOCK = "10.0.7.7", "198.51.100.7"

PEERS: tuple[tuple[Peer, ...], ...] = (
    (),
    (PodPeer(pod_selector=APP_A),),
    (PodPeer(namespace_selector=TEAM_RED),),
    (PodPeer(pod_selector=NOT_B, namespace_selector=TEAM_RED),),
    (PodPeer(pod_selector=LabelSelector()), PodPeer(namespace_selector=LabelSelector(), pod_selector=APP_A)),
    (IPBlockPeer(cidr="10.0.0.0/16", excepts=("10.0.1.1/32",)),),
)
PORTS: tuple[tuple[PolicyPort, ...], ...] = (
    (),
    (PolicyPort(port="http"),),
    (PolicyPort(port=80, end_port=81),),
    (PolicyPort(port=80, protocol="UDP"),),
    (PolicyPort(protocol="SCTP"),),
)
SELECTORS = (LabelSelector(), APP_A)
INGRESS, EGRESS = (Direction.INGRESS,), (Direction.EGRESS,)
BOTH = (Direction.INGRESS, Direction.EGRESS)

RULES: tuple[tuple[PolicyRule, ...], ...] = (
    (),
    *((PolicyRule(peers=peers, ports=ports),) for peers, ports in product(PEERS, PORTS)),
)
OPEN_RULE = (PolicyRule(),)
COUNT = len(SELECTORS) * (len(RULES) ** 2 + 4 * len(RULES))


def _one_direction() -> Iterator[tuple[tuple[Direction, ...], tuple[PolicyRule, ...], tuple[PolicyRule, ...]]]:
    """Yield (types, ingress, egress) with one effective type; a rule of the other direction is inert (NP-33)."""
    for rules, inert in product(RULES, ((), OPEN_RULE)):
        yield INGRESS, rules, inert
        yield EGRESS, inert, rules


def one_policy_clusters() -> Iterator[Cluster]:
    """Yield the `COUNT` clusters, always in the same order."""
    sides = [*_one_direction(), *((BOTH, ingress, egress) for ingress, egress in product(RULES, RULES))]
    for selector, (types, ingress, egress) in product(SELECTORS, sides):
        policy = NetworkPolicy(
            namespace="blue", name="only", pod_selector=selector, types=types, ingress=ingress, egress=egress
        )
        yield Cluster(namespaces=NAMESPACES, pods=PODS, workloads=WORKLOADS, policies=(policy,), whole=True)


def ends() -> list[End]:
    """Return the ends of the universe: the four pods, an address inside the block, and one outside of it."""
    return [*(PodEnd(pod) for pod in PODS), AddressEnd(INSIDE_BLOCK), AddressEnd(OUTSIDE_BLOCK)]


PROTOCOL_PORTS = (
    *((Protocol.TCP, port) for port in (79, 80, 81, 82, 8079, 8080, 8081)),
    *((Protocol.UDP, port) for port in (79, 80, 81, 8080)),
    *((Protocol.SCTP, port) for port in (80, 65535)),
)
"""Both sides of each boundary of the universe, and for each protocol a port that the rules of another name."""


def flows() -> list[Flow]:
    """Return every flow between two different ends, at least one a pod, at the boundary ports."""
    return [
        Flow(source=source, destination=destination, protocol=protocol, port=port)
        for source, destination in product(ends(), ends())
        if source != destination and (isinstance(source, PodEnd) or isinstance(destination, PodEnd))
        for protocol, port in PROTOCOL_PORTS
    ]
